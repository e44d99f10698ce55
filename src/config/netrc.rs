//! netrc(5): `machine HOST login USER password WORD`, `default`, comments, tokens in double quotes.

use super::secret::checked;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What an entry says.
pub(super) struct Entry {
    /// Its login, if it has one.
    pub(super) login: Option<Secret>,
    /// Its password.
    pub(super) password: Secret,
}

/// The first entry with a password of that machine and user (or without login), else of `default`. Without `user`: the first
/// of that machine, whoever logs in; `default` would tell the password to every server.
///
/// # Errors
/// 78 with the line: it is none of netrc's words. Nothing of the file is in the text.
pub(super) fn look(text: &[u8], host: &str, user: Option<&str>) -> Result<Option<Entry>> {
    let mut tokens = Tokens { rest: text, line: 1 };
    // What the entry at hand is for, and what it says so far.
    let (mut ours, mut login, mut password) = (false, None::<Secret>, None::<Secret>);
    let found = |ours: bool, login: &mut Option<Secret>, password: &mut Option<Secret>| {
        let fits = user.is_none_or(|user| login.as_ref().is_none_or(|login| login.expose() == user.as_bytes()));
        let password = (ours && fits).then(|| password.take()).flatten()?;
        Some(checked(password).map(|password| Entry { login: login.take(), password }))
    };
    while let Some(word) = tokens.word()? {
        let line = tokens.line;
        let missing = || Error::config(format!("line {line}: ends in the middle of an entry"));
        match word.expose() {
            b"machine" | b"default" => {
                if let Some(entry) = found(ours, &mut login, &mut password) {
                    return entry.map(Some);
                }
                (login, password) = (None, None);
                ours = if word.expose() == b"default" {
                    user.is_some()
                } else {
                    let machine = tokens.next()?.ok_or_else(missing)?;
                    machine.expose().eq_ignore_ascii_case(host.as_bytes())
                };
            }
            b"login" => login = Some(tokens.next()?.ok_or_else(missing)?),
            b"password" => password = Some(tokens.next()?.ok_or_else(missing)?),
            b"account" => drop(tokens.next()?.ok_or_else(missing)?),
            b"macdef" => tokens.skip_macro(),
            _ => return Err(Error::config(format!("line {line}: none of machine, default, login, password, account"))),
        }
    }
    found(ours, &mut login, &mut password).transpose()
}

struct Tokens<'t> {
    rest: &'t [u8],
    line: usize,
}

impl Tokens<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.line += usize::from(*first == b'\n');
        self.rest = rest;
        Some(*first)
    }

    /// The next token that is no value: a comment may stand before it.
    fn word(&mut self) -> Result<Option<Secret>> {
        loop {
            match self.rest.first() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => drop(self.byte()),
                Some(b'#') => while self.byte().is_some_and(|b| b != b'\n') {},
                _ => return self.next(),
            }
        }
    }

    /// The next token; each may be a secret.
    fn next(&mut self) -> Result<Option<Secret>> {
        loop {
            match self.rest.first() {
                None => return Ok(None),
                Some(b' ' | b'\t' | b'\r' | b'\n') => drop(self.byte()),
                Some(b'"') => {
                    self.byte();
                    let line = self.line;
                    // The file is as long as any of its tokens, so nothing is copied about in memory.
                    let mut token = Vec::with_capacity(self.rest.len());
                    loop {
                        match self.byte() {
                            None | Some(b'\n') => {
                                drop(Secret::new(token));
                                return Err(Error::config(format!("line {line}: a quote that does not end")));
                            }
                            Some(b'"') => return Ok(Some(Secret::new(token))),
                            Some(b'\\') => token.extend(self.byte()),
                            Some(b) => token.push(b),
                        }
                    }
                }
                Some(_) => {
                    let end = self.rest.iter().position(u8::is_ascii_whitespace).unwrap_or(self.rest.len());
                    let (token, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    return Ok(Some(Secret::new(token.to_vec())));
                }
            }
        }
    }

    /// A macro ends with an empty line.
    fn skip_macro(&mut self) {
        while let Some(b) = self.byte() {
            if b == b'\n' && self.rest.first().is_none_or(|next| *next == b'\n') {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, host: &str, user: &str) -> Result<Option<String>> {
        Ok(look(text.as_bytes(), host, Some(user))?.map(|e| String::from_utf8(e.password.expose().to_vec()).unwrap()))
    }

    #[test]
    fn entries() {
        let text = "# mine\nmachine a login bob password one\nmachine a\n\tlogin carol password \"t w\\\"o#\"\n\
                    machine b password any account x\nmacdef init\nmachine no login no password no\n\n\
                    machine c login x password #3\n# end\ndefault login bob password last\n";
        for (host, user, password) in [
            ("a", "bob", Some("one")),
            ("A", "bob", Some("one")),
            ("a", "carol", Some("t w\"o#")),
            ("b", "whoever", Some("any")),
            ("no", "no", None),
            ("c", "x", Some("#3")),
            ("z", "bob", Some("last")),
            ("z", "eve", None),
        ] {
            assert_eq!(at(text, host, user).unwrap().as_deref(), password, "{host} {user}");
        }
        let first =
            |host| look(text.as_bytes(), host, None).unwrap().map(|entry| entry.login.map(|l| l.expose().to_vec()));
        assert_eq!(first("a"), Some(Some(b"bob".to_vec())));
        assert_eq!(first("b"), Some(None));
        assert_eq!(first("z"), None);
        assert_eq!(at("", "a", "b").unwrap(), None);
        assert_eq!(at("default password x", "a", "b").unwrap().as_deref(), Some("x"));
    }

    #[test]
    fn nonsense_is_told_by_its_line_and_without_it() {
        for (bad, line) in [
            ("machine a\npasswd tulip", "line 2"),
            ("machine", "line 1"),
            ("machine a\n\npassword", "line 3"),
            ("machine a password \"tulip", "line 1"),
            ("machine a password \"tulip\ntulip\"", "line 1"),
            ("machine a password \"\"", "empty"),
            ("machine a password \0tulip", "NUL"),
        ] {
            let e = at(bad, "a", "b").unwrap_err();
            assert_eq!(e.exit().code(), 78);
            assert!(e.to_string().contains(line) && !e.to_string().contains("tulip"), "{bad:?}: {e}");
        }
    }
}
