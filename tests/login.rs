//! mail-login, end to end: what it keeps is used, listed without the secret, and forgotten for good.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{Home, Ran, Server, installed};
use std::os::unix::fs::PermissionsExt;

const MARKER: &str = "tulip-4711-marker";

struct Setting {
    home: Home,
    server: Server,
}

impl Setting {
    fn new() -> Setting {
        let home = Home::new();
        home.sh(&format!("umask 077; mkdir -p .config/pipepost served; echo {MARKER} > served/.password")).ends(0);
        let server = Server::start(&home, &["--create", "--login-delay", "0"]);
        let s = Setting { home, server };
        s.config("", "");
        s
    }

    fn config(&self, more: &str, rest: &str) {
        let Server { smtp, pop3, imap, .. } = &self.server;
        let text = format!(
            "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\npop3 = \"pop3+plain://bob@127.0.0.1:{pop3}\"\n\
             imap = \"imap+plain://bob@127.0.0.1:{imap}\"\n{more}\n{rest}\n"
        );
        std::fs::write(self.home.path().join(".config/pipepost/config.toml"), text).unwrap();
        self.home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    }

    fn login(&self, arguments: &[&str], stdin: &str) -> Ran {
        let ran = self.home.run("mail-login", arguments, stdin.as_bytes());
        assert!(!ran.out.contains(MARKER) && !ran.err.contains(MARKER), "{ran:?}");
        ran
    }

    fn pop3_ls(&self) -> Ran {
        self.home.run("pop3-ls", &["work:"], b"")
    }

    fn state(&self) -> std::path::PathBuf {
        self.home.path().join(".local/state/pipepost")
    }

    /// Whether anything below the state directory holds the password.
    fn lies(&self) -> bool {
        let entries = std::fs::read_dir(self.state()).unwrap().map(|entry| entry.unwrap().path());
        entries.into_iter().any(|path| {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            memchr::memmem::find(&std::fs::read(path).unwrap(), MARKER.as_bytes()).is_some()
        })
    }
}

#[test]
fn kept_used_listed_and_forgotten() {
    let s = Setting::new();
    s.pop3_ls().ends(64).complains("no password for bob");
    // Who only looks makes no file.
    s.login(&["--list"], "").ends(0);
    s.login(&["--list", "-e"], "").ends(1);
    assert!(!s.state().exists());
    assert_eq!(s.login(&["work:"], &format!("{MARKER}\nrest\n")).ends(0).out, "");
    assert!(s.lies());
    for (program, argument) in [("pop3-ls", "work:"), ("imap-ls", "work:"), ("mail-check", "work:")] {
        s.home.run(program, &[argument], b"").ends(0);
    }
    s.home.run("smtp-send", &["-a", "work", "-s", "x", "bob@localhost"], b"x").ends(0);
    // By the same server as a URL, but not on another port or for another user.
    let Server { pop3, imap, smtp, .. } = s.server;
    s.home.run("pop3-ls", &[&format!("pop3+plain://bob@127.0.0.1:{pop3}")], b"").ends(0);
    s.home.run("pop3-ls", &[&format!("pop3+plain://eve@127.0.0.1:{pop3}")], b"").ends(64);
    s.home.run("imap-ls", &[&format!("imap+plain://bob@127.0.0.1:{pop3}")], b"").ends(64);
    let listed = s.login(&["--list", "-o", "protocol,user,server,kind"], "").ends(0).out;
    let line = |protocol: &str, port| format!("{protocol}\tbob\t127.0.0.1:{port}\tpassword\n");
    let mut lines = [line("imap", imap), line("pop3", pop3), line("smtp", smtp)];
    lines.sort_by_key(|line| line.split('\t').nth(2).unwrap().to_owned());
    assert_eq!(listed, lines.concat());
    let json = s.login(&["--list", "--json", "work:"], "").ends(0).out;
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((json.lines().count(), &first["user"], &first["kind"]), (3, &"bob".into(), &"password".into()));
    let shown = s.home.run("mail-check", &["--show", "work:"], b"").ends(0).out;
    assert!(shown.contains("pop3.password\tmail-login\t/") && !shown.contains(MARKER), "{shown}");
    // A flag and the configuration come before it.
    s.home.sh("umask 077; echo wrong > wrong").ends(0);
    s.home.run("pop3-ls", &["work:", "--password-file", "wrong"], b"").ends(77);
    s.config("password.file = \"~/wrong\"", "");
    s.pop3_ls().ends(77);
    s.login(&["work:"], "x\n").ends(64).complains("config.toml:5");
    s.config("", "");
    // Forgotten one by one, and all.
    let forget = s.login(&["--forget", "-v", &format!("pop3+plain://bob@127.0.0.1:{pop3}")], "").ends(0);
    assert_eq!(forget.err, format!("mail-login: forgot bob at 127.0.0.1:{pop3} (pop3)\n"));
    s.pop3_ls().ends(64);
    s.home.run("imap-ls", &["work:"], b"").ends(0);
    assert_eq!(s.login(&["--forget", "--json", "work:"], "").ends(0).out.lines().count(), 2);
    assert!(!s.lies());
    s.login(&["--forget", "work:"], "").ends(0);
    s.login(&["--forget", "-e", "work:"], "").ends(1);
    s.login(&["work:"], MARKER).ends(0);
    s.login(&["--forget", "--all"], "").ends(0);
    assert!(!s.lies() && s.login(&["--list"], "").ends(0).out.is_empty());
}

#[test]
fn checked_before_it_is_kept() {
    let s = Setting::new();
    s.login(&["--check", "work:"], "wrong\n").ends(77);
    assert!(!s.state().exists());
    let ran = s.login(&["--check", "-v", "--json", "work:"], MARKER).ends(0);
    assert_eq!((ran.err.matches("is logged in").count(), ran.out.lines().count()), (3, 3), "{ran:?}");
    s.pop3_ls().ends(0);
    // From a flag's source.
    s.home.sh(&format!("umask 077; echo {MARKER} > pw; mail-login --forget --all")).ends(0);
    for flags in ["--password-file pw", "--password-command 'cat pw'", "--password-fd 3 3< pw"] {
        s.home
            .sh(&format!("mail-login --check work: {flags} < /dev/null; pop3-ls work:; mail-login --forget work:"))
            .ends(0);
    }
}

#[test]
fn what_can_not_be_kept() {
    let s = Setting::new();
    let Server { imap, pop3, .. } = s.server;
    for (arguments, stdin, status, text) in [
        (&["work:"][..], "", 78, "empty"),
        (&["work:"], "\n", 78, "empty"),
        (&["work:"], "a\0b\n", 78, "NUL"),
        (&["wrok:"], "x", 64, "did you mean work:?"),
        (&["local:"], "x", 64, "needs no password"),
        (&["imaps://imap.example.org"], "x", 64, "no user is named"),
        (&["imaps://bob:tulip@h"], "x", 64, "a password inside a URL"),
        (&["work:INBOX"], "x", 64, "folder"),
        (&["--all"], "x", 64, "--forget"),
        (&["--forget", "--all", "work:"], "", 64, "cannot be used"),
        (&["--forget", "--list"], "", 64, "cannot be used"),
        (&["--list", "-o", "secret"], "", 64, "no such column"),
    ] {
        s.login(arguments, stdin).ends(status).complains(text);
    }
    assert!(!s.state().exists());
    let two = format!("[two]\nimap = \"imap+plain://a@127.0.0.1:{imap}\"\npop3 = \"pop3+plain://b@127.0.0.1:{pop3}\"");
    s.config("", &two);
    s.login(&["two:"], MARKER).ends(64).complains("several users: a, b");
    // What others can read is not believed, and a file that is none is told.
    s.login(&["work:"], MARKER).ends(0);
    let file = s.state().join("logins.sqlite").display().to_string();
    s.home.sh(&format!("chmod 644 {file}")).ends(0);
    s.pop3_ls().ends(78).complains("others may read these passwords");
    s.home
        .sh(&format!("chmod 600 {file}; rm -f {file}-*; echo no database, surely no database, for it is none > {file}"))
        .ends(0);
    s.pop3_ls().ends(74).complains("damaged");
}

/// On a terminal it is asked for twice, without echo.
#[test]
fn typed_on_a_terminal() {
    if !installed("python3") {
        return;
    }
    let s = Setting::new();
    let script = r#"
import os, pty, sys, termios
program, first, second = sys.argv[1:]
child, master = pty.fork()
if child == 0:
    os.execvp(program, [program, "work:"])
said = b""
def until(text):
    global said
    while text not in said:
        said += os.read(master, 1000)
until(b"Password for bob at")
while termios.tcgetattr(master)[3] & termios.ECHO: pass
os.write(master, first.encode() + b"\n")
until(b"Once more: ")
os.write(master, second.encode() + b"\n")
try:
    while True: said += os.read(master, 1000)
except OSError: pass
assert first.encode() not in said, said
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;
    let typed = |first: &str, second: &str| {
        let mut command = s.home.command("timeout");
        command.args(["60", "python3", "-c", script, "mail-login", first, second]);
        let ran = command.output().unwrap();
        assert!(ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
        ran.status.code().unwrap()
    };
    assert_eq!(typed(MARKER, "another"), 64);
    s.pop3_ls().ends(64);
    assert_eq!(typed(MARKER, MARKER), 0);
    s.pop3_ls().ends(0);
}
