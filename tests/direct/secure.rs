//! How the way is protected: opportunistic TLS, DANE.

use super::common::dns::Dns;
use super::mx::{Heard, Manner, servers};
use super::peer::{Authority, Shown, hopeless};
use super::{direct, send};
use crate::common::Home;
use std::fmt::Write as _;

/// TLSA data for a certificate: `USAGE 0 1 SHA256`.
pub fn tlsa(usage: u8, pem: &str) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &der);
    let mut text = format!("{usage} 0 1 ");
    digest.as_ref().iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text
}

/// Who got a message, and whether under TLS.
fn taken(heard: &Heard) -> Vec<String> {
    heard
        .all()
        .into_iter()
        .filter(|line| line.contains("MAIL FROM"))
        .map(|line| line.split(" MAIL").next().unwrap().to_owned())
        .collect()
}

#[test]
fn opportunistic_tls() {
    let (port, heard) = servers(&[
        ("127.0.0.2", Manner::tls(hopeless().modern())),
        ("127.0.0.3", Manner { starttls: "454 not now", ..Manner::tls(hopeless().modern()) }),
        // It says yes, and does not understand what follows.
        ("127.0.0.4", Manner { tls: None, ..Manner::tls(hopeless().modern()) }),
    ]);
    let dns = Dns::start("a.test A 127.0.0.2\nb.test A 127.0.0.3\nc.test A 127.0.0.4");
    let ran = direct(&dns, port, &["-v", "u@a.test"]).ends(0);
    assert!(ran.err.contains("a.test: TLS if it is offered, not verified: TLS 1.3"), "{ran:?}");
    assert_eq!(taken(&heard), ["127.0.0.2 tls"]);
    let ran = direct(&dns, port, &["-v", "u@b.test"]).ends(0);
    assert!(ran.err.contains("again without TLS") && ran.err.contains("b.test: no TLS"), "{ran:?}");
    assert_eq!(taken(&heard), ["127.0.0.3"]);
    direct(&dns, port, &["u@c.test"]).ends(0);
    assert_eq!(taken(&heard), ["127.0.0.4"]);
}

#[test]
fn dane() {
    let ca = Authority::new();
    let (own, issued) = (hopeless(), ca.issue(&["mx.issued.test"], |_| {}));
    let with_chain = Shown { pem: issued.pem.clone() + &ca.pem };
    let (port, heard) = servers(&[
        ("127.0.0.2", Manner::tls(own.modern())),
        ("127.0.0.3", Manner::tls(with_chain.modern())),
        ("127.0.0.4", Manner::default()),
    ]);
    let (own, ca) = (tlsa(3, &own.pem), tlsa(2, &ca.pem));
    let other = tlsa(3, &hopeless().pem);
    let dns = Dns::start(&format!(
        "own.test MX 10 mx.own.test
         mx.own.test A 127.0.0.2
         _{port}._tcp.mx.own.test TLSA {own}
         ! own.test secure
         issued.test MX 10 mx.issued.test
         mx.issued.test A 127.0.0.3
         _{port}._tcp.mx.issued.test TLSA {ca}
         ! issued.test secure
         wrong.test MX 10 mx.wrong.test
         mx.wrong.test A 127.0.0.2
         _{port}._tcp.mx.wrong.test TLSA {other}
         ! wrong.test secure
         next.test MX 10 mx.wrong.test
         next.test MX 20 mx.own.test
         ! next.test secure
         unproved.test MX 10 mx.wrong2.test
         mx.wrong2.test A 127.0.0.2
         _{port}._tcp.mx.wrong2.test TLSA {other}
         unusable.test MX 10 mx.unusable.test
         mx.unusable.test A 127.0.0.2
         _{port}._tcp.mx.unusable.test TLSA 1 0 1 00
         ! unusable.test secure
         stripped.test MX 10 mx.stripped.test
         mx.stripped.test A 127.0.0.4
         _{port}._tcp.mx.stripped.test TLSA {own}
         ! stripped.test secure
         plain.test MX 10 mx.plain.test
         mx.plain.test A 127.0.0.4
         _{port}._tcp.mx.plain.test TLSA 3 9 1 00
         ! plain.test secure
         bogus.test MX 10 mx.bogus.test
         mx.bogus.test A 127.0.0.2
         ! bogus.test secure
         ! mx.bogus.test servfail-TLSA
         alias.test MX 10 name.alias.test
         name.alias.test CNAME mx.own.test
         ! alias.test secure
         none.test MX 10 mx.none.test
         mx.none.test A 127.0.0.4
         ! none.test secure"
    ));
    for (domain, status, who, words) in [
        ("own.test", 0, "127.0.0.2 tls", "TLS verified by DANE (3 0 1 "),
        ("issued.test", 0, "127.0.0.3 tls", "verified by the DNS of its domain (DANE)"),
        ("wrong.test", 75, "", "no TLSA record of its domain fits"),
        ("next.test", 0, "127.0.0.2 tls", "TLS verified by DANE"),
        // Nobody proves that these records are the domain's.
        ("unproved.test", 0, "127.0.0.2 tls", "TLS if it is offered"),
        ("unusable.test", 0, "127.0.0.2 tls", "as no TLSA record is usable"),
        ("stripped.test", 75, "", "TLS"),
        ("plain.test", 75, "", "TLS"),
        ("bogus.test", 75, "", "SERVFAIL"),
        ("alias.test", 0, "127.0.0.2 tls", "TLS verified by DANE"),
        ("none.test", 0, "127.0.0.4", "none.test: no TLS"),
    ] {
        let ran = direct(&dns, port, &["-v", &format!("u@{domain}")]).ends(status);
        assert!(ran.err.contains(words), "{domain}: {ran:?}");
        let expected: &[&str] = if who.is_empty() { &[] } else { &[who] };
        assert_eq!(taken(&heard), expected, "{domain}");
    }
    let ran = direct(&dns, port, &["--explain", "--json", "u@own.test"]).ends(0);
    let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(object["servers"][0]["tls"], "dane");
    // A pin is for one server.
    let home = Home::new();
    let pin = format!("sha256:{}", "ab".repeat(32));
    send(&home, &dns, port, &["--pin", &pin, "u@own.test"]).ends(64);
}
