//! What holds mail or state is made for its owner alone, whatever the umask says: by the very call that makes it, since
//! what is mended later was open for a moment (CVE-2005-3088).

use crate::common::{Home, bin, installed};
use crate::maildrop::fill;
use crate::served::Served;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const CALLS: &str = "trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat";

/// Runs a program under strace with umask 000; what it made is judged by its calls.
fn made(home: &Home, script: &str) -> usize {
    let log = home.path().join("log");
    let text = format!("umask 000; exec strace -f -o {} -e {CALLS} -- {}/{script}", log.display(), bin().display());
    home.sh(&text).ends(0);
    let log = std::fs::read_to_string(log).unwrap();
    let made: Vec<&str> =
        log.lines().filter(|l| l.contains("O_CREAT") || l.contains("mk") || l.contains("O_TMPFILE")).collect();
    let own = |line: &&&str| !line.contains(" = -1 ") && !line.contains("\"/dev/");
    for line in made.iter().filter(own) {
        // The last argument is the mode, in octal; the call may be cut in two by another thread's.
        let call = line.split(" <unfinished").next().unwrap().split(") = ").next().unwrap();
        let mode = call.rsplit([' ', '=']).next().unwrap().trim_end_matches([')', '}']);
        let mode = u32::from_str_radix(mode, 8).unwrap_or_else(|_| panic!("{script}: {line}"));
        assert_eq!(mode & 0o077, 0, "{script}: {line}");
    }
    made.len()
}

/// No file or directory below is open to others.
fn private(dir: &Path, but: &[&str]) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (meta, path) = (entry.metadata().unwrap(), entry.path());
        if but.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
        if meta.is_dir() {
            private(&path, but);
        }
    }
}

#[test]
fn what_holds_mail_or_state_is_made_for_its_owner_alone() {
    if !installed("strace") {
        return;
    }
    let home = Home::new();
    // Enough for a spool in a file.
    home.sh("umask 077; echo x > pw; { printf 'Subject: x\\n\\n'; head -c 200000 /dev/zero | tr '\\0' x | fold; } > m")
        .ends(0);
    let served = Served::start(&home);
    fill(&served.root, "bob");
    let (pop3, imap) = (served.url("pop3", "bob"), served.url("imap", "bob"));
    let into = "--into maildir:M --into mbox:b --into eml:E --password-file pw";
    let mut calls = made(&home, "smtp-send --failed failed --trace trace bob@localhost < m");
    calls += made(&home, "smtp-send -s x --attach m bob@localhost < m");
    calls += made(&home, "pop3-ls local://bob");
    calls += made(&home, "imap-ls local://bob:INBOX");
    calls += made(&home, &format!("pop3-fetch --keep {into} {pop3}"));
    calls += made(
        &home,
        &format!("imap-fetch {} {imap}/INBOX", into.replace(":M", ":N").replace(":b", ":c").replace(":E", ":F")),
    );
    calls += made(&home, "mail-login smtps://bob@mail.example.org --password-file pw");
    assert!(calls > 20, "{calls}");
    private(home.path(), &["log", "served"]);
    // The server itself; it ends by a signal, so its calls are seen from outside.
    drop(served);
    let mut serve = home.command("/bin/sh");
    serve.args([
        "-c",
        "umask 000; exec timeout -s TERM 2 mail-serve --smtp-port 0 --pop3-port 0 --imap-port 0 --create --root opened",
    ]);
    serve.status().unwrap();
    assert!(home.path().join("opened").is_dir());
    private(home.path(), &["log", "served"]);
}
