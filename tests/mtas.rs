//! smtp-send against the servers that people have: Debian's Exim, OpenSMTPD and Postfix, with every login mechanism that they offer, with
//! and without each extension, and Dovecot's LMTP and submission service. Of every message that was taken, each byte must be there.
//!
//! Needs root, `tests/interop/mtas.sh target/mtas`, and Debian's dovecot-lmtpd, dovecot-submissiond and postfix.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod common;
#[allow(unreachable_pub, dead_code)]
#[path = "tls/peer.rs"]
mod peer;
#[allow(unreachable_pub)]
#[path = "interop/rooted.rs"]
mod rooted;
#[allow(unreachable_pub, dead_code)]
#[path = "interop/servers.rs"]
mod servers;

use common::{Home, Ran};
use peer::Authority;
use rooted::{KNOWN, LIMIT, Mta};
use servers::{Dovecot, PASSWORD};
use std::time::{Duration, Instant};

/// Where messages arrive.
trait Keeps {
    fn messages(&self, user: &str) -> Vec<Vec<u8>>;
    fn forget(&self, user: &str);
}

impl Keeps for Mta {
    fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        Mta::messages(self, user)
    }

    fn forget(&self, user: &str) {
        Mta::forget(self, user);
    }
}

impl Keeps for (&Home, &Dovecot) {
    fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        self.1.messages(user)
    }

    fn forget(&self, user: &str) {
        // Not the folder: the server may still write its index there.
        self.0.sh(&format!("find dovecot/mail/{user}/new dovecot/mail/{user}/cur -type f -delete")).ends(0);
    }
}

/// What has broken senders: dots, `From `, every byte that may be in a body, no line end at the end, no body, half a MiB.
fn hard() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (1..=255u8).filter(|b| !b"\r\n".contains(b)).collect();
    let bodies: [Vec<u8>; 7] = [
        b".\n..\n.x\n\n.\n".to_vec(),
        [&b"x".repeat(998)[..], b"\n"].concat(),
        [&bytes[..], b"\n"].concat(),
        b"From the end\n>From x\nno line end".to_vec(),
        Vec::new(),
        b"a line of some length, and another one like it\n".repeat(11_000),
        b"\n\n\n".to_vec(),
    ];
    bodies.iter().enumerate().map(|(n, body)| [head(n, "").as_bytes(), body].concat()).collect()
}

fn head(n: usize, more: &str) -> String {
    let head = "From: Jo <bob@example.test>\nTo: alice@example.test\nDate: Mon, 23 Nov 2026 01:02:03 +0000";
    format!("{head}\nSubject: hard {n}\nMessage-ID: <{n}@x>\n{more}\n")
}

/// A MIME message with umlauts in 8 bits.
fn umlauts() -> Vec<u8> {
    let mime = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
    format!("{}Grüße aus Köln\n", head(8, mime)).into_bytes()
}

fn home(ca: &Authority) -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    home.sh(&format!("umask 077; echo {PASSWORD} > pw; echo wrong > wrong")).ends(0);
    home
}

fn send(home: &Home, password: &str, url: &str, more: &[&str], stdin: &[u8]) -> Ran {
    let by =
        ["--ca-file", "ca.pem", "--password-file", password, "--timeout", "60s", "-f", "bob@example.test", "-a", url];
    home.run("smtp-send", &[&by, more].concat(), stdin)
}

/// Waits until so many messages have been delivered.
fn arrived(messages: &dyn Fn() -> Vec<Vec<u8>>, count: usize) -> Vec<Vec<u8>> {
    let start = Instant::now();
    loop {
        let found = messages();
        if found.len() >= count {
            assert_eq!(found.len(), count);
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{} of {count}", found.len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What arrives is what was sent, behind the fields of the way; SMTP ends every line.
fn is_kept(home: &Home, mta: &dyn Keeps, url: &str, message: &[u8]) -> Ran {
    let ran = send(home, "pw", url, &["--trace", "-", "alice@example.test"], message).ends(0);
    let got = arrived(&|| mta.messages("alice"), 1).remove(0);
    let sent = [message, &b"\n"[..usize::from(!message.ends_with(b"\n"))]].concat();
    let start = String::from_utf8_lossy(&got[..got.len().min(2000)]).into_owned();
    assert!(
        got.ends_with(&sent),
        "{url}: {start}\n--- sent\n{}",
        String::from_utf8_lossy(&sent[..sent.len().min(500)])
    );
    mta.forget("alice");
    ran
}

fn outcomes(ran: &Ran) -> Vec<(String, String, Option<u64>)> {
    let parse = |line: &str| {
        let one: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        (word("to"), word("fate"), one["code"].as_u64())
    };
    ran.out.lines().map(parse).collect()
}

/// One refused recipient stops nobody, and a busy one can be tried again.
fn refuses(home: &Home, mta: &dyn Keeps, url: &str, busy: bool) {
    let mut to = vec!["--json", "-s", "x", "alice@example.test", "nobody@example.test", "carol@example.test"];
    to.extend(busy.then_some("later@example.test"));
    let ran = send(home, "pw", url, &to, b"y").ends(67);
    let mut expected = vec![("alice", "done", 2), ("nobody", "never", 5), ("carol", "done", 2)];
    expected.extend(busy.then_some(("later", "later", 4)));
    for ((address, fate, code), (name, expected, number)) in outcomes(&ran).iter().zip(&expected) {
        assert!(
            address.starts_with(name) && fate == expected && code.map(|code| code / 100) == Some(*number),
            "{url}: {ran:?}"
        );
    }
    assert_eq!(outcomes(&ran).len(), expected.len(), "{ran:?}");
    for user in ["alice", "carol"] {
        arrived(&|| mta.messages(user), 1);
        mta.forget(user);
    }
    send(home, "pw", url, &["-s", "x", "nobody@example.test"], b"y").ends(69);
    let ran =
        send(home, "pw", url, &["--all-or-nothing", "-s", "x", "alice@example.test", "nobody@example.test"], b"y");
    assert!(ran.status == 69 && mta.messages("alice").is_empty(), "{ran:?}");
}

fn logins(home: &Home, url: &str, mechanisms: &[&str], strongest: &str) {
    for auth in [&[""], mechanisms].concat() {
        let named: &[&str] = if auth.is_empty() { &[] } else { &["--auth", auth] };
        let stop = [named, &["--trace", "-", "--stop-after", "auth"]].concat();
        let ran = send(home, "pw", url, &stop, b"").ends(0);
        let taken = if auth.is_empty() { strongest.to_owned() } else { auth.to_ascii_uppercase() };
        assert!(ran.err.contains(&format!("AUTH {taken}")) && !ran.err.contains(PASSWORD), "{auth}: {ran:?}");
        send(home, "wrong", url, &[named, &["--stop-after", "auth"]].concat(), b"").ends(77);
    }
}

/// More recipients than it takes at a time: 452, and another transaction.
fn takes_three(home: &Home, mta: &dyn Keeps, url: &str) {
    let to = KNOWN.map(|user| format!("{user}@example.test"));
    let to = to.each_ref().map(String::as_str);
    let ran = send(home, "pw", url, &[&["--json", "-s", "x", "--trace", "-"], &to[..]].concat(), b"y").ends(0);
    assert_eq!((outcomes(&ran).len(), ran.out.matches(r#""fate":"done""#).count()), (4, 4), "{ran:?}");
    let mails = ran.err.matches("C: MAIL ").count();
    assert!(mails == 2 && ran.err.contains("oo many recipients"), "{ran:?}");
    for user in KNOWN {
        arrived(&|| mta.messages(user), 1);
        mta.forget(user);
    }
}

/// A list of words as the arguments that Exim has for lists of hosts, all of them or none.
fn hosts(offered: &[&str]) -> String {
    let option = |name: &&str| format!("{name}_advertise_hosts = {}\n", if offered.contains(name) { "*" } else { "" });
    ["pipelining", "chunking", "smtputf8", "dsn", "tls"].iter().map(option).collect()
}

const ALL: [&str; 5] = ["pipelining", "chunking", "smtputf8", "dsn", "tls"];

#[test]
fn exim_mechanisms() {
    if !rooted::ready() {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost"], |_| {}).pem;
    let dovecot = Dovecot::start(&home, "dovecot", &shown);
    let auth = dovecot.auth_socket();
    let exim = Mta::exim(&home, "exim", &shown, &ca.pem, &hosts(&ALL), Some(&auth), false);
    let mechanisms = ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"];
    for url in [format!("smtp://bob@localhost:{}", exim.smtp), format!("smtps://bob@localhost:{}", exim.smtps)] {
        logins(&home, &url, &mechanisms, "SCRAM-SHA-256");
        refuses(&home, &exim, &url, true);
    }
    let without = format!("smtp://localhost:{}", exim.smtp);
    send(&home, "pw", &without, &["-s", "x", "alice@example.test"], b"y").ends(69).complains("log in first");
    // A certificate instead of a password; it must be that of the user.
    let named = |name: &str| ca.issue(&[], |p| p.distinguished_name.push(rcgen::DnType::CommonName, name)).pem;
    for (name, status) in [("bob", 0), ("eve", 77)] {
        std::fs::write(home.path().join("client.pem"), named(name)).unwrap();
        home.sh("chmod 600 client.pem").ends(0);
        let by = ["--client-cert", "client.pem", "--auth", "external", "-s", "x", "carol@example.test"];
        let url = format!("smtps://bob@localhost:{}", exim.smtps);
        let ran = home.run(
            "smtp-send",
            &[&["--ca-file", "ca.pem", "-a", &url, "-f", "bob@example.test"], &by[..]].concat(),
            b"y",
        );
        assert_eq!(ran.status, status, "{ran:?} {}", exim.log());
    }
    arrived(&|| exim.messages("carol"), 1);
}

#[test]
fn exim_extensions() {
    if !rooted::ready() {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost"], |_| {}).pem;
    // All of them, each of them missing, and none.
    let missing: Vec<Vec<&str>> = vec![
        vec![],
        vec!["pipelining"],
        vec!["chunking"],
        vec!["smtputf8"],
        vec!["dsn"],
        vec!["8bitmime"],
        vec!["tls"],
        vec!["pipelining", "chunking", "smtputf8", "dsn", "8bitmime"],
    ];
    for missing in missing {
        let offered: Vec<&str> = ALL.into_iter().filter(|name| !missing.contains(name)).collect();
        let eight = !missing.contains(&"8bitmime");
        let options = format!("{}accept_8bitmime = {eight}\nrecipients_max = 3", hosts(&offered));
        let name = format!("exim-{}", missing.concat());
        let exim = Mta::exim(&home, &name, &shown, &ca.pem, &options, None, true);
        let tls = offered.contains(&"tls");
        let url = if tls {
            format!("smtp+starttls://localhost:{}", exim.smtp)
        } else {
            format!("smtp+plain://127.0.0.1:{}", exim.smtp)
        };
        for (n, message) in hard().iter().enumerate() {
            if n == 2 && !eight {
                // No MIME, so there is no other way to write it.
                send(&home, "pw", &url, &["alice@example.test"], message).ends(65).complains("8BITMIME");
                continue;
            }
            let ran = is_kept(&home, &exim, &url, message);
            assert_eq!(
                ran.err.contains("C: BDAT "),
                !missing.contains(&"chunking") && !missing.contains(&"pipelining"),
                "{missing:?} {ran:?}"
            );
        }
        if eight {
            is_kept(&home, &exim, &url, &umlauts());
        } else {
            send(&home, "pw", &url, &["alice@example.test"], &umlauts()).ends(0);
            let got = String::from_utf8(arrived(&|| exim.messages("alice"), 1).remove(0)).unwrap();
            assert!(got.is_ascii() && got.contains("Gr=C3=BC=C3=9Fe"), "{got}");
            exim.forget("alice");
        }
        refuses(&home, &exim, &url, false);
        if !tls {
            let demanding = url.replace("+plain", "+starttls").replace("127.0.0.1", "localhost");
            send(&home, "pw", &demanding, &["alice@example.test"], &hard()[0]).ends(76).complains("TLS");
        }
        let dsn = ["--notify", "success,failure", "--envid", "x", "-s", "x", "alice@example.test"];
        let ran = send(&home, "pw", &url, &dsn, b"y");
        if missing.contains(&"dsn") {
            ran.ends(69).complains("DSN");
        } else {
            ran.ends(0);
            arrived(&|| exim.messages("alice"), 1);
            exim.forget("alice");
            let told = String::from_utf8(arrived(&|| exim.messages("bob"), 1).remove(0)).unwrap();
            assert!(told.contains("Original-Envelope-ID: x") && told.contains("Action: delivered"), "{told}");
            exim.forget("bob");
        }
        let unicode = format!("Subject: Grüße\n{}", head(9, "")).into_bytes();
        let ran = send(&home, "pw", &url, &["alice@example.test"], &unicode);
        if missing.contains(&"smtputf8") || !eight {
            ran.ends(65).complains("UTF8");
        } else {
            ran.ends(0);
            assert!(arrived(&|| exim.messages("alice"), 1)[0].ends_with(&unicode));
            exim.forget("alice");
        }
        takes_three(&home, &exim, &url);
        let large = [head(10, "").into_bytes(), b"0123456789\n".repeat(LIMIT / 10)].concat();
        send(&home, "pw", &url, &["alice@example.test"], &large).ends(65).complains("the server takes");
    }
}

#[test]
fn opensmtpd() {
    if !rooted::ready() {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    // Its process for keys knows RSA only.
    home.sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.pem -out ca.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
             -addext basicConstraints=critical,CA:FALSE 2> req.log; cat ca.pem >> rsa.pem").ends(0);
    let shown = std::fs::read_to_string(home.path().join("rsa.pem")).unwrap();
    for (listener, starttls, login, dsn) in
        [("", false, false, true), ("no-dsn", false, false, false), ("tls pki x auth <users>", true, true, true)]
    {
        let name = format!("smtpd{}", listener.len());
        let smtpd = Mta::opensmtpd(&home, &name, &shown, listener, "smtp limit max-rcpt 3");
        let scheme = if starttls { "smtp+starttls" } else { "smtp+plain" };
        let user = if login { "bob@" } else { "" };
        let url = format!("{scheme}://{user}localhost:{}", smtpd.smtp);
        if starttls {
            // OpenSMTPD 6.8 (Debian 12) can't do TLS with OpenSSL 3: https://github.com/OpenSMTPD/OpenSMTPD/issues/1171
            let ran = send(&home, "pw", &url, &["-s", "x", "alice@example.test"], b"y");
            if ran.status != 0 {
                ran.ends(76).complains("TLS");
                assert!(smtpd.messages("alice").is_empty());
                println!("skipped: OpenSMTPD's logins, for want of TLS there");
                continue;
            }
            arrived(&|| smtpd.messages("alice"), 1);
            smtpd.forget("alice");
            for url in [&url, &format!("smtps://bob@localhost:{}", smtpd.smtps)] {
                logins(&home, url, &["plain", "login"], "PLAIN");
                send(&home, "pw", url, &["--auth", "scram-sha-256", "-s", "x", "alice@example.test"], b"y").ends(77);
            }
            let without = format!("smtp://localhost:{}", smtpd.smtp);
            send(&home, "pw", &without, &["-s", "x", "alice@example.test"], b"y").ends(69).complains("530");
        }
        for message in &hard() {
            is_kept(&home, &smtpd, &url, message);
        }
        is_kept(&home, &smtpd, &url, &umlauts());
        refuses(&home, &smtpd, &url, false);
        takes_three(&home, &smtpd, &url);
        let asked = ["--notify", "success,failure", "--envid", "x", "-s", "x", "alice@example.test"];
        let ran = send(&home, "pw", &url, &asked, b"y");
        if dsn {
            ran.ends(0);
            arrived(&|| smtpd.messages("alice"), 1);
        } else {
            ran.ends(69).complains("DSN");
        }
        let unicode = format!("Subject: Grüße\n{}", head(9, "")).into_bytes();
        send(&home, "pw", &url, &["alice@example.test"], &unicode).ends(65).complains("UTF8");
        let large = [head(10, "").into_bytes(), b"0123456789\n".repeat(LIMIT / 10)].concat();
        send(&home, "pw", &url, &["alice@example.test"], &large).ends(65).complains("the server takes");
    }
}

const DOVECOT: [&str; 2] = ["/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp"];

#[test]
fn postfix() {
    if !servers::can_run(&[&DOVECOT[..], &["/usr/lib/postfix/sbin/master"]].concat()) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost", "127.0.0.1"], |_| {}).pem;
    let dovecot = Dovecot::start(&home, "dovecot", &shown);
    let postfix = servers::Postfix::start(&home, &dovecot, &shown);
    let kept = (&home, &dovecot);
    let mechanisms = ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"];
    for url in [format!("smtp://bob@localhost:{}", postfix.smtp), format!("smtps://bob@localhost:{}", postfix.smtps)] {
        logins(&home, &url, &mechanisms, "SCRAM-SHA-256");
    }
    for (left_out, port) in &postfix.without {
        let url = format!("smtps://bob@localhost:{port}");
        let has = |name: &str| !left_out.contains(name);
        for (n, message) in hard().iter().enumerate() {
            if n == 2 && !has("8bitmime") {
                send(&home, "pw", &url, &["alice@example.test"], message).ends(65).complains("8BITMIME");
                continue;
            }
            let ran = is_kept(&home, &kept, &url, message);
            assert_eq!(ran.err.contains("C: BDAT "), has("chunking") && has("pipelining"), "{left_out}: {ran:?}");
            assert_eq!(ran.err.contains(" SIZE="), has("size"), "{left_out}: {ran:?}");
        }
        send(&home, "pw", &url, &["alice@example.test"], &umlauts()).ends(0);
        let got = String::from_utf8(arrived(&|| kept.messages("alice"), 1).remove(0)).unwrap();
        assert!(got.contains(if has("8bitmime") { "Grüße" } else { "Gr=C3=BC=C3=9Fe" }), "{got}");
        kept.forget("alice");
        refuses(&home, &kept, &url, false);
        if left_out.is_empty() {
            takes_three(&home, &kept, &url);
        }
        let asked = ["--notify", "failure", "--envid", "x", "-s", "x", "alice@example.test"];
        let ran = send(&home, "pw", &url, &asked, b"y");
        if has("dsn") {
            ran.ends(0);
            arrived(&|| kept.messages("alice"), 1);
            kept.forget("alice");
        } else {
            ran.ends(69).complains("DSN");
        }
        if !has("smtputf8") {
            let unicode = format!("Subject: Grüße\n{}", head(9, "")).into_bytes();
            send(&home, "pw", &url, &["alice@example.test"], &unicode).ends(65).complains("UTF8");
        }
        // Without SIZE it is found out at the end.
        let large = [head(10, "").into_bytes(), b"0123456789\n".repeat(LIMIT / 10)].concat();
        let ran = send(&home, "pw", &url, &["alice@example.test"], &large);
        let (status, why) = if has("size") { (65, "the server takes") } else { (69, "552") };
        ran.ends(status).complains(why);
        assert!(kept.messages("alice").is_empty());
    }
}

/// Dovecot's submission service, which passes everything on to an Exim, and its LMTP.
#[test]
fn dovecot() {
    if !rooted::ready() || !servers::can_run(&[&DOVECOT[..], &["/usr/lib/dovecot/submission"]].concat()) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let shown = ca.issue(&["localhost"], |_| {}).pem;
    let exim = Mta::exim(&home, "exim", &shown, &ca.pem, &hosts(&ALL), None, true);
    let [port, smtps] = std::array::from_fn(|_| servers::free_port());
    let more = format!(
        "protocols = imap pop3 lmtp submission\nhostname = localhost\nsubmission_relay_host = 127.0.0.1\nsubmission_relay_port = {}
submission_relay_ssl = no\nsubmission_max_mail_size = {LIMIT}\nservice submission-login {{\n chroot =\n inet_listener submission {{\n port = {port}\n }}
 inet_listener submissions {{\n port = {smtps}\n ssl = yes\n }}\n}}\n",
        exim.smtp
    );
    let dovecot = Dovecot::start_with(&home, "dovecot", &shown, &more);
    for url in [format!("smtp://bob@localhost:{port}"), format!("smtps://bob@localhost:{smtps}")] {
        logins(&home, &url, &["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"], "SCRAM-SHA-256");
        for message in hard().iter().chain([&umlauts()]) {
            is_kept(&home, &exim, &url, message);
        }
        refuses(&home, &exim, &url, true);
        let large = [head(10, "").into_bytes(), b"0123456789\n".repeat(LIMIT / 10)].concat();
        send(&home, "pw", &url, &["alice@example.test"], &large).ends(65).complains("the server takes");
    }
    let url = format!("lmtp+plain://127.0.0.1:{}", dovecot.lmtp);
    for message in hard().iter().chain([&umlauts()]) {
        let ran = send(&home, "pw", &url, &["--json", "alice@example.test", "carol@example.test"], message).ends(0);
        assert_eq!(outcomes(&ran).iter().filter(|(_, fate, _)| fate == "done").count(), 2, "{ran:?}");
        let sent = [message.as_slice(), &b"\n"[..usize::from(!message.ends_with(b"\n"))]].concat();
        for user in ["alice", "carol"] {
            assert!(arrived(&|| dovecot.messages(user), 1)[0].ends_with(&sent), "{user}");
            (&home, &dovecot).forget(user);
        }
    }
}
