//! Messages: header, addresses, dates, MIME (walked as a stream), composing and decoding. No I/O.

pub mod flags;
