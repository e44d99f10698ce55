//! `mail-serve --system`: a Unix socket to which everybody on the machine may submit. Messages go into the queue, and by the system's
//! account out of it again, whose password nobody else sees.

use super::MailServe;
use super::doors::Doors;
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::out::Out;
use crate::cli::queue::onward::{Delivering, Outbound};
use crate::cli::submission::{Submission, System, ToQueue};
use crate::cli::system::{node_name, state_home};
use crate::cli::{Outcome, signals};
use crate::error::{Error, Exit};
use crate::net::endpoint::Service;
use crate::server::listen::{Peer, Server};
use crate::server::{Limits, World};
use std::sync::Arc;

/// Serves until a signal comes.
///
/// # Errors
/// 73: the socket can't be made, or another server listens there; 78: the configuration is wrong, or says nothing of it; those of
/// the queue.
pub(super) fn serve(flags: &MailServe) -> Outcome {
    let common = Common { trace: flags.trace.clone(), ..Common::default() };
    let reach = Reach::new("mail-serve", &common)?;
    let accounts = reach.accounts();
    let (spool, account) = accounts.system()?;
    let at = accounts.named(&format!("{account}:"), Service::Smtp)?;
    let host = accounts.host(&at)?;
    if host == "localhost" && !at.is_loopback() {
        let why = format!("{account}: what is sent from this machine has no domain, as its name has no dot");
        return Err(Error::config(why).advise("hostname = \"HOST.DOMAIN\" in the account gives it one").into());
    }
    let state = state_home()?;
    let outbound = Outbound::by(accounts, &account, &state)?;
    // What is wrong with it is told now, and not to those who send.
    outbound.queue()?;
    let settings = accounts.settings(&at)?;
    // So is what is wrong with the aliases.
    crate::cli::rewriting::Rewriting::default().in_force(&settings, &host)?;
    let here = vec!["localhost".to_owned(), node_name()];
    let system = Arc::new(System { outbound, host: host.clone(), settings, here });
    let doors = Doors::of_system(&spool)?;
    let stop = signals::stop()?;
    Out::default().must(doors.lines().as_bytes())?;
    // It ends after the last session, whose mail it may still see.
    let _delivering = Delivering::start("mail-serve", &common, &state, stop.clone())?;
    let limits = Limits { message: flags.message_size, ..Limits::default() };
    let world = |peer| {
        let uid = match peer {
            Peer::Uid(uid) => Some(uid),
            Peer::Address(_) => None,
        };
        let (host, limits) = (host.clone(), limits.clone());
        Box::new(Submission { host, limits, to: ToQueue { system: system.clone(), uid }, queued: None })
            as Box<dyn World>
    };
    let server = Server {
        listeners: doors.listeners,
        world: &world,
        stop,
        sessions: flags.connections,
        per_address: flags.connections_per_address,
        trace: reach.trace().cloned(),
    };
    server.run()?;
    Ok(Exit::Ok)
}
