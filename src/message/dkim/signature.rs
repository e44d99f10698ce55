//! The value of DKIM-Signature (RFC 6376 3.5), and of ARC-Message-Signature and ARC-Seal (RFC 8617 4.1).

use super::Problem;
use super::canonical::{Canon, Canons};
use super::crypto::Algorithm;
use super::tags::Tags;
use crate::text::domain;

/// Which field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// DKIM-Signature.
    Dkim,
    /// ARC-Message-Signature: no version, and its `i=` counts.
    ArcMessage,
    /// ARC-Seal: signs no other fields and no body.
    ArcSeal,
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// `a=`
    pub(super) algorithm: Algorithm,
    /// `b=`
    pub(super) signature: Vec<u8>,
    /// `bh=`
    pub(super) body_hash: Vec<u8>,
    /// `c=`
    pub(super) canons: Canons,
    /// `d=`, in small letters, as A-labels.
    pub(super) domain: String,
    /// `s=`, likewise.
    pub(super) selector: String,
    /// `h=`, in small letters.
    pub(super) headers: Vec<String>,
    /// `i=` of DKIM: whom the domain signs for.
    pub(super) identity: Option<String>,
    /// `i=` of ARC.
    pub(super) instance: u64,
    /// `l=`: so much of the body is signed.
    pub(super) length: Option<u64>,
    /// `x=`, seconds since 1970.
    pub(super) expires: Option<u64>,
    /// `cv=` of ARC-Seal.
    pub(super) chain: Option<String>,
}

/// Whether it is a name that has a key: letters, digits, hyphens, underscores, dots between.
#[must_use]
pub fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

impl Signature {
    /// Where its key is.
    #[must_use]
    pub(super) fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Why it is worth nothing.
    pub(super) fn parse(value: &[u8], kind: Kind) -> Result<Signature, Problem> {
        let tags = Tags::parse(value).map_err(Problem::neutral)?;
        let need = |name: &'static str| tags.get(name).ok_or_else(|| Problem::neutral(format!("no tag {name}=")));
        let bad = |name: &'static str| Problem::neutral(format!("{name}= can't be read"));
        let bytes = |name: &'static str| match tags.bytes(name) {
            Some(bytes) => bytes.map_err(|_| bad(name)),
            None => Err(Problem::neutral(format!("no tag {name}="))),
        };
        let number = |name: &'static str| tags.number(name).transpose().map_err(|_| bad(name));
        if kind == Kind::Dkim && need("v")? != "1" {
            return Err(Problem::neutral("v= is not 1"));
        }
        let name = need("a")?;
        let algorithm = Algorithm::named(name).ok_or_else(|| match name {
            // RFC 8301 3.1.
            "rsa-sha1" => Problem::permanent("rsa-sha1 is no longer a signature"),
            _ => Problem::neutral("a= is no algorithm that is known"),
        })?;
        let name = |tag: &'static str| {
            let name = domain::to_ascii(need(tag)?).filter(|name| is_domain(name)).ok_or_else(|| bad(tag))?;
            Ok(name.to_ascii_lowercase())
        };
        let (domain, selector) = (name("d")?, name("s")?);
        let seal = kind == Kind::ArcSeal;
        let headers: Vec<String> = tags.list("h").map(str::to_ascii_lowercase).collect();
        let has = |name: &str| headers.iter().any(|header| header == name);
        match kind {
            Kind::ArcSeal if tags.get("h").is_some() => return Err(Problem::neutral("a seal with h=")),
            Kind::ArcMessage if has("arc-seal") => return Err(Problem::neutral("h= has ARC-Seal")),
            // RFC 6376 6.1.1; RFC 8617 says as little of it as of others.
            Kind::Dkim if !has("from") => return Err(Problem::permanent("From is not signed")),
            Kind::ArcMessage if headers.is_empty() => return Err(Problem::neutral("no tag h=")),
            _ => {}
        }
        let identity = tags.get("i").filter(|_| kind == Kind::Dkim).map(str::to_owned);
        if let Some(identity) = &identity {
            let below = identity.rsplit_once('@').and_then(|(_, below)| domain::to_ascii(below));
            let below = below.ok_or_else(|| bad("i"))?.to_ascii_lowercase();
            if below.strip_suffix(&domain).is_none_or(|rest| !rest.is_empty() && !rest.ends_with('.')) {
                return Err(Problem::permanent("i= is not of the domain d="));
            }
        }
        let instance = match kind {
            Kind::Dkim => 0,
            _ => number("i")?.filter(|i| (1..=50).contains(i)).ok_or_else(|| bad("i"))?,
        };
        if kind == Kind::Dkim && tags.get("q").is_some() && !tags.list("q").any(|query| query == "dns/txt") {
            return Err(Problem::neutral("q= is no way to a key that is known"));
        }
        let (time, expires) = (number("t")?, number("x")?);
        if matches!((time, expires), (Some(time), Some(expires)) if expires < time) {
            return Err(Problem::neutral("x= is before t="));
        }
        let canons = match tags.get("c") {
            Some(canons) => canons.parse().map_err(|_| bad("c"))?,
            None => Canons { header: Canon::Simple, body: Canon::Simple },
        };
        let body_hash = if seal { Vec::new() } else { bytes("bh")? };
        let length = number("l")?.filter(|_| !seal);
        let chain = if seal { Some(need("cv")?.to_ascii_lowercase()) } else { None };
        let signature = bytes("b")?;
        Ok(Signature {
            algorithm,
            signature,
            body_hash,
            canons,
            domain,
            selector,
            headers,
            identity,
            instance,
            length,
            expires,
            chain,
        })
    }
}
