//! What became of each recipient: out of the replies that came, and out of those that did not.

use super::Envelope;
use crate::error::{Error, Exit, Fate};
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::Reply;
use std::collections::VecDeque;

/// What became of one recipient.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub to: Mailbox,
    /// The end it had.
    pub fate: Fate,
    /// The reply's code, if there was one.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463), if there was one.
    pub enhanced: Option<String>,
    /// The reply's text, or ours.
    pub text: String,
    /// The status of our own error, where it says more than the fate: no such host, for one.
    pub exit: Option<Exit>,
}

impl Outcome {
    /// It did not come to a reply.
    #[must_use]
    pub fn failed(to: &Mailbox, why: &Error, enhanced: Option<&str>) -> Outcome {
        let (to, fate, text, exit) = (to.clone(), why.fate(), why.to_string(), Some(why.exit()));
        Outcome { to, fate, code: None, enhanced: enhanced.map(str::to_owned), text, exit }
    }
}

/// Where an offer (MAIL, RCPT, DATA) has led.
pub(super) enum Offer {
    Accepted(Vec<Outcome>),
    Refused(Vec<Outcome>),
}

/// How a recipient's delivery ends.
pub(super) struct Ending {
    fate: Fate,
    code: Option<u16>,
    enhanced: Option<String>,
    text: String,
}

impl Ending {
    pub(super) fn from(reply: &Reply) -> Ending {
        Ending {
            fate: fate(reply),
            code: Some(reply.code),
            enhanced: reply.enhanced().map(str::to_owned),
            text: reply.text(),
        }
    }

    pub(super) fn ours(fate: Fate, text: String) -> Ending {
        Ending { fate, code: None, enhanced: None, text }
    }

    pub(super) fn of(&self, to: &Mailbox) -> Outcome {
        let Ending { fate, code, enhanced, text } = self;
        Outcome { to: to.clone(), fate: *fate, code: *code, enhanced: enhanced.clone(), text: text.clone(), exit: None }
    }

    pub(super) fn unless_refused(&self, before: Outcome) -> Outcome {
        if before.fate == Fate::Done { self.of(&before.to) } else { before }
    }
}

/// A recipient whose RCPT got `reply`.
pub(super) fn outcome(to: &Mailbox, reply: &Reply) -> Outcome {
    Ending::from(reply).of(to)
}

/// The server has gone before it answered all: who was refused by then is refused, everybody else has the same `end`.
pub(super) fn unanswered(envelope: &Envelope, replies: &VecDeque<Reply>, end: &Ending) -> Vec<Outcome> {
    let mail = replies.front().filter(|mail| !mail.is_positive());
    let mut rcpt = replies.iter().skip(1);
    let one = |to: &Mailbox| match mail.or(rcpt.next()) {
        Some(reply) if !reply.is_positive() => outcome(to, reply),
        _ => end.of(to),
    };
    envelope.to.iter().map(one).collect()
}

fn fate(reply: &Reply) -> Fate {
    match reply.code / 100 {
        2 => Fate::Done,
        4 => Fate::Later,
        _ => Fate::Never,
    }
}
