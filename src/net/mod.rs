//! The network without any protocol: endpoints, deadlines, the byte stream `Wire`, traces and their replay.

pub mod deadline;
mod deflate;
pub mod dial;
pub mod dns;
pub mod endpoint;
pub mod http;
pub mod mx;
pub mod proxy;
mod race;
pub mod resolve;
pub mod script;
pub mod stdio;
pub mod stream;
pub mod tls;
pub mod trace;
mod tunnel;
pub mod wire;

pub use deadline::Deadline;
pub use endpoint::Endpoint;
pub use wire::Wire;
