//! `mailfmt verify`: what the DKIM signatures of messages are worth, and their chains of ARC. With `--dns` it asks for keys, and only
//! then does mailfmt touch the network.

use super::cursor::spool;
use super::input::Input;
use super::secure;
use super::set::split;
use crate::cli::Outcome;
use crate::cli::compose::today;
use crate::cli::out::{Column, Reader, Table};
use crate::error::{Error, Exit, Local, Result};
use crate::message::dkim::arc::Chain;
use crate::message::dkim::verify::{Checked, Verifier};
use crate::message::dkim::{Keys, Verdict};
use crate::message::secure::By;
use crate::net::Deadline;
use crate::net::dns::{self, Kind, Record, Resolver};
use clap::Args;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const COLUMNS: [Column; 7] = [
    Column { name: "number", width: 6, right: true },
    Column { name: "method", width: 6, right: false },
    Column { name: "result", width: 9, right: false },
    Column { name: "domain", width: 28, right: false },
    Column { name: "selector", width: 16, right: false },
    Column { name: "algorithm", width: 14, right: false },
    Column { name: "reason", width: 40, right: false },
];

/// How long a key is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// Verifies DKIM signatures: a line for each, the topmost first.
///
/// Columns: number (of the message), method (dkim, arc), result (pass, fail, neutral, temperror, permerror; none: there is none),
/// domain (of OpenPGP: who signed), selector, algorithm, reason. The status is 0 if one passes and none fails, 75 if a key can't be had now, else 65.
#[derive(Args, Debug)]
pub(super) struct Verify {
    #[command(flatten)]
    input: Input,
    /// Keys: lines with SELECTOR._domainkey.DOMAIN, a blank and its TXT record, as it is or as in a zone file.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["dns", "secure"], conflicts_with = "dns")]
    keys: Option<PathBuf>,
    /// Ask the DNS for keys.
    #[arg(long)]
    dns: bool,
    /// Ask this DNS resolver (default: those of /etc/resolv.conf).
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = dns::server, requires = "dns")]
    resolver: Option<SocketAddr>,
    /// Verify what is signed as a whole: OpenPGP by gpg, S/MIME by openssl.
    #[arg(long, conflicts_with_all = ["dns", "keys", "arc"])]
    secure: bool,
    /// S/MIME: trust the authorities in this file, PEM.
    #[arg(long = "smime-ca", value_name = "FILE", requires = "secure")]
    ca_file: Option<PathBuf>,
    /// Verify the chain of ARC too: a line more for messages that have one.
    #[arg(long)]
    arc: bool,
    /// Print one JSON object a signature.
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Does it.
    pub(super) fn run(self) -> Outcome {
        if self.secure {
            return self.secured();
        }
        let mut keys: Box<dyn Keys> = match &self.keys {
            Some(path) => Box::new(KeyFile::read(path)?),
            None => Box::new(Asked::of(self.resolver)),
        };
        let now = u64::try_from(today().seconds).unwrap_or(0);
        let mut table = Table::new(COLUMNS.to_vec(), self.json, false);
        let (mut good, mut later) = (true, false);
        let exit = self.input.each(|item| {
            let (header, behind) = split(item.body)?;
            let mut verifier = Verifier::new(&header, self.arc);
            verifier.push(&behind);
            loop {
                let piece = item.body.chunk()?;
                if piece.is_empty() {
                    break;
                }
                verifier.push(piece);
            }
            let (signatures, chain) = verifier.finish(&mut *keys, now);
            let verdicts = signatures.iter().map(|one| one.verdict).chain((chain.sets > 0).then_some(chain.verdict));
            let (mut passed, mut failed) = (false, false);
            for verdict in verdicts {
                passed |= verdict == Verdict::Pass;
                failed |= verdict == Verdict::Fail;
                later |= verdict == Verdict::TempError;
            }
            good &= passed && !failed;
            Ok(rows(&mut table, item.number, &signatures, &chain)? == Reader::There)
        })?;
        table.end(false)?;
        Ok(match exit {
            Exit::Ok if later => Exit::TempFail,
            Exit::Ok if !good => Exit::Data,
            exit => exit,
        })
    }
}

impl Verify {
    /// A line a message.
    fn secured(self) -> Outcome {
        let mut table = Table::new(COLUMNS.to_vec(), self.json, false);
        let mut good = true;
        let exit = self.input.each(|item| {
            let mut message = spool(item.body, |_| {})?;
            let worth = secure::verify(&mut message, self.ca_file.as_ref())?;
            good &= worth.as_ref().is_some_and(|worth| worth.good);
            let (method, result) = match &worth {
                None => ("", "none"),
                Some(worth) => (
                    if worth.by == By::Pgp { "pgp" } else { "smime" },
                    if worth.good { Verdict::Pass.word() } else { Verdict::Fail.word() },
                ),
            };
            let (signer, reason) = worth.as_ref().map_or(("", ""), |worth| (&worth.signer, &worth.reason));
            let object = || json!({ "message": item.number, "method": method, "result": result, "signer": signer, "reason": reason });
            Ok(row(&mut table, item.number, method, [result, signer, "", "", reason], object)? == Reader::There)
        })?;
        table.end(false)?;
        Ok(if exit == Exit::Ok && !good { Exit::Data } else { exit })
    }
}

fn rows(table: &mut Table, number: u64, signatures: &[Checked], chain: &Chain) -> Result<Reader> {
    let mut reader = Reader::There;
    for one in signatures {
        let name = one.algorithm.map(|algorithm| algorithm.to_string());
        let cells = [one.verdict.word(), text(&one.domain), text(&one.selector), text(&name), &one.reason];
        let object = || {
            json!({ "message": number, "method": "dkim", "result": one.verdict.word(), "domain": one.domain,
                "selector": one.selector, "identity": one.identity, "algorithm": name, "bits": one.bits,
                "headers": one.headers, "unsigned": one.unsigned, "testing": one.testing, "reason": one.reason })
        };
        reader = row(table, number, "dkim", cells, object)?;
    }
    if chain.sets > 0 {
        let cells = [chain.verdict.word(), text(&chain.domain), text(&chain.selector), "", &chain.reason];
        let object = || {
            json!({ "message": number, "method": "arc", "result": chain.verdict.word(), "domain": chain.domain,
                "selector": chain.selector, "sets": chain.sets, "reason": chain.reason })
        };
        reader = row(table, number, "arc", cells, object)?;
    }
    if signatures.is_empty() {
        let object = || json!({ "message": number, "method": "dkim", "result": "none" });
        reader = row(table, number, "dkim", ["none", "", "", "", ""], object)?;
    }
    Ok(reader)
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn row(
    table: &mut Table,
    number: u64,
    method: &str,
    [result, domain, selector, algorithm, reason]: [&str; 5],
    object: impl FnOnce() -> Value,
) -> Result<Reader> {
    let cell = |column: &Column| match column.name {
        "number" => number.to_string(),
        "method" => method.to_owned(),
        "result" => result.to_owned(),
        "domain" => domain.to_owned(),
        "selector" => selector.to_owned(),
        "algorithm" => algorithm.to_owned(),
        _ => reason.to_owned(),
    };
    table.row(cell, object)
}

/// Keys of a file, by their names in small letters.
struct KeyFile(HashMap<String, Vec<Vec<u8>>>);

impl KeyFile {
    fn read(path: &Path) -> Result<KeyFile> {
        let text = std::fs::read_to_string(path).opening(path.display())?;
        let mut all: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
        for (n, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let (name, record) = entry(line)
                .ok_or_else(|| Error::data(format!("{}:{n}: not a name, a blank and a TXT record", path.display())))?;
            all.entry(name.trim_end_matches('.').to_ascii_lowercase()).or_default().push(record);
        }
        Ok(KeyFile(all))
    }
}

/// `NAME RECORD`, or as a zone file has it: `NAME [TTL] [IN] TXT ( "piece" "piece" ) ; comment`.
fn entry(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, mut rest) = line.split_once(char::is_whitespace)?;
    let is_class = |word: &str| word == "IN" || word == "TXT" || word.bytes().all(|b| b.is_ascii_digit());
    while let Some((_, behind)) = rest.trim_start().split_once(char::is_whitespace).filter(|(word, _)| is_class(word)) {
        rest = behind;
    }
    let rest = rest.trim();
    let quoted = rest.trim_start_matches('(').trim_start();
    if !quoted.starts_with('"') {
        return (!rest.is_empty()).then(|| (name, rest.as_bytes().to_vec()));
    }
    let (mut record, mut inside, mut escaped) = (Vec::new(), false, false);
    for b in quoted.bytes() {
        match b {
            _ if escaped => {
                record.push(b);
                escaped = false;
            }
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b';' if !inside => break,
            _ if inside => record.push(b),
            _ => {}
        }
    }
    (!inside).then_some((name, record))
}

impl Keys for KeyFile {
    fn records(&mut self, name: &str) -> Result<Vec<Vec<u8>>> {
        Ok(self.0.get(name).cloned().unwrap_or_default())
    }
}

/// Keys of the DNS; a name is asked for once.
struct Asked {
    resolver: Resolver,
    known: HashMap<String, Vec<Vec<u8>>>,
}

impl Asked {
    fn of(server: Option<SocketAddr>) -> Asked {
        Asked { resolver: server.map_or_else(Resolver::system, Resolver::at), known: HashMap::new() }
    }
}

impl Keys for Asked {
    fn records(&mut self, name: &str) -> Result<Vec<Vec<u8>>> {
        if let Some(records) = self.known.get(name) {
            return Ok(records.clone());
        }
        let answer = self.resolver.look_up(name, Kind::Txt, Deadline::after(WAIT))?;
        let text = |record: Record| match record {
            Record::Text(text) => Some(text),
            _ => None,
        };
        let records: Vec<Vec<u8>> = answer.records.into_iter().filter_map(text).collect();
        self.known.insert(name.to_owned(), records.clone());
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_key_files() {
        for (line, record) in [
            ("a._domainkey.b v=DKIM1; p=x y", "v=DKIM1; p=x y"),
            ("a._domainkey.b\tIN\tTXT\t( \"v=DKIM1; k=rsa; \" \"p=x\" )  ; ----- key", "v=DKIM1; k=rsa; p=x"),
            ("a._domainkey.b 3600 IN TXT \"p=\\\"x\"", "p=\"x"),
        ] {
            let (name, got) = entry(line).unwrap();
            assert_eq!((name, String::from_utf8(got).unwrap().as_str()), ("a._domainkey.b", record));
        }
        assert!(entry("alone").is_none() && entry("a \"open").is_none());
    }
}
