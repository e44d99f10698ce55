//! What a client writes: a command as pieces of line and literals.
//!
//! A string goes as an atom if it is one, else quoted, else (8-bit, long) as a literal. CR, LF and NUL do not go at all:
//! they are status 64, before anything is sent.

#[cfg(test)]
mod tests;

use super::command::{Appending, Command, List, Store};
use super::date;
use super::lex::{Syntax, is_atom};
use super::search::{SearchKey, Writer};
use super::section::{FetchItem, Of, Section, is_field_name};
use super::utf7::Names;
use super::write::{as_atom, as_quoted, as_quoted_utf8, quoted};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text::breaks_line;
use chrono::{DateTime, FixedOffset};

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
    names: Names,
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
        self.text.push(b' ');
        self.bare_string(what, bytes)
    }

    /// The same without the blank before it.
    fn bare_string(&mut self, what: &str, bytes: &[u8]) -> Result<()> {
        check(what, bytes)?;
        if as_atom(bytes) {
            self.text.extend_from_slice(bytes);
        } else if self.as_quoted(bytes) {
            quoted(&mut self.text, bytes);
        } else {
            self.push(Piece::Literal(bytes.to_vec()));
        }
        Ok(())
    }

    /// RFC 6855 3: where UTF-8 is spoken, it may stand between quotes.
    fn as_quoted(&self, bytes: &[u8]) -> bool {
        as_quoted(bytes) || (self.names == Names::Utf8 && as_quoted_utf8(bytes))
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
        self.string("mailbox name", self.names.encode(name).as_bytes())
    }

    /// As a mailbox, but `*` and `%` stay what they are, in quotes.
    fn pattern(&mut self, pattern: &str) -> Result<()> {
        self.raw(" ");
        self.quoted_pattern(pattern)
    }

    /// An entry of METADATA.
    fn entry(&mut self, name: &str) -> Result<()> {
        check("entry", name.as_bytes())?;
        if !name.is_ascii() {
            return Err(Error::usage(format!("not the name of an entry: {name}")));
        }
        quoted(&mut self.text, name.as_bytes());
        Ok(())
    }

    fn quoted_pattern(&mut self, pattern: &str) -> Result<()> {
        check("mailbox pattern", pattern.as_bytes())?;
        quoted(&mut self.text, self.names.encode(pattern).as_bytes());
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

    /// What APPEND says of one message, and its literal.
    fn appending(&mut self, flags: &[String], date: Option<&DateTime<FixedOffset>>, size: u64) -> Result<()> {
        if !flags.is_empty() {
            self.flags(flags)?;
        }
        if let Some(date) = date {
            self.raw(&format!(" {}", date::date_time(date)));
        }
        self.raw(" ");
        self.push(Piece::Stream(size));
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
        } else if self.line.as_quoted(bytes) {
            quoted(&mut self.line.text, bytes);
        } else {
            self.line.push(Piece::Literal(bytes.to_vec()));
        }
    }
}

fn search(line: &mut Line, charset: Option<&str>, key: &SearchKey) -> Result<()> {
    // 8-bit strings need a charset, and ours are UTF-8; unless nothing else is spoken, and it may not be named (RFC 6855 3).
    let named = line.names == Names::Utf7 && !key.is_ascii();
    if let Some(charset) = charset.or(named.then_some("UTF-8")) {
        line.raw(" CHARSET");
        return in_charset(line, charset, key);
    }
    keys(line, key)
}

fn in_charset(line: &mut Line, charset: &str, key: &SearchKey) -> Result<()> {
    line.string("charset", charset.as_bytes())?;
    keys(line, key)
}

fn keys(line: &mut Line, key: &SearchKey) -> Result<()> {
    line.raw(" ");
    let mut keys = Keys { line, result: Ok(()) };
    key.write(&mut keys, true);
    keys.result
}

/// What APPEND says of another message, behind one (MULTIAPPEND, RFC 3502); the literal is the last piece.
///
/// # Errors
/// 64: a flag is none.
pub fn appending(another: &Appending) -> Result<Vec<Piece>> {
    let mut line = Line::default();
    line.appending(&another.flags, another.date.as_ref(), another.size)?;
    Ok(line.done)
}

/// A command under a tag, as pieces.
///
/// # Errors
/// 64 if an argument holds CR, LF or NUL, or is not what it should be: a flag, a mechanism, a field name, a set.
pub fn encode(tag: &str, command: &Command) -> Result<Vec<Piece>> {
    encode_in(Names::default(), tag, command)
}

/// The same where mailbox names and searches look so.
///
/// # Errors
/// As [`encode`].
pub fn encode_in(names: Names, tag: &str, command: &Command) -> Result<Vec<Piece>> {
    atom("a tag", tag)?;
    let mut line = Line { names, ..Line::default() };
    line.raw(tag);
    line.raw(" ");
    let by = |uid: bool, word: &str| if uid { format!("UID {word}") } else { word.to_owned() };
    match command {
        Command::Capability => line.raw("CAPABILITY"),
        Command::Noop => line.raw("NOOP"),
        Command::Logout => line.raw("LOGOUT"),
        Command::StartTls => line.raw("STARTTLS"),
        Command::Compress { mechanism } => {
            atom("a compression mechanism", mechanism)?;
            line.raw(&format!("COMPRESS {mechanism}"));
        }
        Command::Check => line.raw("CHECK"),
        Command::Close => line.raw("CLOSE"),
        Command::Unselect => line.raw("UNSELECT"),
        Command::Expunge => line.raw("EXPUNGE"),
        Command::Idle => line.raw("IDLE"),
        Command::Notify { items, mailboxes } => {
            let items = items.iter().map(item).collect::<Result<Vec<_>>>()?.join(" ");
            line.raw(&format!("NOTIFY SET (SELECTED (MessageNew ({items}) MessageExpunge FlagChange))"));
            for (n, name) in mailboxes.iter().enumerate() {
                line.raw(if n == 0 { " (MAILBOXES (" } else { " " });
                check("mailbox name", name.as_bytes())?;
                let name = line.names.encode(name);
                line.bare_string("mailbox name", name.as_bytes())?;
            }
            line.raw(if mailboxes.is_empty() { "" } else { ") (MessageNew MessageExpunge FlagChange))" });
        }
        Command::Namespace => line.raw("NAMESPACE"),
        Command::MyRights { mailbox } => one(&mut line, "MYRIGHTS", mailbox)?,
        Command::GetMetadata { mailbox, entries } => {
            one(&mut line, "GETMETADATA", mailbox)?;
            if entries.is_empty() {
                return Err(Error::usage("GETMETADATA of nothing"));
            }
            line.raw(" (");
            for (n, entry) in entries.iter().enumerate() {
                if n > 0 {
                    line.raw(" ");
                }
                line.entry(entry)?;
            }
            line.raw(")");
        }
        Command::GetQuotaRoot { mailbox } => one(&mut line, "GETQUOTAROOT", mailbox)?,
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
        Command::Select { mailbox, with } => {
            one(&mut line, "SELECT", mailbox)?;
            line.raw(&with.to_string());
        }
        Command::Examine { mailbox, with } => {
            one(&mut line, "EXAMINE", mailbox)?;
            line.raw(&with.to_string());
        }
        Command::Create { mailbox, uses } => {
            one(&mut line, "CREATE", mailbox)?;
            if !uses.is_empty() {
                line.raw(" (USE");
                line.flags(uses)?;
                line.raw(")");
            }
        }
        Command::Delete { mailbox } => one(&mut line, "DELETE", mailbox)?,
        Command::Subscribe { mailbox } => one(&mut line, "SUBSCRIBE", mailbox)?,
        Command::Unsubscribe { mailbox } => one(&mut line, "UNSUBSCRIBE", mailbox)?,
        Command::Rename { from, to } => {
            one(&mut line, "RENAME", from)?;
            line.mailbox(to)?;
        }
        Command::Enable(words) => {
            line.raw("ENABLE");
            for word in words {
                atom("a capability", word)?;
                line.raw(&format!(" {word}"));
            }
        }
        Command::List(asked) => list(&mut line, asked)?,
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
            line.appending(flags, date.as_ref(), *size)?;
        }
        Command::Search { uid, returns, charset, key } => {
            line.raw(&by(*uid, "SEARCH"));
            if let Some(returns) = returns {
                line.raw(&format!(" {returns}"));
            }
            search(&mut line, charset.as_deref(), key)?;
        }
        Command::Sort { uid, returns, by: order, charset, key } => {
            line.raw(&by(*uid, "SORT"));
            if let Some(returns) = returns {
                line.raw(&format!(" {returns}"));
            }
            let order: Vec<String> = order.iter().map(ToString::to_string).collect();
            line.raw(&format!(" ({})", order.join(" ")));
            in_charset(&mut line, charset, key)?;
        }
        Command::Thread { uid, algorithm, charset, key } => {
            line.raw(&format!("{} {algorithm}", by(*uid, "THREAD")));
            in_charset(&mut line, charset, key)?;
        }
        Command::Fetch { uid, set, items, changed } => {
            let items = items.iter().map(item).collect::<Result<Vec<String>>>()?;
            line.raw(&format!("{} {} ({})", by(*uid, "FETCH"), named(set)?, items.join(" ")));
            changed.iter().for_each(|changed| line.raw(&changed.to_string()));
        }
        Command::Store { uid, set, unchanged_since, how, silent, flags } => {
            let sign = match how {
                Store::Set => "",
                Store::Add => "+",
                Store::Remove => "-",
            };
            let silent = if *silent { ".SILENT" } else { "" };
            let since = unchanged_since.map(|n| format!("(UNCHANGEDSINCE {n}) ")).unwrap_or_default();
            line.raw(&format!("{} {} {since}{sign}FLAGS{silent}", by(*uid, "STORE"), named(set)?));
            line.flags(flags)?;
        }
        Command::Copy { uid, set, mailbox } => {
            line.raw(&format!("{} {}", by(*uid, "COPY"), named(set)?));
            line.mailbox(mailbox)?;
        }
        Command::Move { uid, set, mailbox } => {
            line.raw(&format!("{} {}", by(*uid, "MOVE"), named(set)?));
            line.mailbox(mailbox)?;
        }
        Command::UidExpunge(set) => line.raw(&format!("UID EXPUNGE {}", named(set)?)),
    }
    Ok(line.finish())
}

fn list(line: &mut Line, asked: &List) -> Result<()> {
    let words = |all: Vec<String>| all.join(" ");
    line.raw("LIST");
    if !asked.select.is_empty() {
        line.raw(&format!(" ({})", words(asked.select.iter().map(ToString::to_string).collect())));
    }
    line.mailbox(&asked.reference)?;
    // Parentheses around a single pattern are all that makes some commands those of RFC 5258.
    let only_by_patterns = asked.extended && asked.select.is_empty() && asked.returns.is_empty();
    match asked.patterns.as_slice() {
        [pattern] if !only_by_patterns => line.pattern(pattern)?,
        several => {
            line.raw(" (");
            for (n, pattern) in several.iter().enumerate() {
                if n > 0 {
                    line.raw(" ");
                }
                line.quoted_pattern(pattern)?;
            }
            line.raw(")");
        }
    }
    if !asked.returns.is_empty() {
        line.raw(&format!(" RETURN ({})", words(asked.returns.iter().map(ToString::to_string).collect())));
    }
    Ok(())
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
