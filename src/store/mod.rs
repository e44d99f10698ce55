//! Messages and state on disk: Maildir, mbox, spool, SQLite, and the targets of `--into`.

pub mod alerts;
pub mod announced;
pub mod db;
pub mod disk;
pub mod fitted;
pub mod journal;
pub mod logins;
pub mod maildir;
pub mod patience;
pub mod policies;
pub mod sink;
pub mod spool;
pub mod state;
pub mod tokens;
pub mod unfinished;
