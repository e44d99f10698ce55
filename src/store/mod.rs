//! Messages and state on disk: Maildir, mbox, spool, SQLite, and the targets of `--into`.
