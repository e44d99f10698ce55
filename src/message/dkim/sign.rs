//! Signing, RFC 6376 5.

use super::bodies::Bodies;
use super::canonical::Canons;
use super::crypto::PrivateKey;
use super::fields::Fields;
use super::is_domain;
use crate::error::{Error, Result};
use crate::message::header::{Field, Header};
use encodify::base64::STANDARD;

/// The fields that are signed where they are there, RFC 6376 5.4.1 and the lists' (RFC 2369, 2919), as often as they are there.
const SIGNED: [&str; 29] = [
    "from",
    "reply-to",
    "subject",
    "date",
    "to",
    "cc",
    "sender",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-id",
    "content-description",
    "content-disposition",
    "resent-date",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-message-id",
    "list-id",
    "list-help",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-subscribe",
    "list-post",
    "list-archive",
];
/// Of these one more is signed than there are: who adds one breaks the signature (RFC 6376 8.15). Date and Message-ID are not among
/// them, since a server may have to add them.
const OVERSIGNED: [&str; 6] = ["from", "reply-to", "subject", "to", "cc", "content-type"];
/// Columns of a line.
const WIDTH: usize = 76;

/// What a signature says.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `d=`
    pub domain: String,
    /// `s=`
    pub selector: String,
    /// `i=`
    pub identity: Option<String>,
    /// `c=`
    pub canons: Canons,
    /// `h=`; none: what is there of those that should be signed.
    pub headers: Option<Vec<String>>,
    /// `t=`, seconds since 1970.
    pub time: u64,
    /// `x=`, likewise.
    pub expires: Option<u64>,
    /// `l=` with all of the body: others may append to it.
    pub length: bool,
}

impl Plan {
    /// # Errors
    /// 64: a name that is none, From that is not to be signed.
    pub fn check(&self) -> Result<()> {
        for (flag, name) in [("--signing-domain", &self.domain), ("--selector", &self.selector)] {
            if !is_domain(name) {
                return Err(Error::usage(format!("{flag} {name}: not a name of the DNS")));
            }
        }
        if let Some(identity) = &self.identity {
            let fits = identity.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b'='));
            let domain = self.domain.to_ascii_lowercase();
            let below = identity.rsplit_once('@').map(|(_, below)| below.to_ascii_lowercase());
            let below = below.and_then(|below| below.strip_suffix(&domain).map(str::to_owned));
            if !fits || below.is_none_or(|rest| !rest.is_empty() && !rest.ends_with('.')) {
                return Err(Error::usage(format!("--identity {identity}: not like @{0} or name@x.{0}", self.domain)));
            }
        }
        if let Some(headers) = &self.headers {
            let wrong = headers.iter().find(|name| !crate::message::field::is_name(name) || name.contains(';'));
            if let Some(name) = wrong {
                return Err(Error::usage(format!("--signed-fields: {name}: not the name of a header field")));
            }
            if !headers.iter().any(|name| name.eq_ignore_ascii_case("from")) {
                return Err(Error::usage("--signed-fields: From must be signed (RFC 6376 5.4)"));
            }
        }
        Ok(())
    }
}

/// A message that is signed.
pub struct Signer<'h> {
    fields: Fields<'h>,
    end: &'static str,
    plan: &'h Plan,
    bodies: Bodies,
    last: u8,
    bare: bool,
}

impl<'h> Signer<'h> {
    /// With its header section, which must be whole, and a plan that was checked.
    ///
    /// # Errors
    /// 65: there is no From, or the first line goes on from another.
    pub fn new(header: &'h Header, plan: &'h Plan) -> Result<Signer<'h>> {
        let fields = Fields::of(header);
        if fields.named("from").is_empty() {
            return Err(Error::data("no From: a signature must sign it"));
        }
        if header.raw().first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
            return Err(Error::data("it begins with a blank: that line would belong to the signature"));
        }
        let mut bodies = Bodies::default();
        bodies.want(plan.canons.body, None);
        let crlf = header.raw().split_inclusive(|b| *b == b'\n').next().is_some_and(|line| line.ends_with(b"\r\n"));
        let end = if crlf { "\r\n" } else { "\n" };
        let mut signer = Signer { fields, end, plan, bodies, last: 0, bare: false };
        signer.look(header.raw());
        Ok(signer)
    }

    /// The next bytes of its body.
    pub fn push(&mut self, piece: &[u8]) {
        self.look(piece);
        self.bodies.push(piece);
    }

    /// Looks for a CR without LF.
    fn look(&mut self, piece: &[u8]) {
        for at in memchr::memchr_iter(b'\r', piece) {
            self.bare |= piece.get(at + 1).is_some_and(|next| *next != b'\n');
        }
        self.bare |= self.last == b'\r' && piece.first().is_some_and(|first| *first != b'\n');
        self.last = piece.last().copied().unwrap_or(self.last);
    }

    /// The end of its body: the field, which belongs before all others.
    ///
    /// # Errors
    /// 65: a CR without LF, which no server leaves as it is (RFC 6376 5.3); those of the key.
    pub fn finish(mut self, key: &PrivateKey) -> Result<Vec<u8>> {
        if self.bare || self.last == b'\r' {
            return Err(Error::data("a CR without LF: it would not arrive as it was signed"));
        }
        let body = std::mem::take(&mut self.bodies).finish();
        let body = body.first().ok_or_else(|| Error::internal("no hash of the body"))?;
        let names = match &self.plan.headers {
            Some(names) => names.clone(),
            None => self.names(),
        };
        let mut tags = vec![
            "v=1;".to_owned(),
            format!("a={};", key.algorithm()),
            format!("c={};", self.plan.canons),
            format!("d={};", self.plan.domain),
            format!("s={};", self.plan.selector),
        ];
        tags.extend(self.plan.identity.as_ref().map(|identity| format!("i={identity};")));
        tags.push(format!("t={};", self.plan.time));
        tags.extend(self.plan.expires.map(|expires| format!("x={expires};")));
        tags.extend(self.plan.length.then(|| format!("l={};", body.size)));
        let last = names.len().saturating_sub(1);
        for (n, name) in names.iter().enumerate() {
            tags.push(format!("{}{name}{}", if n == 0 { "h=" } else { "" }, if n == last { ";" } else { ":" }));
        }
        tags.push(format!("bh={};", STANDARD.encode(&body.digest)));
        let mut field = "DKIM-Signature:".to_owned();
        let (mut column, mut in_list) = (field.len(), false);
        for tag in tags {
            // Between the names of h= blanks would do no harm, but there need be none.
            let glue = if in_list { "" } else { " " };
            if column + glue.len() + tag.len() > WIDTH {
                field.push_str(self.end);
                field.push('\t');
                column = 8;
            } else {
                field.push_str(glue);
                column += glue.len();
            }
            field.push_str(&tag);
            column += tag.len();
            in_list = tag.ends_with(':');
        }
        field.push_str(self.end);
        field.push_str("\tb=");
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let own = Field { name: b"DKIM-Signature", value: &[], raw: field.as_bytes() };
        let data = self.fields.signed(&lower, self.plan.canons.header, &own);
        let signature = STANDARD.encode(key.sign(&data)?);
        let mut rest = signature.as_str();
        let mut room = WIDTH - 10;
        while let Some((line, behind)) = rest.split_at_checked(room) {
            field.push_str(line);
            field.push_str(self.end);
            field.push('\t');
            (rest, room) = (behind, WIDTH - 8);
        }
        field.push_str(rest);
        field.push_str(self.end);
        Ok(field.into_bytes())
    }

    /// What `h=` says by itself.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in SIGNED {
            let times = self.fields.named(name).len() + usize::from(OVERSIGNED.contains(&name));
            names.extend(std::iter::repeat_n(name.to_owned(), times));
        }
        names
    }
}
