//! Mailboxes by name: STATUS, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, NAMESPACE.

use super::super::mailbox::{Account, FolderError};
use super::{Session, bad, folder_failed, no, ok};
use crate::error::Result;
use crate::proto::imap::command::{Command, StatusItem};
use crate::proto::imap::response::{Status, Untagged};

impl Session<'_> {
    pub(super) fn folders(&mut self, account: &Account, command: Command) -> Result<Status> {
        let done = |result: std::result::Result<(), FolderError>, word: &str| match result {
            Ok(()) => ok(&format!("{word} completed")),
            Err(e) => folder_failed(&e, false),
        };
        Ok(match command {
            Command::Status { mailbox, items } => return self.status(account, &mailbox, &items),
            // RFC 6154 3: what a folder is for is its name's matter here.
            Command::Create { uses, .. } if !uses.is_empty() => {
                no("USEATTR", "special uses are given to the names of folders")
            }
            Command::Create { mailbox, .. } => done(account.create(&mailbox), "CREATE"),
            Command::Delete { mailbox } => {
                let result = account.delete(&mailbox);
                if result.is_ok() {
                    self.leave(&mailbox);
                }
                done(result, "DELETE")
            }
            Command::Rename { from, to } => {
                let result = account.rename(&from, &to);
                if result.is_ok() && from != "INBOX" {
                    self.leave(&from);
                }
                done(result, "RENAME")
            }
            Command::Subscribe { mailbox } => {
                // A server may check (RFC 3501 6.3.6): a name with a typing error is seen at once.
                let result = match account.folders() {
                    Ok(folders) if folders.iter().any(|f| f.name == mailbox) => account.subscribe(&mailbox, true),
                    Ok(_) => return Ok(folder_failed(&FolderError::NotFound, false)),
                    Err(e) => Err(e),
                };
                done(result.map_err(Into::into), "SUBSCRIBE")
            }
            Command::Unsubscribe { mailbox } => {
                done(account.subscribe(&mailbox, false).map_err(Into::into), "UNSUBSCRIBE")
            }
            Command::Namespace => {
                let personal = vec![(String::new(), Some('/'))];
                self.tell(Untagged::Namespace(personal, Vec::new(), Vec::new()))?;
                ok("NAMESPACE completed")
            }
            _ => bad("not here"),
        })
    }

    /// The selected mailbox, or one above it, has gone by this session's own doing.
    fn leave(&mut self, name: &str) {
        let gone = |m: &str| m.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.mailbox.as_ref().is_some_and(|m| gone(m.name())) {
            self.mailbox = None;
        }
    }

    fn status(&mut self, account: &Account, name: &str, items: &[StatusItem]) -> Result<Status> {
        match self.tell_status(account, name, items)? {
            Ok(()) => Ok(ok("STATUS completed")),
            Err(e) => Ok(folder_failed(&e, false)),
        }
    }

    /// `* STATUS ...`, which LIST may ask for as well (RFC 5819).
    pub(super) fn tell_status(
        &mut self,
        account: &Account,
        name: &str,
        items: &[StatusItem],
    ) -> Result<std::result::Result<(), FolderError>> {
        let size = items.contains(&StatusItem::Size);
        if items.contains(&StatusItem::HighestModSeq) {
            self.want_modseqs()?;
        }
        let status = match account.status(name, size) {
            Ok(status) => status,
            Err(e) => return Ok(Err(e)),
        };
        let limit = self.world.limits().message;
        let values = items.iter().map(|item| {
            let value = match item {
                StatusItem::Messages => status.messages.into(),
                StatusItem::Recent => status.recent.into(),
                StatusItem::UidNext => status.uid_next.into(),
                StatusItem::UidValidity => status.uid_validity.into(),
                StatusItem::Unseen => status.unseen.into(),
                StatusItem::Size => status.size,
                StatusItem::AppendLimit => limit,
                StatusItem::HighestModSeq => u64::try_from(status.modseq).unwrap_or(0),
            };
            (*item, value)
        });
        self.tell(Untagged::Mailbox(name.to_owned(), values.collect()))?;
        Ok(Ok(()))
    }
}
