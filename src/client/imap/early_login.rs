//! A login whose answer is not waited for: the commands of the first flight go out behind it, by what the server announced after the last
//! login there, which somebody has remembered.
//!
//! Only for a password that may go out (over TLS, or where a clear login is allowed), by LOGIN without literals or AUTHENTICATE PLAIN with its
//! initial response (RFC 4959), and only commands that read ride along. What is heard before the login is known to be good is nobody's
//! business; and if the server announces other things than it did, and that is of importance, the flight is flown again.

use super::Client;
use super::talk::{Deaf, Said, Talk};
use crate::client::sasl::choose;
use crate::client::{Login, Proof};
use crate::error::{Error, Exit, Result};
use crate::net::wire::LINE;
use crate::proto::imap::command::Command;
use crate::proto::imap::encode::Piece;
use crate::proto::imap::response::Condition;
use crate::proto::sasl::{Mechanism, known, plain};
use crate::secret::Secret;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What a server announces to those who are logged in. Nothing: its answer to the login must be waited for, since what came behind it
/// was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Its capabilities, in capitals.
    pub capabilities: Vec<String>,
    /// Whether it tells them only if it is asked (CAPABILITY), and not with its answer to the login.
    pub asked: bool,
}

/// Remembers that, by the key of a server: what it says of itself and, under TLS, the pin of its public key.
pub trait Memory: Send + Sync {
    /// What it was the last time.
    fn recall(&self, key: &str) -> Option<Announced>;
    /// What it is now; nothing hangs on that being kept.
    fn keep(&self, key: &str, announced: &Announced);
}

/// What is not known yet: the answer to the login.
pub(super) struct Owed {
    login: String,
    /// The tag of CAPABILITY behind it.
    capability: Option<String>,
    what: &'static str,
    remembered: Announced,
}

/// Who remembers, and what this server is called there.
#[derive(Clone)]
pub(super) struct Remembers {
    pub(super) memory: Arc<dyn Memory>,
    pub(super) key: String,
}

impl Client {
    /// Does it, and once more if what the server can do turned out to be something else.
    pub(super) fn surely<T>(&mut self, mut does: impl FnMut(&mut Client) -> Result<T>) -> Result<T> {
        match does(self) {
            Err(_) if std::mem::take(&mut self.talk.stale) => does(self),
            done => done,
        }
    }
}

impl Talk {
    /// Writes a login and does not wait for the answer, if that may be. From here on the capabilities are those that are remembered.
    pub(super) fn log_in_early(&mut self, login: &Login) -> Result<bool> {
        let Some(Remembers { memory, key }) = &self.remembers else { return Ok(false) };
        let (Proof::Password(password), Some(remembered)) = (&login.proof, memory.recall(key)) else {
            return Ok(false);
        };
        if remembered.capabilities.is_empty() {
            return Ok(false);
        }
        let Some((command, what)) = self.in_one_step(login, password) else { return Ok(false) };
        let (tag, pieces) = self.encode(&command)?;
        if pieces.iter().any(|piece| !matches!(piece, Piece::Text(_) | Piece::Secret(_))) {
            return Ok(false);
        }
        self.wire.hides(password);
        if self.say(&tag, pieces, &mut Deaf)?.is_some() {
            return Err(self.protocol("out of step: an answer to half a command"));
        }
        let capability = if remembered.asked { Some(self.encode(&Command::Capability)?) } else { None };
        let capability = match capability {
            Some((tag, pieces)) => self.say(&tag, pieces, &mut Deaf)?.is_none().then_some(tag),
            None => None,
        };
        self.told.capabilities.clone_from(&remembered.capabilities);
        self.told.fresh = true;
        self.used.borrow_mut().clear();
        self.owed = Some(Owed { login: tag, capability, what, remembered });
        Ok(true)
    }

    /// The login as one command without a literal.
    fn in_one_step(&self, login: &Login, password: &Secret) -> Option<(Command, &'static str)> {
        let sasl = known(self.told.capabilities.iter().filter_map(|word| word.strip_prefix("AUTH=")));
        if self.has("LOGINDISABLED") || sasl.iter().any(|m| matches!(m, Mechanism::External)) {
            return None;
        }
        let mut offered = sasl.clone();
        offered.extend([Mechanism::Plain, Mechanism::Login].into_iter().filter(|m| !sasl.contains(m)));
        match choose(&self.wire, login, &offered).ok()? {
            Mechanism::Plain if sasl.contains(&Mechanism::Plain) => {
                let initial = plain(&login.user, password).filter(|_| self.has("SASL-IR"))?;
                let short = initial.expose().len() <= LINE / 8;
                let mechanism = Mechanism::Plain.name().to_owned();
                short.then_some((Command::Authenticate { mechanism, initial: Some(initial) }, "AUTHENTICATE: "))
            }
            Mechanism::Plain | Mechanism::Login => {
                Some((Command::Login { user: login.user.clone().into_bytes(), password: password.clone() }, "LOGIN: "))
            }
            _ => None,
        }
    }

    /// The answer to the login, if it is owed; `waiting`: the commands of the flight behind it.
    ///
    /// # Errors
    /// 75, 77: refused; 75 with `stale`: the flight was for nothing, and can be flown again.
    pub(super) fn settle(&mut self, waiting: &mut VecDeque<Result<String>>) -> Result<()> {
        let same = match self.owed.take() {
            Some(owed) => self.announces_the_same(owed)?,
            None => true,
        };
        // In the order in which they went out.
        let understood = self.speaks_utf8()?;
        if same && understood {
            return Ok(());
        }
        while let Some(tag) = waiting.pop_front() {
            self.answer(&tag?, &mut Deaf)?;
        }
        if !self.told.fresh && !same {
            let answer = self.ask(&Command::Capability, &mut Deaf)?;
            if answer.condition != Condition::Ok {
                return Err(self.refused("CAPABILITY: ", &answer));
            }
            self.remember(&Announced { capabilities: self.told.capabilities.clone(), asked: true });
        }
        self.stale = true;
        Err(Error::temporary("what the server can do has changed").at(self.peer()))
    }

    /// The login is good. False: what the server announces now is not what was remembered, or unknown, and that is of importance.
    fn announces_the_same(&mut self, owed: Owed) -> Result<bool> {
        self.told.fresh = false;
        self.is_logged_in(&owed)?;
        if let Some(tag) = &owed.capability {
            self.answer(tag, &mut Deaf)?;
        }
        let told = self.told.fresh;
        if told && self.told.capabilities == owed.remembered.capabilities {
            return Ok(true);
        }
        if told {
            let now = Announced { capabilities: self.told.capabilities.clone(), asked: owed.remembered.asked };
            self.remember(&now);
        }
        let other =
            |word: &String| owed.remembered.capabilities.contains(word) != self.told.capabilities.contains(word);
        // What has changed does not matter here.
        Ok(told && !self.used.borrow().iter().any(other))
    }

    fn is_logged_in(&mut self, owed: &Owed) -> Result<()> {
        let e = match self.read(&mut Deaf) {
            Ok(Said::Tagged(tag, status)) if tag == owed.login => match status.condition {
                Condition::Ok => return Ok(()),
                Condition::No => self.denied(owed.what, &status),
                // Not understood, so nothing was refused: step by step it may be.
                _ => {
                    self.waits_from_now_on();
                    self.denied(owed.what, &status).with_exit(Exit::TempFail)
                }
            },
            Ok(Said::Tagged(..) | Said::Continue(_)) => {
                self.waits_from_now_on();
                self.protocol(format!("out of step: an answer that is not to {}", owed.login))
            }
            Err(e) => e,
        };
        // Whatever else it answers is of no interest.
        Err(self.broken(e))
    }

    /// Keeps what the server announces for the next time.
    pub(super) fn remember(&self, announced: &Announced) {
        let Some(Remembers { memory, key }) = &self.remembers else { return };
        let before = memory.recall(key);
        let waits = before.as_ref().is_some_and(|before| before.capabilities.is_empty());
        if !waits && before.as_ref() != Some(announced) {
            memory.keep(key, announced);
        }
    }

    /// Nothing goes out behind a login there any more.
    pub(super) fn waits_from_now_on(&self) {
        if let Some(Remembers { memory, key }) = &self.remembers {
            memory.keep(key, &Announced::default());
        }
    }
}

/// What was asked of the capabilities since the login.
pub(super) type Used = BTreeSet<String>;

#[cfg(test)]
mod tests {
    use super::super::tests::{login, play};
    use super::super::{Fetched, Rows, Which};
    use super::*;
    use crate::body::Body;
    use crate::net::script::{End, Mode, Script};
    use crate::proto::imap::response::BodyName;
    use crate::proto::imap::search::{SearchKey, SystemFlag};
    use crate::proto::imap::section::FetchItem;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Kept(Mutex<Option<Announced>>);

    impl Memory for Kept {
        fn recall(&self, key: &str) -> Option<Announced> {
            assert_eq!(key, "server plain");
            self.0.lock().unwrap().clone()
        }
        fn keep(&self, _: &str, announced: &Announced) {
            *self.0.lock().unwrap() = Some(announced.clone());
        }
    }

    #[derive(Default)]
    struct Uids(Vec<u32>);

    impl Rows for Uids {
        fn literal(&mut self, _: &Fetched, _: &BodyName, _: u64, _: &mut dyn Body) -> Result<()> {
            Ok(())
        }
        fn row(&mut self, row: Fetched) -> Result<()> {
            self.0.push(row.uid);
            Ok(())
        }
    }

    fn announced(words: &str, asked: bool) -> Announced {
        Announced { capabilities: words.split(' ').map(str::to_owned).collect(), asked }
    }

    /// What unread messages there are, by a server that is remembered so, and how it is remembered then.
    fn unseen(script: &str, before: Option<Announced>) -> (Result<Vec<u32>>, Option<Announced>) {
        let script = Script::parse(script).unwrap();
        let kept = Arc::new(Kept(Mutex::new(before)));
        let (end, result) = play(&script, Mode::default(), |wire| {
            let memory: Arc<dyn Memory> = kept.clone();
            let mut client = Client::open_remembering(wire, Some(&login()), false, Some((memory, "server")))?;
            let mut uids = Uids::default();
            let key = SearchKey::Flag(SystemFlag::Seen, false);
            client.fetch_from("x", Which::Found(&key), &[FetchItem::Flags], &mut uids)?;
            client.hang_up();
            Ok(uids.0)
        });
        assert!(matches!(end, End::Whole), "{end:?} {result:?}");
        let after = kept.0.lock().unwrap().clone();
        (result, after)
    }

    const GREETING: &str = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\n";
    const LOGIN: &str = "C: $l AUTHENTICATE PLAIN AG1yYwBzZWNyZXQ=\n";
    const OPENED: &str = "S: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] .\nS: $e OK opened\n";
    const SAVED: &str =
        "C: $e EXAMINE x\nC: $s UID SEARCH RETURN (ALL SAVE) UNSEEN\nC: $f UID FETCH \\x24 (UID FLAGS)\n";
    const ROW: &str = "S: * ESEARCH (TAG \"$s\") UID ALL 5\nS: $s OK .\nS: * 2 FETCH (UID 5 FLAGS ())\nS: $f OK .\n== done\nC: $g LOGOUT\n";

    #[test]
    fn the_second_time_all_is_one_flight() {
        let in_words = "S: $l OK [CAPABILITY IMAP4rev1 ESEARCH SEARCHRES] in\n";
        let known = announced("IMAP4REV1 ESEARCH SEARCHRES", false);
        let first = format!("{GREETING}{LOGIN}{in_words}{SAVED}{OPENED}{ROW}");
        assert_eq!(unseen(&first, None), (Ok(vec![5]), Some(known.clone())));
        let second = format!("{GREETING}{LOGIN}{SAVED}{in_words}{OPENED}{ROW}");
        assert_eq!(unseen(&second, Some(known.clone())), (Ok(vec![5]), Some(known.clone())));
        // More than before: what was used is there as before.
        let more = second.replace("SEARCHRES] in", "SEARCHRES MOVE] in");
        let now = announced("IMAP4REV1 ESEARCH SEARCHRES MOVE", false);
        assert_eq!(unseen(&more, Some(known)), (Ok(vec![5]), Some(now)));
    }

    #[test]
    fn a_server_that_must_be_asked_is_asked_in_the_same_flight() {
        let asks = "C: $c CAPABILITY\n";
        let told = "S: * CAPABILITY IMAP4rev1 ESEARCH SEARCHRES\nS: $c OK .\n";
        let known = announced("IMAP4REV1 ESEARCH SEARCHRES", true);
        let first = format!("{GREETING}{LOGIN}S: $l OK in\n{asks}{told}{SAVED}{OPENED}{ROW}");
        assert_eq!(unseen(&first, None), (Ok(vec![5]), Some(known.clone())));
        let second = format!("{GREETING}{LOGIN}{asks}{SAVED}S: $l OK in\n{told}{OPENED}{ROW}");
        assert_eq!(unseen(&second, Some(known.clone())), (Ok(vec![5]), Some(known)));
    }

    #[test]
    fn a_server_that_has_forgotten_how_is_asked_again() {
        let known = announced("IMAP4REV1 ESEARCH SEARCHRES", false);
        let fails = "S: $e OK [READ-ONLY] opened\nS: $s BAD what\nS: $f BAD what\n";
        let plain = "C: $e2 EXAMINE x\nC: $s2 UID SEARCH UNSEEN\nS: * 3 EXISTS\nS: * OK [UIDVALIDITY 7] .\nS: $e2 OK .\n\
                     S: * SEARCH 5\nS: $s2 OK .\nC: $f2 UID FETCH 5 (UID FLAGS)\nS: * 2 FETCH (UID 5 FLAGS ())\nS: $f2 OK .\n\
                     == done\nC: $g LOGOUT\n";
        let says = format!("{GREETING}{LOGIN}{SAVED}S: $l OK [CAPABILITY IMAP4rev1] in\n{fails}{plain}");
        assert_eq!(unseen(&says, Some(known.clone())), (Ok(vec![5]), Some(announced("IMAP4REV1", false))));
        // It tells nothing any more.
        let asked = "C: $c CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: $c OK .\n";
        let says = format!("{GREETING}{LOGIN}{SAVED}S: $l OK in\n{fails}{asked}{plain}");
        assert_eq!(unseen(&says, Some(known)), (Ok(vec![5]), Some(announced("IMAP4REV1", true))));
    }

    #[test]
    fn a_server_that_takes_one_step_after_the_other_is_waited_for() {
        // It announces SASL-IR and does not know it (163.com): the first time that is found out, and kept.
        let steps = format!(
            "{GREETING}{LOGIN}S: $l BAD what\nC: $m AUTHENTICATE PLAIN\nS: +\nC: AG1yYwBzZWNyZXQ=\n\
             S: $m OK [CAPABILITY IMAP4rev1 ESEARCH SEARCHRES] in\n{SAVED}{OPENED}{ROW}"
        );
        let waits = Some(Announced::default());
        assert_eq!(unseen(&steps, None), (Ok(vec![5]), waits.clone()));
        assert_eq!(unseen(&steps, waits.clone()), (Ok(vec![5]), waits.clone()));
        // One that was remembered: later.
        let known = announced("IMAP4REV1 ESEARCH SEARCHRES", false);
        let says = format!("{GREETING}{LOGIN}{SAVED}S: $l BAD what\n== done\nS: $e BAD what\n");
        let script = Script::parse(&says).unwrap();
        let kept = Arc::new(Kept(Mutex::new(Some(known))));
        let (_, result) = play(&script, Mode::default(), |wire| {
            let memory: Arc<dyn Memory> = kept.clone();
            let mut client = Client::open_remembering(wire, Some(&login()), false, Some((memory, "server")))?;
            let key = SearchKey::Flag(SystemFlag::Seen, false);
            client.fetch_from("x", Which::Found(&key), &[FetchItem::Flags], &mut Uids::default())
        });
        assert_eq!(result.unwrap_err().exit(), Exit::TempFail);
        assert_eq!(*kept.0.lock().unwrap(), waits);
    }

    #[test]
    fn what_follows_a_login_that_is_refused_is_nothing() {
        let known = announced("IMAP4REV1 ESEARCH SEARCHRES", false);
        let says = format!("{GREETING}{LOGIN}{SAVED}S: $l NO [AUTHENTICATIONFAILED] wrong\n== done\nS: $e NO no\n");
        let script = Script::parse(&says).unwrap();
        let (_, result) = play(&script, Mode::default(), |wire| {
            let memory: Arc<dyn Memory> = Arc::new(Kept(Mutex::new(Some(known.clone()))));
            let mut client = Client::open_remembering(wire, Some(&login()), false, Some((memory, "server")))?;
            let key = SearchKey::Flag(SystemFlag::Seen, false);
            client.fetch_from("x", Which::Found(&key), &[FetchItem::Flags], &mut Uids::default())
        });
        let e = result.unwrap_err();
        assert_eq!((e.exit(), e.to_string().contains("wrong")), (Exit::Auth, true), "{e}");
        // Where there is no login without a literal, no SASL-IR, or no clear login, nothing rides along.
        for greeting in [
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\n",
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR] hi\n",
        ] {
            let says = format!("{greeting}C: $l ...\n");
            let script = Script::parse(&says.replace("C: $l ...\n", "")).unwrap();
            let (_, result) = play(&script, Mode::default(), |wire| {
                let memory: Arc<dyn Memory> = Arc::new(Kept(Mutex::new(Some(known.clone()))));
                Client::open_remembering(wire, Some(&login()), false, Some((memory, "server"))).map(drop)
            });
            assert_eq!(result.unwrap_err().exit(), Exit::TempFail, "{greeting}");
        }
    }
}
