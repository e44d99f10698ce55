//! `local:`: a client and a server session of ours at the two ends of a socket pair, each on its own thread.

use super::account::Accounts;
use super::queue::onward::Outbound;
use super::world::{Tree, Visit, local_user};
use crate::error::{Error, Result, words};
use crate::net::endpoint::{Endpoint, Place, Service};
use crate::net::stream::{Ready, Socket, Stream};
use crate::net::{Deadline, Wire};
use crate::server::{self, smtp::Protocol};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The client's end. Dropping it ends the session and waits for its thread, so nothing is half done when the program ends.
struct Session {
    socket: Socket<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Stream for Session {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        self.socket.ready(read, write, bells, until)
    }
    fn close(&mut self) {
        self.socket.close();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.socket.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts a session for `at`, which is a `local:` place, with what the configuration says of `[local]`.
///
/// # Errors
/// 64: no such user can be; 73, 74, 78: the mail directory; 70: it is no `local:` place.
pub fn connect(at: &Endpoint, accounts: &Accounts) -> Result<Wire> {
    let Place::Local(named) = &at.place else { return Err(Error::internal("not a local: place")) };
    let user = local_user(named.as_deref())?;
    super::signals::tidy()?;
    let root = super::system::data_home()?.join("mail");
    let tree = Tree::open(&root, true, None)?.with_domains(accounts.domains()?);
    let tree = tree.sends_on(Outbound::configured(accounts, &super::system::state_home()?, None)?);
    // Here, so that what is wrong is told as what it is: the session could only hang up.
    if tree.account(&user)?.is_none() {
        return Err(Error::usage(format!("{user}: can't be a user's name")));
    }
    session(tree, user, at.service)
}

/// Starts a session of its owner on a server's mail directory, which takes mail for its users alone.
///
/// # Errors
/// 73, 74, 78: the mail directory.
pub fn to_tree(root: &Path, accounts: &Accounts) -> Result<Wire> {
    let tree = Tree::open(root, false, None)?.with_domains(accounts.domains()?);
    let owner = tree.owner().to_owned();
    session(tree, owner, Service::Smtp)
}

fn session(tree: Tree, user: String, service: Service) -> Result<Wire> {
    let (ours, theirs) = UnixStream::pair().map_err(|e| Error::io(format!("socketpair: {}", words(&e))))?;
    let pair = |socket| Socket::new(socket).map_err(|e| Error::io(format!("socketpair: {}", words(&e))));
    let (ours, theirs) = (pair(ours)?, pair(theirs)?);
    let thread = std::thread::Builder::new()
        .name(format!("local {}", service.word()))
        .spawn(move || {
            let mut wire = Wire::over(theirs, format!("local {user}")).as_server();
            let mut world = Visit::new(Arc::new(tree), Some(user));
            // Its client sees how it ends.
            let _ = match service {
                Service::Smtp => server::smtp::serve(&mut wire, &mut world, Protocol::Smtp),
                Service::Lmtp => server::smtp::serve(&mut wire, &mut world, Protocol::Lmtp),
                Service::Pop3 => server::pop3::serve(&mut wire, &mut world),
                Service::Imap => server::imap::serve(&mut wire, &mut world),
            };
        })
        .map_err(|e| Error::io(format!("no thread: {}", words(&e))))?;
    let mut wire = Wire::over(Session { socket: ours, thread: Some(thread) }, "local");
    wire.knows_us();
    Ok(wire)
}
