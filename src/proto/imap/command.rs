//! The commands of IMAP4rev1 and of IDLE, UIDPLUS, NAMESPACE, UNSELECT, ID and SASL-IR, and the server's reading of them.
//!
//! What a client writes is in [`super::encode`].

use super::date::parse_date_time;
use super::gather::Gathered;
use super::lex::{Lex, Parsed, Syntax, Text};
use super::search::{Charset, SearchKey};
use super::section::FetchItem;
use super::set::SequenceSet;
use super::utf7;
use crate::secret::Secret;
use chrono::{DateTime, FixedOffset};
use std::fmt;

/// A command with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// What the answer will begin with.
    pub tag: String,
    /// What is wanted.
    pub command: Command,
}

/// A command that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its tag, if it has one.
    pub tag: Option<String>,
    /// What is wrong with it.
    pub why: Syntax,
}

/// One command. Mailbox names are decoded ([`utf7`]), `INBOX` in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields have the names of RFC 3501 section 6")]
pub enum Command {
    Capability,
    Noop,
    Logout,
    StartTls,
    Check,
    Close,
    Unselect,
    Expunge,
    Idle,
    Namespace,
    /// RFC 2971: field names and values, or none.
    Id(IdFields),
    Login {
        user: Vec<u8>,
        password: Secret,
    },
    /// The initial response is as it came, in base64; `=` (an empty one) is empty here.
    Authenticate {
        mechanism: String,
        initial: Option<Secret>,
    },
    Select {
        mailbox: String,
    },
    Examine {
        mailbox: String,
    },
    Create {
        mailbox: String,
    },
    Delete {
        mailbox: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Subscribe {
        mailbox: String,
    },
    Unsubscribe {
        mailbox: String,
    },
    List {
        reference: String,
        pattern: String,
    },
    Lsub {
        reference: String,
        pattern: String,
    },
    Status {
        mailbox: String,
        items: Vec<StatusItem>,
    },
    /// The message is not here: it is the literal that ends the command.
    Append {
        mailbox: String,
        flags: Vec<String>,
        date: Option<DateTime<FixedOffset>>,
        size: u64,
    },
    Search {
        uid: bool,
        charset: Option<String>,
        key: SearchKey,
    },
    Fetch {
        uid: bool,
        set: SequenceSet,
        items: Vec<FetchItem>,
    },
    Store {
        uid: bool,
        set: SequenceSet,
        how: Store,
        silent: bool,
        flags: Vec<String>,
    },
    Copy {
        uid: bool,
        set: SequenceSet,
        mailbox: String,
    },
    UidExpunge(SequenceSet),
}

/// Names and values of ID (RFC 2971).
pub type IdFields = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What STORE does with the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// FLAGS: these and no others.
    Set,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// What STATUS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
}

const STATUS: [(&str, StatusItem); 5] = [
    ("MESSAGES", StatusItem::Messages),
    ("RECENT", StatusItem::Recent),
    ("UIDNEXT", StatusItem::UidNext),
    ("UIDVALIDITY", StatusItem::UidValidity),
    ("UNSEEN", StatusItem::Unseen),
];

impl StatusItem {
    /// The item of that name, in any case.
    #[must_use]
    pub fn named(word: &str) -> Option<StatusItem> {
        STATUS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, item)| *item)
    }
}

impl fmt::Display for StatusItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STATUS.iter().find(|(_, item)| item == self).map_or("", |(name, _)| *name))
    }
}

impl Tagged {
    /// Reads a command. One that ends in a literal's announcement can only be an APPEND.
    ///
    /// # Errors
    /// What is wrong, with the tag to say so under.
    pub fn parse(from: &Gathered) -> Result<Tagged, Refusal> {
        let mut l = from.lex();
        let tag = l.tag().map_err(|why| Refusal { tag: None, why })?;
        match command(&mut l) {
            Ok(command) => Ok(Tagged { tag, command }),
            Err(why) => Err(Refusal { tag: Some(tag), why }),
        }
    }
}

fn mailbox(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    utf7::decode(&l.astring()?).ok_or_else(|| Syntax::new(at, "mailbox name is not modified UTF-7"))
}

fn pattern(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    utf7::decode(&l.list_mailbox()?).ok_or_else(|| Syntax::new(at, "mailbox pattern is not modified UTF-7"))
}

fn set(l: &mut Lex<'_>) -> Parsed<SequenceSet> {
    l.expect_sp()?;
    SequenceSet::parse(l)
}

fn command(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let at = l.position();
    let mut word = l.word().to_ascii_uppercase();
    let uid = word == "UID";
    if uid {
        l.expect_sp()?;
        word = l.word().to_ascii_uppercase();
        if !matches!(word.as_str(), "COPY" | "EXPUNGE" | "FETCH" | "SEARCH" | "STORE") {
            return Err(Syntax::new(at, "unknown UID command"));
        }
    }
    let command = match word.as_str() {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" if uid => Command::UidExpunge(set(l)?),
        "EXPUNGE" => Command::Expunge,
        "IDLE" => Command::Idle,
        "NAMESPACE" => Command::Namespace,
        "ID" => Command::Id(id(l)?),
        "LOGIN" => login(l)?,
        "AUTHENTICATE" => authenticate(l)?,
        "SELECT" => Command::Select { mailbox: mailbox(l)? },
        "EXAMINE" => Command::Examine { mailbox: mailbox(l)? },
        "CREATE" => Command::Create { mailbox: mailbox(l)? },
        "DELETE" => Command::Delete { mailbox: mailbox(l)? },
        "RENAME" => Command::Rename { from: mailbox(l)?, to: mailbox(l)? },
        "SUBSCRIBE" => Command::Subscribe { mailbox: mailbox(l)? },
        "UNSUBSCRIBE" => Command::Unsubscribe { mailbox: mailbox(l)? },
        "LIST" => Command::List { reference: mailbox(l)?, pattern: pattern(l)? },
        "LSUB" => Command::Lsub { reference: mailbox(l)?, pattern: pattern(l)? },
        "STATUS" => status(l)?,
        "APPEND" => append(l)?,
        "SEARCH" => search(l, uid)?,
        "FETCH" => {
            let set = set(l)?;
            l.expect_sp()?;
            Command::Fetch { uid, set, items: FetchItem::parse_all(l)? }
        }
        "STORE" => store(l, uid)?,
        "COPY" => Command::Copy { uid, set: set(l)?, mailbox: mailbox(l)? },
        _ => return Err(Syntax::new(at, "unknown command")),
    };
    // Some clients leave a space at the end.
    l.sp();
    l.expect_end()?;
    Ok(command)
}

fn login(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let user = l.astring()?.into_owned();
    l.expect_sp()?;
    Ok(Command::Login { user, password: Secret::new(l.astring()?.into_owned()) })
}

fn authenticate(l: &mut Lex<'_>) -> Parsed<Command> {
    l.expect_sp()?;
    let mechanism = String::from_utf8_lossy(l.atom()?).to_ascii_uppercase();
    let mut initial = None;
    if l.sp() {
        let response = match l.atom()? {
            b"=" => &[],
            base64 => base64,
        };
        initial = Some(Secret::new(response.to_vec()));
    }
    Ok(Command::Authenticate { mechanism, initial })
}

fn id(l: &mut Lex<'_>) -> Parsed<IdFields> {
    l.expect_sp()?;
    let mut fields = Vec::new();
    if l.peek() != Some(b'(') {
        return match l.nstring()? {
            None => Ok(fields),
            Some(_) => l.expected("NIL or a list"),
        };
    }
    l.list(|l| {
        let name = l.string()?.into_owned();
        l.expect_sp()?;
        fields.push((name, l.nstring_owned()?));
        Ok(())
    })?;
    Ok(fields)
}

fn status(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let mut items = Vec::new();
    l.list(|l| {
        let at = l.position();
        items.push(StatusItem::named(l.word()).ok_or_else(|| Syntax::new(at, "expected a STATUS item"))?);
        Ok(())
    })?;
    if items.is_empty() { l.expected("a STATUS item") } else { Ok(Command::Status { mailbox, items }) }
}

fn append(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    l.expect_sp()?;
    let mut flags = Vec::new();
    if l.peek() == Some(b'(') {
        flags = l.flags()?;
        l.expect_sp()?;
    }
    let mut date = None;
    if l.peek() == Some(b'"') {
        date = Some(parse_date_time(l)?);
        l.expect_sp()?;
    }
    let at = l.position();
    if l.peek() == Some(b'~') {
        return Err(Syntax::new(at, "binary literals are not spoken here"));
    }
    match l.literal()? {
        Text::Streamed(size) => Ok(Command::Append { mailbox, flags, date, size }),
        Text::Bytes(bytes) if bytes.is_empty() => Ok(Command::Append { mailbox, flags, date, size: 0 }),
        Text::Bytes(_) => Err(Syntax::new(at, "expected the message's literal")),
    }
}

fn search(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    l.expect_sp()?;
    let mut charset = None;
    if l.eat_word("CHARSET") {
        l.expect_sp()?;
        charset = Some(String::from_utf8_lossy(&l.astring()?).to_ascii_uppercase());
        l.expect_sp()?;
    }
    let known = matches!(charset.as_deref(), None | Some("UTF-8" | "US-ASCII"));
    let key = SearchKey::parse_all(l, if known { Charset::Utf8 } else { Charset::Unknown })?;
    Ok(Command::Search { uid, charset, key })
}

fn store(l: &mut Lex<'_>, uid: bool) -> Parsed<Command> {
    let set = set(l)?;
    l.expect_sp()?;
    let how = if l.eat(b'+') {
        Store::Add
    } else if l.eat(b'-') {
        Store::Remove
    } else {
        Store::Set
    };
    let at = l.position();
    let silent = match l.word().to_ascii_uppercase().as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Syntax::new(at, "expected FLAGS or FLAGS.SILENT")),
    };
    l.expect_sp()?;
    let flags = if l.peek() == Some(b'(') {
        l.flags()?
    } else {
        let mut flags = vec![l.flag()?];
        while l.sp() {
            flags.push(l.flag()?);
        }
        flags
    };
    Ok(Command::Store { uid, set, how, silent, flags })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, String> {
        Tagged::parse(&Gathered::of(text)).map(|t| t.command).map_err(|r| r.why.to_string())
    }

    #[test]
    fn the_commands_of_rfc_3501() {
        for line in [
            "a001 login mrc secret",
            "a002 select inbox",
            "a003 fetch 12 full",
            "a004 fetch 12 body[header]",
            "a005 store 12 +flags \\deleted",
            "a006 logout",
            "abcd CAPABILITY",
            "a002 NOOP",
            "a01 STARTTLS",
            "A001 AUTHENTICATE GSSAPI",
            "A142 SELECT INBOX",
            "A932 EXAMINE blurdybloop",
            "A003 CREATE owatagusiam/",
            "A685 LIST \"\" foo",
            "A687 RENAME blurdybloop sarasoop",
            "A002 SUBSCRIBE #news.comp.mail.mime",
            "A101 LIST \"\" \"\"",
            "A102 LIST #news.comp.mail.misc \"\"",
            "A202 LIST ~/Mail/ %",
            "A002 LSUB \"#news.\" \"comp.mail.*\"",
            "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
            "A003 APPEND saved-messages (\\Seen) {310}\r\n",
            "FXXZ CHECK",
            "A341 CLOSE",
            "A202 EXPUNGE",
            "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
            "A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nXXXXXX",
            "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            "A003 STORE 2:4 +FLAGS (\\Deleted)",
            "A003 COPY 2:4 MEETING",
            "A999 UID FETCH 4827313:4828442 FLAGS",
            "A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man",
            "a uid expunge 1:*",
            "a IDLE",
            "a namespace",
            "a id nil",
            "a id (\"name\" \"x\" \"version\" NIL)",
            "a unselect",
            "a authenticate plain =",
            "a AUTHENTICATE PLAIN AGIAYw==",
            "a store 1 flags.silent ()",
            "a store 1 -FLAGS \\Seen $x",
            "a noop ",
            "a uid search 1:3 uid 4",
            "a append x \" 1-Feb-1994 21:52:25 -0800\" {1+}\r\n",
            "a append x {0}\r\n",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
        }
    }

    #[test]
    fn what_the_fields_say() {
        assert_eq!(parse("a select Entw&APw-rfe"), Ok(Command::Select { mailbox: "Entwürfe".into() }));
        assert_eq!(parse("a select \"inbox\""), Ok(Command::Select { mailbox: "INBOX".into() }));
        assert_eq!(
            parse("a login {3}\r\na b \"p\\\"w\""),
            Ok(Command::Login { user: b"a b".to_vec(), password: Secret::new(b"p\"w".to_vec()) })
        );
        assert_eq!(
            parse("a authenticate plain ="),
            Ok(Command::Authenticate { mechanism: "PLAIN".into(), initial: Some(Secret::new(vec![])) })
        );
        assert_eq!(
            parse("a uid store 1,5:* -flags.silent (\\Seen x)"),
            Ok(Command::Store {
                uid: true,
                set: "1,5:*".parse().unwrap(),
                how: Store::Remove,
                silent: true,
                flags: vec!["\\Seen".into(), "x".into()]
            })
        );
        let Ok(Command::Append { size, date, flags, .. }) =
            parse("a append INBOX (\\Seen $a) \"17-Jul-1996 02:44:25 -0700\" {5000000000}\r\n")
        else {
            panic!()
        };
        assert_eq!((size, date.unwrap().timestamp(), flags.len()), (5_000_000_000, 837_596_665, 2));
        let latin = Tagged::parse(&Gathered::of(&b"a search charset koi8-r subject {1}\r\n\xe9"[..])).unwrap();
        let Command::Search { charset, key, .. } = latin.command else { panic!() };
        assert_eq!((charset.as_deref(), key.is_ascii()), (Some("KOI8-R"), false));
    }

    #[test]
    fn refusals_have_a_tag_where_there_is_one() {
        for (line, tag, why) in [
            ("", None, "expected a tag at 0"),
            ("+ x", None, "expected a tag at 0"),
            ("{3}\r\na b", None, "expected a tag at 0"),
            ("a", Some("a"), "expected a space at 1"),
            ("a ", Some("a"), "unknown command at 2"),
            ("GET / HTTP/1.1", Some("GET"), "unknown command at 4"),
            ("a XYZZY", Some("a"), "unknown command at 2"),
            ("a uid noop", Some("a"), "unknown UID command at 2"),
            ("a noop x", Some("a"), "expected the end of the line at 7"),
            ("a select", Some("a"), "expected a space at 8"),
            ("a select (x)", Some("a"), "expected a string at 9"),
            ("a select &AGE-", Some("a"), "mailbox name is not modified UTF-7 at 9"),
            ("a select a\0b", Some("a"), "expected the end of the line at 10"),
            ("a fetch 0 flags", Some("a"), "expected a number above 0 at 8"),
            ("a fetch 1 (flags", Some("a"), "expected a FETCH item at 16"),
            ("a store 1 flag x", Some("a"), "expected FLAGS or FLAGS.SILENT at 10"),
            ("a status x ()", Some("a"), "expected a STATUS item at 13"),
            ("a append x ~{3}\r\n", Some("a"), "binary literals are not spoken here at 11"),
            ("a append x \"abc\"", Some("a"), "expected a date-time like \" 1-Feb-1994 21:52:25 -0800\" at 11"),
            ("a login x {9}\r\n", Some("a"), "literal too large here at 10"),
            ("a append {9}\r\n", Some("a"), "literal too large here at 9"),
        ] {
            let refusal = Tagged::parse(&Gathered::of(line)).unwrap_err();
            assert_eq!((refusal.tag.as_deref(), refusal.why.to_string().as_str()), (tag, why), "{line:?}");
        }
    }

    #[test]
    fn hostile_commands_end_soon() {
        for line in [
            format!("a fetch {} flags", "1,".repeat(30_000)),
            format!("a search {}", "not ".repeat(15_000)),
            format!("a search {}", "(".repeat(60_000)),
            format!("a fetch 1 body[{}]", "1.".repeat(30_000)),
            format!("a fetch 1 {}", "(".repeat(60_000)),
            format!("a id {}", "(".repeat(60_000)),
            format!("a status x {}", "(".repeat(60_000)),
            "a fetch 99999999999999999999 flags".to_owned(),
        ] {
            assert!(parse(&line).is_err());
        }
        let long = format!("a fetch {}7 flags", "4294967295,1:*,3,".repeat(3_000));
        assert!(parse(&long).is_ok());
    }
}
