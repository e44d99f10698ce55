//! Nothing that a run leaves behind, or shows while it runs, holds a password; and the terminal echoes again.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[path = "common/issuer.rs"]
mod issuer;
#[path = "secrets/tokens.rs"]
mod tokens;

use common::{Home, Server, bin, installed};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const MARKER: &str = "tulip-4711-marker";
/// For tests that put theirs where others could see it.
const OTHER: &str = "crocus-0815";
/// AUTH PLAIN of bob and the marker, and the marker, in base64; the marker in hexadecimal.
const ENCODED: [&str; 3] =
    ["AGJvYgB0dWxpcC00NzExLW1hcmtlcg==", "dHVsaXAtNDcxMS1tYXJrZXI=", "74756c69702d343731312d6d61726b6572"];

fn holds(bytes: &[u8]) -> bool {
    let hex = ENCODED[2].to_uppercase();
    let held = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    [MARKER, &hex].into_iter().chain(ENCODED).any(held)
}

/// Files below `dir` with the password in them.
fn found(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            all.extend(found(&path));
        } else if entry.file_type().unwrap().is_file() && holds(&std::fs::read(&path).unwrap()) {
            all.push(path.display().to_string());
        }
    }
    all
}

/// A server that repeats whatever it is told, in clear and in its refusals.
fn echo(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut to = socket.try_clone().unwrap();
            let _ = to.write_all(greeting.as_bytes());
            for line in BufReader::new(socket).lines().map_while(Result::ok) {
                let tag = line.split(' ').next().unwrap_or_default().to_owned();
                let answer = match greeting.as_bytes()[0] {
                    b'2' if line.starts_with("EHLO") => "250-x\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                    b'2' => format!("535 5.7.8 no {MARKER} {} {} {line}\r\n", ENCODED[0], ENCODED[2].to_uppercase()),
                    b'+' if line == "CAPA" => "+OK\r\nUSER\r\n.\r\n".to_owned(),
                    b'+' if line.starts_with("USER") => "+OK\r\n".to_owned(),
                    b'+' => format!("-ERR no {line} {MARKER} {}\r\n", ENCODED[2]),
                    _ if line.ends_with("CAPABILITY") => {
                        format!("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n{tag} OK x\r\n")
                    }
                    _ => format!("* NO {line} {MARKER}\r\n{tag} NO [ALERT] {line} {MARKER} {}\r\n", ENCODED[0]),
                };
                if to.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    port
}

#[test]
fn a_password_stays_where_it_was() {
    let (home, outside) = (Home::new(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("pw");
    let secret = secret.display();
    home.sh(&format!(
        "umask 077; mkdir served .config .config/pipepost; echo {MARKER} > {secret}; cp {secret} served/.password"
    ))
    .ends(0);
    let server = Server::start(&home, &["--create", "--login-delay", "0", "--trace", "server.trace"]);
    // The server has read it: from here on nothing may hold it.
    home.sh("rm served/.password").ends(0);
    let accounts = [
        ("good", server.smtp, server.pop3, server.imap),
        ("echo", echo("220 x\r\n"), echo("+OK x\r\n"), echo("* OK x\r\n")),
    ];
    let mut config = String::new();
    for (name, smtp, pop3, imap) in accounts {
        config.push_str(&format!(
            "[{name}]\npassword.file = \"{secret}\"\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\n"
        ));
        config.push_str(&format!(
            "pop3 = \"pop3+plain://bob@127.0.0.1:{pop3}\"\nimap = \"imap+plain://bob@127.0.0.1:{imap}\"\n"
        ));
    }
    std::fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    // What ps would show, all the while.
    let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let sampler = {
        let (stop, seen, us) = (stop.clone(), seen.clone(), std::process::id().to_string());
        let ours = home.path().canonicalize().unwrap();
        std::thread::spawn(move || {
            let mut samples = 0u64;
            while !stop.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if name.parse::<u32>().is_err() || name == us {
                        continue;
                    }
                    // Somebody else may run the same test at the same time.
                    if std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd != ours) {
                        continue;
                    }
                    for what in ["cmdline", "environ"] {
                        let bytes = std::fs::read(entry.path().join(what)).unwrap_or_default();
                        if holds(&bytes) {
                            seen.lock().unwrap().push(format!("{name} {what} {}", String::from_utf8_lossy(&bytes)));
                        }
                        samples += 1;
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            samples
        })
    };
    for (account, ..) in accounts {
        for (n, line) in [
            format!("smtp-send -v -a {account} -s x bob@localhost < /dev/null"),
            format!("pop3-ls -v {account}:"),
            format!("pop3-ls -v --password-file {secret} {account}:"),
            format!("pop3-ls -v --password-command 'cat {secret}' {account}:"),
            format!("pop3-ls -v --password-fd 5 {account}: 5< {secret}"),
            format!("pop3-fetch -v {account}: --into maildir:M"),
            format!("imap-ls -v {account}:"),
            format!("imap-fetch -v {account}:INBOX"),
            format!("mail-check {account}:"),
            format!("mail-check --json {account}:"),
            format!("mail-check --show {account}:"),
        ]
        .iter()
        .enumerate()
        {
            let (command, redirections) =
                line.split_once(" <").map_or((line.as_str(), ""), |(c, _)| (c, "< /dev/null"));
            let ran = home.sh(&format!("{command} --trace t-{account}-{n} --trace-data {redirections} || exit $?"));
            assert!(!holds(ran.out.as_bytes()) && !holds(ran.err.as_bytes()), "{line}: {ran:?}");
            let right = if account == "good" || line.contains("--show") { 0 } else { 77 };
            assert!(ran.status == right || account == "echo" && ran.status == 69, "{line}: {ran:?}");
            let ran = home.sh(&format!("{command} --trace - {redirections} || exit $?"));
            assert!(!holds(ran.out.as_bytes()) && !holds(ran.err.as_bytes()), "{line}: {ran:?}");
        }
    }
    // What mail-login keeps lies where it is kept, and nowhere else.
    let kept = outside.path().display();
    for (n, (account, _, port, _)) in accounts.iter().enumerate() {
        let url = format!("pop3+plain://bob@127.0.0.1:{port}");
        for (line, right) in [
            (format!("mail-login -v --json {url} --password-file {secret}"), 0),
            (format!("mail-login -v --check {url} < {secret}"), if *account == "good" { 0 } else { 77 }),
            ("mail-login --list --json".to_owned(), 0),
            (format!("pop3-ls -v {url}"), if *account == "good" { 0 } else { 77 }),
            (format!("mail-check {url}"), if *account == "good" { 0 } else { 77 }),
            (format!("mail-check --show {url}"), 0),
        ] {
            let ran = home.sh(&format!("export XDG_STATE_HOME={kept}; {line} --trace t-kept-{n} || exit $?"));
            assert!(!holds(ran.out.as_bytes()) && !holds(ran.err.as_bytes()), "{line}: {ran:?}");
            assert_eq!(ran.status, right, "{line}: {ran:?}");
        }
    }
    assert!(found(outside.path()).len() >= 2);
    home.sh(&format!("export XDG_STATE_HOME={kept}; mail-login --forget --all")).ends(0);
    assert_eq!(found(outside.path()), [secret.to_string()]);
    server.stop();
    stop.store(true, Ordering::Relaxed);
    assert!(sampler.join().unwrap() > 100);
    assert_eq!(*seen.lock().unwrap(), Vec::<String>::new());
    assert_eq!(found(home.path()), Vec::<String>::new());
}

#[test]
fn no_core_is_left_and_no_child_gets_the_variable() {
    let home = Home::new();
    home.sh("umask 077; mkdir -p .config/pipepost served; echo x > served/.password").ends(0);
    let server = Server::start(&home, &["--create", "--login-delay", "0"]);
    let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    // The command is a child: it has the limit, and not the variable.
    let config = format!(
        "[a]\npop3 = \"{url}\"\npassword.command = [\"/bin/sh\", \"-c\", \"ulimit -c > limit; env > seen; echo x\"]\n\
         [b]\npassword.env = \"PW\"\n"
    );
    std::fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    home.sh(&format!("chmod 600 .config/pipepost/config.toml; export PW={OTHER}; pop3-ls a:")).ends(0);
    assert_eq!(std::fs::read_to_string(home.path().join("limit")).unwrap(), "0\n");
    let seen = std::fs::read(home.path().join("seen")).unwrap();
    assert!(
        memchr::memmem::find(&seen, b"HOME=").is_some() && memchr::memmem::find(&seen, OTHER.as_bytes()).is_none(),
        "{}",
        String::from_utf8_lossy(&seen)
    );
}

/// Asked on a terminal: not echoed, and whatever ends the program, the terminal is as before.
#[test]
fn the_terminal_echoes_again() {
    if !installed("python3") {
        return;
    }
    let home = Home::new();
    home.sh(&format!("umask 077; mkdir served; echo {OTHER} > served/.password")).ends(0);
    let server = Server::start(&home, &["--create", "--login-delay", "0"]);
    let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    let mut command = home.command("timeout");
    command.args(["60", "python3", "-c", include_str!("secrets/terminal.py")]);
    command.arg(bin().join("pop3-ls")).arg(&url).arg(OTHER).stdin(Stdio::null());
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}

/// Whatever is in it, a password arrives as it is, by each protocol, or is refused before anything is said.
#[test]
fn any_password_arrives_as_it_is() {
    let home = Home::new();
    home.sh("umask 077; mkdir served").ends(0);
    let long = "y".repeat(1000);
    for (n, password) in
        [&b" a \"b\\ {3+}\r c% "[..], b"\xc3\xa9\xff\xfe~", long.as_bytes(), b"*", b"a b", b"\\\"", b"{5}", b"NIL"]
            .iter()
            .enumerate()
    {
        let line = [password, &b"\n"[..]].concat();
        std::fs::write(home.path().join("served/.password"), &line).unwrap();
        std::fs::write(home.path().join("pw"), &line).unwrap();
        std::fs::write(home.path().join("other"), [&b"x"[..], &line].concat()).unwrap();
        home.sh("chmod 600 pw other served/.password").ends(0);
        // Without the mechanism LOGIN, what is meant by it are PASS and IMAP's command.
        let mechanisms = ["--mechanisms", "scram-sha-256,plain"];
        let server = Server::start(&home, &[&["--create", "--login-delay", "0"], &mechanisms[..]].concat());
        for (scheme, port, auth) in [("smtp", server.smtp), ("pop3", server.pop3), ("imap", server.imap)]
            .into_iter()
            .flat_map(|(scheme, port)| ["scram-sha-256", "plain", "login"].map(|auth| (scheme, port, auth)))
            .filter(|(scheme, _, auth)| *scheme != "smtp" || *auth != "login")
        {
            let url = format!("{scheme}+plain://bob@127.0.0.1:{port}");
            let check = |file: &str| home.run("mail-check", &["--auth", auth, "--password-file", file, &url], b"");
            let right = check("pw");
            // A bare CR can't be in a POP3 line, and IMAP's LOGIN is not given one either.
            let refused = n == 0 && auth == "login";
            assert_eq!(right.status, if refused { 64 } else { 0 }, "{n} {scheme} {auth}: {right:?}");
            let wrong = check("other");
            assert_eq!(wrong.status, if refused { 64 } else { 77 }, "{n} {scheme} {auth}: {wrong:?}");
        }
        server.stop();
    }
}

#[test]
fn files_that_others_can_read_hold_no_password() {
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    let list = || home.run("pop3-ls", &["--password-file", "pw", "pop3+plain://bob@127.0.0.1:1"], b"");
    for (mode, status) in [("640", 78), ("604", 78), ("620", 78), ("600", 75), ("400", 75)] {
        home.sh(&format!("chmod {mode} pw")).ends(0);
        assert_eq!(list().status, status, "{mode}");
    }
    // Another's, if we may make it so.
    if home.sh("chown 12345 pw || exit 1").status == 0 {
        list().ends(78).complains("others may read");
    }
}
