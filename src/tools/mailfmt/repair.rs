//! `mailfmt repair`: what lint finds and can be mended, every other byte stays.

use super::cursor::{copy, pour};
use super::input::Input;
use super::output::Output;
use super::screen::Screen;
use super::show::read;
use crate::body::Body;
use crate::cli::Outcome;
use crate::cli::exit::complain;
use crate::error::{Error, Exit, Result};
use crate::message::decode::decoded;
use crate::message::encode::Encoder;
use crate::message::facts::Facts;
use crate::message::lint::Code;
use crate::message::mime::{Encoding, Part, walk};
use crate::message::repair::{Change, Content, LOOK, MENDED, Mended, Wanted, With, contents, structure};
use crate::store::spool::Spool;
use clap::Args;
use std::collections::HashMap;

/// Boundaries inside boundaries that are mended.
const PASSES: usize = 100;

/// Mends what can be mended, every other byte stays.
///
/// Each change is told on stderr, with its code (see lint) and where the part began before it. Missing and unclosed boundaries, encodings that are misspelt, wrong or around parts, damaged base64 and quoted-printable, 8-bit bytes
/// without encoding or charset, 8-bit header fields, fields that come twice, lines that are no fields, a missing MIME-Version. What is signed or
/// encrypted stays as it is.
#[derive(Args, Debug)]
pub(super) struct Repair {
    #[command(flatten)]
    input: Input,
    /// Only these repairs, by the code that lint has for what is wrong.
    #[arg(long, value_name = "CODE,...", value_delimiter = ',', value_parser = code)]
    only: Vec<Code>,
    /// Tell what would be mended, on stdout, and write no message.
    #[arg(short = 'n', long, conflicts_with_all = ["into", "raw", "mbox"])]
    dry_run: bool,
    /// End with status 1 if there is nothing to mend.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    output: Output,
}

fn code(word: &str) -> std::result::Result<Code, String> {
    let found = MENDED.into_iter().find(|code| code.word() == word);
    found.ok_or_else(|| format!("there are {}", MENDED.map(Code::word).join(", ")))
}

impl Repair {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        let mut writer = (!self.dry_run).then(|| self.output.writer());
        let mut screen = Screen::new(true);
        let mut any = false;
        let exit = self.input.each(|item| {
            let (mut message, made) = self.mended(item.body)?;
            for Mended { code, offset, text } in made {
                any = true;
                let told = format!("message {}, offset {offset}: {}: {text}", item.number, code.word());
                match writer {
                    Some(_) => complain("mailfmt", &told, None),
                    None => screen.line(&told)?,
                }
            }
            match &mut writer {
                Some(writer) => writer.put(&mut message.body()?, &item.about, item.many)?,
                None => return Ok(!screen.is_gone()),
            }
            Ok(true)
        })?;
        if let Some(writer) = writer {
            writer.end()?;
        }
        screen.flush()?;
        Ok(if exit == Exit::Ok && !any && self.exit_status { Exit::None } else { exit })
    }

    /// The message as it becomes, and what was done.
    fn mended(&self, body: &mut dyn Body) -> Result<(Spool, Vec<Mended>)> {
        let (mut spool, mut tree) = read(body)?;
        let mends = |code: Code| self.only.is_empty() || self.only.contains(&code);
        let mut wanted = Wanted { mends: &mends, made: Vec::new() };
        for pass in 0.. {
            let changes = structure(&tree, &mut wanted, &mut |range| {
                let end = range.end.min(range.start.saturating_add(LOOK as u64));
                spool.part(&(range.start..end))?.start(LOOK)
            })?;
            if changes.is_empty() {
                break;
            }
            if pass >= PASSES {
                return Err(Error::data("boundaries without end"));
            }
            (spool, tree) = again(&mut spool, &tree, &changes)?;
        }
        // What an encoding was meant to be is known before its content is.
        for _ in 0..2 {
            let mut known: HashMap<u64, Content> = HashMap::new();
            let changes = contents(&tree, &mut wanted, &mut |part| {
                if let Some(content) = known.get(&part.header_at.start) {
                    return Ok(*content);
                }
                let content = look(&mut spool, part)?;
                known.insert(part.header_at.start, content);
                Ok(content)
            })?;
            if changes.is_empty() {
                break;
            }
            (spool, tree) = again(&mut spool, &tree, &changes)?;
        }
        Ok((spool, wanted.made))
    }
}

/// What the content of a part is like.
fn look(spool: &mut Spool, part: &Part) -> Result<Content> {
    let mut content = Content { utf8: true, ..Content::default() };
    pour(&mut spool.part(&part.body_at)?, &mut |piece| {
        content.eight_bit_body |= !piece.is_ascii();
        Ok(())
    })?;
    let mut facts = Facts::of_body();
    let mut body = decoded(spool.part(&part.body_at)?, &part.encoding);
    pour(&mut body, &mut |piece| {
        facts.push(piece);
        Ok(())
    })?;
    facts.end();
    let coded = matches!(part.encoding, Encoding::Base64 | Encoding::QuotedPrintable);
    content.errors = if coded { body.errors() } else { 0 };
    (content.eight_bit, content.utf8) = (facts.eight_bit > 0, facts.utf8);
    Ok(content)
}

/// The message with these changes, and what it is then.
fn again(spool: &mut Spool, tree: &Part, changes: &[Change]) -> Result<(Spool, Part)> {
    let mut out = Spool::new();
    let mut at = 0;
    for (range, with) in changes {
        copy(spool, &(at..range.start), &mut out)?;
        at = range.end;
        match with {
            With::Bytes(bytes) => out.push(bytes)?,
            With::Encoded(encoding, way) => {
                let (mut encoder, mut buffer) = (Encoder::new(*way), Vec::new());
                let crlf = tree.header.line_end() == "\r\n";
                let mut put = |buffer: &mut Vec<u8>| {
                    if !crlf {
                        buffer.retain(|b| *b != b'\r');
                    }
                    let done = out.push(buffer);
                    buffer.clear();
                    done
                };
                pour(&mut decoded(spool.part(range)?, encoding), &mut |piece| {
                    encoder.push(piece, &mut buffer);
                    put(&mut buffer)
                })?;
                encoder.finish(&mut buffer);
                put(&mut buffer)?;
                // Base64 ends without a line end, which the body had.
                if !range.is_empty() && spool.part(&(range.end - 1..range.end))?.start(1)? == b"\n" {
                    out.push(tree.header.line_end().as_bytes())?;
                }
            }
        }
    }
    copy(spool, &(at..u64::MAX), &mut out)?;
    let tree = walk(&mut out.body()?)?;
    Ok((out, tree))
}
