//! The programs, and their registry [`ALL`], which feeds the executable `pipepost`, the pages, the completions and the
//! tests. A new program is a file here, a line in `ALL`, three lines in src/bin, and `UPDATE=1 cargo test --test docs`.

pub mod imap_cp;
pub mod imap_fetch;
pub mod imap_flag;
pub mod imap_ls;
pub mod imap_mkdir;
pub mod imap_mv;
pub mod imap_put;
pub mod imap_rm;
pub mod imap_watch;
pub mod mail_check;
pub mod mail_login;
pub mod mail_serve;
pub mod mailfmt;
pub mod pop3_fetch;
pub mod pop3_ls;
pub mod pop3_rm;
pub mod smtp_queue;
pub mod smtp_send;

use crate::cli::Entry;
use crate::cli::exit::complain;
use crate::error::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Every program, in the order of pipepost(7).
pub const ALL: &[Entry] = &[
    Entry::of::<smtp_send::SmtpSend>("smtp-send"),
    Entry::of::<smtp_queue::SmtpQueue>("smtp-queue"),
    Entry::of::<pop3_ls::Pop3Ls>("pop3-ls"),
    Entry::of::<pop3_fetch::Pop3Fetch>("pop3-fetch"),
    Entry::of::<pop3_rm::Pop3Rm>("pop3-rm"),
    Entry::of::<imap_ls::ImapLs>("imap-ls"),
    Entry::of::<imap_fetch::ImapFetch>("imap-fetch"),
    Entry::of::<imap_put::ImapPut>("imap-put"),
    Entry::of::<imap_cp::ImapCp>("imap-cp"),
    Entry::of::<imap_mv::ImapMv>("imap-mv"),
    Entry::of::<imap_rm::ImapRm>("imap-rm"),
    Entry::of::<imap_flag::ImapFlag>("imap-flag"),
    Entry::of::<imap_mkdir::ImapMkdir>("imap-mkdir"),
    Entry::of::<imap_watch::ImapWatch>("imap-watch"),
    Entry::of::<mailfmt::Mailfmt>("mailfmt"),
    Entry::of::<mail_serve::MailServe>("mail-serve"),
    Entry::of::<mail_check::MailCheck>("mail-check"),
    Entry::of::<mail_login::MailLogin>("mail-login"),
];

fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// The executable that is all programs: it is the one that it is called as, or the one that its first argument names.
#[must_use]
pub fn main_of_all() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let base = |argument: &OsString| {
        std::path::Path::new(argument).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    if let Some(entry) = arguments.first().map(base).and_then(|name| find(&name)) {
        return entry.main(arguments);
    }
    // The names that other programs call.
    let as_sendmail: Option<&[&str]> = match arguments.first().map(base).as_deref() {
        Some("sendmail") => Some(&["--sendmail"]),
        Some("mailq") => Some(&["--sendmail", "-bp"]),
        Some("newaliases") => Some(&["--sendmail", "-bi"]),
        _ => None,
    };
    if let (Some(flags), Some(entry)) = (as_sendmail, find("smtp-send")) {
        arguments.splice(1..1, flags.iter().map(OsString::from));
        return entry.main(arguments);
    }
    let names: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    match arguments.get(1).map(|argument| argument.to_string_lossy().into_owned()).as_deref() {
        Some("-V" | "--version") => say(&format!("pipepost {}\n", env!("CARGO_PKG_VERSION"))),
        Some("-h" | "--help") => say(&format!("usage: pipepost PROGRAM [ARGUMENT...]\n\n{}\n", names.join("\n"))),
        Some(name) => match find(name) {
            Some(entry) => {
                arguments.remove(0);
                entry.main(arguments)
            }
            None => {
                complain(
                    "pipepost",
                    &format!("{name}: no such program"),
                    Some(&format!("there are {}", names.join(", "))),
                );
                ExitCode::from(Exit::Usage.code())
            }
        },
        None => {
            complain("pipepost", "which program?", Some(&format!("there are {}", names.join(", "))));
            ExitCode::from(Exit::Usage.code())
        }
    }
}

fn say(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::from(Exit::IoErr.code()),
        _ => ExitCode::SUCCESS,
    }
}
