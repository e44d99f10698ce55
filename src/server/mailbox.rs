//! Mailboxes: a Maildir++ tree with persistent UIDs.
