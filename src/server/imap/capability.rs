//! What the server announces.

use super::super::may_start_tls;
use super::super::sasl::{offered, offered_names};
use super::{Session, ok};
use crate::error::Result;
use crate::proto::imap::response::{Status, Untagged};
use crate::proto::sasl::Mechanism;

/// What it always speaks, one a line.
pub(super) const ALWAYS: &[&str] = &[
    "IMAP4rev1",             // RFC 3501
    "SASL-IR",               // RFC 4959
    "ID",                    // RFC 2971
    "IDLE",                  // RFC 2177
    "NAMESPACE",             // RFC 2342
    "UIDPLUS",               // RFC 4315
    "UNSELECT",              // RFC 3691
    "CHILDREN",              // RFC 3348
    "MULTIAPPEND",           // RFC 3502
    "MOVE",                  // RFC 6851
    "ENABLE",                // RFC 5161
    "CONDSTORE",             // RFC 7162
    "QRESYNC",               // RFC 7162
    "SPECIAL-USE",           // RFC 6154
    "LIST-EXTENDED",         // RFC 5258
    "LIST-STATUS",           // RFC 5819
    "STATUS=SIZE",           // RFC 8438
    "ESEARCH",               // RFC 4731
    "SEARCHRES",             // RFC 5182
    "WITHIN",                // RFC 5032
    "SORT",                  // RFC 5256
    "SORT=DISPLAY",          // RFC 5957
    "ESORT",                 // RFC 5267
    "THREAD=ORDEREDSUBJECT", // RFC 5256
    "THREAD=REFERENCES",     // RFC 5256
    "BINARY",                // RFC 3516
];

impl Session<'_> {
    /// The words of CAPABILITY, which are others before login.
    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut words: Vec<String> = ALWAYS.iter().map(|w| (*w).to_owned()).collect();
        // RFC 7888 6: never both. Before login nothing needs to be larger than LITERAL- allows.
        words.push(if self.account.is_none() { "LITERAL-" } else { "LITERAL+" }.to_owned());
        if self.account.is_none() {
            words.extend(offered_names(self.wire, self.world).iter().map(|name| format!("AUTH={name}")));
            if !offered(self.wire, self.world).contains(&Mechanism::Plain) {
                words.push("LOGINDISABLED".to_owned());
            }
            if may_start_tls(self.wire, self.world, false).is_some() {
                words.push("STARTTLS".to_owned());
            }
        } else if !self.wire.is_compressed() {
            words.push("COMPRESS=DEFLATE".to_owned()); // RFC 4978
        }
        words.push(format!("APPENDLIMIT={}", self.world.limits().message)); // RFC 7889
        words
    }

    /// ENABLE (RFC 5161): what is not known, or needs no switching on, is passed over.
    pub(super) fn enable(&mut self, words: &[String]) -> Result<Status> {
        let mut enabled = Vec::new();
        for word in words.iter().filter(|w| matches!(w.as_str(), "CONDSTORE" | "QRESYNC")) {
            if !enabled.contains(word) {
                enabled.push(word.clone());
            }
            self.qresync |= word == "QRESYNC";
            self.want_modseqs()?;
        }
        self.tell(Untagged::Enabled(enabled))?;
        self.caught_up(true, ok("ENABLE completed"))
    }
}
