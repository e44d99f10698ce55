//! The chain of ARC, RFC 8617 5.2: who handled the message, and whether it is as the last of them left it.
//!
//! Left out: from which set on the message is unchanged (`oldest-pass`), which costs a question to the DNS a set.

use super::bodies::{Bodies, Hashed};
use super::canonical::Canon;
use super::crypto::verifies;
use super::fields::{Fields, push_without_b};
use super::signature::{Kind, Signature};
use super::tags::Tags;
use super::verify::{Pending, key_for};
use super::{Keys, Problem, Verdict};
use crate::message::header::Field;

/// What the chain is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many sets it has; 0: there is none.
    pub sets: usize,
    /// Whether it passes; of none it means nothing.
    pub verdict: Verdict,
    /// Why not.
    pub reason: String,
    /// Who sealed it last.
    pub domain: Option<String>,
    /// With that key.
    pub selector: Option<String>,
}

/// The fields of one instance.
struct Set<'h> {
    results: Field<'h>,
    message: Field<'h>,
    seal: Field<'h>,
    sealed: Signature,
}

/// A chain that waits for the body.
pub(super) struct Arc<'h> {
    sets: Result<Vec<Set<'h>>, Problem>,
    /// How many there seem to be.
    count: usize,
    last: Option<Pending<'h>>,
}

impl Default for Arc<'_> {
    fn default() -> Self {
        Arc { sets: Ok(Vec::new()), count: 0, last: None }
    }
}

fn fail(reason: impl Into<String>) -> Problem {
    Problem::fail(reason)
}

/// The fields of this name by their instances, which are 1 to how many there are.
fn in_order<'h>(
    fields: &Fields<'h>,
    name: &str,
    instance: impl Fn(&Field<'h>) -> Option<u64>,
) -> Result<Vec<Field<'h>>, Problem> {
    let found = fields.named(name).iter().filter_map(|n| fields.all.get(*n));
    let mut numbered = Vec::new();
    for field in found {
        let instance = instance(field).ok_or_else(|| fail(format!("{name} has no instance")))?;
        numbered.push((instance, *field));
    }
    numbered.sort_by_key(|(instance, _)| *instance);
    if !numbered.iter().map(|(instance, _)| *instance).eq(1..=numbered.len() as u64) {
        return Err(fail(format!("the instances of {name} do not count from 1 on, each once")));
    }
    Ok(numbered.into_iter().map(|(_, field)| field).collect())
}

/// `i=` of ARC-Authentication-Results, which stands first there (RFC 8617 4.1.1).
fn first_instance(field: &Field<'_>) -> Option<u64> {
    let first = field.value.split(|b| *b == b';').next()?;
    Tags::parse(first).ok()?.number("i")?.ok()
}

fn instance(field: &Field<'_>) -> Option<u64> {
    Tags::parse(field.value).ok()?.number("i")?.ok()
}

impl<'h> Arc<'h> {
    pub(super) fn of(fields: &Fields<'h>, bodies: &mut Bodies) -> Arc<'h> {
        let names = ["arc-authentication-results", "arc-message-signature", "arc-seal"];
        let count = names.iter().map(|name| fields.named(name).len()).max().unwrap_or(0);
        let sets = sets(fields, names);
        let last = sets.as_ref().ok().and_then(|sets| sets.last());
        let last = last.map(|set| Pending::new(set.message, Kind::ArcMessage, bodies));
        Arc { sets, count, last }
    }

    pub(super) fn verify(self, fields: &Fields<'_>, bodies: &[Hashed], keys: &mut dyn Keys, now: u64) -> Chain {
        let seal = self.sets.as_ref().ok().and_then(|sets| sets.last()).map(|set| &set.sealed);
        let (domain, selector) = seal.map(|seal| (seal.domain.clone(), seal.selector.clone())).unzip();
        let checked = self.sets.as_ref().map_err(Clone::clone).and_then(|sets| {
            if let Some(last) = &self.last {
                last.check(fields, bodies, keys, now).map_err(|e| at("ARC-Message-Signature", self.count, e))?;
            }
            // The last seal first: it is the likeliest to be wrong.
            (1..=sets.len())
                .rev()
                .try_for_each(|n| sealed(sets.get(..n).unwrap_or_default(), keys).map_err(|e| at("ARC-Seal", n, e)))
        });
        let (verdict, reason) = match checked {
            Ok(()) => (Verdict::Pass, String::new()),
            Err(problem) => (problem.verdict, problem.reason),
        };
        Chain { sets: self.count, verdict, reason, domain, selector }
    }
}

/// Whatever is wrong with a link, the chain fails (RFC 8617 5.2), unless later it may not.
fn at(what: &str, instance: usize, problem: Problem) -> Problem {
    let verdict = if problem.verdict == Verdict::TempError { Verdict::TempError } else { Verdict::Fail };
    Problem { verdict, reason: format!("{what} {instance}: {}", problem.reason) }
}

fn sets<'h>(fields: &Fields<'h>, names: [&str; 3]) -> Result<Vec<Set<'h>>, Problem> {
    let [results, messages, seals] = names;
    // RFC 8617 4.2.1.
    if names.iter().any(|name| fields.named(name).len() > 50) {
        return Err(fail("more than 50 sets"));
    }
    let results = in_order(fields, results, first_instance)?;
    let messages = in_order(fields, messages, instance)?;
    let seals = in_order(fields, seals, instance)?;
    if results.len() != messages.len() || messages.len() != seals.len() {
        return Err(fail("a set is not whole"));
    }
    let mut sets = Vec::new();
    for (n, ((results, message), seal)) in (1..).zip(results.into_iter().zip(messages).zip(seals)) {
        let sealed = Signature::parse(seal.value, Kind::ArcSeal).map_err(|e| at("ARC-Seal", n, e))?;
        Signature::parse(message.value, Kind::ArcMessage).map_err(|e| at("ARC-Message-Signature", n, e))?;
        let wanted = if n == 1 { "none" } else { "pass" };
        if sealed.chain.as_deref() != Some(wanted) {
            return Err(fail(format!("ARC-Seal {n} says cv={}", sealed.chain.as_deref().unwrap_or_default())));
        }
        sets.push(Set { results, message, seal, sealed });
    }
    Ok(sets)
}

/// Whether the seal of the last of these sets holds, RFC 8617 5.1.1.
fn sealed(sets: &[Set<'_>], keys: &mut dyn Keys) -> Result<(), Problem> {
    let Some((last, before)) = sets.split_last() else { return Ok(()) };
    let mut data = Vec::new();
    let mut push = |field: &Field<'_>| {
        Canon::Relaxed.field(field, &mut data);
        data.extend_from_slice(b"\r\n");
    };
    for set in before {
        [&set.results, &set.message, &set.seal].into_iter().for_each(&mut push);
    }
    [&last.results, &last.message].into_iter().for_each(&mut push);
    push_without_b(last.seal.raw, Canon::Relaxed, &mut data);
    let key = key_for(&last.sealed, keys)?;
    if verifies(last.sealed.algorithm, &key.key, &data, &last.sealed.signature) {
        Ok(())
    } else {
        Err(fail("a set was changed, or the key is another one"))
    }
}
