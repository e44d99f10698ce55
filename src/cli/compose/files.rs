//! What the flags of composing name: files to attach, and texts in any charset.

use crate::body::Body;
use crate::error::{Error, Result};
use crate::message::charset::{Utf8Body, lookup};
use crate::message::compose::{Attachment, content_type, sniff};
use crate::message::facts::Facts;
use crate::store::patience::open;
use crate::store::spool::Spool;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `FILE[:TYPE[:NAME]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The file; `-` is stdin.
    pub(super) path: PathBuf,
    kind: Option<String>,
    charset: Option<String>,
    name: Option<String>,
}

impl Named {
    /// Reads the argument of a flag. A file of exactly this name is meant, colons and all, if there is one.
    pub(super) fn parse(argument: &OsStr) -> Named {
        let plain = || Named { path: argument.into(), ..Named::default() };
        let exists = std::fs::symlink_metadata(argument).is_ok();
        let Some(text) = argument.to_str().filter(|_| !exists) else { return plain() };
        for (at, _) in text.match_indices(':') {
            let (path, rest) = text.split_at(at);
            let rest = rest.strip_prefix(':').unwrap_or(rest);
            let (kind, name) = rest.split_once(':').map_or((rest, None), |(kind, name)| (kind, Some(name)));
            let (kind, charset) = kind.split_once(";charset=").map_or((kind, None), |(kind, of)| (kind, Some(of)));
            let tops = ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"];
            let is_kind = kind.split_once('/').is_some_and(|(top, _)| tops.contains(&top));
            if is_kind || kind.is_empty() && charset.is_none() && name.is_some() {
                return Named {
                    path: path.into(),
                    kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
                    charset: charset.map(str::to_owned),
                    name: name.map(str::to_owned).filter(|name| !name.is_empty()),
                };
            }
        }
        plain()
    }

    /// Whether it is stdin.
    pub(super) fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// The name that it gets.
    ///
    /// # Errors
    /// 64: a line break in it; 66: it has none.
    pub(super) fn name(&self) -> Result<String> {
        let shown = self.path.display();
        let name = match &self.name {
            Some(name) => name.clone(),
            None if self.is_stdin() => "stdin".to_owned(),
            None => match self.path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => return Err(Error::no_input(format!("{shown}: no file name"))),
            },
        };
        if crate::text::breaks_line(&name) {
            return Err(Error::usage(format!("{name}: a line break in the name of a file to attach")));
        }
        Ok(name)
    }

    /// Opens it for a message whose boundaries are made of `seed`, and finds out what it is: as the argument says, by its name, by its beginning, or by reading all of it to see
    /// whether it is a text.
    ///
    /// # Errors
    /// 64: its name can't be one; 66: it can't be read.
    pub(super) fn open<'a>(
        &self,
        until: Option<Instant>,
        stdin: Option<&'a mut dyn Body>,
        seed: &str,
    ) -> Result<Attachment<'a>> {
        let name = self.name()?;
        let guess = content_type(&name);
        let mut attachment = match stdin {
            Some(body) => Attachment::new(name, body),
            None => Attachment::new(name, open(&self.path, until)?),
        };
        if let Some(kind) = &self.kind {
            attachment.content_type.clone_from(kind);
        }
        attachment.charset.clone_from(&self.charset);
        // A pipe can be read once only.
        if self.is_stdin() || !self.path.is_file() {
            if guess == MESSAGE && self.kind.is_none() {
                UNKNOWN.clone_into(&mut attachment.content_type);
            }
            return Ok(attachment);
        }
        let kind = attachment.content_type.clone();
        if kind == UNKNOWN && self.kind.is_none() {
            match sniff(open(&self.path, until)?.chunk()?) {
                Some(known) => known.clone_into(&mut attachment.content_type),
                None => {
                    let facts = seen(&self.path, until, true)?;
                    if is_text(&facts) && !facts.is_empty() {
                        "text/plain".clone_into(&mut attachment.content_type);
                        attachment.charset = Some(charset(&facts).to_owned());
                    }
                }
            }
        } else if kind.starts_with("text/") && self.charset.is_none() {
            let facts = seen(&self.path, until, false)?;
            attachment.charset = facts.utf8.then(|| charset(&facts).to_owned());
        } else if kind.eq_ignore_ascii_case(MESSAGE) {
            let facts = seen(&self.path, until, false)?;
            let clean = is_text(&facts) && facts.eight_bit == 0 && facts.lone_crs == 0;
            let clean = clean && facts.overlong_line == 0;
            attachment.lines =
                clean && !(facts.like_boundary && open(&self.path, until)?.holds(format!("--=_{seed}.").as_bytes())?);
            if !attachment.lines && self.kind.is_none() {
                UNKNOWN.clone_into(&mut attachment.content_type);
            }
        }
        Ok(attachment)
    }
}

const UNKNOWN: &str = "application/octet-stream";
const MESSAGE: &str = "message/rfc822";

fn is_text(facts: &Facts) -> bool {
    facts.utf8 && !facts.nul
}

fn charset(facts: &Facts) -> &'static str {
    if facts.eight_bit > 0 { "utf-8" } else { "us-ascii" }
}

/// What is in a file; `text`: only until it is clear that it is no text.
fn seen(file: &Path, until: Option<Instant>, text: bool) -> Result<Facts> {
    let (mut facts, mut body) = (Facts::of_body(), open(file, until)?);
    loop {
        let piece = body.chunk()?;
        if piece.is_empty() || text && !is_text(&facts) {
            facts.end();
            return Ok(facts);
        }
        facts.push(piece);
    }
}

/// A text has to be known before its encoding can be chosen.
pub(super) fn spool(text: &mut dyn Body) -> Result<(Spool, Facts)> {
    let (mut spool, mut facts) = (Spool::new(), Facts::of_body());
    loop {
        let piece = text.chunk()?;
        if piece.is_empty() {
            facts.end();
            return Ok((spool, facts));
        }
        facts.push(piece);
        spool.push(piece)?;
    }
}

/// A text in UTF-8, out of any charset: the one that is `named`; else UTF-8 if it is that; else what its byte order mark, the page itself
/// (`html`) or the locale says. If all of them say nothing, its bytes stay as they are.
///
/// # Errors
/// 64: nobody knows that charset; 65: the text is not in it.
pub(super) fn text(body: &mut dyn Body, named: Option<&str>, html: bool) -> Result<(Spool, Facts)> {
    let (mut raw, facts) = spool(body)?;
    let start = match raw.body()?.chunk()? {
        piece if html => piece.get(..1024).unwrap_or(piece).to_vec(),
        piece => piece.get(..4).unwrap_or(piece).to_vec(),
    };
    let guess = match (named, start.as_slice()) {
        (Some(named), _) => {
            lookup(named.as_bytes()).ok_or_else(|| Error::usage(format!("--charset {named}: nobody knows it")))?;
            Some(named.to_owned())
        }
        (None, [0xff, 0xfe, ..]) => Some("utf-16le".to_owned()),
        (None, [0xfe, 0xff, ..]) => Some("utf-16be".to_owned()),
        (None, [0xef, 0xbb, 0xbf, ..]) if facts.utf8 => Some("utf-8".to_owned()),
        (None, _) if facts.utf8 => None,
        (None, _) => declared(&start).filter(|_| html).or_else(locale),
    };
    let Some(label) = guess else { return Ok((raw, facts)) };
    let mut decoded = Utf8Body::new(raw.body()?, label.as_bytes());
    let (spooled, known) = spool(&mut decoded)?;
    if !decoded.replaced() {
        return Ok((spooled, known));
    }
    match named {
        Some(named) => Err(Error::data(format!("the text is not in {named}"))),
        None => Ok((raw, facts)),
    }
}

/// What a page says of itself: `<meta charset="...">` and its like.
fn declared(start: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let (_, rest) = text.split_once("charset=")?;
    let name: String = rest.chars().skip_while(|c| *c == '"' || *c == '\'').take_while(|c| is_label(*c)).collect();
    lookup(name.as_bytes()).map(|_| name)
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_:.".contains(c)
}

/// The charset of the locale, `de_DE.ISO-8859-1@euro`, unless that is UTF-8.
fn locale() -> Option<String> {
    let set = |name: &&str| std::env::var_os(name).filter(|value| !value.is_empty());
    let value: OsString = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set)?;
    let (_, charset) = value.to_str()?.split_once('.')?;
    let name: String = charset.chars().take_while(|c| is_label(*c)).collect();
    lookup(name.as_bytes()).map(|_| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let t = tempfile::tempdir().unwrap();
        let odd = t.path().join("a::b");
        std::fs::write(&odd, b"x").unwrap();
        assert_eq!(Named::parse(odd.as_os_str()).path, odd);
        let of = |text: &str| {
            let n = Named::parse(OsStr::new(text));
            (n.path.display().to_string(), n.kind.unwrap_or_default(), n.name.unwrap_or_default())
        };
        let three = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(of("no/such"), three("no/such", "", ""));
        assert_eq!(of("no:such"), three("no:such", "", ""));
        assert_eq!(of("x:image/png"), three("x", "image/png", ""));
        assert_eq!(of("x:image/png:a: b.png"), three("x", "image/png", "a: b.png"));
        assert_eq!(of("c:x:image/png"), three("c:x", "image/png", ""));
        assert_eq!(of("x::ä.png"), three("x", "", "ä.png"));
        assert_eq!(of("-:text/csv:a.csv"), three("-", "text/csv", "a.csv"));
        let n = Named::parse(OsStr::new("x:text/csv;charset=latin1"));
        assert_eq!((n.kind.as_deref(), n.charset.as_deref()), (Some("text/csv"), Some("latin1")));
        assert_eq!(Named::parse(OsStr::new("x:image/png:a\nb")).name().unwrap_err().exit().code(), 64);
    }

    #[test]
    fn texts_of_any_charset_become_utf_8() {
        let of = |bytes: &[u8], named: Option<&str>, html: bool| {
            text(&mut &*bytes, named, html)
                .map(|(mut spool, _)| spool.body().unwrap().whole(1000).unwrap().unwrap())
                .map_err(|e| e.exit().code())
        };
        let utf8 = "Grüße".as_bytes().to_vec();
        assert_eq!(of(&utf8, None, false), Ok(utf8.clone()));
        assert_eq!(of(b"Gr\xfc\xdfe", Some("latin1"), false), Ok(utf8.clone()));
        assert_eq!(of(b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", None, false), Ok(utf8.clone()));
        assert_eq!(of(b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0", None, false), Ok(utf8.clone()));
        assert_eq!(of(b"\xfe\xff\0G\0r\0\xfc\0\xdf\0e", None, false), Ok(utf8));
        let page = b"<meta http-equiv=x content='text/html; charset=windows-1252'>\x80";
        assert!(of(page, None, true).unwrap().ends_with("€".as_bytes()));
        assert_eq!(of(b"x", Some("klingon"), false), Err(64));
        assert_eq!(of(b"\xff\xff", Some("utf-8"), false), Err(65));
    }
}
