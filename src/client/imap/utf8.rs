//! UTF8=ACCEPT (RFC 6855): names of folders, searches and the header fields of messages in UTF-8, where the server offers it.
//!
//! It is asked for behind the login, and the answer comes with the first flight, which is flown again if it was no and a name is not the
//! same in both.

use super::talk::{Deaf, Talk};
use crate::error::Result;
use crate::proto::imap::command::Command;
use crate::proto::imap::encode::{Piece, encode_in};
use crate::proto::imap::response::Condition;
use crate::proto::imap::utf7::Names;

const ACCEPT: &str = "UTF8=ACCEPT";

/// What is spoken here.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    pub(super) names: Names,
    /// The tag of ENABLE, whose answer is owed.
    asked: Option<String>,
    /// Whether the server said that it is enabled.
    enabled: bool,
    /// Whether something went out since that would have looked otherwise.
    counts: bool,
}

impl Spoken {
    /// Whether it is UTF-8, for all that is known so far.
    pub(super) fn is_utf8(&self) -> bool {
        self.names == Names::Utf8
    }

    pub(super) fn encode(&mut self, tag: &str, command: &Command) -> Result<Vec<Piece>> {
        let pieces = encode_in(self.names, tag, command)?;
        if self.asked.is_some() && !self.counts {
            self.counts = encode_in(Names::Utf7, tag, command)? != pieces;
        }
        Ok(pieces)
    }

    /// ENABLED.
    pub(super) fn enabled(&mut self, words: &[String]) {
        self.enabled |= words.iter().any(|word| word.eq_ignore_ascii_case(ACCEPT));
    }
}

impl Talk {
    /// Asks for it, where it can be had, and does not wait for the answer.
    pub(super) fn enable_utf8(&mut self) -> Result<()> {
        if !self.has(ACCEPT) && !self.has("UTF8=ONLY") {
            return Ok(());
        }
        let (tag, pieces) = self.encode(&Command::Enable(vec![ACCEPT.to_owned()]))?;
        if self.say(&tag, pieces, &mut Deaf)?.is_none() {
            self.spoken = Spoken { names: Names::Utf8, asked: Some(tag), enabled: false, counts: false };
        }
        Ok(())
    }

    /// The answer to that, if it is owed. False: it is not spoken here, and what went out was not understood.
    pub(super) fn speaks_utf8(&mut self) -> Result<bool> {
        let Some(tag) = self.spoken.asked.take() else { return Ok(true) };
        let answer = self.answer(&tag, &mut Deaf)?;
        if answer.condition == Condition::Ok && self.spoken.enabled {
            return Ok(true);
        }
        self.spoken.names = Names::Utf7;
        Ok(!self.spoken.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{login, play};
    use super::super::{Client, ToAppend};
    use crate::error::Result;
    use crate::net::script::{End, Mode, Script};
    use crate::proto::imap::command::Appending;
    use crate::proto::imap::search::SearchKey;
    use chrono::DateTime;

    const BEFORE: &str = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+] hi\nC: $a LOGIN mrc ***\n\
         S: $a OK [CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ENABLE UTF8=ACCEPT] in\nC: $u ENABLE UTF8=ACCEPT\n";
    const OPENED: &str = "S: * 0 EXISTS\nS: * OK [UIDVALIDITY 7] .\n";

    fn with<T>(script: &str, does: impl Fn(&mut Client) -> Result<T>) -> Result<T> {
        let script = Script::parse(script).unwrap();
        let (end, result) =
            play(&script, Mode::default(), |wire| does(&mut Client::open(wire, Some(&login()), false)?));
        assert!(matches!(end, End::Whole), "{end:?}");
        result
    }

    fn green(folder: &str) -> impl Fn(&mut Client) -> Result<u64> + '_ {
        move |client| client.count_in(folder, &SearchKey::Body("grün".to_owned()))
    }

    #[test]
    fn enabled() {
        let script = format!(
            "{BEFORE}C: $e EXAMINE \"Entw\\xc3\\xbcrfe\"\nC: $s UID SEARCH BODY \"gr\\xc3\\xbcn\"\n\
             S: * ENABLED UTF8=ACCEPT\nS: $u OK .\n{OPENED}S: $e OK .\nS: * SEARCH 5 6\nS: $s OK .\n"
        );
        assert_eq!(with(&script, green("Entwürfe")), Ok(2));
        // A name is what it looks like.
        let script = format!(
            "{BEFORE}S: * ENABLED UTF8=ACCEPT\nS: $u OK .\nC: $l LIST \"\" *\nS: * LIST () \"/\" a&-b\nS: * LIST () \"/\" \"\\xc3\\xbc\"\nS: $l OK .\n"
        );
        let names = with(&script.replace("LIST \"\" *", "LIST \"\" \"*\""), |client| client.list(&["*"])).unwrap();
        let names: Vec<(&str, bool)> = names.iter().map(|folder| (folder.name.as_str(), folder.exact)).collect();
        assert_eq!(names, [("a&-b", true), ("ü", true)]);
    }

    #[test]
    fn announced_and_refused() {
        for said in ["S: $u BAD what\n", "S: $u OK .\n"] {
            // What looks the same in both counts; else it goes out again.
            let script = format!(
                "{BEFORE}C: $e EXAMINE \"Entw\\xc3\\xbcrfe\"\nC: $s UID SEARCH BODY \"gr\\xc3\\xbcn\"\n\
                 {said}S: $e NO no such folder\nS: $s BAD no folder\nC: $f EXAMINE Entw&APw-rfe\n\
                 C: $t UID SEARCH CHARSET UTF-8 BODY {{5+}}\nC: gr\\xc3\\xbcn\n{OPENED}S: $f OK .\nS: * SEARCH 5\nS: $t OK .\n"
            );
            assert_eq!(with(&script, green("Entwürfe")), Ok(1), "{said}");
            let script = format!(
                "{BEFORE}C: $e EXAMINE x\nC: $s UID SEARCH ALL\n{said}{OPENED}S: $e OK .\nS: * SEARCH 5\nS: $s OK .\n"
            );
            assert_eq!(with(&script, |client| client.count_in("x", &SearchKey::All)), Ok(1), "{said}");
        }
    }

    #[test]
    fn appended_as_what_they_are() {
        let script = format!(
            "{BEFORE}S: * ENABLED UTF8=ACCEPT\nS: $u OK .\n\
             C: $p APPEND x \"17-Jul-1996 02:44:25 +0000\" UTF8 (~{{12+}}\nC: A: \\xc3\\xbc\nC:\nC: b\n\
             C: ) \"17-Jul-1996 02:44:25 +0000\" {{10+}}\nC: A: b\nC:\nC: \\xc3\\xbc\n\
             S: $p OK [APPENDUID 7 12:13] .\n"
        );
        let date = DateTime::parse_from_rfc3339("1996-07-17T02:44:25Z").ok();
        let (one, two) = ("A: ü\r\n\r\nb\r\n", "A: b\r\n\r\n\u{fc}");
        let done = with(&script, |client| {
            let (mut first, mut second) = (one.as_bytes(), two.as_bytes());
            let what = |size: usize| Appending { flags: Vec::new(), date, size: size as u64 };
            client.append_all(
                "x",
                &mut [
                    ToAppend { what: what(one.len()), message: &mut first },
                    ToAppend { what: what(two.len()), message: &mut second },
                ],
            )
        });
        assert_eq!(done.unwrap().into_iter().flatten().count(), 2);
    }
}
