//! The tokens of OAuth 2.0 in the store of mail-login(1), and the lock under which they are renewed.
//!
//! A token is renewed by one process at a time: whoever comes meanwhile waits for the lock and finds the new one. The lock is a
//! file of its own, as the database is never locked while a server is asked.

use super::disk;
use super::logins::{Key, Logins, overwrite};
use crate::error::{Error, Local, Result};
use crate::secret::Secret;
use rusqlite::{OptionalExtension, Row, params};
use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

/// A token that is good for less than this, in seconds, is as good as over: it has to arrive.
pub const SOON: i64 = 60;
/// How often a lock is tried that somebody else has.
const AGAIN: Duration = Duration::from_millis(20);

/// How another token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// By a refresh token, of a user.
    RefreshToken,
    /// By the program's own secret.
    ClientCredentials,
}

/// What was granted to a user (or to the program itself) by an issuer.
#[derive(Clone, Debug)]
pub struct Grant {
    /// By whom.
    pub issuer: String,
    /// To whom: the login name.
    pub user: String,
    /// `client_id`.
    pub client: String,
    /// `client_secret`, only if nothing else knows it.
    pub client_secret: Option<Secret>,
    /// Whether that goes into the form.
    pub secret_in_form: bool,
    /// The URL where tokens are got.
    pub endpoint: String,
    /// The URL where they are revoked.
    pub revocation: Option<String>,
    /// How another one is got.
    pub grant_type: GrantType,
    /// What for.
    pub scope: String,
    /// The refresh token.
    pub refresh: Option<Secret>,
    /// The access token.
    pub access: Option<Secret>,
    /// Until when that is good, in seconds since 1970, if it was said.
    pub expires: Option<i64>,
    /// When it was got.
    pub time: i64,
}

impl Grant {
    /// The access token, if it is good for a while and not the one that was `refused`.
    #[must_use]
    pub fn good(&self, now: i64, refused: Option<&Secret>) -> Option<&Secret> {
        let lasts = self.expires.is_none_or(|expires| expires > now.saturating_add(SOON));
        self.access.as_ref().filter(|access| lasts && !refused.is_some_and(|refused| refused.same(access.expose())))
    }

    fn of(row: &Row<'_>) -> Result<Grant, rusqlite::Error> {
        let secret = |bytes: Option<Vec<u8>>| bytes.map(Secret::new);
        Ok(Grant {
            issuer: row.get(0)?,
            user: row.get(1)?,
            client: row.get(2)?,
            client_secret: secret(row.get(3)?),
            secret_in_form: row.get(4)?,
            endpoint: row.get(5)?,
            revocation: row.get(6)?,
            grant_type: match row.get_ref(7)?.as_str()? {
                "client_credentials" => GrantType::ClientCredentials,
                _ => GrantType::RefreshToken,
            },
            scope: row.get(8)?,
            refresh: secret(row.get(9)?),
            access: secret(row.get(10)?),
            expires: row.get(11)?,
            time: row.get(12)?,
        })
    }
}

/// Nobody else renews it until this is dropped.
pub struct Renewing {
    _lock: File,
}

impl Logins {
    /// What an issuer has granted to a user.
    ///
    /// # Errors
    /// 74, 75.
    pub fn grant(&self, issuer: &str, user: &str) -> Result<Option<Grant>> {
        let sql = "SELECT * FROM token WHERE issuer = ? AND user = ?";
        self.db.read(|t| Ok(t.query_row(sql, params![issuer, user], Grant::of).optional()?))
    }

    /// All that was granted and leads to no login any more.
    ///
    /// # Errors
    /// 74, 75.
    pub fn left_over(&self) -> Result<Vec<Grant>> {
        self.db.read(|t| {
            let mut query = t.prepare(
                "SELECT * FROM token WHERE NOT EXISTS (SELECT 1 FROM login WHERE kind = 'oauth' \
                 AND CAST(secret AS TEXT) = token.issuer AND login.user = token.user)",
            )?;
            let rows = query.query_map([], Grant::of)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }

    /// Whose tokens log in there, if it is no password that does.
    ///
    /// # Errors
    /// 74, 75.
    pub fn issuer(&self, key: &Key) -> Result<Option<String>> {
        let Key { protocol, user, server } = key;
        let sql = "SELECT CAST(secret AS TEXT) FROM login \
                   WHERE protocol = ? AND user = ? AND server = ? AND kind = 'oauth'";
        self.db.read(|t| Ok(t.query_row(sql, params![protocol, user, server], |row| row.get(0)).optional()?))
    }

    /// Keeps what was granted, in the place of what was before, for these logins too.
    ///
    /// # Errors
    /// 74, 75.
    pub fn keep_grant(&self, grant: &Grant, logins: &[Key]) -> Result<()> {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_vec());
        let grant_type = match grant.grant_type {
            GrantType::RefreshToken => "refresh_token",
            GrantType::ClientCredentials => "client_credentials",
        };
        self.db.write(|t| {
            overwrite(t)?;
            t.execute(
                "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    grant.issuer,
                    grant.user,
                    grant.client,
                    secret(&grant.client_secret),
                    grant.secret_in_form,
                    grant.endpoint,
                    grant.revocation,
                    grant_type,
                    grant.scope,
                    secret(&grant.refresh),
                    secret(&grant.access),
                    grant.expires,
                    grant.time
                ],
            )?;
            for Key { protocol, user, server } in logins {
                let sql = "INSERT OR REPLACE INTO login VALUES (?, ?, ?, 'oauth', ?, ?)";
                t.execute(sql, params![protocol, user, server, grant.issuer.as_bytes(), grant.time])?;
            }
            Ok(())
        })
    }

    /// Forgets what was granted.
    ///
    /// # Errors
    /// 74, 75.
    pub fn forget_grant(&self, grant: &Grant) -> Result<()> {
        self.db.write(|t| {
            overwrite(t)?;
            t.execute("DELETE FROM token WHERE issuer = ? AND user = ?", params![grant.issuer, grant.user])?;
            Ok(())
        })
    }

    /// Waits until nobody else renews this, and keeps others from it.
    ///
    /// # Errors
    /// 73, 74: the lock can't be made; 75: somebody else has it until then.
    pub fn renewing(&self, issuer: &str, user: &str, until: Option<Instant>) -> Result<Renewing> {
        let path = self.dir.join(format!("renewing-{:016x}.lock", hash(&[issuer, user])));
        let name = path.display();
        let file = disk::open_or_create(&path).creating(&name)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Renewing { _lock: file }),
                Err(TryLockError::WouldBlock) if until.is_some_and(|until| until <= Instant::now()) => {
                    return Err(Error::temporary("another program renews the token, and does not end"));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(AGAIN),
                Err(TryLockError::Error(e)) => return Err(e).local(&name),
            }
        }
    }
}

/// FNV-1a: a name for a file, the same in every version. That two share one costs a wait at most.
fn hash(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(refresh: &str, access: &str, expires: Option<i64>) -> Grant {
        let secret = |text: &str| Some(Secret::new(text.as_bytes().to_vec()));
        Grant {
            issuer: "https://id.example.org".into(),
            user: "bob".into(),
            client: "mail".into(),
            client_secret: None,
            secret_in_form: true,
            endpoint: "https://id.example.org/token".into(),
            revocation: None,
            grant_type: GrantType::RefreshToken,
            scope: "a b".into(),
            refresh: secret(refresh),
            access: secret(access),
            expires,
            time: 7,
        }
    }

    #[test]
    fn good_until_a_minute_before_its_end_and_until_it_is_refused() {
        let of = |expires| grant("r", "a", expires);
        assert!(of(None).good(i64::MAX, None).is_some());
        assert!(of(Some(1061)).good(1000, None).is_some());
        assert!(of(Some(1060)).good(1000, None).is_none());
        let refused = Secret::new(b"a".to_vec());
        assert!(of(None).good(1000, Some(&refused)).is_none());
        assert!(of(None).good(1000, Some(&Secret::new(b"b".to_vec()))).is_some());
        assert!(Grant { access: None, ..of(None) }.good(1000, None).is_none());
    }

    #[test]
    fn kept_found_by_its_logins_and_forgotten_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logins.sqlite");
        let logins = Logins::open(&path).unwrap();
        let key = |protocol: &str| Key { protocol: protocol.into(), user: "bob".into(), server: "h:1".into() };
        logins.keep_grant(&grant("tulip-r1", "tulip-a1", Some(99)), &[key("imap"), key("smtp")]).unwrap();
        logins.keep_grant(&grant("tulip-r2", "tulip-a2", Some(100)), &[]).unwrap();
        let found = logins.grant("https://id.example.org", "bob").unwrap().unwrap();
        assert!(found.refresh.unwrap().same(b"tulip-r2") && found.access.unwrap().same(b"tulip-a2"));
        assert_eq!((found.scope.as_str(), found.expires, found.secret_in_form), ("a b", Some(100), true));
        assert_eq!(found.grant_type, GrantType::RefreshToken);
        assert!(logins.grant("https://id.example.org", "eve").unwrap().is_none());
        assert_eq!(logins.issuer(&key("imap")).unwrap().as_deref(), Some("https://id.example.org"));
        assert_eq!((logins.issuer(&key("pop3")).unwrap(), logins.password(&key("imap")).unwrap()), (None, None));
        let all = logins.all().unwrap();
        let told: Vec<_> = all.iter().map(|s| (s.key.protocol.as_str(), s.kind.as_str(), s.expires)).collect();
        assert_eq!(told, [("imap", "oauth", Some(100)), ("smtp", "oauth", Some(100))]);
        assert!(logins.left_over().unwrap().is_empty());
        // A password takes the place of one, and the other is forgotten.
        logins.keep(&[(key("imap"), Secret::new(b"x".to_vec()))], 8).unwrap();
        assert!(logins.forget(&key("smtp")).unwrap());
        let left = logins.left_over().unwrap();
        assert_eq!(left.len(), 1);
        logins.forget_grant(&left[0]).unwrap();
        assert!(logins.grant("https://id.example.org", "bob").unwrap().is_none());
        drop(logins);
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("tulip"));
        }
    }

    #[test]
    fn one_renews_and_the_others_wait() {
        let dir = tempfile::tempdir().unwrap();
        let logins = Logins::open(&dir.path().join("logins.sqlite")).unwrap();
        let now = || Some(Instant::now());
        let held = logins.renewing("i", "bob", now()).unwrap();
        let e = logins.renewing("i", "bob", now()).err().unwrap();
        assert_eq!(e.exit(), crate::error::Exit::TempFail);
        drop(logins.renewing("i", "eve", now()).unwrap());
        drop(held);
        drop(logins.renewing("i", "bob", now()).unwrap());
        assert_eq!(hash(&["a"]), hash(&["a"]));
        assert_ne!(hash(&["a", "b"]), hash(&["ab", ""]));
    }
}
