//! `mailfmt recode`: what servers can't carry gets another encoding, every other byte stays.

use super::input::Input;
use super::output::Output;
use super::show::read;
use crate::cli::Outcome;
use crate::message::recode::{Ends, Wanted, recode_with};
use crate::store::spool::Spool;
use clap::Args;

/// Encodes parts that are not 7-bit, or have lines over 998 bytes; every other byte stays.
///
/// Text becomes quoted-printable, the rest base64; their lines are at most 76 long. What can't be done without loss is 65: parts that
/// are signed or encrypted, 8-bit header fields.
#[derive(Args, Debug)]
pub(super) struct Recode {
    #[command(flatten)]
    input: Input,
    /// Leave 8-bit parts; only lines over 998 bytes and NULs are encoded.
    #[arg(long)]
    keep_8bit: bool,
    #[command(flatten)]
    output: Output,
}

impl Recode {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let wanted = Wanted { seven_bit: !self.keep_8bit, short_lines: true, label: true };
        let mut writer = self.output.writer();
        let exit = self.input.each(|item| {
            let (mut spool, _) = read(item.body)?;
            let mut out = Spool::new();
            recode_with(&mut spool, wanted, Ends::Own, &mut |piece| out.push(piece))?;
            writer.put(&mut out.body()?, &item.about, item.many)?;
            Ok(true)
        })?;
        writer.end()?;
        Ok(exit)
    }
}
