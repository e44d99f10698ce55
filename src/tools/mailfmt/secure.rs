//! OpenPGP by gpg(1) and S/MIME by openssl(1): what they are asked, and what their answers mean.
//!
//! They read from unnamed files that only their owner could open. What a message says never becomes an argument. Left out: revocation.

mod program;

use super::cursor::{copy, pour};
use super::output::Writer;
use crate::error::{Error, Result};
use crate::message::decode::decoded;
use crate::message::digest::Sha256;
use crate::message::encode::{Encoder, Way};
use crate::message::mime::{Part, walk};
use crate::message::recode::{Ends, Wanted, recode_with};
use crate::message::secure::{By, Protected, micalg, parted, protected};
use crate::store::sink::About;
use crate::store::spool::Spool;
use crate::text::{LoneCr, ToFile, ToWire, WireBody};
use program::{Program, file_of};
use std::fs::File;
use std::path::PathBuf;

/// A longer signature is none.
const SHORT: usize = 1 << 20;

/// With what it is signed.
#[derive(Debug)]
pub(super) enum Signing {
    /// OpenPGP, with this key, or the one that gpg takes.
    Pgp(Option<String>),
    /// S/MIME: certificate and private key.
    Smime(PathBuf, PathBuf),
}

/// For whom it is encrypted.
#[derive(Debug)]
pub(super) enum Recipients {
    /// OpenPGP: their keys, and who signs.
    Pgp(Vec<String>, Option<Option<String>>),
    /// S/MIME: their certificates.
    Smime(Vec<PathBuf>),
}

/// A message as it will be made: the fields around, the content with its own, and how its lines end.
struct Made<'m> {
    around: Vec<u8>,
    content: Spool,
    end: &'m [u8],
}

/// The content of a message with its own fields, as it will be signed or encrypted: in 7 bits, if that is asked.
fn content_of<'m>(spool: &mut Spool, message: &'m Part, seven_bit: bool) -> Result<Made<'m>> {
    if message.header.is_cut() {
        return Err(Error::data("the header section is too long"));
    }
    let (around, own) = parted(&message.header);
    let end = message.header.line_end().as_bytes();
    let mut content = Spool::new();
    content.push(&own)?;
    content.push(end)?;
    copy(spool, &message.body_at, &mut content)?;
    if seven_bit {
        let mut out = Spool::new();
        let wanted = Wanted { seven_bit: true, short_lines: true, label: true, stable: true };
        recode_with(&mut content, wanted, Ends::Own, &mut |piece| out.push(piece))?;
        content = out;
    }
    Ok(Made { around, content, end })
}

/// Signs a message: multipart/signed (RFC 1847 2.1).
///
/// # Errors
/// 69: there is no such program; 65: it can't be encoded in 7 bits, or the program refuses; 74.
pub(super) fn sign(
    spool: &mut Spool,
    message: &Part,
    by: &Signing,
    writer: &mut Writer,
    (about, many): (&About, bool),
) -> Result<()> {
    let Made { around, mut content, end } = content_of(spool, message, true)?;
    let input = file_of(&mut WireBody::new(content.body()?, ToWire::plain(LoneCr::Keep)))?;
    let (signature, hash, protocol, name) = match by {
        Signing::Pgp(key) => {
            let ran = gpg_signs(key.as_deref()).arguments(["--armor", "--detach-sign"]).run(input)?;
            let ran = ran.good("gpg")?;
            let hash = ran.words("SIG_CREATED").and_then(|words| words.get(2)?.parse().ok()).and_then(micalg);
            let hash = hash.ok_or_else(|| Error::data("gpg: a signature by a hash that has no name in mail"))?;
            (ran.output(SHORT)?, hash, "application/pgp-signature", "signature.asc")
        }
        Signing::Smime(certificate, key) => {
            let ran = Program::openssl()
                .arguments(["cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-signer"])
                .path(certificate)
                .arguments(["-inkey"])
                .path(key)
                .run(input)?;
            (encoded(&ran.good("openssl")?.output(SHORT)?), "sha-256", "application/pkcs7-signature", "smime.p7s")
        }
    };
    let boundary = boundary(&mut content)?;
    let mut out = Spool::new();
    let kind = format!("multipart/signed; micalg={hash}; protocol=\"{protocol}\"; boundary=\"{boundary}\"");
    put(&mut out, &around, &[&format!("Content-Type: {kind}"), "", &format!("--{boundary}")], end)?;
    pour(&mut content.body()?, &mut |piece| out.push(piece))?;
    let encoding = if matches!(by, Signing::Pgp(_)) { "7bit" } else { "base64" };
    let fields = [
        "",
        &format!("--{boundary}"),
        &format!("Content-Type: {protocol}; name={name}"),
        &format!("Content-Transfer-Encoding: {encoding}"),
        &format!("Content-Disposition: attachment; filename={name}"),
        "",
    ];
    put(&mut out, b"", &fields, end)?;
    lines(&mut out, &signature, end)?;
    put(&mut out, b"", &[&format!("--{boundary}--")], end)?;
    writer.put(&mut out.body()?, about, many)
}

/// Encrypts a message: multipart/encrypted (RFC 3156 4) or application/pkcs7-mime (RFC 8551 3.3).
///
/// # Errors
/// As [`sign`].
pub(super) fn encrypt(
    spool: &mut Spool,
    message: &Part,
    to: &Recipients,
    writer: &mut Writer,
    (about, many): (&About, bool),
) -> Result<()> {
    let Made { around, mut content, end } = content_of(spool, message, false)?;
    let input = file_of(&mut WireBody::new(content.body()?, ToWire::plain(LoneCr::Keep)))?;
    let mut out = Spool::new();
    match to {
        Recipients::Pgp(keys, signed) => {
            let mut program = match signed {
                Some(key) => gpg_signs(key.as_deref()).arguments(["--sign"]),
                None => Program::gpg(),
            };
            for key in keys {
                program = program.arguments(["--recipient", key]);
            }
            let ran = program.arguments(["--armor", "--encrypt"]).run(input)?.good("gpg")?;
            let boundary = boundary(&mut content)?;
            let kind = "multipart/encrypted; protocol=\"application/pgp-encrypted\"";
            let head = [
                &format!("Content-Type: {kind}; boundary=\"{boundary}\"")[..],
                "",
                &format!("--{boundary}"),
                "Content-Type: application/pgp-encrypted",
                "",
                "Version: 1",
                "",
                &format!("--{boundary}"),
                "Content-Type: application/octet-stream; name=encrypted.asc",
                "",
            ];
            put(&mut out, &around, &head, end)?;
            let crlf = end == b"\r\n";
            pour(&mut ran.body(), &mut |piece| {
                if !crlf {
                    return out.push(piece);
                }
                piece.split_inclusive(|b| *b == b'\n').try_for_each(|line| match line.strip_suffix(b"\n") {
                    Some(line) => out.push(line).and_then(|()| out.push(end)),
                    None => out.push(line),
                })
            })?;
            put(&mut out, b"", &["", &format!("--{boundary}--")], end)?;
        }
        Recipients::Smime(certificates) => {
            let mut program =
                Program::openssl().arguments(["cms", "-encrypt", "-binary", "-aes256", "-outform", "DER"]);
            for certificate in certificates {
                program = program.path(certificate);
            }
            let ran = program.run(input)?.good("openssl")?;
            let head = [
                "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
                "Content-Transfer-Encoding: base64",
                "Content-Disposition: attachment; filename=smime.p7m",
                "",
            ];
            put(&mut out, &around, &head, end)?;
            let (mut encoder, mut buffer) = (Encoder::new(Way::Base64), Vec::new());
            pour(&mut ran.body(), &mut |piece| {
                encoder.push(piece, &mut buffer);
                let done = out.push(&ended(&buffer, end));
                buffer.clear();
                done
            })?;
            encoder.finish(&mut buffer);
            out.push(&ended(&buffer, end))?;
            out.push(end)?;
        }
    }
    writer.put(&mut out.body()?, about, many)
}

/// A key and its certificate, for S/MIME.
pub(super) type Opener = Option<(PathBuf, Option<PathBuf>)>;

/// Decrypts a message: its fields around, and what was in it.
///
/// # Errors
/// 64: no key is named; 69: there is no such program; 65: it is not encrypted, or can't be decrypted.
pub(super) fn decrypt(
    spool: &mut Spool,
    message: &Part,
    key: &Opener,
    writer: &mut Writer,
    (about, many): (&About, bool),
) -> Result<()> {
    let (by, part, opaque) = match protected(message) {
        Some(Protected::Encrypted(by, part)) => (by, part, false),
        Some(Protected::Opaque(part)) => (By::Smime, part, true),
        Some(Protected::Signed(..)) | None => {
            return Err(Error::data("not encrypted as a whole, by OpenPGP or S/MIME"));
        }
    };
    let input = file_of(&mut decoded(spool.part(&part.body_at)?, &part.encoding))?;
    let ran = match by {
        By::Pgp => Program::gpg().arguments(["--decrypt"]).run(input)?.good("gpg")?,
        // Whose signature it is tells verify.
        By::Smime if opaque => Program::openssl()
            .arguments(["cms", "-verify", "-noverify", "-binary", "-inform", "DER"])
            .run(input)?
            .good("openssl")?,
        By::Smime => {
            let Some((key, certificate)) = key else {
                return Err(Error::usage("encrypted by S/MIME: --smime-key FILE is needed"));
            };
            let mut program =
                Program::openssl().arguments(["cms", "-decrypt", "-binary", "-inform", "DER", "-inkey"]).path(key);
            if let Some(certificate) = certificate {
                program = program.arguments(["-recip"]).path(certificate);
            }
            program.run(input)?.good("openssl")?
        }
    };
    let (around, _) = parted(&message.header);
    let mut out = Spool::new();
    out.push(&around)?;
    // It was encrypted with the line ends of the wire.
    let file = message.header.line_end() == "\n";
    let (mut to_file, mut buffer) = (ToFile::default(), Vec::new());
    pour(&mut ran.body(), &mut |piece| {
        if !file {
            return out.push(piece);
        }
        to_file.push(piece, &mut buffer);
        let done = out.push(&buffer);
        buffer.clear();
        done
    })?;
    to_file.finish(&mut buffer);
    out.push(&buffer)?;
    writer.put(&mut out.body()?, about, many)
}

/// What a signature is worth.
pub(super) struct Worth {
    pub by: By,
    pub good: bool,
    /// Who signed, as far as the program says.
    pub signer: String,
    pub reason: String,
}

/// Verifies the signature of a message; `None`: it has none.
///
/// # Errors
/// 69: there is no such program; 74.
pub(super) fn verify(spool: &mut Spool, authorities: Option<&PathBuf>) -> Result<Option<Worth>> {
    let message = walk(&mut spool.body()?)?;
    let (by, content, signature) = match protected(&message) {
        Some(Protected::Signed(by, content, signature)) => (by, content, signature),
        Some(Protected::Opaque(part)) => {
            let input = file_of(&mut decoded(spool.part(&part.body_at)?, &part.encoding))?;
            let program = Program::openssl().arguments(["cms", "-verify", "-binary", "-inform", "DER"]);
            return by_openssl(program.arguments(["-out", "/dev/null"]), authorities, input).map(Some);
        }
        Some(Protected::Encrypted(..)) | None => return Ok(None),
    };
    let signature = file_of(&mut decoded(spool.part(&signature.body_at)?, &signature.encoding))?;
    let range = content.header_at.start..content.body_at.end;
    let input = file_of(&mut WireBody::new(spool.part(&range)?, ToWire::plain(LoneCr::Keep)))?;
    Ok(Some(match by {
        By::Pgp => {
            let ran = Program::gpg().arguments(["--verify"]).inherits(&signature)?.arguments(["-"]).run(input)?;
            let good = ran.is_good() && ran.words("VALIDSIG").is_some();
            let of = |word: &str| ran.words(word).map(|words| words.get(1..).unwrap_or_default().join(" "));
            let signer = of("GOODSIG").or_else(|| of("BADSIG")).or_else(|| of("EXPKEYSIG")).unwrap_or_default();
            let reason = match (good, ran.words("NO_PUBKEY"), ran.words("BADSIG")) {
                (true, ..) => String::new(),
                (_, Some(words), _) => format!("no public key {}", words.first().map_or("", String::as_str)),
                (_, _, Some(_)) => "bad signature".to_owned(),
                _ => ran.last_words(),
            };
            Worth { by, good, signer, reason }
        }
        By::Smime => {
            let program = Program::openssl().arguments(["cms", "-verify", "-binary", "-inform", "DER", "-in"]);
            let program = program.inherits(&signature)?.arguments(["-content", "/dev/stdin", "-out", "/dev/null"]);
            by_openssl(program, authorities, input)?
        }
    }))
}

/// What openssl makes of a signature.
fn by_openssl(mut program: Program, authorities: Option<&PathBuf>, input: File) -> Result<Worth> {
    if let Some(path) = authorities {
        program = program.arguments(["-CAfile"]).path(path);
    }
    let ran = program.run(input)?;
    let reason = if ran.is_good() { String::new() } else { ran.last_words() };
    Ok(Worth { by: By::Smime, good: ran.is_good(), signer: String::new(), reason })
}

fn gpg_signs(key: Option<&str>) -> Program {
    match key {
        Some(key) => Program::gpg().arguments(["--local-user", key]),
        None => Program::gpg(),
    }
}

/// Of the content, so that the same content gives the same message.
fn boundary(content: &mut Spool) -> Result<String> {
    let mut digest = Sha256::default();
    pour(&mut content.body()?, &mut |piece| {
        digest.push(piece);
        Ok(())
    })?;
    let digest = digest.hex();
    Ok(format!("=_{}", digest.get(..32).unwrap_or(&digest)))
}

fn put(out: &mut Spool, before: &[u8], lines: &[&str], end: &[u8]) -> Result<()> {
    out.push(before)?;
    lines.iter().try_for_each(|line| out.push(line.as_bytes()).and_then(|()| out.push(end)))
}

/// Whole lines, with these ends.
fn lines(out: &mut Spool, text: &[u8], end: &[u8]) -> Result<()> {
    let text = text.trim_ascii_end();
    text.split(|b| *b == b'\n').try_for_each(|line| {
        out.push(line.trim_ascii_end())?;
        out.push(end)
    })
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(Way::Base64), Vec::new());
    encoder.push(bytes, &mut out);
    encoder.finish(&mut out);
    out
}

/// What the encoder wrote, with these line ends.
fn ended(bytes: &[u8], end: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|b| *b != b'\r' || end == b"\r\n").collect()
}
