//! `mailfmt sign`: a DKIM signature before a message, every byte of which stays; or a signature by OpenPGP or S/MIME.

use super::input::{Input, Item};
use super::output::{Chain, Output, Writer};
use super::secure::{self, Signing};
use super::set::split;
use super::show::read;
use crate::cli::compose::today;
use crate::cli::{Failure, Outcome};
use crate::config::secret::{no_core_dumps, private};
use crate::error::{Error, Local, Result};
use crate::message::dkim::canonical::Canons;
use crate::message::dkim::crypto::PrivateKey;
use crate::message::dkim::sign::{Plan, Signer};
use crate::secret::Secret;
use crate::store::spool::Spool;
use crate::text::domain::to_ascii;
use crate::text::duration::duration;
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A longer file is no key.
const LONGEST: u64 = 64 * 1024;

/// Signs messages with DKIM, OpenPGP or S/MIME.
///
/// DKIM: one header field before them, every other byte stays; the algorithm is the key's: rsa-sha256 or ed25519-sha256. Sign what will be sent: Date,
/// Message-ID and encodings as they are. --pgp (by gpg) and --smime (by openssl) make multipart/signed (RFC 1847): header fields stay, the content is
/// encoded in 7 bits where it is not.
#[derive(Args, Debug)]
pub(super) struct Sign {
    #[command(flatten)]
    input: Input,
    /// The private key: PEM (PKCS#1, PKCS#8), or the 32 bytes of an Ed25519 key in base64; a file that nobody else may read.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["pgp", "smime"])]
    key_file: Option<PathBuf>,
    /// The domain that signs.
    #[arg(long = "signing-domain", value_name = "DOMAIN", required_unless_present_any = ["pgp", "smime"])]
    domain: Option<String>,
    /// Where its public key is: at SELECTOR._domainkey.DOMAIN.
    #[arg(long, value_name = "SELECTOR", required_unless_present_any = ["pgp", "smime"])]
    selector: Option<String>,
    /// On whose behalf it signs: an address of the domain or below it, or @ and such a domain.
    #[arg(long, value_name = "ADDRESS")]
    identity: Option<String>,
    /// What may change on the way, of header and body: simple (nothing) or relaxed (blanks and folding).
    #[arg(long, value_name = "HEADER/BODY", default_value = "relaxed/relaxed")]
    canonicalization: Canons,
    /// Sign these fields, each as often as it is named (default: those that matter, some once more than they are there, so that
    /// nobody can add one).
    #[arg(long = "signed-fields", value_name = "FIELD:...", value_delimiter = ':')]
    headers: Vec<String>,
    /// The signature is good for so long (30s, 5m, 7d).
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    expires: Option<Duration>,
    /// Say how long the body is, so that others may append to it, whatever that is.
    #[arg(long)]
    body_length: bool,
    /// By OpenPGP.
    #[arg(long, conflicts_with_all = ["key_file", "domain", "selector", "smime"])]
    pgp: bool,
    /// OpenPGP: sign with this key (default: the one that gpg takes).
    #[arg(long = "signer", value_name = "KEY", requires = "pgp")]
    key: Option<String>,
    /// By S/MIME.
    #[arg(long, requires_all = ["cert", "smime_key"], conflicts_with_all = ["key_file", "domain", "selector"])]
    smime: bool,
    /// S/MIME: the certificate of that key, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// S/MIME: the private key, PEM.
    #[arg(long, value_name = "FILE")]
    smime_key: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Sign {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let by = match (&self.cert, &self.smime_key) {
            (Some(certificate), Some(key)) if self.smime => Some(Signing::Smime(certificate.clone(), key.clone())),
            _ => self.pgp.then(|| Signing::Pgp(self.key.clone())),
        };
        if let Some(by) = by {
            let mut writer = self.output.writer();
            let exit = self.input.each(|item| {
                let (mut spool, message) = read(item.body)?;
                secure::sign(&mut spool, &message, &by, &mut writer, (&item.about, item.many))?;
                Ok(true)
            })?;
            writer.end()?;
            return Ok(exit);
        }
        let (Some(domain), Some(selector), Some(key)) = (&self.domain, &self.selector, &self.key_file) else {
            return Err(Failure::usage("--key-file, --signing-domain and --selector belong together"));
        };
        let plan = self.plan(domain, selector)?;
        let key = read_key(key)?;
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            sign(item, &plan, &key, &mut writer)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }

    fn plan(&self, domain: &str, selector: &str) -> Result<Plan> {
        let name = |name: &str| to_ascii(name).unwrap_or_else(|| name.to_owned());
        let time = u64::try_from(today().seconds).unwrap_or(0);
        let plan = Plan {
            domain: name(domain),
            selector: name(selector),
            identity: self.identity.clone(),
            canons: self.canonicalization,
            headers: (!self.headers.is_empty()).then(|| self.headers.clone()),
            time,
            expires: self.expires.map(|expires| time.saturating_add(expires.as_secs())),
            length: self.body_length,
        };
        plan.check()?;
        Ok(plan)
    }
}

fn read_key(path: &Path) -> Result<PrivateKey> {
    no_core_dumps();
    let file = private(path, "this private key")?;
    // All there is room for: a vector that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(0));
    let read = file.take(LONGEST).read_to_end(&mut bytes).opening(path.display());
    let text = Secret::new(bytes);
    read?;
    PrivateKey::parse(text.expose()).map_err(|e| e.at(path.display()))
}

fn sign(item: &mut Item<'_>, plan: &Plan, key: &PrivateKey, writer: &mut Writer) -> Result<()> {
    let (header, behind) = split(item.body)?;
    if !header.raw().ends_with(b"\n") {
        return Err(Error::data("the header section does not end with a line end"));
    }
    let mut signer = Signer::new(&header, plan)?;
    let mut spool = Spool::new();
    spool.push(header.raw())?;
    signer.push(&behind);
    spool.push(&behind)?;
    spool.rest_of(item.body)?;
    loop {
        let piece = item.body.chunk()?;
        if piece.is_empty() {
            break;
        }
        signer.push(piece);
        spool.push(piece)?;
    }
    let field = signer.finish(key)?;
    writer.put(&mut Chain::new(field.as_slice(), spool.body()?), &item.about, item.many)
}
