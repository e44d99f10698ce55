//! Logins without a password at Dovecot: tokens that it asks the token server about, and certificates of clients.

use super::servers::{Dovecot, can_run};
use super::{DOVECOT, hard, home, run};
use crate::issuer::{Issuer, MARKER};
use crate::peer::Authority;

/// OAUTHBEARER and XOAUTH2 with tokens that are got, used, refused when they are over, and renewed.
#[test]
fn tokens_at_dovecot() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let issuer = Issuer::start();
    let asks = format!(
        "introspection_mode = post\nintrospection_url = {}/introspect\nusername_attribute = username\n\
         active_attribute = active\nactive_value = true\n",
        issuer.url
    );
    std::fs::write(home.path().join("oauth2.conf"), asks).unwrap();
    let more = format!(
        "auth_mechanisms = plain login oauthbearer xoauth2\npassdb {{\n driver = oauth2\n \
         mechanisms = oauthbearer xoauth2\n args = {}/oauth2.conf\n}}\n",
        home.path().display()
    );
    home.sh("chmod 644 oauth2.conf").ends(0);
    let dovecot = Dovecot::start_with(&home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem, &more);
    dovecot.put("bob", &hard());
    home.sh("umask 077; mkdir -p .config/pipepost").ends(0);
    let config = |auth: &str| {
        let text = format!(
            "[work]\nca-file = \"{}/ca.pem\"\nimap = \"imaps://bob@localhost:{}\"\npop3 = \"pop3+starttls://bob@localhost:{}\"\n\
             {auth}password = {{ oauth = {{ issuer = \"{}\", client-id = \"x\", flow = \"client-credentials\", \
             client-secret = {{ file = \"{}/pw\" }} }} }}\n",
            home.path().display(),
            dovecot.imaps,
            dovecot.pop3,
            issuer.url,
            home.path().display()
        );
        std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
        home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    };
    for (auth, taken) in [("", "OAUTHBEARER"), ("auth = \"xoauth2\"\n", "XOAUTH2")] {
        config(auth);
        for tool in ["imap-ls", "pop3-ls"] {
            let ran = home.run(tool, &["--trace", "-", "work:"], b"").ends(0);
            assert!(ran.err.contains(taken) && !ran.err.contains(MARKER), "{taken}: {ran:?}");
        }
        home.run("mail-check", &["work:"], b"").ends(0);
        // It is good no more: refused once, another one is got, and that is taken.
        let (granted, heard) = issuer.with(|s| (s.granted, std::mem::take(&mut s.good).len()));
        assert_eq!(heard, 1);
        let ran = home.run("imap-ls", &["-o", "folder,messages", "work:"], b"").ends(0);
        assert_eq!((ran.out.as_str(), issuer.with(|s| s.granted)), ("INBOX\t7\nSent\t0\n", granted + 1));
        assert!(issuer.with(|s| s.logins.iter().all(|token| token.starts_with(MARKER))));
    }
    // Whose tokens are never good is told so, with one more try and not for ever.
    let granted = issuer.with(|s| {
        s.refuses = true;
        s.granted
    });
    home.run("imap-ls", &["work:"], b"").ends(77);
    assert!(issuer.with(|s| s.granted) <= granted + 1);
}

/// EXTERNAL: who one is says the certificate.
#[test]
fn certificates_at_dovecot() {
    if !can_run(&DOVECOT) {
        return;
    }
    let ca = Authority::new();
    let home = home(&ca);
    let named = |name: &str| {
        let name = name.to_owned();
        ca.issue(&[], move |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
        })
        .pem
    };
    let of = |name: &str| {
        let file = format!("{name}.pem");
        std::fs::write(home.path().join(&file), named(name)).unwrap();
        home.sh(&format!("chmod 600 {file}")).ends(0);
        file
    };
    let more = format!(
        "auth_mechanisms = external plain\nssl_ca = <{}/ca.pem\nssl_verify_client_cert = yes\nssl_require_crl = no\n\
         auth_ssl_username_from_cert = yes\npassdb {{\n driver = static\n mechanisms = external\n args = nopassword\n}}\n",
        home.path().display()
    );
    let dovecot = Dovecot::start_with(&home, "dovecot", &ca.issue(&["localhost"], |_| {}).pem, &more);
    dovecot.put("bob", &hard());
    let (bob, alice) = (of("bob"), of("alice"));
    for (tool, url, lines) in [
        ("imap-ls", format!("imaps://bob@localhost:{}/INBOX", dovecot.imaps), 7),
        ("pop3-ls", format!("pop3+starttls://bob@localhost:{}", dovecot.pop3), 7),
    ] {
        let by = |file: &str, more: &[&str]| {
            let flags = ["--ca-file", "ca.pem", "--client-cert", file, "--auth", "external", "--trace", "-", &url];
            home.run(tool, &[&flags, more].concat(), b"")
        };
        let ran = by(&bob, &[]).ends(0);
        assert!(ran.out.lines().count() == lines && ran.err.contains("EXTERNAL"), "{ran:?}");
        // Alice's certificate is not Bob's.
        by(&alice, &[]).ends(77);
        // Without a certificate there is nobody to be.
        let ran = run(&home, tool, &["--auth", "external", &url], b"");
        assert!([64, 77, 78].contains(&ran.status), "{ran:?}");
    }
}
