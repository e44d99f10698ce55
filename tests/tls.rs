//! TLS end to end: what the programs accept, what they refuse and why, and that nothing gets across the handshake.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[allow(unreachable_pub)]
#[path = "tls/peer.rs"]
mod peer;

use common::{Home, Ran, Server};
use peer::{Authority, Peer, Shown, Step, answers, hopeless};
use rustls::version::{TLS12, TLS13};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A maildrop without messages, from its greeting to its goodbye.
const POP3: &[&str] =
    &["+OK\r\n", "+OK\r\nUSER\r\nUIDL\r\n.\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n.\r\n", "+OK\r\n.\r\n", "+OK bye\r\n"];

fn home() -> Home {
    let home = Home::new();
    home.sh("umask 077; echo tulip > pw").ends(0);
    home
}

fn pop3_ls(home: &Home, url: &str, more: &[&str]) -> Ran {
    home.run("pop3-ls", &[&["--password-file", "pw", "--timeout", "8s", url], more].concat(), b"")
}

/// Lists the maildrop of a server that speaks TLS from the first byte, asked for as `host`.
fn implicit(home: &Home, config: Arc<rustls::ServerConfig>, host: &str, more: &[&str]) -> (Ran, String) {
    let mut steps = vec![Step::Tls(config)];
    steps.extend(answers(POP3));
    let peer = Peer::new(steps);
    let ran = pop3_ls(home, &format!("pop3s://bob@{host}:{}", peer.port), more);
    (ran, peer.heard())
}

#[test]
fn certificates_are_verified_and_refused_with_reason_and_remedy() {
    let home = home();
    let ca = Authority::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    let by_ca: &[&str] = &["--ca-file", "ca.pem"];
    let good = ca.issue(&["localhost", "127.0.0.1"], |_| {});
    for versions in [rustls::ALL_VERSIONS, &[&TLS12], &[&TLS13]] {
        for host in ["localhost", "127.0.0.1"] {
            let (ran, heard) = implicit(&home, Arc::new(good.config(versions, None)), host, by_ca);
            assert_eq!((ran.ends(0).err.as_str(), heard.contains("PASS tulip\r\n")), ("", true), "{heard}");
        }
    }
    // A name is no address and the other way round, and the common name is neither.
    let name = ca.issue(&["localhost"], |p| p.distinguished_name.push(rcgen::DnType::CommonName, "127.0.0.1"));
    let address = ca.issue(&["127.0.0.1"], |p| p.distinguished_name.push(rcgen::DnType::CommonName, "localhost"));
    let expired = ca.issue(&["localhost"], |p| p.not_after = rcgen::date_time_ymd(2020, 2, 3));
    let early = ca.issue(&["localhost"], |p| p.not_before = rcgen::date_time_ymd(2999, 2, 3));
    let other = ca.issue(&["mx.other.example", "*.localhost"], |_| {});
    let client = ca.issue(&["localhost"], |p| {
        p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    for (shown, host, more, why) in [
        (&name, "127.0.0.1", by_ca, "asked for 127.0.0.1, it is for localhost\n"),
        (&address, "localhost", by_ca, "asked for localhost, it is for 127.0.0.1\n"),
        (&other, "localhost", by_ca, "asked for localhost, it is for mx.other.example, *.localhost\n"),
        (&expired, "localhost", by_ca, "has expired on 2020-02-03 ("),
        (&early, "localhost", by_ca, "is not valid before 2999-02-03"),
        (&client, "localhost", by_ca, "is not for servers"),
        (&good, "localhost", &[], "certificate is by an unknown issuer"),
        (&good, "127.0.0.1", &["--ca", "mozilla"], "certificate is by an unknown issuer"),
        (&hopeless(), "localhost", by_ca, "TLS: the server's certificate"),
        (&good, "localhost", &["--pin", &hopeless().pin()], "key is none of those that are pinned"),
    ] {
        let (ran, heard) = implicit(&home, shown.modern(), host, more);
        let ran = ran.ends(76).complains(why);
        assert!(ran.err.contains(&format!("--pin {}", shown.pin())), "{ran:?}");
        assert_eq!(heard, "", "{why}");
    }
}

#[test]
fn a_pin_is_the_key_and_nothing_else() {
    let home = home();
    let old = Shown { pem: std::fs::read_to_string("tests/tls/x509-v1.pem").unwrap() };
    for shown in [hopeless(), old] {
        for versions in [&[&TLS12], &[&TLS13]] {
            let other = format!("sha256:{}", "00".repeat(32));
            let pins = ["--pin", &other, "--pin", &shown.pin()];
            let (ran, heard) = implicit(&home, Arc::new(shown.config(versions, None)), "localhost", &pins);
            assert!(ran.ends(0).err.is_empty() && heard.contains("PASS tulip"), "{heard}");
        }
    }
    for bad in ["", "sha256:abc", "md5:00"] {
        pop3_ls(&home, "pop3s://bob@localhost", &["--pin", bad]).ends(64);
    }
    // Files that are not what they should be are found before anybody is asked.
    home.sh("umask 077; echo x > x; cp x open; chmod 644 open").ends(0);
    pop3_ls(&home, "pop3s://bob@localhost", &["--ca-file", "x"]).ends(78).complains("x: no certificate");
    pop3_ls(&home, "pop3s://bob@localhost", &["--ca-file", "none"]).ends(66).complains("none");
    pop3_ls(&home, "pop3s://bob@localhost", &["--client-cert", "x"]).ends(78).complains("x: no certificate");
    pop3_ls(&home, "pop3s://bob@localhost", &["--client-cert", "open"]).ends(78).complains("others may read");
}

#[test]
fn client_certificates_are_shown() {
    let home = home();
    let ca = Authority::new();
    let (server, client) = (ca.issue(&["localhost"], |_| {}), ca.issue(&["bob"], |_| {}));
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    std::fs::write(home.path().join("client.pem"), &client.pem).unwrap();
    home.sh("chmod 600 client.pem").ends(0);
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = Arc::new(server.config(versions, Some(&ca)));
        let with = ["--ca-file", "ca.pem", "--client-cert", "client.pem"];
        implicit(&home, config.clone(), "localhost", &with).0.ends(0);
        let (ran, heard) = implicit(&home, config, "localhost", &with[..2]);
        assert!(!heard.contains("PASS"), "{heard}");
        ran.ends(76).complains("TLS: ");
    }
}

#[test]
fn servers_that_are_old_silent_or_something_else() {
    let home = home();
    let run = |steps: Vec<Step>| {
        let peer = Peer::new(steps);
        let start = Instant::now();
        let arguments = ["--password-file", "pw", "--timeout", "1s", &format!("pop3s://bob@localhost:{}", peer.port)];
        let ran = home.run("pop3-ls", &arguments, b"");
        assert!(start.elapsed() < Duration::from_secs(5));
        ran
    };
    let alert: &[u8] = b"\x15\x03\x01\x00\x02\x02\x46";
    run(vec![Step::Say(alert), Step::Stall]).ends(76).complains("older than TLS 1.2");
    run(vec![Step::Say(b"\x15\x03\x01\x00\x02\x02\x28"), Step::Stall]).ends(76).complains("refused");
    run(vec![Step::Say(b"+OK ready\r\n"), Step::Stall]).ends(76).complains("is not TLS");
    run(vec![Step::Stall]).ends(75).complains("in time");
    run(vec![Step::Cut]).ends(75);
    // Half a record.
    run(vec![Step::Say(b"\x16\x03\x03\x40\x00\x02"), Step::Stall]).ends(75).complains("in time");
}

/// A peer that says yes to STARTTLS and nothing more holds nobody beyond the deadline.
#[test]
fn a_handshake_that_never_comes_ends_with_the_deadline() {
    let home = home();
    let mut yes = [
        ("smtp", answers(&["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"])),
        ("pop3", answers(&["+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK\r\n"])),
        ("imap", answers(&["* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", "a1 OK\r\n"])),
    ];
    for (family, steps) in &mut yes {
        steps.push(Step::Stall);
        let peer = Peer::new(std::mem::take(steps));
        let (program, arguments) = starttls(family, peer.port);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let fixed = ["--password-file", "pw", "--timeout", "1s"];
        let ran = home.run(&program, &[&fixed[..], &arguments].concat(), b"Subject: x\n\nx\n");
        ran.ends(75).complains("in time");
        assert!(!peer.heard().contains("AUTH"));
    }
}

/// RFC 6066 3: names are sent, and addresses are not.
#[test]
fn who_is_asked_for_by_name() {
    let home = home();
    for (host, sent) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = std::thread::spawn(move || {
            let (mut io, _) = listener.accept().unwrap();
            let mut acceptor = rustls::server::Acceptor::default();
            loop {
                acceptor.read_tls(&mut io).unwrap();
                if let Ok(Some(accepted)) = acceptor.accept() {
                    return accepted.client_hello().server_name().map(str::to_owned);
                }
            }
        });
        pop3_ls(&home, &format!("pop3s://bob@{host}:{port}"), &[]).ends(75);
        assert_eq!(heard.join().unwrap().as_deref(), sent);
    }
}

/// The programs, how to ask each for STARTTLS, and what it says first.
fn starttls(family: &str, port: u16) -> (String, Vec<String>) {
    let url = format!("{family}+starttls://bob@localhost:{port}");
    match family {
        "smtp" => ("smtp-send".into(), ["-a", &url, "-f", "a@example.org", "b@example.org"].map(String::from).to_vec()),
        _ => (format!("{family}-ls"), vec![url]),
    }
}

fn ask(home: &Home, family: &str, steps: Vec<Step>, more: &[&str]) -> (Ran, String) {
    let peer = Peer::new(steps);
    let (program, arguments) = starttls(family, peer.port);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let fixed = ["--password-file", "pw", "--timeout", "8s"];
    let ran = home.run(&program, &[&fixed[..], &arguments].concat(), b"Subject: x\n\nx\n");
    (ran, peer.heard())
}

#[test]
fn tls_that_is_not_offered_or_refused_ends_it_and_nothing_is_said() {
    let home = home();
    for (family, script, heard) in [
        ("smtp", &["220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n", "221 x\r\n"][..], "EHLO NAME\r\nQUIT\r\n"),
        (
            "smtp",
            &["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "454 no\r\n", "221 x\r\n"],
            "EHLO NAME\r\nSTARTTLS\r\nQUIT\r\n",
        ),
        ("pop3", &["+OK\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n"], "CAPA\r\nQUIT\r\n"),
        ("pop3", &["+OK\r\n", "-ERR\r\n", "+OK\r\n"], "CAPA\r\nQUIT\r\n"),
        ("pop3", &["+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "-ERR\r\n", "+OK\r\n"], "CAPA\r\nSTLS\r\nQUIT\r\n"),
        (
            "imap",
            &["* OK x\r\n", "* CAPABILITY IMAP4rev1\r\na1 OK x\r\n", "* BYE\r\na2 OK\r\n"],
            "a1 CAPABILITY\r\na2 LOGOUT\r\n",
        ),
        ("imap", &["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\r\n", "* BYE\r\na1 OK\r\n"], "a1 LOGOUT\r\n"),
        (
            "imap",
            &["* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", "a1 NO no\r\n", "* BYE\r\na2 OK\r\n"],
            "a1 STARTTLS\r\na2 LOGOUT\r\n",
        ),
        ("imap", &["* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] x\r\n"], ""),
    ] {
        let (ran, said) = ask(&home, family, answers(script), &[]);
        let name = said.lines().next().and_then(|l| l.strip_prefix("EHLO ")).unwrap_or("-").to_owned();
        assert_eq!(said.replace(&name, if name == "-" { "-" } else { "NAME" }), heard, "{script:?}");
        ran.ends(76).complains("TLS: ");
        // Without a word about it in the scheme it is the same, as localhost is a name.
        let peer = Peer::new(answers(script));
        let (program, arguments) = starttls(family, peer.port);
        let arguments: Vec<String> = arguments.iter().map(|a| a.replace("+starttls", "")).collect();
        let all: Vec<&str> =
            ["--password-file", "pw"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        home.run(&program, &all, b"Subject: x\n\nx\n").ends(76).complains("TLS: ");
        assert!(!peer.heard().to_uppercase().contains("AUTH"));
    }
}

#[test]
fn what_is_said_before_the_handshake_is_an_error_or_forgotten() {
    let home = home();
    let shown = hopeless();
    let pin = shown.pin();
    let pin = ["--pin", pin.as_str()];
    // Words behind the leave to go on, in one flight or in another.
    for (family, script) in [
        ("smtp", &["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"][..]),
        ("pop3", &["+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK go\r\n+OK\r\nUSER\r\n.\r\n"]),
        ("imap", &["* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", "a1 OK go\r\n* CAPABILITY IMAP4rev1\r\na2 OK x\r\n"]),
    ] {
        let mut steps = answers(script);
        steps.push(Step::Tls(shown.modern()));
        let (ran, heard) = ask(&home, family, steps, &pin);
        ran.ends(76).complains("before TLS");
        assert!(!heard.contains("== tls") && !heard.contains("AUTH") && !heard.contains("USER"), "{heard}");
    }
    // What the server could do before is no more.
    for (family, before, after) in [
        ("smtp", &["220 x\r\n", "250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", "220 go\r\n"][..], &["250 x\r\n"][..]),
        (
            "imap",
            &["* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] x\r\n", "a1 OK go\r\n"],
            &["* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na2 OK\r\n"],
        ),
    ] {
        let mut steps = answers(before);
        steps.push(Step::Tls(shown.modern()));
        steps.push(Step::Hear);
        steps.extend(answers(after));
        let (ran, heard) = ask(&home, family, steps, &pin);
        ran.ends(77).complains("no login that we know");
        assert!(heard.contains("== tls\n") && !heard.contains("AUTH"), "{heard}");
    }
    // Folders and alerts from before are nobody's.
    let mut steps = answers(&[
        "* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n",
        "* OK [ALERT] injected\r\n* LIST () \"/\" injected\r\n* 7 EXISTS\r\na1 OK go\r\n",
    ]);
    steps.push(Step::Tls(shown.modern()));
    steps.push(Step::Hear);
    steps.extend(answers(&[
        "* CAPABILITY IMAP4rev1\r\na2 OK\r\n",
        "a3 OK [CAPABILITY IMAP4rev1] x\r\n",
        "* LIST () \"/\" INBOX\r\na4 OK\r\n",
        "* STATUS INBOX (MESSAGES 0 RECENT 0 UNSEEN 0 UIDNEXT 1 UIDVALIDITY 1)\r\na5 OK\r\n",
        "* BYE x\r\na6 OK\r\n",
    ]));
    let (ran, heard) = ask(&home, "imap", steps, &pin);
    let ran = ran.ends(0);
    assert!(ran.out.contains("INBOX") && !ran.out.contains("injected") && ran.err.is_empty(), "{ran:?} {heard}");
}

#[test]
fn loopback_addresses_take_what_is_offered() {
    let home = home();
    let shown = hopeless();
    // Nothing is offered, and the password stays here.
    let peer = Peer::new(answers(&["+OK\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n"]));
    pop3_ls(&home, &format!("pop3://bob@127.0.0.1:{}", peer.port), &[]).ends(77).complains("without verified TLS");
    assert_eq!(peer.heard(), "CAPA\r\n");
    let offered = || {
        let mut steps = answers(&["+OK\r\n", "+OK\r\nUSER\r\nSTLS\r\n.\r\n", "+OK\r\n"]);
        steps.push(Step::Tls(shown.modern()));
        steps.push(Step::Hear);
        steps.extend(answers(&POP3[1..]));
        Peer::new(steps)
    };
    // Whoever it is; but who that is has not been proved, so the password stays here all the same.
    let peer = offered();
    pop3_ls(&home, &format!("pop3://bob@127.0.0.1:{}", peer.port), &[]).ends(77).complains("without verified TLS");
    assert!(peer.heard().ends_with("STLS\r\n== tls\nCAPA\r\n"));
    let peer = offered();
    pop3_ls(&home, &format!("pop3://bob@127.0.0.1:{}", peer.port), &["--pin", &shown.pin()]).ends(0);
    assert!(peer.heard().contains("STLS\r\n== tls\nCAPA\r\nUSER bob\r\nPASS tulip\r\n"));
    // But if somebody says whom to trust, that counts here too.
    let peer = offered();
    pop3_ls(&home, &format!("pop3://bob@127.0.0.1:{}", peer.port), &["--ca", "mozilla"]).ends(76);
    assert_eq!(peer.heard(), "CAPA\r\nSTLS\r\n");
    let peer = offered();
    pop3_ls(&home, &format!("pop3+starttls://bob@127.0.0.1:{}", peer.port), &[]).ends(76);
    assert_eq!(peer.heard(), "CAPA\r\nSTLS\r\n");
    let peer = offered();
    pop3_ls(&home, &format!("pop3+plain://bob@127.0.0.1:{}", peer.port), &[]);
    assert!(peer.heard().starts_with("CAPA\r\nUSER bob\r\n"));
}

#[test]
fn a_cut_is_no_end() {
    let home = home();
    let shown = hopeless();
    let fetch = |script: &[&'static str], end: Step| {
        let mut steps = vec![Step::Tls(shown.modern())];
        steps.extend(answers(script));
        steps.push(end);
        let peer = Peer::new(steps);
        let url = format!("pop3s://bob@localhost:{}", peer.port);
        let pin = shown.pin();
        let ran = home.run("pop3-fetch", &["--password-file", "pw", "--pin", &pin, &url, "--into", "eml:out"], b"");
        let files = std::fs::read_dir(home.path().join("out")).map_or(0, Iterator::count);
        let _ = std::fs::remove_dir_all(home.path().join("out"));
        home.sh("rm -rf .local").ends(0);
        (ran, files, peer.heard())
    };
    let start =
        ["+OK\r\n", "+OK\r\nUSER\r\nUIDL\r\n.\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n1 9\r\n.\r\n", "+OK\r\n1 a\r\n.\r\n"];
    let (ran, files, _) = fetch(&[&start[..], &["+OK\r\nA: b\r\n\r\nhal"]].concat(), Step::Cut);
    assert_eq!(files, 0);
    ran.ends(75).complains("TLS");
    let whole = [&start[..], &["+OK\r\nA: b\r\n\r\nwhole\r\n.\r\n", "+OK bye\r\n"]].concat();
    let (ran, files, _) = fetch(&whole, Step::Cut);
    assert_eq!((files, ran.ends(0).err.as_str()), (1, ""));
}

// ---- the server

fn lines(io: &mut dyn Read, n: usize) -> String {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while heard.iter().filter(|b| **b == b'\n').count() < n && matches!(io.read(&mut byte), Ok(1)) {
        heard.push(byte[0]);
    }
    String::from_utf8(heard).unwrap()
}

#[test]
fn what_is_sent_behind_starttls_ends_the_session() {
    let home = home();
    let server = Server::start(&home, &["--create", "--any-password"]);
    for (port, greeting, said, refusal) in [
        (server.smtp, 1, "STARTTLS\r\nEHLO injected\r\n", "554 "),
        (server.pop3, 1, "STLS\r\nUSER injected\r\n", "-ERR "),
        (server.imap, 1, "a STARTTLS\r\nb LOGIN injected x\r\n", "* BYE "),
    ] {
        let mut io = TcpStream::connect(("127.0.0.1", port)).unwrap();
        io.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        lines(&mut io, greeting);
        io.write_all(said.as_bytes()).unwrap();
        let mut rest = String::new();
        let _ = io.read_to_string(&mut rest);
        assert!(rest.starts_with(refusal) && rest.lines().count() == 1, "{rest}");
    }
    // Garbage where a handshake should be: the session ends, and the server goes on.
    let mut io = TcpStream::connect(("127.0.0.1", server.smtp)).unwrap();
    io.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    lines(&mut io, 1);
    io.write_all(b"STARTTLS\r\n").unwrap();
    assert!(lines(&mut io, 1).starts_with("220 "));
    io.write_all(b"EHLO no handshake\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = io.read_to_end(&mut rest);
    assert!(!rest.windows(3).any(|w| w == b"250"), "{rest:?}");
    server.stop();
}

#[test]
fn mail_serve_under_tls_by_every_way() {
    let home = home();
    let start = || {
        let root = home.path().join("served").display().to_string();
        let mut command = home.command("mail-serve");
        let ports =
            ["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0", "--any-password", "--create", "--root"];
        let mut child = command.args(ports).arg(root).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let told = lines(&mut out, 7);
        (child, told)
    };
    let end = |mut child: std::process::Child| {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let (child, told) = start();
    let words: Vec<(&str, &str)> = told.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(
        words.iter().map(|w| w.0).collect::<Vec<_>>(),
        ["smtp", "pop3", "imap", "smtps", "pop3s", "imaps", "pin"]
    );
    let at = |name: &str| words.iter().find(|w| w.0 == name).unwrap().1.replace("127.0.0.1:", "");
    let pin = words[6].1;
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&home.path().join("served/.tls.pem").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    for (n, (scheme, port)) in [("smtps", at("smtps")), ("smtp+starttls", at("smtp"))].into_iter().enumerate() {
        for trust in [["--pin", pin], ["--ca-file", "served/.tls.pem"]] {
            let url = format!("{scheme}://bob@127.0.0.1:{port}");
            let arguments = ["-a", &url, "--password-file", "pw", trust[0], trust[1], "-s", "hi", "bob@localhost"];
            home.run("smtp-send", &arguments, &vec![b'x'; 1 + 100_000 * n]).ends(0);
        }
    }
    for (program, scheme, port) in [
        ("pop3-ls", "pop3s", at("pop3s")),
        ("pop3-ls", "pop3+starttls", at("pop3")),
        ("imap-ls", "imaps", at("imaps")),
        ("imap-ls", "imap+starttls", at("imap")),
    ] {
        let url = format!("{scheme}://bob@localhost:{port}{}", if program == "imap-ls" { "/INBOX" } else { "" });
        let trace = ["--trace", "trace", "--password-file", "pw"];
        let ran = home.run(program, &[&[&url, "--pin", pin], &trace[..]].concat(), b"").ends(0);
        assert_eq!(ran.out.lines().count(), 4, "{ran:?}");
        let ran = home.run(program, &[&[&url, "--ca-file", "served/.tls.pem"], &trace[..]].concat(), b"");
        assert_eq!(ran.ends(0).out.lines().count(), 4);
        home.run(program, &[&[url.as_str()], &trace[..]].concat(), b"").ends(76).complains("self-signed");
    }
    let trace = std::fs::read_to_string(home.path().join("trace")).unwrap();
    assert_eq!(trace.matches("== tls\n").count(), 8, "{trace}");
    assert!(!trace.contains("tulip"));
    // How the messages came is in them.
    let url = format!("pop3s://bob@localhost:{}", at("pop3s"));
    let got = home.run("pop3-fetch", &[&url, "--pin", pin, "--password-file", "pw"], b"").ends(0).out;
    assert_eq!((got.matches("with ESMTPSA\n").count(), got.len() > 200_000), (4, true));
    end(child);
    // The key stays the same.
    let (child, again) = start();
    assert!(again.contains(pin), "{again}");
    end(child);
}
