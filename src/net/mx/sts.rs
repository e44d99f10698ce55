//! MTA-STS, RFC 8461: the grammar of its record and of its policy, and which servers a policy allows.

use crate::error::{Error, Result};

/// RFC 8461 3.2: a year, in seconds.
const LONGEST: u64 = 31_557_600;
/// More patterns are not read.
const PATTERNS: usize = 1000;

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is sent to servers that do not fulfil it.
    Enforce,
    /// It is looked at, and changes nothing.
    Testing,
    /// There is none any more.
    None,
}

impl Mode {
    /// Its word in a policy.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        }
    }
}

/// A policy, RFC 8461 3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How much it counts.
    pub mode: Mode,
    /// The servers, in small letters: names, or `*.` and what follows one label.
    pub mx: Vec<String>,
    /// How long it holds, in seconds.
    pub max_age: u64,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// 76: it is none.
    pub fn parse(text: &[u8]) -> Result<Policy> {
        let wrong = |why: &str| Error::protocol(format!("the policy {why}"));
        let text = std::str::from_utf8(text).map_err(|_| wrong("is not UTF-8"))?;
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim(), value.trim());
            match key {
                // The first of each counts; unknown keys are for later versions.
                "version" => _ = version.get_or_insert(value),
                "mode" => _ = mode.get_or_insert(value),
                "max_age" => _ = max_age.get_or_insert(value),
                "mx" if mx.len() < PATTERNS => mx.push(value.trim_end_matches('.').to_ascii_lowercase()),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err(wrong("is not of version STSv1"));
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err(wrong("has no mode that is known")),
        };
        let digits =
            max_age.filter(|age| !age.is_empty() && age.len() <= 10 && age.bytes().all(|b| b.is_ascii_digit()));
        let max_age: u64 = digits.and_then(|age| age.parse().ok()).ok_or_else(|| wrong("has no max_age"))?;
        if mx.is_empty() && mode != Mode::None {
            return Err(wrong("names no server"));
        }
        Ok(Policy { mode, mx, max_age: max_age.min(LONGEST) })
    }

    /// Whether a server may be used, RFC 8461 4.1.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => host == *pattern,
        })
    }
}

/// The id in the TXT records at `_mta-sts`, RFC 8461 3.1. `None`: there is not exactly one record of this version.
pub fn id<'t>(records: impl Iterator<Item = &'t [u8]>) -> Option<String> {
    let mut ours = records.filter(|record| {
        let rest = record.strip_prefix(b"v=STSv1");
        rest.is_some_and(|rest| rest.first().is_none_or(|b| matches!(b, b';' | b' ' | b'\t')))
    });
    let (record, None) = (ours.next()?, ours.next()) else { return None };
    let text = std::str::from_utf8(record).ok()?;
    let id = text.split(';').skip(1).find_map(|field| {
        let (key, value) = field.split_once('=')?;
        (key.trim() == "id").then(|| value.trim())
    })?;
    ((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let id = |texts: &[&str]| id(texts.iter().map(|text| text.as_bytes()));
        assert_eq!(id(&["v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
        assert_eq!(id(&["spf", "v=STSv1;id=1"]).as_deref(), Some("1"));
        assert_eq!(id(&["v=STSv1; x=y; id=1; id=2"]).as_deref(), Some("1"));
        let long = format!("v=STSv1; id={}", "1".repeat(33));
        for none in [
            vec![],
            vec!["v=STSv1; id=1", "v=STSv1; id=2"],
            vec!["v=STSv2; id=1"],
            vec!["v=STSv1; id=a-b"],
            vec!["v=STSv1"],
            vec!["v=STSv1; id="],
            vec!["v=STSv10; id=1"],
            vec![long.as_str()],
        ] {
            assert_eq!(id(&none), None, "{none:?}");
        }
    }

    #[test]
    fn policies() {
        let text = b"version: STSv1\r\nmode: enforce\r\nmx: mail.Example.com\r\nmx: *.example.net\r\nx: y\r\nmax_age: 604800\r\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age, policy.mx.len()), (Mode::Enforce, 604_800, 2));
        for (host, allowed) in [
            ("mail.example.com", true),
            ("MAIL.example.com", true),
            ("a.example.net", true),
            ("a.b.example.net", false),
            ("example.net", false),
            (".example.net", false),
            ("other.example.com", false),
        ] {
            assert_eq!(policy.allows(host), allowed, "{host}");
        }
        let age = |age: &str| Policy::parse(format!("version: STSv1\nmode: none\nmax_age: {age}\n").as_bytes());
        assert_eq!(age("9999999999").unwrap().max_age, LONGEST);
        for bad in ["-1", "", "x", "99999999999"] {
            assert!(age(bad).is_err());
        }
        for bad in [
            "",
            "version: STSv2\nmode: none\nmax_age: 1",
            "version: STSv1\nmode: x\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmax_age: 1",
            "mode: none\nmax_age: 1",
            "<html>",
            "version: STSv1\nmode: none",
        ] {
            assert!(Policy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Policy::parse(b"\xff").is_err());
    }
}
