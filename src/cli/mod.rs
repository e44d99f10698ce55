//! What every program shares on the command line: arguments, the way to an account, reports, the exit.

pub mod account;
pub mod args;
pub mod changes;
pub mod compose;
pub mod connect;
pub mod envelope;
pub mod exit;
pub mod html;
pub mod imap;
pub mod in_force;
pub mod into;
pub mod local;
pub mod maildrop;
pub mod out;
pub mod outgoing;
mod passwords;
pub mod privileges;
pub mod progress;
pub mod prompt;
pub mod queue;
pub mod reference;
pub mod remote;
pub mod rewriting;
pub mod route;
pub mod run;
pub mod sent;
pub mod session;
mod shown;
pub mod signals;
pub mod system;
pub mod token;
pub mod tool;
pub mod wanted;
pub mod world;

pub use exit::{Failure, Outcome, main};
pub use tool::{Entry, Tool};
