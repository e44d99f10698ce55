//! imap-flag(1): changes flags and keywords of messages.

use crate::cli::args::Common;
use crate::cli::changes::{Report, check, find};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::imap::{Clients, opened};
use crate::cli::out::Out;
use crate::cli::query::Looking;
use crate::cli::wanted::{Wanted, named};
use crate::cli::{Failure, Outcome, Tool};
use crate::client::imap::Changed;
use crate::error::{Error, Result};
use crate::message::flags::{Flag, is_keyword};
use crate::net::endpoint::Service;
use crate::proto::imap::command::Store;
use crate::proto::imap::set::{SequenceSet, within};
use crate::store::patience::Patient;
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::io::BufReader;

/// Adds, removes and sets flags and keywords of messages in IMAP folders.
#[derive(Parser)]
#[command(name = "imap-flag", version)]
pub struct ImapFlag {
    /// A folder and a set of UIDs (local:INBOX 3:9,12), or references (ACCOUNT:FOLDER#UIDVALIDITY.UID, as imap-ls --refs
    /// prints them), or -: references on stdin, one a line; and, anywhere among them, changes: +seen, -flagged, =seen,$Label.
    #[arg(value_name = "MESSAGES AND CHANGES")]
    what: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// All messages of the folder.
    #[arg(long)]
    all: bool,
    /// Only messages that have not been changed since this mod-sequence (RFC 7162).
    #[arg(long, value_name = "MODSEQ")]
    unchanged_since: Option<u64>,
    /// Tell what would be changed; change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
    /// End with status 1 if there was nothing to change.
    #[arg(short, long)]
    exit_status: bool,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "imap-flag";

/// One STORE.
struct Change {
    how: Store,
    flags: Vec<String>,
}

/// `+seen,$Label`, `-flagged`, `=`; `None`: it is something else.
fn change(text: &str) -> Option<Result<Change>> {
    let text = text.trim_start();
    let mut rest = text.chars();
    let how = match rest.next()? {
        '+' => Store::Add,
        '-' if text != "-" => Store::Remove,
        '=' => Store::Set,
        _ => return None,
    };
    let rest = rest.as_str();
    let wrong = |word: &str| {
        Err(Error::usage(format!("{text}: not a flag: {word}"))
            .advise("seen, answered, flagged, deleted, draft, or a keyword like $Label"))
    };
    if rest.is_empty() {
        return Some(if how == Store::Set { Ok(Change { how, flags: Vec::new() }) } else { wrong("nothing") });
    }
    let mut flags = Vec::new();
    for word in rest.split(',') {
        let bare = word.strip_prefix('\\').unwrap_or(word);
        let system =
            Flag::ALL.into_iter().map(Flag::word).find(|w| w.trim_start_matches('\\').eq_ignore_ascii_case(bare));
        match system {
            Some(flag) => flags.push(flag.to_owned()),
            None if is_keyword(word) && !word.starts_with('-') => flags.push(word.to_owned()),
            None => return Some(wrong(word)),
        }
    }
    Some(Ok(Change { how, flags }))
}

impl Tool for ImapFlag {
    const MAN: &'static str = r#"
.Sh FLAGS
A change is
.Li +
(add),
.Li -
(remove) or
.Li =
(these and no others), and the flags, with commas between:
.Li seen , answered , flagged , deleted , draft ,
in any case and with IMAP's backslash or without, or keywords such as
.Li $Forwarded
or
.Li work .
.Li =
alone takes all flags away.
Several changes are made in their order.
A shell wants
.Li $
in quotes; a
.Li -
that looks like flags of this program stands behind
.Li -- .
.Pp
Other flags of the messages stay as they are, and messages that have come meanwhile too.
A server that would forget a flag (it is not in PERMANENTFLAGS) is told apart from one that keeps it: status 69, and nothing is
changed in that folder.
.Sh OUTPUT
Nothing; with
.Fl n
the references of the messages that would be changed.
With
.Fl -json
each message is a line, an object with the keys
.Li ref , fate
(done, never, later),
.Li now
(null) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0, also if there was nothing to change (1 with
.Fl e ) ;
64 wrong arguments, or no messages named; 67 some are changed and others not; 69 refused: no such folder, none of the named
messages is there, UIDVALIDITY has changed, the flag is not kept; 75 unreachable or connection lost (the same command is safe to
run again); 76 protocol error, or TLS that can't be had or verified; 77 login refused; see
.Xr pipepost 7 .
.Sh EXAMPLES
Everything that a machine has written is read:
.Bd -literal -offset indent
imap-flag local:INBOX --search 'FROM ci@' +seen
.Ed
.Pp
What another program has listed gets a keyword:
.Bd -literal -offset indent
imap-ls --refs local:INBOX --search 'LARGER 1000000' | imap-flag - '+$Large' -flagged
.Ed
"#;

    /// `-flagged` is no bundle of flags: a space before it tells clap so.
    fn arguments(all: Vec<OsString>) -> Vec<OsString> {
        let short: Vec<char> = ImapFlag::command().get_arguments().filter_map(clap::Arg::get_short).collect();
        let is_flags = |rest: &str| rest.chars().all(|c| short.contains(&c) || matches!(c, 'h' | 'V'));
        let mut behind = false;
        let change = |word: OsString| {
            behind |= word == "--";
            match word.to_str().and_then(|word| word.strip_prefix('-')) {
                Some(rest) if !behind && !rest.starts_with('-') && !is_flags(rest) => format!(" -{rest}").into(),
                _ => word,
            }
        };
        all.into_iter().map(change).collect()
    }

    fn run(self) -> Outcome {
        let (mut changes, mut what) = (Vec::new(), Vec::new());
        for word in &self.what {
            match change(word) {
                Some(change) => changes.push(change?),
                None => what.push(word.clone()),
            }
        }
        if changes.is_empty() {
            return Err(Failure::usage("what is to be changed?").advise("like +seen, -flagged, '=$Label'"));
        }
        let reach = Reach::new(NAME, &self.common)?;
        let name = |argument: Option<&str>| reach.accounts().account(argument, Service::Imap);
        let stdin = BufReader::new(Patient::new(std::io::stdin(), reach.whole().at()));
        let all = named(&what, &self.looking, self.all, stdin, &name)?;
        let mut clients = Clients::new(&reach, NAME);
        let mut report = Report::new(NAME, self.json, false, Out::until(reach.whole()));
        check(&mut clients, &all)?;
        for wanted in &all {
            if let Err(e) = self.folder(&mut clients, wanted, &changes, &mut report) {
                clients.forget(&wanted.at);
                report.ended(e)?;
            }
        }
        clients.close()?;
        Ok(report.status(self.exit_status))
    }
}

impl ImapFlag {
    fn folder(
        &self,
        clients: &mut Clients<'_>,
        wanted: &Wanted,
        changes: &[Change],
        report: &mut Report,
    ) -> Result<()> {
        let mut selected = clients.select(wanted)?;
        if self.common.verbose {
            complain(NAME, &opened(&wanted.folder, selected.opened()), None);
        }
        let found = find(&mut selected, wanted, report)?;
        if found.set.is_empty() {
            return Ok(());
        }
        for flag in changes.iter().filter(|c| c.how != Store::Remove).flat_map(|c| &c.flags) {
            if !selected.keeps(flag) {
                let why = Error::refused(format!("the server does not keep the flag {flag} in this folder"));
                return report.failed(&found.prefix, &found.set, &why);
            }
        }
        if self.dry_run {
            return report.would(&found.prefix, &found.set);
        }
        let mut set = found.set;
        for (n, change) in changes.iter().enumerate() {
            let last = n.saturating_add(1) == changes.len();
            let mut good = Vec::new();
            // A change of ours has given them other mod-sequences.
            let since = self.unchanged_since.filter(|_| n == 0).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
            selected.store(&set, change.how, &change.flags, since, &mut |part, outcome| match outcome {
                Ok(Changed { modified, .. }) => {
                    let (same, other) = apart(part, &modified);
                    if !other.is_empty() {
                        let why = Error::refused("somebody else has changed it meanwhile");
                        report.failed(&found.prefix, &other, &why)?;
                    }
                    if last && !same.is_empty() {
                        report.done(&found.prefix, &same)?;
                    }
                    good.extend(same.resolve(u32::MAX));
                    Ok(())
                }
                Err(e) => report.failed(&found.prefix, part, &e),
            })?;
            set = SequenceSet::from_ranges(good);
        }
        Ok(())
    }
}

/// Those of `part` that are not in `other`, and those that are.
fn apart(part: &SequenceSet, other: &SequenceSet) -> (SequenceSet, SequenceSet) {
    let ranges = other.resolve(u32::MAX);
    let (other, same): (Vec<u32>, Vec<u32>) = part.numbers(u32::MAX).partition(|uid| within(&ranges, *uid));
    (SequenceSet::from_numbers(same), SequenceSet::from_numbers(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes() {
        let show = |text: &str| {
            change(text).map(|c| c.map(|c| format!("{:?} {}", c.how, c.flags.join(" "))).map_err(|e| e.exit().code()))
        };
        for (text, shown) in [
            ("+seen", "Add \\Seen"),
            ("-\\FLAGGED", "Remove \\Flagged"),
            ("=$Label,Draft", "Set $Label \\Draft"),
            ("=", "Set "),
            ("+a+b", "Add a+b"),
        ] {
            assert_eq!(show(text), Some(Ok(shown.to_owned())), "{text}");
        }
        for none in ["-", "", "local:INBOX", "3:9", "x+seen"] {
            assert_eq!(show(none), None, "{none}");
        }
        for bad in ["+", "+\\Recent", "+a b", "+a,,b", "--seen", "+\\x", "+a\r\nb", "+é", "+(", "+a]"] {
            assert_eq!(show(bad), Some(Err(64)), "{bad}");
        }
    }
}
