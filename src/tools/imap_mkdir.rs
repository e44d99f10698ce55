//! imap-mkdir(1): creates, renames, removes and subscribes folders.

use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::exit::{Tally, complain};
use crate::cli::imap::Clients;
use crate::cli::out::Out;
use crate::cli::reference::folder_name;
use crate::cli::{Failure, Outcome, Tool};
use crate::client::imap::{Client, SpecialUse};
use crate::error::{Error, Exit, Result};
use crate::net::endpoint::{Endpoint, Service};
use crate::text::is_unsafe;
use clap::{Parser, ValueEnum};
use serde_json::json;

/// Creates, renames, removes and subscribes folders of IMAP accounts.
#[derive(Parser)]
#[command(name = "imap-mkdir", version)]
pub struct ImapMkdir {
    /// The folders, with their account: local:Lists/rust; with --rename the old one and the new one.
    #[arg(value_name = "ACCOUNT:FOLDER", required = true)]
    folders: Vec<String>,
    /// Give the first folder, and those below it, the name of the second.
    #[arg(long, conflicts_with_all = ["remove", "subscribe", "unsubscribe", "special_use", "parents"])]
    rename: bool,
    /// Remove the folders; not those that hold messages.
    #[arg(long, conflicts_with_all = ["subscribe", "unsubscribe", "special_use", "parents"])]
    remove: bool,
    /// With --remove: remove the messages in the folders too, for good.
    #[arg(long, requires = "remove")]
    with_messages: bool,
    /// Subscribe to folders that are there.
    #[arg(long, conflicts_with_all = ["unsubscribe", "special_use", "parents"])]
    subscribe: bool,
    /// End the subscription of folders, whether they are there or not.
    #[arg(long, conflicts_with_all = ["special_use", "parents"])]
    unsubscribe: bool,
    /// What the new folder is for (RFC 6154), where the server can be told.
    #[arg(long, value_name = "USE")]
    special_use: Option<Use>,
    /// A folder that is there already is no error, as with mkdir -p.
    #[arg(long)]
    parents: bool,
    /// One JSON object for each folder.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

/// The special uses of RFC 6154.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Use {
    /// All messages.
    All,
    /// An archive.
    Archive,
    /// Messages that are being written.
    Drafts,
    /// Messages that are flagged.
    Flagged,
    /// Spam.
    Junk,
    /// Copies of what was sent.
    Sent,
    /// What was deleted.
    Trash,
}

const NAME: &str = "imap-mkdir";
/// A name longer than that fits no file system.
const LONGEST: usize = 1000;

impl Tool for ImapMkdir {
    const MAN: &'static str = r#"
.Sh NAMES OF FOLDERS
They are written as
.Xr imap-ls 1
shows them, in UTF-8; on the wire they are in IMAP's modified UTF-7.
.Ql %
and
.Ql #
are percent-encoded, as in references.
Levels are separated by what the server uses, mostly
.Ql / ,
sometimes
.Ql \&. ;
levels above a new folder come into being with it.
.Pp
No folder gets a name that other programs could trip over: one with controls, with the wildcards
.Ql *
and
.Ql % ,
with an empty level or one of dots alone, with a space at either end of a level, one that begins with
.Ql / ,
.Ql ~
or
.Ql # ,
or that has more than 1000 bytes.
Folders that have such names can be removed and renamed.
.Pp
INBOX can't be removed.
With
.Fl -rename
subscriptions stay with the old name, as IMAP has it.
.Sh OUTPUT
Nothing; with
.Fl -json
each folder is a line, an object with the keys
.Li folder
(with its account),
.Li fate
(done, never, later, unknown) and
.Li error
(null if there is none).
.Sh EXIT STATUS
0; 64 wrong arguments, or a name that is refused here; 65 a folder that is to be removed holds messages; 67 some are done and
others not; 69 refused: it is there already, or there is no such folder, or the server gives no special uses; 75 unreachable; 76
protocol error, or TLS that can't be had or verified; 77 login refused; 79 the connection was lost before the answer; see
.Xr pipepost 7 .
.Sh EXAMPLES
A folder and one below it, a new name for both, and an end of them:
.Bd -literal -offset indent
imap-mkdir local:Lists local:Lists/rust
imap-mkdir --rename local:Lists local:Groups
imap-mkdir --remove local:Groups/rust local:Groups
.Ed
"#;

    fn run(self) -> Outcome {
        let reach = Reach::new(NAME, &self.common)?;
        let mut all = Vec::new();
        for text in &self.folders {
            let at = reach.accounts().account(Some(text), Service::Imap)?;
            let folder = at.folder.clone().filter(|f| !f.is_empty()).ok_or_else(|| {
                Failure::usage(format!("{text}: which folder?")).advise("it follows the colon: local:Lists")
            })?;
            all.push((at, folder));
        }
        if !self.remove && !self.subscribe && !self.unsubscribe {
            let new = if self.rename { all.get(1..).unwrap_or_default() } else { &all };
            new.iter().try_for_each(|(_, folder)| decent(folder))?;
        }
        let mut clients = Clients::new(&reach, NAME);
        let mut out = Out::until(reach.whole());
        let mut tally = Tally::default();
        let renamed = if self.rename { Some(two(&all)?) } else { None };
        let jobs = if self.rename { all.get(..1).unwrap_or_default() } else { &all };
        for (at, folder) in jobs {
            let done = clients.client(at).and_then(|client| match renamed {
                Some((_, to)) => client.rename(folder, to),
                None => self.one(client, folder),
            });
            let error = done.err();
            match &error {
                None => tally.done(),
                Some(e) => {
                    complain(NAME, &e.to_string(), e.advice());
                    tally.failed(e.exit());
                    if matches!(e.exit(), Exit::TempFail | Exit::Unknown | Exit::Protocol) {
                        clients.forget(at);
                    }
                }
            }
            if self.json {
                let object = json!({
                    "folder": folder_name(at, folder),
                    "fate": error.as_ref().map_or("done", |e| e.fate().word()),
                    "error": error.as_ref().map(ToString::to_string),
                });
                out.must(format!("{object}\n").as_bytes())?;
            }
        }
        clients.close()?;
        Ok(tally.exit())
    }
}

impl ImapMkdir {
    fn one(&self, client: &mut Client, folder: &str) -> Result<()> {
        if self.subscribe || self.unsubscribe {
            return client.subscribe(folder, self.subscribe);
        }
        if self.remove {
            return self.remove(client, folder);
        }
        let special = self.special_use.map(|word| match word {
            Use::All => SpecialUse::All,
            Use::Archive => SpecialUse::Archive,
            Use::Drafts => SpecialUse::Drafts,
            Use::Flagged => SpecialUse::Flagged,
            Use::Junk => SpecialUse::Junk,
            Use::Sent => SpecialUse::Sent,
            Use::Trash => SpecialUse::Trash,
        });
        match client.create(folder, special) {
            // What the server calls it (ALREADYEXISTS, RFC 5530) not all of them tell.
            Err(e) if self.parents && e.exit() == Exit::Refused && messages(client, folder).is_ok() => Ok(()),
            done => done,
        }
    }

    fn remove(&self, client: &mut Client, folder: &str) -> Result<()> {
        if folder.eq_ignore_ascii_case("INBOX") {
            return Err(Error::usage("INBOX can't be removed"));
        }
        if !self.with_messages {
            // One that holds only other folders has no count.
            let count = match messages(client, folder) {
                Ok(count) => count,
                Err(e) if e.exit() == Exit::Refused => 0,
                Err(e) => return Err(e),
            };
            if count > 0 {
                return Err(Error::data(format!("{folder}: it holds {count} messages"))
                    .advise("--with-messages removes them too, for good"));
            }
        }
        client.delete(folder)
    }
}

/// How many messages there are.
fn messages(client: &mut Client, folder: &str) -> Result<u64> {
    let mut count = Ok(0);
    client.counts(&[folder], &mut |_, counts| {
        count = counts.map(|counts| counts.messages.unwrap_or(0));
        Ok(())
    })?;
    count
}

/// The old and the new one.
fn two(all: &[(Endpoint, String)]) -> Result<(&str, &str)> {
    let wrong = || Error::usage("--rename: from what to what?").advise("the old folder, and the new one");
    let [(from, old), (to, new)] = all else { return Err(wrong()) };
    if folder_name(from, "") != folder_name(to, "") {
        return Err(Error::usage("--rename: the folders are not of one account"));
    }
    Ok((old, new))
}

/// Whether a new folder may have that name.
fn decent(folder: &str) -> Result<()> {
    let wrong = |why: &str| Err(Error::usage(format!("{folder}: no name for a folder: {why}")));
    if folder.len() > LONGEST {
        return wrong("too long");
    }
    if folder.chars().any(|c| is_unsafe(c) || "*%".contains(c)) {
        return wrong("controls or wildcards");
    }
    if folder.starts_with(['~', '#', '\\']) {
        return wrong("it begins like something else");
    }
    for level in folder.split('/') {
        if level.chars().all(|c| c == '.') {
            return wrong("a level that is empty or dots");
        }
        if level.trim() != level {
            return wrong("a space at the end of a level");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_trips_over() {
        for good in
            ["Lists/rust", "Entw\u{fc}rfe & Ideen", ".hidden", "a..b", "\u{65e5}\u{672c}\u{8a9e}", "a b", "x\\y"]
        {
            assert!(decent(good).is_ok(), "{good}");
        }
        let long = "x".repeat(1001);
        for bad in [
            "",
            "/",
            "a/",
            "/etc",
            "a//b",
            "..",
            "a/../b",
            ".",
            "~root",
            "#news.x",
            "a*",
            "a%",
            " a",
            "a /b",
            "a\tb",
            "a\r\nb",
            "a\u{202e}b",
            "\u{1b}[2J",
            &long,
        ] {
            assert_eq!(decent(bad).unwrap_err().exit(), Exit::Usage, "{bad}");
        }
    }
}
