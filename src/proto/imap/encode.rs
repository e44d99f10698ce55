//! What a client writes: a command as pieces of line and literals.
//!
//! A string goes as an atom if it is one, else quoted, else (8-bit, long) as a literal. CR, LF and NUL do not go at all:
//! they are status 64, before anything is sent.

use super::command::{Command, Store};
use super::lex::{Syntax, is_atom};
use super::search::{SearchKey, Writer};
use super::section::{FetchItem, Of, Section, is_field_name};
use super::write::{as_atom, as_quoted, quoted};
use super::{date, utf7};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text::breaks_line;

/// A piece of a command, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Goes as it is; the last one ends with CRLF.
    Text(Vec<u8>),
    /// Goes as it is, and is not shown in a trace.
    Secret(Secret),
    /// Goes as a literal: the writer puts `{n}` CRLF before and waits, or `{n+}` CRLF where LITERAL+ is spoken.
    Literal(Vec<u8>),
    /// A literal that is not shown in a trace.
    SecretLiteral(Secret),
    /// A literal of that many bytes, which the caller has (APPEND).
    Stream(u64),
}

/// A command as pieces: put into lines by whoever knows whether LITERAL+ is spoken.
#[derive(Debug, Default)]
struct Line {
    done: Vec<Piece>,
    text: Vec<u8>,
}

impl Line {
    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn push(&mut self, piece: Piece) {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(std::mem::take(&mut self.text)));
        }
        self.done.push(piece);
    }

    /// A space and an astring.
    fn string(&mut self, what: &str, bytes: &[u8]) -> Result<()> {
        check(what, bytes)?;
        self.text.push(b' ');
        if as_atom(bytes) {
            self.text.extend_from_slice(bytes);
        } else if as_quoted(bytes) {
            quoted(&mut self.text, bytes);
        } else {
            self.push(Piece::Literal(bytes.to_vec()));
        }
        Ok(())
    }

    fn secret(&mut self, bytes: &[u8]) -> Result<()> {
        check("password", bytes)?;
        self.text.push(b' ');
        if as_quoted(bytes) {
            let mut out = Vec::with_capacity(bytes.len().saturating_mul(2).saturating_add(2));
            quoted(&mut out, bytes);
            self.push(Piece::Secret(Secret::new(out)));
        } else {
            self.push(Piece::SecretLiteral(Secret::new(bytes.to_vec())));
        }
        Ok(())
    }

    fn mailbox(&mut self, name: &str) -> Result<()> {
        check("mailbox name", name.as_bytes())?;
        self.string("mailbox name", utf7::encode(name).as_bytes())
    }

    /// As a mailbox, but `*` and `%` stay what they are, in quotes.
    fn pattern(&mut self, pattern: &str) -> Result<()> {
        check("mailbox pattern", pattern.as_bytes())?;
        self.raw(" ");
        quoted(&mut self.text, utf7::encode(pattern).as_bytes());
        Ok(())
    }

    fn flags(&mut self, flags: &[String]) -> Result<()> {
        for flag in flags {
            let atom = flag.strip_prefix('\\').unwrap_or(flag);
            if atom.is_empty() || !atom.is_ascii() || !atom.bytes().all(is_atom) {
                return Err(Error::usage(format!("not a flag: {flag}")));
            }
        }
        self.raw(&format!(" ({})", flags.join(" ")));
        Ok(())
    }

    fn finish(mut self) -> Vec<Piece> {
        self.raw("\r\n");
        self.done.push(Piece::Text(self.text));
        self.done
    }
}

fn check(what: &str, bytes: &[u8]) -> Result<()> {
    if breaks_line(bytes) {
        Err(Error::usage(format!("{what} with CR, LF or NUL: {}", String::from_utf8_lossy(bytes))))
    } else {
        Ok(())
    }
}

fn atom(what: &str, word: &str) -> Result<()> {
    let fine = !word.is_empty() && word.is_ascii() && word.bytes().all(is_atom);
    if fine { Ok(()) } else { Err(Error::usage(format!("not {what}: {word}"))) }
}

fn item(item: &FetchItem) -> Result<String> {
    if let FetchItem::Section { section: Section { what: Of::Fields(names) | Of::FieldsNot(names), .. }, .. } = item {
        if names.is_empty() {
            return Err(Error::usage("no header fields named"));
        }
        if let Some(name) = names.iter().find(|n| !is_field_name(n)) {
            return Err(Error::usage(format!("not a header field name: {name}")));
        }
    }
    Ok(item.to_string())
}

/// Puts a search into a line; strings may become literals.
struct Keys<'a> {
    line: &'a mut Line,
    result: Result<()>,
}

impl Writer for Keys<'_> {
    fn words(&mut self, text: &str) {
        self.line.raw(text);
    }

    fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if let Err(e) = check("search string", bytes) {
            self.result = Err(e);
        } else if as_quoted(bytes) {
            quoted(&mut self.line.text, bytes);
        } else {
            self.line.push(Piece::Literal(bytes.to_vec()));
        }
    }
}

fn search(line: &mut Line, charset: Option<&str>, key: &SearchKey) -> Result<()> {
    // 8-bit strings need a charset, and ours are UTF-8.
    if let Some(charset) = charset.or(if key.is_ascii() { None } else { Some("UTF-8") }) {
        line.raw(" CHARSET");
        line.string("charset", charset.as_bytes())?;
    }
    line.raw(" ");
    let mut keys = Keys { line, result: Ok(()) };
    key.write(&mut keys, true);
    keys.result
}

/// A command under a tag, as pieces.
///
/// # Errors
/// 64 if an argument holds CR, LF or NUL, or is not what it should be: a flag, a mechanism, a field name, a set.
pub fn encode(tag: &str, command: &Command) -> Result<Vec<Piece>> {
    atom("a tag", tag)?;
    let mut line = Line::default();
    line.raw(tag);
    line.raw(" ");
    let by = |uid: bool, word: &str| if uid { format!("UID {word}") } else { word.to_owned() };
    match command {
        Command::Capability => line.raw("CAPABILITY"),
        Command::Noop => line.raw("NOOP"),
        Command::Logout => line.raw("LOGOUT"),
        Command::StartTls => line.raw("STARTTLS"),
        Command::Check => line.raw("CHECK"),
        Command::Close => line.raw("CLOSE"),
        Command::Unselect => line.raw("UNSELECT"),
        Command::Expunge => line.raw("EXPUNGE"),
        Command::Idle => line.raw("IDLE"),
        Command::Namespace => line.raw("NAMESPACE"),
        Command::Id(fields) => id(&mut line, fields)?,
        Command::Login { user, password } => {
            line.raw("LOGIN");
            line.string("user name", user)?;
            line.secret(password.expose())?;
        }
        Command::Authenticate { mechanism, initial } => {
            atom("a SASL mechanism", mechanism)?;
            line.raw(&format!("AUTHENTICATE {mechanism}"));
            if let Some(initial) = initial {
                check("initial response", initial.expose())?;
                line.raw(" ");
                line.push(Piece::Secret(if initial.expose().is_empty() {
                    Secret::new(b"=".to_vec())
                } else {
                    initial.clone()
                }));
            }
        }
        Command::Select { mailbox } => one(&mut line, "SELECT", mailbox)?,
        Command::Examine { mailbox } => one(&mut line, "EXAMINE", mailbox)?,
        Command::Create { mailbox } => one(&mut line, "CREATE", mailbox)?,
        Command::Delete { mailbox } => one(&mut line, "DELETE", mailbox)?,
        Command::Subscribe { mailbox } => one(&mut line, "SUBSCRIBE", mailbox)?,
        Command::Unsubscribe { mailbox } => one(&mut line, "UNSUBSCRIBE", mailbox)?,
        Command::Rename { from, to } => {
            one(&mut line, "RENAME", from)?;
            line.mailbox(to)?;
        }
        Command::List { reference, pattern } => {
            one(&mut line, "LIST", reference)?;
            line.pattern(pattern)?;
        }
        Command::Lsub { reference, pattern } => {
            one(&mut line, "LSUB", reference)?;
            line.pattern(pattern)?;
        }
        Command::Status { mailbox, items } => {
            one(&mut line, "STATUS", mailbox)?;
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            line.raw(&format!(" ({})", items.join(" ")));
        }
        Command::Append { mailbox, flags, date, size } => {
            one(&mut line, "APPEND", mailbox)?;
            if !flags.is_empty() {
                line.flags(flags)?;
            }
            if let Some(date) = date {
                line.raw(&format!(" {}", date::date_time(date)));
            }
            line.raw(" ");
            line.push(Piece::Stream(*size));
        }
        Command::Search { uid, charset, key } => {
            line.raw(&by(*uid, "SEARCH"));
            search(&mut line, charset.as_deref(), key)?;
        }
        Command::Fetch { uid, set, items } => {
            let items = items.iter().map(item).collect::<Result<Vec<String>>>()?;
            line.raw(&format!("{} {} ({})", by(*uid, "FETCH"), named(set)?, items.join(" ")));
        }
        Command::Store { uid, set, how, silent, flags } => {
            let sign = match how {
                Store::Set => "",
                Store::Add => "+",
                Store::Remove => "-",
            };
            let silent = if *silent { ".SILENT" } else { "" };
            line.raw(&format!("{} {} {sign}FLAGS{silent}", by(*uid, "STORE"), named(set)?));
            line.flags(flags)?;
        }
        Command::Copy { uid, set, mailbox } => {
            line.raw(&format!("{} {}", by(*uid, "COPY"), named(set)?));
            line.mailbox(mailbox)?;
        }
        Command::UidExpunge(set) => line.raw(&format!("UID EXPUNGE {}", named(set)?)),
    }
    Ok(line.finish())
}

fn one(line: &mut Line, word: &str, mailbox: &str) -> Result<()> {
    line.raw(word);
    line.mailbox(mailbox)
}

/// An empty set has no spelling, and must not become another command.
fn named(set: &super::set::SequenceSet) -> Result<String> {
    if set.is_empty() { Err(Syntax::new(0, "empty message set").usage()) } else { Ok(set.to_string()) }
}

fn id(line: &mut Line, fields: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<()> {
    if fields.is_empty() {
        line.raw("ID NIL");
        return Ok(());
    }
    line.raw("ID (");
    for (i, (name, value)) in fields.iter().enumerate() {
        for text in [Some(name), value.as_ref()].into_iter().flatten() {
            if !as_quoted(text) {
                return Err(Error::usage(format!("not an ID field: {}", String::from_utf8_lossy(text))));
            }
        }
        line.raw(if i > 0 { " " } else { "" });
        quoted(&mut line.text, name);
        line.raw(" ");
        match value {
            Some(value) => quoted(&mut line.text, value),
            None => line.raw("NIL"),
        }
    }
    line.raw(")");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::command::{StatusItem, Tagged};
    use super::super::gather::Gathered;
    use super::super::search::tests::keys;
    use super::super::section::Partial;
    use super::super::set::SequenceSet;
    use super::*;
    use proptest::prelude::*;

    /// As a writer would send it with LITERAL+, up to the streamed literal.
    fn wire(command: &Command) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for piece in encode("a1", command)? {
            let mut literal = |bytes: &[u8]| {
                out.extend_from_slice(format!("{{{}+}}\r\n", bytes.len()).as_bytes());
                out.extend_from_slice(bytes);
            };
            match piece {
                Piece::Text(text) => out.extend_from_slice(&text),
                Piece::Secret(secret) => out.extend_from_slice(secret.expose()),
                Piece::Literal(bytes) => literal(&bytes),
                Piece::SecretLiteral(secret) => literal(secret.expose()),
                Piece::Stream(n) => {
                    out.extend_from_slice(format!("{{{n}}}\r\n").as_bytes());
                    return Ok(out);
                }
            }
        }
        assert!(out.ends_with(b"\r\n"));
        out.truncate(out.len() - 2);
        Ok(out)
    }

    fn line(command: &Command) -> String {
        String::from_utf8(wire(command).unwrap()).unwrap()
    }

    #[test]
    fn the_least_that_will_do() {
        let login =
            |user: &str, password: &str| Command::Login { user: user.into(), password: Secret::new(password.into()) };
        assert_eq!(line(&login("bob", "tulip")), "a1 LOGIN bob \"tulip\"");
        assert_eq!(line(&login("b b", "t\"\\")), "a1 LOGIN \"b b\" \"t\\\"\\\\\"");
        assert_eq!(line(&login("é", "ü")), "a1 LOGIN {2+}\r\né {2+}\r\nü");
        assert_eq!(line(&Command::Select { mailbox: "Entwürfe".into() }), "a1 SELECT Entw&APw-rfe");
        assert_eq!(line(&Command::List { reference: String::new(), pattern: "*".into() }), "a1 LIST \"\" \"*\"");
        let key: SearchKey = "FROM é UNSEEN".parse().unwrap();
        assert_eq!(
            line(&Command::Search { uid: true, charset: None, key }),
            "a1 UID SEARCH CHARSET UTF-8 FROM {2+}\r\né UNSEEN"
        );
        let text = format!("{:?}", encode("a", &login("x", "geheim")).unwrap());
        assert!(!text.contains("geheim"));
    }

    #[test]
    fn nothing_breaks_out_of_a_command() {
        for evil in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
            let text = evil.to_owned();
            let key = SearchKey::Body(text.clone());
            let set = SequenceSet::from_on(1);
            for command in [
                Command::Login { user: text.clone().into(), password: Secret::new(vec![]) },
                Command::Login { user: vec![], password: Secret::new(text.clone().into()) },
                Command::Authenticate { mechanism: text.clone(), initial: None },
                Command::Authenticate { mechanism: "PLAIN".into(), initial: Some(Secret::new(text.clone().into())) },
                Command::Select { mailbox: text.clone() },
                Command::Rename { from: "a".into(), to: text.clone() },
                Command::List { reference: String::new(), pattern: text.clone() },
                Command::Append { mailbox: "x".into(), flags: vec![text.clone()], date: None, size: 1 },
                Command::Search { uid: false, charset: None, key },
                Command::Search { uid: false, charset: Some(text.clone()), key: SearchKey::All },
                Command::Store { uid: true, set, how: Store::Add, silent: false, flags: vec![text.clone()] },
                Command::Id(vec![(b"name".to_vec(), Some(text.clone().into()))]),
                Command::Fetch {
                    uid: true,
                    set: SequenceSet::from_on(1),
                    items: vec![FetchItem::Section {
                        section: Section { part: vec![], what: Of::Fields(vec![text.clone()]) },
                        peek: true,
                        partial: None,
                    }],
                },
            ] {
                assert_eq!(encode("a", &command).unwrap_err().exit().code(), 64, "{command:?}");
            }
            assert!(encode(evil, &Command::Noop).is_err());
        }
        for flag in ["", "\\", "a b", "(x", "\\\\x", "é"] {
            assert!(
                encode("a", &Command::Append { mailbox: "x".into(), flags: vec![flag.into()], date: None, size: 1 })
                    .is_err()
            );
        }
        assert!(encode("a", &Command::UidExpunge(SequenceSet::default())).is_err());
    }

    fn items() -> impl Strategy<Value = FetchItem> {
        let fields = || proptest::collection::vec("[!-9;-~]{1,8}", 1..4);
        let what = prop_oneof![
            Just(Of::Whole),
            Just(Of::Header),
            Just(Of::Text),
            fields().prop_map(Of::Fields),
            fields().prop_map(Of::FieldsNot)
        ];
        let partial = proptest::option::of((any::<u64>(), 1u64..).prop_map(|(start, count)| Partial { start, count }));
        prop_oneof![
            Just(FetchItem::Envelope),
            Just(FetchItem::Rfc822Text),
            Just(FetchItem::Body),
            (proptest::collection::vec(1u32.., 0..4), what, any::<bool>(), partial).prop_map(
                |(part, what, peek, partial)| FetchItem::Section { section: Section { part, what }, peek, partial }
            ),
        ]
    }

    fn commands() -> impl Strategy<Value = Command> {
        let name = || "[^\r\n\0]{0,10}".prop_filter("INBOX is INBOX", |n| !n.eq_ignore_ascii_case("inbox"));
        let bytes = || proptest::collection::vec((1u8..).prop_filter("line", |b| !matches!(b, b'\r' | b'\n')), 0..12);
        let set = || proptest::collection::vec((1u32.., 1u32..), 1..4).prop_map(SequenceSet::from_ranges);
        let flags = || proptest::collection::vec("\\\\?[A-Za-z$]{1,8}", 0..4);
        prop_oneof![
            (bytes(), bytes()).prop_map(|(user, p)| Command::Login { user, password: Secret::new(p) }),
            name().prop_map(|mailbox| Command::Select { mailbox }),
            (name(), name()).prop_map(|(from, to)| Command::Rename { from, to }),
            (name(), name()).prop_map(|(reference, pattern)| Command::List { reference, pattern }),
            name()
                .prop_map(|mailbox| Command::Status { mailbox, items: vec![StatusItem::Unseen, StatusItem::UidNext] }),
            (name(), flags(), proptest::option::of(0i64..4_000_000_000), 1u64..).prop_map(
                |(mailbox, flags, t, size)| Command::Append {
                    mailbox,
                    flags,
                    size,
                    date: t.map(|t| chrono::DateTime::from_timestamp(t, 0).unwrap().fixed_offset()),
                }
            ),
            (any::<bool>(), keys()).prop_map(|(uid, key)| Command::Search { uid, charset: Some("UTF-8".into()), key }),
            (any::<bool>(), set(), proptest::collection::vec(items(), 1..4))
                .prop_map(|(uid, set, items)| Command::Fetch { uid, set, items }),
            (any::<bool>(), set(), any::<bool>(), flags()).prop_map(|(uid, set, silent, flags)| Command::Store {
                uid,
                set,
                how: Store::Add,
                silent,
                flags
            }),
            (any::<bool>(), set(), name()).prop_map(|(uid, set, mailbox)| Command::Copy { uid, set, mailbox }),
            set().prop_map(Command::UidExpunge),
            proptest::option::of("[A-Za-z0-9+/]{0,8}").prop_map(|i| Command::Authenticate {
                mechanism: "PLAIN".into(),
                initial: i.map(|i| Secret::new(i.into()))
            }),
        ]
    }

    proptest! {
        #[test]
        fn any_command_comes_back(command in commands()) {
            let parsed = Tagged::parse(&Gathered::of(wire(&command).unwrap()));
            prop_assert_eq!(parsed, Ok(Tagged { tag: "a1".to_owned(), command }));
        }
    }
}
