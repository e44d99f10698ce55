//! `mailfmt encrypt` and `decrypt`: by OpenPGP and S/MIME.

use super::input::Input;
use super::output::Output;
use super::secure::{Opener, Recipients, decrypt, encrypt};
use super::show::read;
use crate::cli::{Failure, Outcome};
use clap::Args;
use std::path::PathBuf;

/// Encrypts messages by OpenPGP (gpg) or S/MIME (openssl).
///
/// The content and its own fields (Content-*) are encrypted, all other header fields stay readable. --pgp makes multipart/encrypted (RFC 3156),
/// --smime application/pkcs7-mime (RFC 8551). Which keys are trusted is up to gpg.
#[derive(Args, Debug)]
pub(super) struct Encrypt {
    #[command(flatten)]
    input: Input,
    /// By OpenPGP.
    #[arg(long, required_unless_present = "smime", conflicts_with = "smime")]
    pgp: bool,
    /// By S/MIME.
    #[arg(long)]
    smime: bool,
    /// OpenPGP: for these keys: addresses, or their fingerprints.
    #[arg(long = "recipient", value_name = "KEY,...", value_delimiter = ',')]
    recipients: Vec<String>,
    /// S/MIME: for the owners of these certificates.
    #[arg(long = "recipient-cert", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// OpenPGP: sign it too, inside.
    #[arg(long, requires = "pgp")]
    sign: bool,
    /// OpenPGP: sign with this key (default: the one that gpg takes).
    #[arg(long = "signer", value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Encrypt {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let to = if self.pgp {
            Recipients::Pgp(self.recipients, self.sign.then_some(self.key))
        } else {
            Recipients::Smime(self.certificates)
        };
        let nobody = match &to {
            Recipients::Pgp(keys, _) => keys.is_empty().then_some("--recipient"),
            Recipients::Smime(certificates) => certificates.is_empty().then_some("--recipient-cert"),
        };
        if let Some(flag) = nobody {
            return Err(Failure::usage(format!("nobody could read it: {flag} says who")));
        }
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            encrypt(&mut spool, &message, &to, &mut writer, (&item.about, item.many))?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}

/// Decrypts messages that are encrypted as a whole.
///
/// What comes out is the message as it was: its fields around, and the content that was encrypted. It may be signed inside (see verify).
/// Of S/MIME that is signed in one piece the content comes out, whoever signed it.
#[derive(Args, Debug)]
pub(super) struct Decrypt {
    #[command(flatten)]
    input: Input,
    /// S/MIME: the private key, PEM.
    #[arg(long = "smime-key", value_name = "FILE")]
    key: Option<PathBuf>,
    /// S/MIME: the certificate of that key, PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Decrypt {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let key: Opener = self.key.map(|key| (key, self.cert));
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            decrypt(&mut spool, &message, &key, &mut writer, (&item.about, item.many))?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}
