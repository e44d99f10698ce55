//! A message on an IMAP server as one word, `ACCOUNT:FOLDER#UIDVALIDITY.UID`: what `imap-ls --refs` prints and every imap
//! program takes. It can never mean another message: when UIDs are given anew, UIDVALIDITY changes.

use crate::error::{Error, Result};
use crate::net::endpoint::{Endpoint, Place, Protection};
use std::fmt::Write as _;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its account and folder.
    pub at: Endpoint,
    /// The folder's UIDVALIDITY.
    pub uid_validity: u32,
    /// Its UID.
    pub uid: u32,
}

impl Reference {
    /// Reads one, whose account `name` knows; `None` if there is no `#digits.digits` at the end, so that it must be
    /// something else.
    ///
    /// # Errors
    /// 64: what stands before it is no folder of an account.
    pub fn parse(text: &str, name: &dyn Fn(&str) -> Result<Endpoint>) -> Option<Result<Reference>> {
        let (before, numbers) = text.rsplit_once('#')?;
        let (uid_validity, uid) = numbers.split_once('.')?;
        let number = |t: &str| {
            let digits = !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| t.parse::<u32>().ok().filter(|n| *n > 0))
        };
        let (uid_validity, uid) = (number(uid_validity)?, number(uid)?);
        let (Some(uid_validity), Some(uid)) = (uid_validity, uid) else {
            return Some(Err(Error::usage(format!("{text}: a number that can't be"))));
        };
        Some(name(before).and_then(|at| match at.folder {
            Some(_) => Ok(Reference { at, uid_validity, uid }),
            None => Err(Error::usage(format!("{text}: no folder"))),
        }))
    }
}

/// What stands before the `#` for messages of `folder` in the account of `at`, without its spaces and controls.
#[must_use]
pub fn folder_name(at: &Endpoint, folder: &str) -> String {
    let scheme = match at.protection {
        Protection::Implicit => "imaps",
        Protection::Default => "imap",
        Protection::StartTls => "imap+starttls",
        Protection::Plain => "imap+plain",
    };
    let word = |text: &str| encode(text, |c| c.is_alphanumeric() || "-._~+".contains(c));
    let user = at.user.as_deref().map(|u| format!("{}@", word(u))).unwrap_or_default();
    let account = match &at.place {
        _ if let Some(name) = &at.account => format!("{name}:"),
        Place::Local(None) => "local:".to_owned(),
        Place::Local(Some(user)) => format!("local://{}/", word(user)),
        Place::Host(host, port) if host.contains(':') => format!("{scheme}://{user}[{host}]:{port}/"),
        Place::Host(host, port) => format!("{scheme}://{user}{host}:{port}/"),
        Place::Unix(path) => {
            let start = if user.is_empty() { String::new() } else { format!("//{user}") };
            format!("imap+unix:{start}{}:", encode(path, |c| c.is_alphanumeric() || "/-._~+".contains(c)))
        }
        // Only an account has one.
        Place::Tunnel | Place::Direct => String::new(),
    };
    // A folder behind the colon that begins with // would be a user or a host.
    let start = |at: usize, c: char| c != '/' || at > 0 || !account.ends_with(':');
    let mut name = account.clone();
    for (at, c) in folder.char_indices() {
        let plain = start(at, c) && !"%#\\".contains(c) && !crate::text::is_unsafe(c);
        name.push_str(&encode(c.encode_utf8(&mut [0; 4]), |_| plain));
    }
    name
}

fn encode(text: &str, plain: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) {
            out.push(c);
        } else {
            for b in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::Service;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<Result<Reference>> {
        Reference::parse(text, &|account| match account.strip_prefix("work:") {
            Some(folder) if !folder.starts_with("//") => {
                let at = Endpoint::parse(&format!("local:{folder}"), Service::Imap)?;
                Ok(Endpoint { account: Some("work".into()), ..at })
            }
            _ => Endpoint::parse(account, Service::Imap),
        })
    }

    #[test]
    fn what_is_a_reference_and_what_is_not() {
        let r = parse("local:Lists/rust#7.12").unwrap().unwrap();
        assert_eq!((r.at.folder.as_deref(), r.uid_validity, r.uid), (Some("Lists/rust"), 7, 12));
        let r = parse("local:a%23%25#1#7.12").unwrap().unwrap();
        assert_eq!(r.at.folder.as_deref(), Some("a#%#1"));
        for none in
            ["local:INBOX", "7", "3:9,12", "-", "local:a#b", "local:a#1", "local:a#1.x", "local:a#.1", "#", "a#1."]
        {
            assert!(parse(none).is_none(), "{none}");
        }
        for bad in
            ["local:#7.12", "x#7.12", "#7.12", "local:a#0.1", "local:a#1.0", "local:a#1.4294967296", "pop3://h/a#1.2"]
        {
            assert_eq!(parse(bad).unwrap().unwrap_err().exit().code(), 64, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_folder_comes_back(
            folder in "\\PC{0,6}[%#/\\\\ -~\u{0}-\u{1f}\u{202e}é]{1,6}",
            account in prop_oneof![
                Just("local:"), Just("local://bob/"), Just("work:"), Just("imap+plain://b%40x%2Fy@127.0.0.1:1143/"),
                Just("imaps://bob@[::1]:993/"), Just("imap+starttls://é@example.org:143/"),
                Just("imap+unix:/run/a%3Ab%25:"), Just("imap+unix://b%40x@/run/s:"),
            ],
        ) {
            let at = parse(&format!("{account}x#1.1")).unwrap().unwrap().at;
            let name = folder_name(&at, &folder);
            prop_assert_eq!(crate::text::escape(&name), name.clone());
            let back = parse(&format!("{name}#3.4"));
            if crate::text::breaks_line(&folder) {
                prop_assert!(back.unwrap().is_err());
            } else {
                let back = back.unwrap().unwrap();
                prop_assert_eq!(back.at.folder.as_deref(), Some(folder.as_str()));
                prop_assert_eq!((back.at.place, back.at.user, back.at.protection, back.at.account),
                    (at.place, at.user, at.protection, at.account));
            }
        }
    }
}
