//! Server sessions, straight-line over one `Wire` and a `World`.

pub mod mailbox;
