//! `mailfmt recode`: what servers can't carry gets another encoding, texts another charset; every other byte stays.

use super::cursor::{copy, pour};
use super::input::Input;
use super::output::Output;
use super::show::read;
use crate::body::Body;
use crate::cli::Outcome;
use crate::error::{Error, Result};
use crate::message::charset::{Utf8Body, is_known, lookup};
use crate::message::decode::decoded;
use crate::message::edit::{Edit, edit};
use crate::message::facts::Facts;
use crate::message::mime::Part;
use crate::message::recode::{Ends, Wanted, recode_with};
use crate::message::repair::{unsealed, with_parameter};
use crate::store::spool::Spool;
use crate::text::escape;
use clap::Args;
use encoding_rs::{Encoding, UTF_8};

/// Encodes parts that are not 7-bit, or have lines over 998 bytes; every other byte stays.
///
/// Text becomes quoted-printable, the rest base64; their lines are at most 76 long. What can't be done without loss is 65: parts that
/// are signed or encrypted, 8-bit header fields, texts that are not in the charset that they name or can't be in the new one.
#[derive(Args, Debug)]
pub(super) struct Recode {
    #[command(flatten)]
    input: Input,
    /// Leave 8-bit parts; only lines over 998 bytes and NULs are encoded.
    #[arg(long)]
    keep_8bit: bool,
    /// Texts in other charsets become texts in this one; those that are signed or encrypted stay.
    #[arg(long = "to-charset", value_name = "NAME", value_parser = charset)]
    charset: Option<&'static Encoding>,
    /// What has no form in the new charset becomes a question mark.
    #[arg(long, requires = "charset")]
    lossy: bool,
    #[command(flatten)]
    output: Output,
}

fn charset(name: &str) -> std::result::Result<&'static Encoding, String> {
    // Those that are for reading only are written as UTF-8.
    lookup(name.as_bytes())
        .filter(|found| found.output_encoding() == *found)
        .ok_or_else(|| "not a charset that can be written".to_owned())
}

impl Recode {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let wanted = Wanted { seven_bit: !self.keep_8bit, short_lines: true, label: true, stable: false };
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (mut spool, message) = read(item.body)?;
            if let Some(to) = self.charset {
                spool = self.converted(&mut spool, &message, to)?;
            }
            let mut out = Spool::new();
            recode_with(&mut spool, wanted, Ends::Own, &mut |piece| out.push(piece))?;
            writer.put(&mut out.body()?, &item.about, item.many)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }

    /// The message with its texts in that charset, 8-bit.
    fn converted(&self, spool: &mut Spool, message: &Part, to: &'static Encoding) -> Result<Spool> {
        let (mut out, mut at) = (Spool::new(), 0);
        for part in unsealed(message) {
            let name = part.content_type.charset();
            let text = part.parts.is_empty() && part.content_type.kind == "text";
            if !text || lookup(name) == Some(to) && !is_ascii(name) {
                continue;
            }
            let (mut content, facts) = self.text(spool, part, to)?;
            // ASCII is the same in most of them.
            if facts.eight_bit == 0 && is_ascii(name) {
                continue;
            }
            let encoding = if facts.eight_bit > 0 { "8bit" } else { "7bit" };
            let charset = to.name().to_ascii_lowercase();
            let mut edits = vec![Edit::Replace("Content-Type".to_owned(), with_parameter(part, "charset", &charset))];
            if part.header.get("Content-Transfer-Encoding").is_some() || facts.eight_bit > 0 {
                edits.push(Edit::Replace("Content-Transfer-Encoding".to_owned(), encoding.to_owned()));
            }
            if part == message && part.header.get("MIME-Version").is_none() {
                edits.push(Edit::Append("MIME-Version".to_owned(), "1.0".to_owned()));
            }
            copy(spool, &(at..part.header_at.start), &mut out)?;
            out.push(&edit(&part.header, &edits)?)?;
            pour(&mut content.body()?, &mut |piece| out.push(piece))?;
            at = part.body_at.end;
        }
        copy(spool, &(at..u64::MAX), &mut out)?;
        Ok(out)
    }

    /// The text of a part in that charset.
    fn text(&self, spool: &mut Spool, part: &Part, to: &'static Encoding) -> Result<(Spool, Facts)> {
        let name = part.content_type.charset();
        let what = || format!("a text in {}", escape(name));
        if !is_known(name) {
            return Err(Error::data(format!("{}, a charset that nobody knows", what())));
        }
        let (mut content, mut facts) = (Spool::new(), Facts::of_body());
        let mut text = Utf8Body::new(decoded(spool.part(&part.body_at)?, &part.encoding), name);
        let mut encoder = to.new_encoder();
        let (mut lost, mut buffer) = (false, Vec::new());
        loop {
            let piece = text.chunk()?;
            let ended = piece.is_empty();
            // Its pieces end between characters.
            let mut rest = std::str::from_utf8(piece).map_err(|_| Error::internal("half a character"))?;
            loop {
                buffer.resize(rest.len().saturating_mul(4).saturating_add(64), 0);
                let (result, read, wrote) = if to == UTF_8 {
                    let bytes = rest.as_bytes();
                    if let Some(into) = buffer.get_mut(..bytes.len()) {
                        into.copy_from_slice(bytes);
                    }
                    (encoding_rs::EncoderResult::InputEmpty, rest.len(), rest.len())
                } else {
                    encoder.encode_from_utf8_without_replacement(rest, &mut buffer, ended)
                };
                buffer.truncate(wrote);
                if let encoding_rs::EncoderResult::Unmappable(_) = result {
                    lost = true;
                    buffer.push(b'?');
                }
                facts.push(&buffer);
                content.push(&buffer)?;
                rest = rest.get(read..).unwrap_or_default();
                if result == encoding_rs::EncoderResult::InputEmpty {
                    break;
                }
            }
            if ended {
                break;
            }
        }
        facts.end();
        if (lost || text.replaced()) && !self.lossy {
            let why = if lost { "that has characters without a form in the new charset" } else { "that is not in it" };
            return Err(Error::data(format!("{}: {why}", what())).advise("--lossy"));
        }
        Ok((content, facts))
    }
}

fn is_ascii(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"us-ascii") || name.eq_ignore_ascii_case(b"ascii")
}
