//! Addresses (RFC 5322 3.4, 4.4; RFC 6532): lists with groups, comments, quoted local parts, routes, UTF-8.
//!
//! [`list`] reads whatever mail brings and never fails; [`checked`] reads the same but says what is wrong, for recipients;
//! [`parse_strict`] reads one address of a command line. Left out: domains are not looked up nor turned into A-labels.

use super::header::unfold;
use crate::error::{Error, Result};
use crate::text::breaks_line;

/// One mailbox: `Bob Smith <bob@example.org>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// The display name, quotes taken off, encoded words as they came; else the comment after the address, if any.
    pub name: Option<Vec<u8>>,
    /// The obsolete route `@a,@b` of `<@a,@b:local@domain>`.
    pub route: Option<Vec<u8>>,
    /// The local part, quotes taken off ([`Address::spec`] puts them back where they are needed).
    pub local: Vec<u8>,
    /// The domain, or the literal with its brackets; empty if there was none.
    pub domain: Vec<u8>,
}

/// One item of an address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressItem {
    /// A mailbox.
    Mailbox(Address),
    /// `name: a, b;`
    Group {
        /// The group's name, quotes taken off.
        name: Vec<u8>,
        /// Who is in it; often nobody (`undisclosed-recipients:;`).
        members: Vec<Address>,
    },
}

impl Address {
    /// `local@domain` as SMTP and headers want it: the local part quoted if it is no dot-atom. Without a domain, the local
    /// part alone.
    #[must_use]
    pub fn spec(&self) -> Vec<u8> {
        spec(&self.local, &self.domain)
    }
}

/// See [`Address::spec`].
#[must_use]
pub fn spec(local: &[u8], domain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(local.len() + domain.len() + 3);
    if is_dot_atom(local) {
        out.extend_from_slice(local);
    } else {
        out.push(b'"');
        for b in local {
            if matches!(b, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*b);
        }
        out.push(b'"');
    }
    if !domain.is_empty() {
        out.push(b'@');
        out.extend_from_slice(domain);
    }
    out
}

/// The mailboxes of a list, those in groups too, in order.
pub fn mailboxes(items: &[AddressItem]) -> impl Iterator<Item = &Address> {
    items.iter().flat_map(|item| match item {
        AddressItem::Mailbox(address) => std::slice::from_ref(address),
        AddressItem::Group { members, .. } => members.as_slice(),
    })
}

/// Reads an address list, folded or not. What is no address is read as well as it goes or left out.
#[must_use]
pub fn list(value: &[u8]) -> Vec<AddressItem> {
    Parser::default().run(value).items
}

/// Reads an address list of which every item must be an address that mail can be sent to; a domain may be missing.
///
/// # Errors
/// 65 with what is wrong; the text holds bytes of the message.
pub fn checked(value: &[u8]) -> Result<Vec<AddressItem>> {
    let done = Parser::default().run(value);
    if let Some(wrong) = done.wrong {
        return Err(Error::data(wrong));
    }
    for address in mailboxes(&done.items) {
        check(address).map_err(Error::data)?;
    }
    Ok(done.items)
}

/// Reads one `local@domain` or `Name <local@domain>`; the domain may be missing.
///
/// # Errors
/// 64 with the reason: a control character, no address, more than one, no local part, a broken domain.
pub fn parse_strict(text: &str) -> Result<Address> {
    if breaks_line(text) {
        return Err(Error::usage(format!("{text}: an address has no line ends")));
    }
    let items = checked(text.as_bytes()).map_err(|e| e.with_exit(crate::error::Exit::Usage).at(text))?;
    match <[AddressItem; 1]>::try_from(items) {
        Ok([AddressItem::Mailbox(address)]) => Ok(address),
        Ok(_) => Err(Error::usage(format!("{text}: a group is no address"))),
        Err(items) if items.is_empty() => Err(Error::usage(format!("{text}: no address"))),
        Err(_) => Err(Error::usage(format!("{text}: more than one address"))),
    }
}

/// What keeps an address from being used in an envelope (RFC 5321 4.1.2, 4.5.3.1; lengths are the server's business).
fn check(address: &Address) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(&address.spec()).into_owned();
    let control = |bytes: &[u8]| bytes.iter().any(|b| b.is_ascii_control()) || std::str::from_utf8(bytes).is_err();
    if address.local.is_empty() {
        return Err(format!("{}: no local part", shown()));
    }
    if control(&address.local) || control(&address.domain) {
        return Err(format!("{}: control characters or broken UTF-8", shown()));
    }
    let dtext = |b: &u8| matches!(b, b'!'..=b'Z' | b'^'..=b'~') && !matches!(b, b'<' | b'>');
    let domain = match address.domain.as_slice() {
        [] => true,
        [b'[', literal @ .., b']'] => !literal.is_empty() && literal.iter().all(dtext),
        domain => is_dot_atom(domain),
    };
    if !domain {
        return Err(format!("{}: not a domain", shown()));
    }
    Ok(())
}

fn is_atext(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

fn is_dot_atom(text: &[u8]) -> bool {
    !text.is_empty() && text.split(|b| *b == b'.').all(|atom| !atom.is_empty() && atom.iter().all(|b| is_atext(*b)))
}

/// A word of a phrase or local part.
#[derive(Debug)]
struct Word {
    text: Vec<u8>,
    /// Whether a blank or comment stood before it.
    apart: bool,
    quoted: bool,
}

/// Where in a mailbox we are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Words of a display name, a group's name or a local part.
    #[default]
    Start,
    /// After the `@` of a bare `local@domain`.
    Domain,
    /// Between `<` and `>`: before the `@`, or in a route.
    Angle,
    /// Between `<` and `>`, after the `@`.
    AngleDomain,
    /// After `>`.
    Done,
}

#[derive(Default)]
struct Parser {
    items: Vec<AddressItem>,
    group: Option<(Vec<u8>, Vec<Address>)>,
    at: At,
    words: Vec<Word>,
    current: Address,
    comment: Option<Vec<u8>>,
    /// The first thing that was wrong.
    wrong: Option<String>,
}

impl Parser {
    fn run(mut self, value: &[u8]) -> Parser {
        let text = unfold(value);
        let mut rest = text.as_slice();
        let mut apart = false;
        while let Some((&b, after)) = rest.split_first() {
            let was_apart = std::mem::take(&mut apart);
            rest = after;
            match b {
                b' ' | b'\t' | b'\r' | b'\n' => apart = true,
                b'(' => {
                    let (comment, after) = self.comment(after);
                    rest = after;
                    self.comment = Some(comment);
                    apart = true;
                }
                b'"' => {
                    let (quoted, after) = self.quoted(after);
                    rest = after;
                    self.word(Word { text: quoted, apart: was_apart, quoted: true });
                }
                b'[' => {
                    let end = after.iter().position(|b| *b == b']').map_or(after.len(), |at| at + 1);
                    let (literal, after) = after.split_at(end);
                    rest = after;
                    let text = [b"[", literal].concat();
                    self.word(Word { text, apart: was_apart, quoted: false });
                }
                b'<' => self.open(),
                b'>' => self.close(),
                b'@' => self.at_sign(),
                b':' => self.colon(),
                b',' => self.comma(),
                b';' => self.semicolon(),
                _ => {
                    let more = after.iter().take_while(|b| !b" \t\r\n()\"[<>@:,;".contains(b)).count();
                    let (atom, after) = rest_of(b, after, more);
                    rest = after;
                    self.word(Word { text: atom, apart: was_apart, quoted: false });
                }
            }
        }
        self.end_item();
        if self.group.is_some() {
            self.fault("a group without its semicolon");
            self.end_group();
        }
        self
    }

    fn fault(&mut self, what: &str) {
        self.wrong.get_or_insert_with(|| what.to_owned());
    }

    fn comment<'a>(&mut self, text: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let mut out = Vec::new();
        let mut depth = 1usize;
        let mut rest = text;
        while let Some((&b, after)) = rest.split_first() {
            rest = after;
            match b {
                b'\\' => {
                    if let Some((&escaped, after)) = after.split_first() {
                        out.push(escaped);
                        rest = after;
                    }
                    continue;
                }
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return (out.trim_ascii().to_vec(), rest);
            }
            out.push(b);
        }
        self.fault("an open parenthesis");
        (out, rest)
    }

    fn quoted<'a>(&mut self, text: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some((&b, after)) = rest.split_first() {
            rest = after;
            match b {
                b'"' => return (out, rest),
                b'\\' => {
                    if let Some((&escaped, after)) = after.split_first() {
                        out.push(escaped);
                        rest = after;
                    }
                }
                b => out.push(b),
            }
        }
        self.fault("an open quote");
        (out, rest)
    }

    fn word(&mut self, word: Word) {
        match self.at {
            At::Start | At::Angle => self.words.push(word),
            At::Domain | At::AngleDomain => {
                let dots = self.current.domain.is_empty()
                    || self.current.domain.ends_with(b".")
                    || word.text.starts_with(b".");
                if word.quoted || (word.apart && !dots) {
                    self.fault("words after a domain");
                } else {
                    self.current.domain.extend_from_slice(&word.text);
                }
            }
            At::Done => self.fault("words after an address"),
        }
    }

    /// The words as a display name.
    fn phrase(&mut self) -> Option<Vec<u8>> {
        let mut out: Vec<u8> = Vec::new();
        let any = !self.words.is_empty();
        for word in self.words.drain(..) {
            if word.apart && !out.is_empty() {
                out.push(b' ');
            }
            out.extend_from_slice(&word.text);
        }
        any.then_some(out)
    }

    /// The words as a local part. Blanks are allowed around dots only (RFC 5322 4.4); with other words before it, those
    /// are taken as a name that lacks its angle brackets.
    fn local(&mut self) -> Vec<u8> {
        let mut from = self.words.len().saturating_sub(1);
        while let Some([before, word]) = from.checked_sub(1).and_then(|b| self.words.get(b..=from)) {
            if word.apart && !word.text.starts_with(b".") && !before.text.ends_with(b".") {
                break;
            }
            from -= 1;
        }
        let local: Vec<Word> = self.words.drain(from..).collect();
        if local.iter().any(|w| !w.quoted && !w.text.iter().all(|b| is_atext(*b) || *b == b'.')) {
            self.fault("a local part with strange characters");
        }
        if !self.words.is_empty() {
            self.fault("words before an address");
            let name = self.phrase();
            self.current.name = self.current.name.take().or(name);
        }
        let quoted = local.iter().any(|w| w.quoted);
        let apart = |two: &[Word]| matches!(two, [a, b] if !a.text.ends_with(b".") && !b.text.starts_with(b"."));
        if quoted && local.windows(2).any(apart) {
            self.fault("a local part of words without dots between them");
        }
        let text: Vec<u8> = local.into_iter().flat_map(|w| w.text).collect();
        if !quoted && !text.is_empty() && !is_dot_atom(&text) {
            self.fault("a local part with misplaced dots");
        }
        text
    }

    fn open(&mut self) {
        match self.at {
            At::Start => {
                self.current.name = self.phrase();
                self.at = At::Angle;
            }
            At::Domain => {
                // `bob@example.org <bob@example.org>`: a name that lacks its quotes.
                self.fault("an address before <");
                let name = std::mem::take(&mut self.current).spec();
                self.current.name = Some(name);
                self.at = At::Angle;
            }
            _ => self.fault("a second <"),
        }
    }

    fn close(&mut self) {
        match self.at {
            At::Angle => {
                self.current.local = self.local();
                self.at = At::Done;
            }
            At::AngleDomain => self.at = At::Done,
            _ => self.fault("a > without <"),
        }
    }

    fn at_sign(&mut self) {
        match self.at {
            At::Start => {
                self.current.local = self.local();
                self.at = At::Domain;
            }
            At::Angle if self.words.is_empty() && self.current.local.is_empty() => {
                // A route: it ends with a colon, everything up to it is only shown.
                self.words.push(Word { text: b"@".to_vec(), apart: false, quoted: false });
            }
            At::Angle if self.words.first().is_some_and(|w| w.text.starts_with(b"@")) => {
                self.words.push(Word { text: b"@".to_vec(), apart: false, quoted: false });
            }
            At::Angle => {
                self.current.local = self.local();
                self.at = At::AngleDomain;
            }
            At::Domain | At::AngleDomain | At::Done => self.fault("a second @"),
        }
    }

    fn colon(&mut self) {
        match self.at {
            At::Start if self.group.is_none() => {
                let name = self.phrase().unwrap_or_default();
                self.comment = None;
                self.group = Some((name, Vec::new()));
            }
            At::Angle if self.words.first().is_some_and(|w| w.text.starts_with(b"@")) => {
                self.current.route = Some(self.words.drain(..).flat_map(|w| w.text).collect());
            }
            _ => self.fault("a misplaced colon"),
        }
    }

    fn comma(&mut self) {
        if self.at == At::Angle && self.words.first().is_some_and(|w| w.text.starts_with(b"@")) {
            self.words.push(Word { text: b",".to_vec(), apart: false, quoted: false });
        } else {
            self.end_item();
        }
    }

    fn semicolon(&mut self) {
        self.end_item();
        if self.group.is_some() {
            self.end_group();
        } else {
            self.fault("a semicolon outside a group");
        }
    }

    fn end_item(&mut self) {
        let comment = self.comment.take();
        match self.at {
            At::Start if self.words.is_empty() => return,
            At::Start => self.current.local = self.local(),
            At::Angle => {
                self.fault("a < without >");
                self.current.local = self.local();
            }
            At::AngleDomain => self.fault("a < without >"),
            At::Domain if self.current.domain.is_empty() => self.fault("no domain after @"),
            At::Domain | At::Done => {}
        }
        self.words.clear();
        self.at = At::Start;
        let mut address = std::mem::take(&mut self.current);
        if address.name.is_none() {
            address.name = comment.filter(|c| !c.is_empty());
        }
        match &mut self.group {
            Some((_, members)) => members.push(address),
            None => self.items.push(AddressItem::Mailbox(address)),
        }
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.group.take() {
            self.items.push(AddressItem::Group { name, members });
        }
    }
}

fn rest_of(first: u8, after: &[u8], more: usize) -> (Vec<u8>, &[u8]) {
    let (run, rest) = after.split_at(more);
    let mut atom = Vec::with_capacity(more + 1);
    atom.push(first);
    atom.extend_from_slice(run);
    (atom, rest)
}

/// A name as a phrase of a header (RFC 5322 3.2.5): quoted, or encoded words (RFC 2047) where it goes beyond ASCII.
#[must_use]
pub fn phrase(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.is_ascii() {
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in name.chars() {
        // 75 characters, of which 12 are the frame's.
        if word.len() + c.len_utf8() > 45 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded = |word: &String| format!("=?UTF-8?B?{}?=", encodify::base64::STANDARD.encode(word.as_bytes()));
    words.iter().map(encoded).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
