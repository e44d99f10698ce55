//! The arguments of sendmail(8), as getopt(3) reads them: letters may share a hyphen, values are attached or the next argument.

use crate::error::{Error, Result};
use crate::proto::smtp::dsn::{Notify, Ret, is_envid};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Mode {
    /// `-bm`: one message on stdin.
    #[default]
    Deliver,
    /// `-bs`: SMTP on stdin and stdout.
    Serve,
    /// `-bp`, and as mailq: what waits.
    List,
    /// `-q`: try what waits.
    Run,
    /// `-bv`: say who would get a message.
    Verify,
    /// `-bi`, `-I`, and as newaliases: check the aliases.
    Aliases,
}

/// What of the queue is meant, by a text that is in it in whatever case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `-qI`: in the name of the entry.
    Id(String),
    /// `-qR`: in the address of a recipient.
    Recipient(String),
    /// `-qS`: in that of the sender.
    Sender(String),
}

/// What they say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) mode: Mode,
    pub(super) read_recipients: bool,
    pub(super) dots_are_text: bool,
    pub(super) from: Option<String>,
    pub(super) full_name: Option<String>,
    pub(super) verbose: bool,
    pub(super) trace: Option<OsString>,
    pub(super) notify: Option<Notify>,
    pub(super) ret: Option<Ret>,
    pub(super) envid: Option<String>,
    pub(super) recipients: Vec<String>,
    /// With [`Mode::Run`]: what is tried before it is due; all of them must hold.
    pub(super) parts: Vec<Part>,
}

/// Letters with a value, attached or not.
const VALUED: &[u8] = b"BfFrNRVXoOhLpAbCMe";
/// Letters whose value is attached or missing.
const ATTACHED: &[u8] = b"qd";
/// Letters alone.
const ALONE: &[u8] = b"tivmnUGIsTDE";

impl Arguments {
    /// Reads them, without the program's name.
    ///
    /// # Errors
    /// 64: a letter is unknown, or its value is missing or wrong.
    pub(super) fn read(arguments: Vec<OsString>) -> Result<Arguments> {
        let mut all = Arguments::default();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let bytes = argument.into_vec();
            match bytes.strip_prefix(b"-") {
                Some(b"-") => {
                    for argument in rest.by_ref() {
                        all.recipients.push(text(argument.into_vec())?);
                    }
                }
                None | Some([]) => all.recipients.push(text(bytes)?),
                Some(letters) => all.letters(letters, &mut rest)?,
            }
        }
        Ok(all)
    }

    fn letters(&mut self, mut letters: &[u8], rest: &mut dyn Iterator<Item = OsString>) -> Result<()> {
        while let Some((&letter, after)) = letters.split_first() {
            let name = char::from(letter);
            if ALONE.contains(&letter) {
                self.alone(letter);
                letters = after;
                continue;
            }
            let value = match () {
                () if ATTACHED.contains(&letter) => after.to_vec(),
                () if !VALUED.contains(&letter) => {
                    return Err(Error::usage(format!("-{}: no option of sendmail(8)", name.escape_default())));
                }
                () if !after.is_empty() => after.to_vec(),
                () => match rest.next() {
                    Some(next) => next.into_vec(),
                    None => return Err(Error::usage(format!("-{name}: its value is missing"))),
                },
            };
            return self.valued(letter, value);
        }
        Ok(())
    }

    fn alone(&mut self, letter: u8) {
        match letter {
            b't' => self.read_recipients = true,
            b'i' => self.dots_are_text = true,
            b'v' => self.verbose = true,
            b'I' => self.mode = Mode::Aliases,
            // What else there is asks for what is done anyway, or for what nobody does any more.
            _ => {}
        }
    }

    fn valued(&mut self, letter: u8, value: Vec<u8>) -> Result<()> {
        let of = |value| text(value).map_err(|e| e.at(format!("-{}", char::from(letter))));
        match letter {
            b'f' | b'r' => self.from = Some(of(value)?),
            b'F' => self.full_name = Some(of(value)?),
            b'X' => self.trace = Some(OsString::from_vec(value)),
            b'N' => {
                self.notify = Some(known(letter, of(value)?, Notify::parse, "never, or some of success,failure,delay")?)
            }
            b'R' => self.ret = Some(known(letter, of(value)?, Ret::parse, "full or hdrs")?),
            b'V' => {
                let id = |text: &str| is_envid(text).then(|| text.to_owned());
                self.envid = Some(known(letter, of(value)?, id, "up to 100 characters of printable ASCII")?);
            }
            // Which of the two a message is, its own bytes say.
            b'B' => {
                let types =
                    |text: &str| ["7BIT", "8BITMIME"].iter().any(|t| t.eq_ignore_ascii_case(text)).then_some(());
                known(letter, of(value)?, types, "7BIT or 8BITMIME")?;
            }
            b'q' => {
                self.mode = Mode::Run;
                let part: fn(String) -> Part = match value.first() {
                    Some(b'I') => Part::Id,
                    Some(b'R') => Part::Recipient,
                    Some(b'S') => Part::Sender,
                    Some(kind @ (b'!' | b'G' | b'L' | b'Q')) => {
                        let kind = char::from(*kind);
                        return Err(Error::usage(format!("-q{kind}: not done here; there are -q -qI -qR -qS")));
                    }
                    // How often a daemon does it.
                    _ => return Ok(()),
                };
                let of_it = of(value)?.split_off(1);
                if of_it.is_empty() {
                    return Err(Error::usage("-qI, -qR, -qS: the text to look for is missing"));
                }
                self.parts.push(part(of_it));
            }
            b'o' if value == b"i" => self.dots_are_text = true,
            b'O' if value.eq_ignore_ascii_case(b"IgnoreDots") || value.eq_ignore_ascii_case(b"IgnoreDots=true") => {
                self.dots_are_text = true;
            }
            b'b' => {
                self.mode = match value.as_slice() {
                    b"m" => Mode::Deliver,
                    b"s" => Mode::Serve,
                    b"p" => Mode::List,
                    b"v" => Mode::Verify,
                    b"i" => Mode::Aliases,
                    _ => {
                        let value = crate::text::escape(&value);
                        return Err(Error::usage(format!("-b{value}: not done here; there are -bm -bs -bp -bv -bi")));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a value means.
fn known<T>(letter: u8, text: String, parse: impl Fn(&str) -> Option<T>, expected: &str) -> Result<T> {
    let wrong = || Error::usage(format!("-{} {}: not {expected}", char::from(letter), crate::text::escape(&text)));
    parse(&text).ok_or_else(wrong)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|_| Error::usage("an argument that is not UTF-8"))?;
    if crate::text::breaks_line(&text) {
        return Err(Error::usage("a line break or NUL in an argument"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments> {
        Arguments::read(line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect())
    }

    #[test]
    fn calls_that_programs_make() {
        let to = |to: &[&str]| to.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>();
        // cron of Debian, cronie, systemd's friends, git send-email, mutt, PHP.
        let cron = read("-FCronDaemon -i -B8BITMIME -oem root").unwrap();
        let full_name = Some("CronDaemon".to_owned());
        let expect = Arguments { full_name, dots_are_text: true, recipients: to(&["root"]), ..Arguments::default() };
        assert_eq!(cron, expect);
        let cronie = read("-FCronDaemon -odi -oem -oi -t -f bob").unwrap();
        assert!(cronie.dots_are_text && cronie.read_recipients && cronie.from.as_deref() == Some("bob"));
        let git = read("-i -f a@example.org b@example.org c@example.org").unwrap();
        assert_eq!(
            (git.from.as_deref(), git.recipients),
            (Some("a@example.org"), to(&["b@example.org", "c@example.org"]))
        );
        let mutt = read("-oem -oi -fa@example.org -N failure,delay -R full -- -b@example.org").unwrap();
        assert_eq!((mutt.from.as_deref(), mutt.recipients), (Some("a@example.org"), to(&["-b@example.org"])));
        let mutt = (mutt.notify.unwrap(), mutt.ret.unwrap());
        assert_eq!((mutt.0.to_string(), mutt.1), ("FAILURE,DELAY".to_owned(), Ret::Full));
        assert_eq!(read("-VQQ123 -N never").unwrap().envid.as_deref(), Some("QQ123"));
        let php = read("-t -i").unwrap();
        assert!(php.read_recipients && php.dots_are_text && php.recipients.is_empty());
        assert!(read("-ti").unwrap().read_recipients && read("-it").unwrap().dots_are_text);
        assert_eq!(read("-tf a@b c@d").unwrap().from.as_deref(), Some("a@b"));
        // Accepted without effect.
        let nothing =
            read("-v -m -n -U -G -Ac -L tag -h 3 -p esmtp -OTimeout=5m -d0.1 -C /etc/x -oA/etc/aliases -oee x")
                .unwrap();
        assert_eq!((nothing.recipients, nothing.dots_are_text), (to(&["x"]), false));
        for (line, mode) in [
            ("-bm x", Mode::Deliver),
            ("-bs", Mode::Serve),
            ("-b s", Mode::Serve),
            ("-bp", Mode::List),
            ("-bv x", Mode::Verify),
            ("-bi", Mode::Aliases),
            ("-q", Mode::Run),
            ("-q30m", Mode::Run),
        ] {
            assert_eq!(read(line).unwrap().mode, mode, "{line}");
        }
        let parts = vec![Part::Id("x1".into()), Part::Recipient("@b".into()), Part::Sender("a".into())];
        assert_eq!(read("-qIx1 -qR@b -qSa -q5m").unwrap().parts, parts);
        for wrong in
            ["-bd", "-Z", "-f", "-bt", "-tZ", "-é", "-Nnow", "-R some", "-B 9BIT", "-V é", "-qR", "-q!Ix", "-qLx"]
        {
            assert_eq!(read(wrong).unwrap_err().exit().code(), 64, "{wrong}");
        }
        assert_eq!(Arguments::read(vec!["-f".into(), "".into()]).unwrap().from.as_deref(), Some(""));
        assert!(Arguments::read(vec!["a\nb".into()]).is_err() && Arguments::read(vec!["-fa\rb".into()]).is_err());
    }
}
