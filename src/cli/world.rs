//! The [`World`] of `local:` and of `mail-serve`: a tree of Maildirs, one directory a user, owned by one Unix user.

pub use super::passwords::Passwords;
use super::queue::onward::Outbound;
use crate::error::{Error, Local, Result};
use crate::net::tls::{Certificate, Identity, self_signed};
use crate::proto::mailbox::Mailbox as Address;
use crate::proto::sasl::scram::Keys;
use crate::proto::sasl::{Hash, Mechanism};
use crate::secret::Secret;
use crate::server::login::Attempts;
use crate::server::mailbox::Account;
use crate::server::{Arriving, into_mailboxes, nowhere};
use crate::server::{Denied, Destination, Envelope, Limits, Login, Recipient, Refusal, World};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Failed logins of one account within ten minutes before nothing more is checked.
const FAILURES: u32 = 10;
/// The same for one address.
const FAILURES_FROM: u32 = 50;

/// Where the connection is the login, whatever is said is right.
const SHOWN: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// The mailboxes that stay open between sessions: opening one costs a millisecond, which is much for a small message.
const OPEN: usize = 64;

/// Mailboxes of all users, shared by all sessions.
pub struct Tree {
    root: PathBuf,
    host: String,
    domains: Vec<String>,
    owner: String,
    create: bool,
    passwords: Option<Passwords>,
    mechanisms: Vec<Mechanism>,
    identity: Option<Identity>,
    limits: Limits,
    attempts: Attempts,
    outbound: Option<Outbound>,
    open: Mutex<HashMap<String, Account>>,
}

impl Tree {
    /// The tree under `root`, made (0700) if it is not there. `create`: users come into being when somebody logs in or writes
    /// to them.
    ///
    /// # Errors
    /// 73: it can't be made; 78: it belongs to somebody else.
    pub fn open(root: &Path, create: bool, passwords: Option<Passwords>) -> Result<Tree> {
        crate::store::disk::make_dirs(root).creating(root.display())?;
        crate::store::disk::must_be_private(root)?;
        let owner = super::system::user_name();
        let mechanisms = passwords.as_ref().map_or_else(|| Ok(SHOWN.to_vec()), |passwords| passwords.offer(&[]))?;
        let tree = Tree {
            root: root.to_owned(),
            host: super::system::host_name(),
            domains: vec!["localhost".into(), super::system::node_name().to_ascii_lowercase()],
            owner,
            create,
            passwords,
            mechanisms,
            identity: None,
            limits: Limits::default(),
            attempts: Attempts::new(FAILURES, FAILURES_FROM),
            outbound: None,
            open: Mutex::new(HashMap::new()),
        };
        Ok(tree)
    }

    /// Takes mail for these domains too (lower case).
    #[must_use]
    pub fn with_domains(mut self, domains: &[String]) -> Tree {
        self.domains.extend_from_slice(domains);
        self
    }

    /// Lets sessions use TLS.
    #[must_use]
    pub fn shows(mut self, identity: Identity) -> Tree {
        self.identity = Some(identity);
        self
    }

    /// Offers these mechanisms.
    #[must_use]
    pub fn offers(mut self, mechanisms: Vec<Mechanism>) -> Tree {
        self.mechanisms = mechanisms;
        self
    }

    /// Takes mail for other domains too, from those who have logged in.
    #[must_use]
    pub fn sends_on(mut self, outbound: Option<Outbound>) -> Tree {
        self.outbound = outbound;
        self
    }

    /// Enforces other limits.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Tree {
        self.limits = limits;
        self
    }

    /// The caller, whose mailbox always exists; mail to postmaster is theirs.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// A user's directory, or `None` if that can't be a user: the name is folded to lower case, and whatever could mean
    /// something in a path is encoded as `%XX`.
    fn directory(&self, user: &str) -> Option<PathBuf> {
        let mut name = String::new();
        for (i, c) in user.to_lowercase().chars().enumerate() {
            if c.is_alphanumeric() || "_-@+".contains(c) || (c == '.' && i > 0) {
                name.push(c);
            } else {
                for b in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(name, "%{b:02X}");
                }
            }
        }
        (!name.is_empty() && name.len() <= 200).then(|| self.root.join(name))
    }

    /// The account of `user`, whose name need not be in lower case; `None`: there is no such user.
    ///
    /// # Errors
    /// 73, 74: it can't be opened.
    pub fn account(&self, user: &str) -> Result<Option<Account>> {
        let key = user.to_lowercase();
        let Some(directory) = self.directory(user) else { return Ok(None) };
        let mut open = self.open.lock().map_err(|_| Error::internal("a session has panicked"))?;
        // The directory is the truth: somebody may have removed it.
        let exists = Account::exists(&directory);
        if let Some(account) = open.get(&key).filter(|_| exists) {
            return Ok(Some(account.clone()));
        }
        let expected = self.create || key == self.owner.to_lowercase() || self.has_password(&key);
        if !exists && !expected {
            return Ok(None);
        }
        let account = Account::open(&directory)?;
        if open.len() >= OPEN {
            open.clear();
        }
        open.insert(key, account.clone());
        Ok(Some(account))
    }

    /// Whether mail for this domain is taken.
    fn is_local(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        let literal = matches!(domain.as_str(), "[127.0.0.1]" | "[ipv6:::1]");
        literal || self.domains.contains(&domain) || domain == self.host
    }

    /// The way of mail for other domains, if the one who has it is known: by the connection itself, or by a password that was
    /// checked.
    fn way_for(&self, known: bool, user: Option<&str>) -> Option<&Outbound> {
        let checked = matches!(&self.passwords, Some(Passwords::One(_) | Passwords::File(_)));
        self.outbound.as_ref().filter(|_| user.is_some() && (known || checked))
    }

    /// Who has a line in the file is a user, with or without a mailbox yet.
    fn has_password(&self, user: &str) -> bool {
        matches!(&self.passwords, Some(Passwords::File(file)) if file.has(user))
    }
}

/// One session's view of the tree.
pub struct Visit {
    tree: Arc<Tree>,
    known: Option<String>,
    /// What the message taken last is called in the queue.
    queued: Option<String>,
}

impl Visit {
    /// A session of somebody who has to log in, or, with `known`, of that user.
    #[must_use]
    pub fn new(tree: Arc<Tree>, known: Option<String>) -> Visit {
        Visit { tree, known, queued: None }
    }
}

impl World for Visit {
    fn host(&self) -> &str {
        &self.tree.host
    }

    fn known(&mut self) -> Result<Option<Login>> {
        let Some(user) = self.known.clone() else { return Ok(None) };
        let account = self.tree.account(&user)?;
        let account = account.ok_or_else(|| Error::usage(format!("{user}: can't be a user's name")))?;
        Ok(Some(Login { user, account }))
    }

    /// Many clients log in with the address: the mailbox is the one that mail to it goes to.
    fn named(&self, user: &str) -> String {
        let user = user.to_lowercase();
        match user.rsplit_once('@') {
            Some((name, domain)) if self.tree.is_local(domain) && !self.tree.has_password(&user) => name.to_owned(),
            _ => user,
        }
    }

    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied> {
        // A connection whose identity is known needs no password, but is nobody else's.
        let known = self.known.as_ref().is_some_and(|known| known.to_lowercase() == user);
        if known || self.tree.passwords.as_ref().is_some_and(|all| all.are(user, password)) {
            return self.proven(user);
        }
        // When this is answered is set already: what it takes tells nobody which names exist.
        Err(Denied::Wrong)
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.tree.mechanisms.clone()
    }

    fn keys(&mut self, user: &str, hash: Hash) -> Option<Keys> {
        self.tree.passwords.as_ref()?.keys(user, hash)
    }

    fn password(&mut self, _: &str) -> Option<Secret> {
        self.tree.passwords.as_ref()?.known().cloned()
    }

    fn proven(&mut self, user: &str) -> Result<Login, Denied> {
        match self.tree.account(user) {
            Ok(Some(account)) => Ok(Login { user: user.to_lowercase(), account }),
            Ok(None) => Err(Denied::Wrong),
            Err(e) => Err(Denied::Failed(e)),
        }
    }

    fn recipient(&mut self, user: Option<&str>, to: Option<&Address>) -> Result<Destination, Refusal> {
        let owner = self.tree.owner.clone();
        let user = match to {
            None => owner,
            Some(to) => {
                if !self.tree.is_local(to.domain()) {
                    let way = self.tree.way_for(self.known.is_some(), user);
                    return way.map(|_| Destination::Elsewhere).ok_or(Refusal::NoRoute);
                }
                let name = to.local().split('+').next().unwrap_or_default();
                if name.eq_ignore_ascii_case("postmaster") { owner } else { name.to_owned() }
            }
        };
        match self.tree.account(&user) {
            Ok(Some(account)) => Ok(Destination::Mailbox(account)),
            Ok(None) => Err(Refusal::NoSuchUser),
            Err(e) => Err(Refusal::Failed(e)),
        }
    }

    /// A message for elsewhere alone begins where the one who sends it has a mailbox.
    fn draft(&mut self, envelope: &Envelope) -> Result<Arriving> {
        let mailbox = envelope.recipients.iter().find_map(|to| match &to.destination {
            Destination::Mailbox(account) => Some(account.clone()),
            Destination::Elsewhere => None,
        });
        let owner = self.tree.owner.as_str();
        let account = match mailbox {
            Some(account) => Some(account),
            None => self.tree.account(envelope.user.as_deref().unwrap_or(owner))?,
        };
        let draft =
            account.map_or_else(|| Err(Error::io("no mailbox to begin a message in")), |account| account.draft());
        draft.map(Arriving::Mailbox)
    }

    fn deliver(&mut self, envelope: &Envelope, message: Arriving) -> Vec<Result<()>> {
        self.queued = None;
        let Arriving::Mailbox(mut draft) = message else { return nowhere(envelope) };
        let elsewhere = |to: &Recipient| matches!(to.destination, Destination::Elsewhere);
        if !envelope.recipients.iter().any(elsewhere) {
            return into_mailboxes(envelope, draft);
        }
        let Some(outbound) = self.tree.way_for(self.known.is_some(), envelope.user.as_deref()) else {
            let why = Error::internal("mail for elsewhere without a way there");
            return envelope.recipients.iter().map(|_| Err(why.clone())).collect();
        };
        let queued = match outbound.take(envelope, &mut draft) {
            Ok(queued) => queued,
            // Nobody has it, and all get it when it comes again.
            Err(e) => return envelope.recipients.iter().map(|_| Err(e.clone())).collect(),
        };
        let stored = into_mailboxes(envelope, draft);
        let result = |(to, stored): (&Recipient, Result<()>)| if elsewhere(to) { Ok(()) } else { stored };
        let results: Vec<Result<()>> = envelope.recipients.iter().zip(stored).map(result).collect();
        if results.iter().any(Result::is_err) {
            // It comes again as a whole. A runner that was faster has sent it: twice is better than never.
            let _ = outbound.queue().and_then(|queue| queue.remove(&queued));
        } else {
            self.queued = Some(queued);
        }
        results
    }

    fn queued_as(&self) -> Option<&str> {
        self.queued.as_deref()
    }

    fn limits(&self) -> &Limits {
        &self.tree.limits
    }

    fn attempts(&self) -> Option<&Attempts> {
        Some(&self.tree.attempts)
    }

    fn identity(&self) -> Option<&Identity> {
        self.tree.identity.as_ref()
    }
}

/// The password of a server: the first line of `file`, which is made with a random one (0600) if it is not there.
///
/// # Errors
/// 73, 74: it can't be made or read; 78: others may read it, or it is empty.
pub fn server_password(file: &Path) -> Result<Secret> {
    crate::config::secret::no_core_dumps();
    if !file.exists() {
        let mut random = [0u8; 15];
        getrandom::fill(&mut random).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
        let mut line = crate::proto::sasl::base64(&random).replace(['+', '/'], "x");
        line.push('\n');
        make_once(file, &Secret::new(line.into_bytes()))?;
    }
    crate::config::secret::file(file)
}

/// Makes a file (0600) whole or not at all. If another program that starts at the same time has made it, that one's stays.
fn make_once(file: &Path, content: &Secret) -> Result<()> {
    let new = file.with_extension(format!("new-{}", std::process::id()));
    let mut out = crate::store::disk::create(rustix::fs::CWD, &new).creating(new.display())?;
    let written = out.write_all(content.expose()).and_then(|()| crate::store::disk::sync(&out)).local(new.display());
    let kept = written.and_then(|()| match std::fs::hard_link(&new, file) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e).creating(file.display()),
        _ => Ok(()),
    });
    let _ = std::fs::remove_file(&new);
    kept?;
    crate::store::disk::sync_parent(file).local(file.display())
}

/// The certificate of a server: a self-signed one in `file`, which is made (0600) with its key if it is not there.
///
/// # Errors
/// 73, 74: it can't be made or read; 78: others may read it, or it is none.
pub fn server_identity(file: &Path) -> Result<Identity> {
    let name = file.display().to_string();
    if !file.exists() {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        // A name that no certificate can have is no reason to have none.
        for host in [super::system::host_name(), super::system::node_name()] {
            let fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) && !host.is_empty();
            if fits && !names.contains(&host) {
                names.push(host);
            }
        }
        let made = self_signed(&names)?;
        make_once(file, &Secret::new([made.certificate.as_bytes(), made.key.as_bytes()].concat()))?;
    }
    let pem = super::connect::read_private(file, "this key")?;
    Identity::new(Certificate::from_pem(pem.expose(), &name, pem.expose(), &name)?)
}

/// A user's name as the last word of `local://USER`; the caller's if there is none.
///
/// # Errors
/// 64: nothing that could be a name.
pub fn local_user(named: Option<&str>) -> Result<String> {
    match named {
        None => Ok(super::system::user_name()),
        Some(name) if crate::text::breaks_line(name) => Err(Error::usage("a line break or NUL in a user's name")),
        Some(name) => Ok(name.to_lowercase()),
    }
}
