//! Configurations of msmtp and nullmailer become ours, and what was imported sends.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "send/peer.rs"]
#[allow(dead_code)]
mod peer;

use common::{Home, Ran};
use peer::{Peer, Say};
use std::os::unix::fs::PermissionsExt;

/// A server that wants a login.
fn peer() -> Peer {
    Peer::start(|_, verb, line| match verb {
        "EHLO" => Say::Text("250-peer\r\n250 AUTH PLAIN LOGIN"),
        // bob, tulip
        "AUTH" => Say::Text(if line.ends_with("AGJvYgB0dWxpcA==") { "235 ok" } else { "535 no" }),
        _ => Say::Yes,
    })
}

fn mode(home: &Home, name: &str) -> u32 {
    std::fs::metadata(home.path().join(name)).unwrap().permissions().mode() & 0o777
}

fn import(home: &Home, arguments: &[&str]) -> Ran {
    let ran = home.run("mail-check", &[&["--import"], arguments].concat(), b"");
    assert!(!ran.out.contains("tulip") && !ran.err.contains("tulip"), "{ran:?}");
    ran
}

fn send(home: &Home, arguments: &[&str]) -> Ran {
    home.run("smtp-send", &[&["--config", "new/config.toml"], arguments].concat(), b"Subject: x\n\nhi\n")
}

#[test]
fn what_msmtp_had() {
    let peer = peer();
    let home = Home::new();
    let msmtprc = format!(
        "# Set default values\ndefaults\nauth           on\ntls            on\ntls_trust_file /etc/ssl/certs/ca-certificates.crt\n\
         logfile        ~/.msmtp.log\ntimeout 30\n\n\
         # Gmail\naccount        gmail\nhost           smtp.gmail.com\nport           587\nfrom           me@gmail.com\n\
         from_full_name \"Me, Myself\"\nuser           me@gmail.com\npasswordeval   \"gpg -q -d ~/.pw.gpg | head -1\"\n\n\
         account Work.Mail\nhost 127.0.0.1\nport {}\ntls off\nfrom bob@example.org\nuser bob\npassword tulip\nmaildomain host.example.org\n\
         aliases /etc/aliases\naccount other : Work.Mail\nauth off\ntls_certcheck off\naliases\nsyslog LOG_USER\n\
         account ssl\nhost mail.example.org\ntls_starttls off\nuser u/x\nauth scram-sha-256\ntls_fingerprint 00:11\nfancy_new_key 7\n\
         account default : Work.Mail\n",
        peer.port
    );
    std::fs::write(home.path().join(".msmtprc"), msmtprc).unwrap();
    std::fs::create_dir(home.path().join("new")).unwrap();
    let shown = import(&home, &["msmtp"]).ends(0);
    for line in [
        "default = \"work-mail\"",
        "smtp = \"smtp+starttls://me%40gmail.com@smtp.gmail.com:587\"",
        "password = { command = [\"/bin/sh\", \"-c\", \"gpg -q -d ~/.pw.gpg | head -1\"] }",
        "from = \"\\\"Me, Myself\\\" <me@gmail.com>\"",
        "password = { file = \"work-mail.password\" }",
        "smtp = \"smtps://u%2Fx@mail.example.org:465\"",
        "auth = \"scram-sha-256\"",
        "ca-file = \"/etc/ssl/certs/ca-certificates.crt\"",
        "hostname = \"host.example.org\"",
        "aliases = \"/etc/aliases\"",
    ] {
        assert!(shown.out.lines().any(|is| is == line), "{line}\n{}", shown.out);
    }
    // Each key that is not taken over is told, with its line.
    for what in [
        "timeout: --timeout",
        "tls_certcheck: ",
        "tls_fingerprint: ",
        "fancy_new_key: ",
        "syslog: there is one",
        "work-mail.password: put",
    ] {
        assert!(shown.err.contains(what), "{what}\n{}", shown.err);
    }
    assert!(shown.err.contains(".msmtprc:38: fancy"), "{}", shown.err);
    import(&home, &["msmtp", "--output", "new/config.toml"]).ends(0);
    assert_eq!((mode(&home, "new/config.toml"), mode(&home, "new/work-mail.password")), (0o600, 0o600));
    assert_eq!(std::fs::read_to_string(home.path().join("new/work-mail.password")).unwrap(), "tulip\n");
    assert_eq!(std::fs::read_to_string(home.path().join("new/config.toml")).unwrap(), shown.out);
    // Nothing is overwritten, and nothing is left half done.
    import(&home, &["msmtp", "--output", "new/config.toml"]).ends(73);
    std::fs::remove_file(home.path().join("new/work-mail.password")).unwrap();
    import(&home, &["msmtp", "--output", "new/config.toml"]).ends(73);
    assert!(!home.path().join("new/work-mail.password").exists());
    std::fs::write(home.path().join("new/work-mail.password"), "tulip\n").unwrap();
    std::fs::set_permissions(home.path().join("new/work-mail.password"), PermissionsExt::from_mode(0o600)).unwrap();
    // It is what every program reads, and it sends.
    std::fs::write(home.path().join("aliases"), "").unwrap();
    let text = std::fs::read_to_string(home.path().join("new/config.toml")).unwrap();
    std::fs::write(home.path().join("new/config.toml"), text.replace("\"/etc/aliases\"", "\"../aliases\"")).unwrap();
    home.run("mail-check", &["--config", "new/config.toml", "--show", "gmail:"], b"").ends(0);
    home.run("mail-check", &["--config", "new/config.toml", "--show", "ssl:"], b"").ends(0);
    send(&home, &["a@example.org"]).ends(0);
    let got = peer.taken().pop().unwrap();
    assert_eq!((got.from.as_str(), got.to), ("bob@example.org", vec!["a@example.org".to_owned()]));
    // The account that has taken over from it, without the login.
    send(&home, &["-a", "other", "a@example.org"]).ends(0);
    assert_eq!(peer.taken().len(), 2);

    let wrong = |text: &str, why: &str| {
        std::fs::write(home.path().join("rc"), text).unwrap();
        import(&home, &["msmtp=rc"]).ends(78).complains(why);
    };
    wrong("account a : b\nhost x\n", "rc:1: b: no account");
    wrong("account a\nhost x\nport smtp\n", "rc:3: port smtp");
    wrong("account a\n", "no account with a host");
    import(&home, &["msmtp=none"]).ends(66);
    import(&home, &["postfix"]).ends(64);
}

#[test]
fn what_nullmailer_had() {
    let peer = peer();
    let home = Home::new();
    let dir = home.path().join("nullmailer");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::create_dir(home.path().join("new")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    let first = format!("127.0.0.1 smtp --port={} --user=bob --pass='tulip'", peer.port);
    write(
        "remotes",
        &format!(
            "# relays\n{first}\nsmtp.example.org smtp --starttls --user=bob --pass=tulip\nold.example.org qmqp --auth-login\n"
        ),
    );
    for (name, text) in [
        ("me", "host\n"),
        ("defaultdomain", "example.org\n"),
        ("adminaddr", "admin@example.org\n"),
        ("allmailfrom", "relay@example.org\n"),
        ("pausetime", "60\n"),
        ("queuelifetime", "604800\n"),
        ("sendtimeout", "3600\n"),
        ("strange", "x\n"),
    ] {
        write(name, text);
    }
    let shown = import(&home, &["nullmailer=nullmailer"]).ends(0);
    for line in [
        "default = \"nullmailer\"".to_owned(),
        "retry-min = \"60s\"".to_owned(),
        "expire-after = \"604800s\"".to_owned(),
        format!("smtp = [\"smtp+plain://bob@127.0.0.1:{}\", \"smtp+starttls://bob@smtp.example.org:25\"]", peer.port),
        "queue = true".to_owned(),
        "hostname = \"host.example.org\"".to_owned(),
        "from = \"relay@example.org\"".to_owned(),
        "password = { file = \"nullmailer.password\" }".to_owned(),
        "rewrite-to = { \"*@localhost\" = \"admin@example.org\", \"*@localhost.localdomain\" = \"admin@example.org\", \
         \"*@host.example.org\" = \"admin@example.org\" }"
            .to_owned(),
    ] {
        assert!(shown.out.lines().any(|is| is == line), "{line}\n{}", shown.out);
    }
    for what in ["qmqp", "old.example.org", "sendtimeout", "strange", "nullmailer.password: put"] {
        assert!(shown.err.contains(what), "{what}\n{}", shown.err);
    }
    import(&home, &["nullmailer=nullmailer", "--output", "new/config.toml"]).ends(0);
    send(&home, &["root@localhost"]).ends(0);
    assert!(peer.taken().is_empty());
    home.run("smtp-queue", &["run", "--config", "new/config.toml"], b"").ends(0);
    let got = peer.taken().pop().unwrap();
    assert_eq!((got.from.as_str(), got.to), ("relay@example.org", vec!["admin@example.org".to_owned()]));
    import(&home, &["nullmailer=none"]).ends(66);
    write("remotes", "# none\n");
    import(&home, &["nullmailer=nullmailer"]).ends(78);
}
