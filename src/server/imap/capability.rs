//! What the server announces.

use super::super::may_start_tls;
use super::Session;

/// What it always speaks, one a line.
pub(super) const ALWAYS: &[&str] = &[
    "IMAP4rev1",             // RFC 3501
    "LITERAL+",              // RFC 7888
    "SASL-IR",               // RFC 4959
    "ID",                    // RFC 2971
    "IDLE",                  // RFC 2177
    "NAMESPACE",             // RFC 2342
    "UIDPLUS",               // RFC 4315
    "UNSELECT",              // RFC 3691
    "CHILDREN",              // RFC 3348
    "ESEARCH",               // RFC 4731
    "SEARCHRES",             // RFC 5182
    "WITHIN",                // RFC 5032
    "SORT",                  // RFC 5256
    "SORT=DISPLAY",          // RFC 5957
    "ESORT",                 // RFC 5267
    "THREAD=ORDEREDSUBJECT", // RFC 5256
    "THREAD=REFERENCES",     // RFC 5256
];

impl Session<'_> {
    /// The words of CAPABILITY, which are others before login.
    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut words: Vec<String> = ALWAYS.iter().map(|w| (*w).to_owned()).collect();
        if self.account.is_none() {
            words.push("AUTH=PLAIN".to_owned());
            if may_start_tls(self.wire, self.world, false).is_some() {
                words.push("STARTTLS".to_owned());
            }
        }
        words
    }
}
