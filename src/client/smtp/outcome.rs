//! What became of each recipient: out of the replies that came, and out of those that did not.

use super::Envelope;
use crate::error::Fate;
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
    /// Which command it had that end at.
    pub stage: Stage,
    /// The reply's code, if there was one.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463), if there was one.
    pub enhanced: Option<String>,
    /// The reply's text, or ours.
    pub text: String,
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

/// Where an offer (MAIL, RCPT, DATA) has led.
pub(super) enum Offer {
    Accepted(Vec<Outcome>),
    Refused(Vec<Outcome>),
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

    pub(super) fn of(&self, to: &Mailbox) -> Outcome {
        let Ending { stage, fate, code, enhanced, text } = self;
        let (enhanced, text) = (enhanced.clone(), text.clone());
        Outcome { to: to.clone(), stage: *stage, fate: *fate, code: *code, enhanced, text }
    }

    pub(super) fn unless_refused(&self, before: Outcome) -> Outcome {
        if before.fate == Fate::Done { self.of(&before.to) } else { before }
    }
}

/// A recipient whose RCPT, or before that MAIL, got `reply`.
pub(super) fn outcome(to: &Mailbox, stage: Stage, reply: &Reply) -> Outcome {
    Ending::from(stage, reply).of(to)
}

/// The server has gone before it answered all: who was refused by then is refused, everybody else has the same `end`.
pub(super) fn unanswered(envelope: &Envelope, replies: &VecDeque<Reply>, end: &Ending) -> Vec<Outcome> {
    let mail = replies.front().filter(|mail| !mail.is_positive());
    let mut rcpt = replies.iter().skip(1);
    let stage = if mail.is_some() { Stage::Mail } else { Stage::Rcpt };
    let one = |to: &Mailbox| match mail.or(rcpt.next()) {
        Some(reply) if !reply.is_positive() => outcome(to, stage, reply),
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
