//! pipepost: small Unix programs for e-mail, and the library that they share.
//!
//! This page is the house's plan: which rooms there are, and who may name whom. `tests/layers.rs` enforces it.
//!
//! ```text
//! error text body secret < proto message < net store < client server < cli < tools < bin
//! ```

pub mod body;
pub mod cli;
pub mod client;
pub mod error;
pub mod message;
pub mod net;
pub mod proto;
pub mod secret;
pub mod server;
pub mod store;
pub mod text;
pub mod tools;
