//! What an answer says because of the message it answers: whom it goes to (RFC 5322 3.6.3, Mail-Followup-To, RFC 2369 3.4), what it
//! refers to (RFC 5322 3.6.4), and its subject (RFC 5322 3.6.5).
//!
//! Values are decoded; what can't be said in a header of ours (addresses and IDs beyond any limit, or with bytes that have no form
//! there) is left out.

use super::addr::{self, Address};
use super::decode::words;
use super::header::{Header, unfold};
use std::collections::HashSet;

/// How many references an answer has: the first, which is the root, and the last ones.
const REFERENCES: usize = 50;
/// The longest Message-ID that is referred to.
const ID: usize = 900;
/// The longest address, which is that of RFC 5321 4.5.3.1 with brackets.
const ADDRESS: usize = 320;
/// The longest name of an address, in characters.
const NAME: usize = 200;
/// The longest subject that is kept.
const SUBJECT: usize = 900;
/// The most addresses.
const ADDRESSES: usize = 10_000;

/// Who gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Who wrote it.
    Author,
    /// Everybody who got it.
    All,
    /// The mailing list that it came by.
    List,
}

/// The recipients of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// For `To`.
    pub to: Vec<Address>,
    /// For `Cc`.
    pub cc: Vec<Address>,
    /// Which of the answerer's own addresses the message was for.
    pub own: Option<Address>,
}

/// Who gets an answer to a message; `me`: the addresses of who answers, which get none, unless nobody else would.
#[must_use]
pub fn recipients(header: &Header, to: To, me: &[Address]) -> Recipients {
    let is_me = |address: &Address| me.iter().any(|own| same(own, address));
    let named: Vec<Address> = ["To", "Cc"].iter().flat_map(|name| people(header, name)).collect();
    let own = named.iter().find(|address| is_me(address)).or_else(|| me.first()).cloned();
    let mut who = Recipients { own, ..Recipients::default() };
    let first = |names: &[&str]| names.iter().map(|name| people(header, name)).find(|list| !list.is_empty());
    let author = || first(&["Mail-Reply-To", "Reply-To", "From", "Sender"]).unwrap_or_default();
    match to {
        To::List => who.to = list_post(header).into_iter().collect(),
        To::All if first(&["Mail-Followup-To"]).is_some() => who.to = people(header, "Mail-Followup-To"),
        _ => {
            who.to = author();
            // Who answers to a message of their own means its recipients.
            let mine = who.to.iter().all(is_me) && named.iter().any(|address| !is_me(address));
            if mine {
                who.to = people(header, "To");
            }
            if to == To::All {
                who.cc = if mine { people(header, "Cc") } else { named };
            }
        }
    }
    let alone = who.to.first().cloned();
    let mut seen = HashSet::new();
    for list in [&mut who.to, &mut who.cc] {
        list.retain(|address| !is_me(address) && seen.insert(key(address)));
        list.truncate(ADDRESSES);
    }
    if who.to.is_empty() {
        who.to = std::mem::take(&mut who.cc);
    }
    if who.to.is_empty() {
        who.to.extend(alone);
    }
    who
}

fn key(address: &Address) -> (String, String) {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    (lower(&address.local), lower(&address.domain))
}

/// Whether two addresses are one mailbox, as far as can be told from here: by their letters in any case.
#[must_use]
pub fn same(a: &Address, b: &Address) -> bool {
    key(a) == key(b)
}

/// The address to which the messages of a mailing list go.
#[must_use]
pub fn list_post(header: &Header) -> Option<Address> {
    let value = String::from_utf8(unfold(header.get("List-Post")?)).ok()?;
    let (_, rest) = value.split_once("<mailto:").or_else(|| value.split_once("<MAILTO:"))?;
    let address = rest.split(['>', '?']).next()?;
    people_of(percent_decoded(address)?.as_bytes()).into_iter().next()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut out = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        out.push(u8::from_str_radix(hex, 16).ok()?);
        out.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(out).ok()
}

fn people(header: &Header, name: &str) -> Vec<Address> {
    header.all(name).flat_map(people_of).collect()
}

/// The addresses of a field, their names decoded.
#[must_use]
pub fn people_of(value: &[u8]) -> Vec<Address> {
    let items = addr::list(value);
    let decoded = |address: &Address| {
        let name = address.name.as_deref().map(words).map(|name| {
            let name: String = name.chars().filter(|c| !c.is_control()).take(NAME).collect();
            name.trim().to_owned()
        });
        let name = name.filter(|name| !name.is_empty()).map(String::into_bytes);
        Address { name, route: None, ..address.clone() }
    };
    // What our own reader of addresses would refuse is none.
    let good = |address: &Address| {
        address.spec().len() <= ADDRESS && !address.local.is_empty() && addr::parse_strict(&text(address)).is_ok()
    };
    addr::mailboxes(&items).map(decoded).filter(good).collect()
}

/// An address with its decoded name, to be read again: `"Bob, Smith" <bob@example.org>`.
#[must_use]
pub fn text(address: &Address) -> String {
    let spec = String::from_utf8_lossy(&address.spec()).into_owned();
    match address.name.as_deref().map(String::from_utf8_lossy).filter(|name| !name.is_empty()) {
        None => spec,
        Some(name) if name.chars().all(|c| c.is_alphanumeric() || " '-_".contains(c)) => format!("{name} <{spec}>"),
        Some(name) => format!("\"{}\" <{spec}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// What an answer refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// For `In-Reply-To`.
    pub in_reply_to: Option<String>,
    /// For `References`.
    pub references: Option<String>,
}

/// What an answer to a message with this header refers to (RFC 5322 3.6.4).
#[must_use]
pub fn thread(header: &Header) -> Thread {
    let all = |name: &str| header.all(name).flat_map(ids).collect::<Vec<String>>();
    let id = all("Message-ID").into_iter().next();
    let mut references = all("References");
    if references.is_empty() {
        // Of several, nobody can say which is the parent.
        references = Some(all("In-Reply-To")).filter(|ids| ids.len() == 1).unwrap_or_default();
    }
    references.retain(|reference| Some(reference) != id.as_ref());
    references.extend(id.clone());
    let mut seen = HashSet::new();
    references.retain(|reference| seen.insert(reference.clone()));
    let more = references.len().saturating_sub(REFERENCES);
    if more > 0 {
        references.drain(1..=more);
    }
    Thread { in_reply_to: id, references: Some(references.join(" ")).filter(|text| !text.is_empty()) }
}

/// The message IDs in a field, with their angle brackets, without blanks in them. Those that no header of ours can repeat are left out.
pub fn ids(value: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for piece in unfold(value).split(|b| *b == b'>') {
        let Some(start) = memchr::memrchr(b'<', piece) else { continue };
        let id: Vec<u8> =
            piece.iter().skip(start.saturating_add(1)).filter(|b| !b.is_ascii_whitespace()).copied().collect();
        if !id.is_empty() && id.len() <= ID && id.iter().all(u8::is_ascii_graphic) {
            all.push(format!("<{}>", String::from_utf8_lossy(&id)));
        }
    }
    // The last piece has no `>` behind it.
    if !value.contains(&b'>') {
        all.clear();
    }
    all
}

/// The marks that programs put before the subject of an answer, without the colon.
const REPLIES: [&str; 5] = ["re", "aw", "antw", "sv", "odp"];
/// Those of a message that is sent on.
const FORWARDS: [&str; 4] = ["fwd", "fw", "wg", "tr"];

/// The subject of an answer: one `Re: `, however many there are; blobs of mailing lists stay.
#[must_use]
pub fn reply_subject(value: Option<&[u8]>) -> String {
    marked("Re:", value, &REPLIES)
}

/// The subject of a message that is sent on: one `Fwd: `, before everything else.
#[must_use]
pub fn forward_subject(value: Option<&[u8]>) -> String {
    marked("Fwd:", value, &FORWARDS)
}

fn marked(mark: &str, value: Option<&[u8]>, known: &[&str]) -> String {
    let text = value.map(words).unwrap_or_default();
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut blobs = String::new();
    let mut rest = text.trim();
    loop {
        if let Some(after) = without_mark(rest, known) {
            rest = after;
        } else if let Some((blob, after)) = blob(rest).filter(|(_, after)| without_mark(after, known).is_some()) {
            blobs.push_str(blob);
            blobs.push(' ');
            rest = after;
        } else {
            break;
        }
    }
    let whole = format!("{mark} {blobs}{rest}");
    whole.get(..whole.floor_char_boundary(SUBJECT)).unwrap_or_default().trim_end().to_owned()
}

/// What follows `Re:`, `Re[2]:`, `Re :`.
fn without_mark<'t>(text: &'t str, known: &[&str]) -> Option<&'t str> {
    let end = text.find(|c: char| !c.is_alphabetic())?;
    let (word, rest) = text.split_at(end);
    let mark = known.iter().any(|mark| word.eq_ignore_ascii_case(mark));
    let rest = Some(rest).filter(|_| mark)?.trim_start();
    let rest = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((number, after)) if number.bytes().all(|b| b.is_ascii_digit()) => after.trim_start(),
        _ => rest,
    };
    Some(rest.strip_prefix(':')?.trim_start())
}

/// A `[list]` and what follows it.
fn blob(text: &str) -> Option<(&str, &str)> {
    let end = text.strip_prefix('[')?.find(['[', ']'])?;
    let (blob, rest) = text.split_at_checked(end.saturating_add(2))?;
    blob.ends_with(']').then(|| (blob, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Header {
        Header::parse(text.as_bytes().to_vec())
    }

    fn me(text: &str) -> Vec<Address> {
        people_of(text.as_bytes())
    }

    fn who(mail: &str, to: To, own: &str) -> (String, String) {
        let who = recipients(&header(mail), to, &me(own));
        let list = |list: &[Address]| list.iter().map(text).collect::<Vec<_>>().join(", ");
        (list(&who.to), list(&who.cc))
    }

    #[test]
    fn who_gets_an_answer() {
        let mail =
            "From: =?utf-8?q?J=C3=BCrgen?= <j@x>\nTo: Me <ME@y>, \"Last, First\" <f@z>\nCc: j@x, list@l, f@Z\n\n";
        assert_eq!(who(mail, To::Author, "me@y"), ("Jürgen <j@x>".into(), String::new()));
        assert_eq!(who(mail, To::All, "me@y"), ("Jürgen <j@x>".into(), "\"Last, First\" <f@z>, list@l".into()));
        assert_eq!(
            recipients(&header(mail), To::All, &me("x@x, me@y")).own.map(|own| text(&own)),
            Some("Me <ME@y>".into())
        );
        let list = format!("List-Post: <mailto:list%40l?subject=x>\nReply-To: r@r\n{mail}");
        assert_eq!(who(&list, To::List, ""), ("list@l".into(), String::new()));
        assert_eq!(who(&list, To::Author, ""), ("r@r".into(), String::new()));
        assert_eq!(who("List-Post: NO\nFrom: a@b\n", To::List, ""), (String::new(), String::new()));
        let followup = format!("Mail-Followup-To: list@l, me@y\n{list}");
        assert_eq!(who(&followup, To::All, "me@y"), ("list@l".into(), String::new()));
        assert_eq!(who(&followup, To::Author, "me@y"), ("r@r".into(), String::new()));
        // An own message is followed up to whom it was sent.
        assert_eq!(who(mail, To::Author, "j@x"), ("Me <ME@y>, \"Last, First\" <f@z>".into(), String::new()));
        assert_eq!(who(mail, To::All, "j@x"), ("Me <ME@y>, \"Last, First\" <f@z>".into(), "list@l".into()));
        assert_eq!(who("From: a@b\nTo: a@b\n", To::All, "a@b"), ("a@b".into(), String::new()));
        assert_eq!(who("From: a@b\nTo: undisclosed-recipients:;\n", To::All, ""), ("a@b".into(), String::new()));
        assert_eq!(who("Subject: x\n", To::All, ""), (String::new(), String::new()));
        let long = format!("From: {}@b, =?utf-8?q?a=0D=0AB=00cc:?= <c@d>\n", "x".repeat(2000));
        assert_eq!(who(&long, To::Author, "").0.lines().count(), 1);
        assert!(who(&long, To::Author, "").0.ends_with("<c@d>"));
    }

    #[test]
    fn what_an_answer_refers_to() {
        let refers = |mail: &str| {
            let thread = thread(&header(mail));
            (thread.in_reply_to.unwrap_or_default(), thread.references.unwrap_or_default())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(refers("Message-ID: <c@x>\nReferences: <a@x>\n\t<b@x>\n"), pair("<c@x>", "<a@x> <b@x> <c@x>"));
        assert_eq!(refers("Message-ID: <c@x>\nIn-Reply-To: Bob's <a@x> of today\n"), pair("<c@x>", "<a@x> <c@x>"));
        assert_eq!(refers("Message-ID: <c@x>\nIn-Reply-To: <a@x> <b@x>\n"), pair("<c@x>", "<c@x>"));
        assert_eq!(
            refers("Message-ID: <c@x>\nReferences: <b@x> <c@x>\nIn-Reply-To: <z@x>\n"),
            pair("<c@x>", "<b@x> <c@x>")
        );
        assert_eq!(refers("References: <a@x>\n"), pair("", "<a@x>"));
        assert_eq!(refers("Subject: x\n"), pair("", ""));
        assert_eq!(refers("Message-ID: c@x\n"), pair("", ""));
        assert_eq!(refers("Message-ID: <c\u{e9}@x> <d@x>\n"), pair("<d@x>", "<d@x>"));
        let many: String = (0..5000).map(|n| format!(" <{n}@x>\n")).collect();
        let (_, references) = refers(&format!("Message-ID: <c@x>\nReferences:{many}"));
        let all: Vec<&str> = references.split(' ').collect();
        assert_eq!((all.len(), all[0], all[1], all[49]), (REFERENCES, "<0@x>", "<4952@x>", "<c@x>"));
    }

    #[test]
    fn subjects_of_answers() {
        for (subject, reply, forward) in [
            ("hello", "Re: hello", "Fwd: hello"),
            ("Re: hello", "Re: hello", "Fwd: Re: hello"),
            ("RE: Aw: re[2]: hello", "Re: hello", "Fwd: RE: Aw: re[2]: hello"),
            ("[list] Re: hello", "Re: [list] hello", "Fwd: [list] Re: hello"),
            ("[list] hello", "Re: [list] hello", "Fwd: [list] hello"),
            ("Fwd: FW: hello", "Re: Fwd: FW: hello", "Fwd: hello"),
            ("Re", "Re: Re", "Fwd: Re"),
            ("Re:", "Re:", "Fwd: Re:"),
            ("", "Re:", "Fwd:"),
            ("Reality: x", "Re: Reality: x", "Fwd: Reality: x"),
            ("=?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=", "Re: Grüße", "Fwd: Re: Grüße"),
            ("=?utf-8?q?a=0D=0ABcc:_x?=", "Re: a\u{fffd}\u{fffd}Bcc: x", "Fwd: a\u{fffd}\u{fffd}Bcc: x"),
        ] {
            assert_eq!(reply_subject(Some(subject.as_bytes())), reply, "{subject}");
            assert_eq!(forward_subject(Some(subject.as_bytes())), forward, "{subject}");
        }
        assert_eq!(reply_subject(None), "Re:");
        for trap in ["[a]", "re:", "[", "re", "re[", "[a]re:"] {
            assert!(reply_subject(Some(trap.repeat(100_000).as_bytes())).len() <= SUBJECT);
        }
    }
}
