//! Messages: header, addresses, dates, MIME (walked as a stream), composing and decoding. No I/O.

pub mod addr;
pub mod charset;
pub mod date;
pub mod decode;
pub mod facts;
pub mod flags;
pub mod header;
pub mod mime;
pub mod param;
mod walker;
