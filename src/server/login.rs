//! Passwords against guessers, for all protocols: answers that come later and later, an end after some failures, and a count
//! of the failures of each account and each address that all sessions share.
//!
//! The answer to a wrong login leaves at a time that was set before anything was looked up, so it does not tell which names
//! exist. Attempts that are being checked count too, and others wait for them, so many sessions at once try no more than one. An address from which
//! somebody has logged in has a count of its own for that account: a guesser elsewhere, or one neighbour's forgotten script,
//! locks nobody out. Left out: anything that survives the server's end.

use super::{Denied, Limits, Login, World};
use crate::net::{Deadline, Wire};
use crate::secret::Secret;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What failed longer ago is forgotten.
const WINDOW: Duration = Duration::from_secs(600);
/// A count for at most so many accounts and addresses: guessers may make names up.
const COUNTS: usize = 10_000;
/// So long a login waits for those that are being checked.
const PATIENCE: Duration = Duration::from_secs(30);
/// The delay doubles so often.
const DOUBLINGS: u32 = 3;

/// Why a login is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Wrong name or password; `close`: that was the last one in this session.
    Wrong { close: bool },
    /// There were too many; nothing was checked, and the session ends.
    TooMany,
    /// Something failed here.
    Failed,
}

/// Whether a password may be said on this connection: under TLS, or where nobody can listen. The identity of a connection
/// without an address is its socket's owner.
pub(super) fn may_log_in(wire: &Wire) -> bool {
    wire.is_secure() || wire.our_address().is_none_or(|from| from.to_canonical().is_loopback())
}

/// Checks somebody's proof.
pub(super) type Checks<'c> = dyn FnMut(&mut dyn World, &str) -> Result<Login, Denied> + 'c;

/// The failed logins of one session.
#[derive(Debug, Default)]
pub(super) struct Guesses(u32);

impl Guesses {
    /// Checks a name and a password. What is wrong is answered late.
    pub(super) fn log_in(
        &mut self,
        wire: &mut Wire,
        world: &mut dyn World,
        user: &str,
        password: &Secret,
    ) -> Result<Login, Refused> {
        self.check(wire, world, user, &mut |world, user| world.login(user, password))
    }

    /// The same by whatever `checks`, which is given the name as [`World::named`] has it.
    pub(super) fn check(
        &mut self,
        wire: &mut Wire,
        world: &mut dyn World,
        user: &str,
        checks: &mut Checks<'_>,
    ) -> Result<Login, Refused> {
        let from = wire.our_address();
        let user = world.named(user);
        let attempt = match world.attempts().map(|all| all.begin(&user, from)) {
            Some(None) => return Err(Refused::TooMany),
            Some(attempt) => attempt,
            None => None,
        };
        let so_far = self.0.saturating_add(1).max(attempt.as_ref().map_or(0, |attempt| attempt.failures));
        let answer = answer_time(world.limits(), so_far);
        let checked = checks(world, &user);
        if let (Some(all), Some(attempt)) = (world.attempts(), attempt) {
            let outcome = match &checked {
                Ok(_) => Outcome::Right,
                Err(Denied::Wrong) => Outcome::Wrong,
                Err(Denied::Failed(_)) => Outcome::Failed,
            };
            all.ends(&attempt, outcome);
        }
        match checked {
            Ok(login) => Ok(login),
            Err(Denied::Failed(_)) => Err(Refused::Failed),
            Err(Denied::Wrong) => {
                self.0 = self.0.saturating_add(1);
                let gone = wait(wire, answer);
                Err(Refused::Wrong { close: gone || self.0 >= world.limits().logins })
            }
        }
    }
}

fn answer_time(limits: &Limits, failures: u32) -> Deadline {
    Deadline::after(limits.login_delay.saturating_mul(1 << failures.saturating_sub(1).min(DOUBLINGS)))
}

/// Waits, whatever commands are pipelined meanwhile; true if the client has left.
fn wait(wire: &mut Wire, until: Deadline) -> bool {
    while let Some(left) = until.left().filter(|left| !left.is_zero()) {
        std::thread::sleep(left.min(Duration::from_millis(100)));
        if wire.has_ended() {
            return true;
        }
    }
    false
}

/// What failures are counted by. Names are kept as hashes: they may be of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Account(u64),
    Address(IpAddr),
    /// An account from an address that knows its password.
    Known(u64, IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    /// Those that are being checked, which may fail yet.
    pending: u32,
    since: Instant,
}

/// The failed logins of all sessions.
#[derive(Debug)]
pub struct Attempts {
    per_account: u32,
    per_address: u32,
    names: RandomState,
    counts: Mutex<HashMap<Key, Count>>,
    /// Rings when a check has ended.
    ended: Condvar,
}

/// A login that is being checked.
#[derive(Debug)]
struct Attempt {
    keys: Vec<Key>,
    known: Option<Key>,
    failures: u32,
}

/// Whether a login may be checked now.
enum Turn {
    Go(Attempt),
    /// Not before others have been.
    Wait,
    TooMany,
}

impl Attempts {
    /// So many failures within ten minutes for each account, and for each address, before nothing more is checked.
    #[must_use]
    pub fn new(per_account: u32, per_address: u32) -> Attempts {
        let counts = Mutex::default();
        Attempts { per_account, per_address, names: RandomState::new(), counts, ended: Condvar::new() }
    }

    /// `None`: there were too many.
    fn begin(&self, user: &str, from: Option<IpAddr>) -> Option<Attempt> {
        let until = Instant::now() + PATIENCE;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            match self.turn(&mut counts, user, from, now) {
                Turn::Go(attempt) => return Some(attempt),
                Turn::TooMany => return None,
                Turn::Wait if now >= until => return None,
                Turn::Wait => {
                    let left = until.saturating_duration_since(now);
                    counts = self.ended.wait_timeout(counts, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn turn(&self, counts: &mut HashMap<Key, Count>, user: &str, from: Option<IpAddr>, now: Instant) -> Turn {
        let account = self.names.hash_one(user.to_lowercase());
        let from = from.map(network);
        let known = from.map(|from| Key::Known(account, from));
        let failures = |key: &Key| match counts.get(key) {
            Some(count) if now.saturating_duration_since(count.since) < WINDOW => count.failures,
            _ => 0,
        };
        let keys: Vec<Key> = match known {
            Some(known) if counts.contains_key(&known) && failures(&known) < self.per_account => vec![known],
            _ => [Key::Account(account)].into_iter().chain(from.map(Key::Address)).collect(),
        };
        let limit = |key: &Key| if matches!(key, Key::Address(_)) { self.per_address } else { self.per_account };
        if keys.iter().any(|key| failures(key) >= limit(key)) {
            return Turn::TooMany;
        }
        let pending = |key: &Key| counts.get(key).map_or(0, |count| count.pending);
        if keys.iter().any(|key| failures(key).saturating_add(pending(key)) >= limit(key)) {
            return Turn::Wait;
        }
        // How much one account is guessed at makes its answers late; an address may be many people's.
        let so_far = keys.first().map_or(0, |key| failures(key).saturating_add(pending(key)));
        for key in &keys {
            make_room(counts, now);
            let count = counts.entry(*key).or_insert(Count { failures: 0, pending: 0, since: now });
            if now.saturating_duration_since(count.since) >= WINDOW {
                (count.failures, count.since) = (0, now);
            }
            count.pending = count.pending.saturating_add(1);
        }
        Turn::Go(Attempt { keys, known, failures: so_far.saturating_add(1) })
    }

    fn ends(&self, attempt: &Attempt, outcome: Outcome) {
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &attempt.keys {
            if let Some(count) = counts.get_mut(key) {
                count.pending = count.pending.saturating_sub(1);
                count.failures = count.failures.saturating_add(u32::from(outcome == Outcome::Wrong));
            }
        }
        if let (Outcome::Right, Some(known)) = (outcome, attempt.known) {
            make_room(&mut counts, now);
            counts.entry(known).or_insert(Count { failures: 0, pending: 0, since: now });
        }
        drop(counts);
        self.ended.notify_all();
    }
}

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Wrong,
    /// Nothing: something failed here.
    Failed,
}

/// The network that is one customer's: all of IPv4's address, half of IPv6's.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// Forgets what is old once there is much, and then the oldest: who makes up names pushes out made-up names first.
fn make_room(counts: &mut HashMap<Key, Count>, now: Instant) {
    if counts.len() < COUNTS {
        return;
    }
    counts.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
    while counts.len() >= COUNTS {
        let weight = |(key, count): &(&Key, &Count)| (matches!(key, Key::Known(..)), count.failures, count.since);
        let lightest = counts.iter().min_by_key(weight).map(|(key, _)| *key);
        let Some(key) = lightest else { return };
        counts.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// How often that account has been tried with this one; `None`: too often.
    fn tries(all: &Attempts, user: &str, from: Option<IpAddr>, outcome: Outcome) -> Option<u32> {
        let attempt = all.begin(user, from)?;
        all.ends(&attempt, outcome);
        Some(attempt.failures)
    }

    fn guess(all: &Attempts, user: &str, from: Option<IpAddr>) -> Option<u32> {
        tries(all, user, from, Outcome::Wrong)
    }

    #[test]
    fn an_account_is_guessed_at_from_everywhere() {
        let all = Attempts::new(3, 100);
        for n in 1..=3 {
            assert_eq!(guess(&all, "Bob", ip(&format!("192.0.2.{n}"))), Some(n));
        }
        assert!(guess(&all, "bob", ip("192.0.2.9")).is_none() && guess(&all, "BOB", None).is_none());
        assert!(guess(&all, "eve", ip("192.0.2.9")).is_some());
    }

    #[test]
    fn an_address_guesses_at_everybody() {
        let all = Attempts::new(3, 5);
        for n in 0..5 {
            assert!(guess(&all, &format!("user{n}"), ip(&format!("2001:db8::{n}"))).is_some());
        }
        assert!(guess(&all, "bob", ip("2001:db8::77:1")).is_none(), "the same network");
        assert!(guess(&all, "bob", ip("2001:db8:1::1")).is_some() && guess(&all, "bob", None).is_some());
    }

    #[test]
    fn who_knows_the_password_is_not_locked_out() {
        let all = Attempts::new(3, 5);
        let home = ip("192.0.2.1");
        assert!(tries(&all, "bob", home, Outcome::Right).is_some());
        for n in 0..9 {
            let _ = (guess(&all, "bob", ip("198.51.100.1")), guess(&all, &format!("user{n}"), home));
        }
        assert!(guess(&all, "bob", ip("198.51.100.2")).is_none() && guess(&all, "eve", home).is_none());
        for outcome in [Outcome::Right, Outcome::Failed].repeat(20) {
            assert!(tries(&all, "bob", home, outcome).is_some());
        }
        // But it is no way to guess either.
        for _ in 0..3 {
            assert!(guess(&all, "bob", home).is_some());
        }
        assert!(guess(&all, "bob", home).is_none());
    }

    /// Many clients that log in at once are no guessers, and many guesses at once are counted one by one.
    #[test]
    fn those_that_are_checked_are_waited_for() {
        let at_once = |outcome: Outcome| {
            let all = Attempts::new(3, 100);
            std::thread::scope(|scope| {
                let one = || {
                    let attempt = all.begin("bob", ip("192.0.2.1"));
                    std::thread::sleep(Duration::from_millis(2));
                    attempt.inspect(|attempt| all.ends(attempt, outcome)).is_some()
                };
                let threads: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).filter(|checked| *checked).count()
            })
        };
        assert_eq!((at_once(Outcome::Right), at_once(Outcome::Wrong)), (20, 3));
    }

    #[test]
    fn it_is_forgotten_and_bounded() {
        let all = Attempts::new(1, 1_000_000);
        let now = Instant::now();
        assert_eq!(guess(&all, "bob", ip("192.0.2.1")), Some(1));
        let goes = |later: Duration| {
            let mut counts = all.counts.lock().unwrap();
            matches!(all.turn(&mut counts, "bob", ip("192.0.2.1"), now + later), Turn::Go(_))
        };
        assert!(!goes(WINDOW / 2) && goes(WINDOW + Duration::from_secs(60)));
        for n in 0..COUNTS + 50 {
            assert!(guess(&all, &format!("u{n}"), None).is_some());
        }
        assert!(all.counts.lock().unwrap().len() <= COUNTS);
    }

    #[test]
    fn answers_come_later_and_later() {
        let limits = Limits { login_delay: Duration::from_secs(10), ..Limits::default() };
        let left = |failures| answer_time(&limits, failures).left().unwrap().as_secs();
        assert!(left(1) < 10 && (11..20).contains(&left(2)) && (41..80).contains(&left(4)) && left(99) < 80);
    }
}
