//! What became of each recipient.

use crate::error::{Error, Exit, Fate};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::Reply;

/// What became of one recipient.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub to: Mailbox,
    /// The end it had.
    pub fate: Fate,
    /// Which command it had that end at.
    pub stage: Stage,
    /// The reply's code, if there was one.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463), if there was one.
    pub enhanced: Option<String>,
    /// The reply's text, or ours.
    pub text: String,
    /// Whether the server had no room for it in this connection, and may have in another one at once (RFC 9422).
    pub untried: bool,
    /// The status of our own error, where it says more than the fate: no such host, for one.
    pub exit: Option<Exit>,
}

/// How far a recipient's delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was said to the server.
    Check,
    /// Connecting, greeting, EHLO, TLS, login.
    Connect,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, and the message.
    Data,
    /// The end of the message.
    End,
}

impl Stage {
    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Stage::Check => "check",
            Stage::Connect => "connect",
            Stage::Mail => "mail",
            Stage::Rcpt => "rcpt",
            Stage::Data => "data",
            Stage::End => "end",
        }
    }
}

impl Outcome {
    /// It did not come to a reply.
    #[must_use]
    pub fn failed(to: &Mailbox, why: &Error, enhanced: Option<&str>) -> Outcome {
        let (to, fate, text, exit) = (to.clone(), why.fate(), why.to_string(), Some(why.exit()));
        let enhanced = enhanced.map(str::to_owned);
        Outcome { to, fate, stage: Stage::Connect, code: None, enhanced, text, untried: false, exit }
    }
}

/// How a recipient's delivery ends.
pub(super) struct Ending {
    stage: Stage,
    fate: Fate,
    code: Option<u16>,
    enhanced: Option<String>,
    text: String,
}

impl Ending {
    pub(super) fn from(stage: Stage, reply: &Reply) -> Ending {
        Ending {
            stage,
            fate: fate(reply),
            code: Some(reply.code),
            enhanced: reply.enhanced().map(str::to_owned),
            text: reply.text(),
        }
    }

    pub(super) fn ours(stage: Stage, fate: Fate, text: String) -> Ending {
        Ending { stage, fate, code: None, enhanced: None, text }
    }

    pub(super) fn is_done(&self) -> bool {
        self.fate == Fate::Done
    }

    pub(super) fn of(&self, to: &Mailbox) -> Outcome {
        let Ending { stage, fate, code, enhanced, text } = self;
        let (to, enhanced, text) = (to.clone(), enhanced.clone(), text.clone());
        Outcome { to, fate: *fate, stage: *stage, code: *code, enhanced, text, untried: false, exit: None }
    }

    pub(super) fn unless_refused(&self, before: Outcome) -> Outcome {
        if before.fate == Fate::Done { self.of(&before.to) } else { before }
    }
}

/// Everybody or nobody: those who were accepted share the worst of the others' fates.
pub(super) fn withheld(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let never = outcomes.iter().any(|o| o.fate == Fate::Never);
    let fate = if never { Fate::Never } else { Fate::Later };
    let end = Ending::ours(Stage::Rcpt, fate, "not sent, as it was not accepted for everybody".to_owned());
    outcomes.into_iter().map(|o| end.unless_refused(o)).collect()
}

fn fate(reply: &Reply) -> Fate {
    match reply.code / 100 {
        2 => Fate::Done,
        4 => Fate::Later,
        _ => Fate::Never,
    }
}
