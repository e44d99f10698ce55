//! Grammar: bytes to values and back, used by clients and servers. No sockets, clocks or files.

pub mod imap;
pub mod mailbox;
pub mod pop3;
pub mod sasl;
pub mod smtp;
