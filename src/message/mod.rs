//! Messages: header, addresses, dates, MIME (walked as a stream), composing and decoding. No I/O.

pub mod addr;
pub mod alias;
pub mod charset;
pub mod collate;
pub mod compose;
pub mod date;
pub mod decode;
pub mod dsn;
pub mod encode;
pub mod facts;
pub mod flags;
pub mod header;
mod links;
pub mod mbox;
pub mod mime;
pub mod order;
pub mod outgoing;
pub mod param;
pub mod recode;
pub mod rewrite;
pub mod separated;
pub mod subject;
pub mod template;
pub mod threads;
mod walker;
