//! Root, and how it is given up.

use crate::error::{Error, Local, Result};
use rustix::process::{Gid, Uid};

/// A Unix user, of /etc/passwd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// The user of that name.
    ///
    /// # Errors
    /// 78: there is none, or it is root; 74: /etc/passwd can't be read.
    pub fn named(name: &str) -> Result<Account> {
        let passwd = std::fs::read_to_string("/etc/passwd").local("/etc/passwd")?;
        let found = find(&passwd, name).ok_or_else(|| Error::config(format!("{name}: no such user")))?;
        if found.uid.is_root() {
            return Err(Error::config(format!("{name}: is root")));
        }
        Ok(found)
    }

    /// Gives a file to the user.
    ///
    /// # Errors
    /// 74.
    pub fn give(self, path: &std::path::Path) -> Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw())).local(path.display())
    }

    /// Becomes the user for good. While there is one thread, because the system calls change only the one that makes them.
    ///
    /// # Errors
    /// 78: that is not ours to do.
    pub fn become_it(self) -> Result<()> {
        let refused = |e: rustix::io::Errno| {
            Error::config(format!("can't become user {}: {e}", self.uid.as_raw())).advise("only root can")
        };
        if rustix::process::getuid() == self.uid && rustix::process::geteuid() == self.uid {
            return Ok(());
        }
        rustix::thread::set_thread_groups(&[]).map_err(refused)?;
        rustix::thread::set_thread_res_gid(self.gid, self.gid, self.gid).map_err(refused)?;
        rustix::thread::set_thread_res_uid(self.uid, self.uid, self.uid).map_err(refused)?;
        if rustix::thread::set_thread_uid(Uid::ROOT).is_ok() {
            return Err(Error::internal("root could not be given up"));
        }
        Ok(())
    }
}

/// Whether we are root, who should not talk to strangers.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root() || rustix::process::getuid().is_root()
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\nmail:x:8:12:mail:/var/mail:/bin/false\nbad:x:y:z\n";
        let mail = Account { uid: Uid::from_raw(8), gid: Gid::from_raw(12) };
        assert_eq!(find(passwd, "mail"), Some(mail));
        assert!(find(passwd, "mai").is_none() && find(passwd, "bad").is_none() && find(passwd, "").is_none());
        assert!(Account::named("root").is_err() && Account::named("no such user").is_err());
    }
}
