//! IMAP4rev1 (RFC 3501) and the extensions that pipepost speaks: the grammar of both sides, pure.
//!
//! Spoken here: IDLE (RFC 2177), NAMESPACE (RFC 2342), UIDPLUS (RFC 4315), LITERAL+ (RFC 7888), SASL-IR (RFC 4959),
//! UNSELECT (RFC 3691), ID (RFC 2971), CHILDREN (RFC 3348), ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032), SORT
//! and THREAD (RFC 5256), response codes of RFC 5530. CONDSTORE and QRESYNC (RFC 7162), QUOTA (RFC 9208) as a client asks for it. Left out: IMAP4rev2; what it
//! adds to a response is read over and kept raw.
//!
//! A reader hands over lines and literals; [`gather::Gathered`] puts them into one buffer, in which a literal that is too
//! large to hold is only marked. [`lex::Lex`] walks that buffer without copying; the other files are the grammar on it.

pub mod annotation;
pub mod command;
pub mod date;
pub mod encode;
pub mod extension;
pub mod gather;
pub mod lex;
pub mod modseq;
mod parts;
pub mod quota;
pub mod reply;
pub mod response;
pub mod results;
pub mod search;
pub mod section;
pub mod set;
pub mod sort;
pub mod structure;
pub mod thread;
pub mod utf7;
pub mod write;
