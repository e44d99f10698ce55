//! Verifying, RFC 6376 6: what each signature of a message is worth.

use super::arc::{Arc, Chain};
use super::bodies::{Bodies, Hashed};
use super::crypto::{Algorithm, verifies};
use super::fields::Fields;
use super::key::{PublicKey, find};
use super::signature::{Kind, Signature};
use super::{Keys, Problem, Verdict};
use crate::message::header::{Field, Header};

/// Of more signatures the first so many are looked at: each costs a question to the DNS.
pub const MOST: usize = 20;

/// What a signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// That.
    pub verdict: Verdict,
    /// Why; of one that passes, what should be known about it. Empty if there is nothing to say.
    pub reason: String,
    /// `d=`, if it could be read; likewise the others.
    pub domain: Option<String>,
    /// `s=`
    pub selector: Option<String>,
    /// `i=`
    pub identity: Option<String>,
    /// `a=`
    pub algorithm: Option<Algorithm>,
    /// The size of the key.
    pub bits: Option<usize>,
    /// The fields that it signs.
    pub headers: Vec<String>,
    /// The key says that the domain is testing: what fails is to be taken as if it were not signed.
    pub testing: bool,
    /// How many bytes of the (canonical) body are not signed.
    pub unsigned: u64,
}

/// A signature that waits for the body.
pub(super) struct Pending<'h> {
    field: Field<'h>,
    pub(super) read: Result<Signature, Problem>,
    body: usize,
}

impl<'h> Pending<'h> {
    pub(super) fn new(field: Field<'h>, kind: Kind, bodies: &mut Bodies) -> Pending<'h> {
        let read = Signature::parse(field.value, kind);
        let body = read.as_ref().map_or(0, |read| bodies.want(read.canons.body, read.length));
        Pending { field, read, body }
    }

    /// The key that verifies it, with its signature, and how much of the body is not signed.
    pub(super) fn check(
        &self,
        fields: &Fields<'_>,
        bodies: &[Hashed],
        keys: &mut dyn Keys,
        now: u64,
    ) -> Result<(PublicKey, u64), Problem> {
        let read = self.read.as_ref().map_err(Clone::clone)?;
        if read.expires.is_some_and(|expires| expires < now) {
            return Err(Problem::fail("it has expired"));
        }
        let key = key_for(read, keys)?;
        let exact =
            |identity: &String| identity.rsplit_once('@').is_some_and(|(_, d)| d.eq_ignore_ascii_case(&read.domain));
        if key.strict && !read.identity.as_ref().is_none_or(exact) {
            return Err(Problem::permanent("the key is for the domain itself, and i= is below it"));
        }
        let body = bodies.get(self.body).ok_or_else(|| Problem::permanent("no body"))?;
        let unsigned = match read.length {
            Some(length) => {
                body.size.checked_sub(length).ok_or_else(|| Problem::fail("the body is shorter than l="))?
            }
            None => 0,
        };
        if body.digest != read.body_hash {
            return Err(Problem::fail("the body was changed"));
        }
        let data = fields.signed(&read.headers, read.canons.header, &self.field);
        if !verifies(read.algorithm, &key.key, &data, &read.signature) {
            return Err(Problem::fail("the header was changed, or the key is another one"));
        }
        Ok((key, unsigned))
    }
}

/// The key of a signature.
pub(super) fn key_for(signature: &Signature, keys: &mut dyn Keys) -> Result<PublicKey, Problem> {
    let records = keys.records(&signature.key_name()).map_err(|e| Problem::of(&e))?;
    find(records.iter().map(Vec::as_slice), signature.algorithm)
}

/// A message that is verified.
pub struct Verifier<'h> {
    fields: Fields<'h>,
    signatures: Vec<Pending<'h>>,
    more: usize,
    arc: Arc<'h>,
    bodies: Bodies,
}

impl<'h> Verifier<'h> {
    /// With its header section, which must be whole; with `arc` its chain of ARC is verified too.
    #[must_use]
    pub fn new(header: &'h Header, arc: bool) -> Verifier<'h> {
        let fields = Fields::of(header);
        let mut bodies = Bodies::default();
        let all = fields.named("dkim-signature");
        let signatures = all.iter().take(MOST).filter_map(|n| fields.all.get(*n));
        let signatures = signatures.map(|field| Pending::new(*field, Kind::Dkim, &mut bodies)).collect();
        let more = all.len().saturating_sub(MOST);
        let arc = if arc { Arc::of(&fields, &mut bodies) } else { Arc::default() };
        Verifier { fields, signatures, more, arc, bodies }
    }

    /// The next bytes of its body.
    pub fn push(&mut self, piece: &[u8]) {
        self.bodies.push(piece);
    }

    /// The end of its body: what each signature is worth, the topmost first, at `now` (seconds since 1970), and the chain.
    pub fn finish(self, keys: &mut dyn Keys, now: u64) -> (Vec<Checked>, Chain) {
        let bodies = self.bodies.finish();
        let checked = |one: &Pending<'_>| Checked::of(one, one.check(&self.fields, &bodies, keys, now));
        let mut all: Vec<Checked> = self.signatures.iter().map(checked).collect();
        if self.more > 0 {
            let reason = format!("{} more signatures are not looked at", self.more);
            all.push(Checked::none(Problem { verdict: Verdict::Neutral, reason }));
        }
        (all, self.arc.verify(&self.fields, &bodies, keys, now))
    }
}

impl Checked {
    fn none(problem: Problem) -> Checked {
        Checked {
            verdict: problem.verdict,
            reason: problem.reason,
            domain: None,
            selector: None,
            identity: None,
            algorithm: None,
            bits: None,
            headers: Vec::new(),
            testing: false,
            unsigned: 0,
        }
    }

    fn of(pending: &Pending<'_>, result: Result<(PublicKey, u64), Problem>) -> Checked {
        let good = || Problem { verdict: Verdict::Pass, reason: String::new() };
        let (problem, key, unsigned) = match result {
            Ok((key, unsigned)) => (good(), Some(key), unsigned),
            Err(problem) => (problem, None, 0),
        };
        let mut checked = Checked::none(problem);
        if let Ok(read) = &pending.read {
            checked.domain = Some(read.domain.clone());
            checked.selector = Some(read.selector.clone());
            checked.identity.clone_from(&read.identity);
            checked.algorithm = Some(read.algorithm);
            checked.headers.clone_from(&read.headers);
        }
        if unsigned > 0 {
            checked.reason = format!("the last {unsigned} bytes of the body are not signed");
        }
        checked.bits = key.as_ref().map(|key| key.bits);
        checked.testing = key.is_some_and(|key| key.testing);
        checked.unsigned = unsigned;
        checked
    }
}
