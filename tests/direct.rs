//! Mail straight to the servers of domains: what the DNS says, the order of servers, and how the way is protected.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;
#[path = "direct/keys.rs"]
mod keys;
#[path = "direct/lookups.rs"]
mod lookups;
#[path = "direct/mx.rs"]
mod mx;
#[path = "tls/peer.rs"]
#[allow(dead_code)]
mod peer;
#[path = "direct/queued.rs"]
mod queued;
#[path = "direct/real.rs"]
mod real;
#[path = "direct/relays.rs"]
mod relays;
#[path = "direct/secure.rs"]
mod secure;
#[path = "direct/sts.rs"]
mod sts;
#[path = "direct/ways.rs"]
mod ways;

use common::dns::Dns;
use common::{Home, Ran};
use mx::{Manner, servers};

/// The port of policies, one for all tests.
static HTTPS: std::sync::OnceLock<u16> = std::sync::OnceLock::new();

/// Sends a message straight.
fn direct(dns: &Dns, port: u16, arguments: &[&str]) -> Ran {
    let home = Home::new();
    send(&home, dns, port, arguments)
}

fn send(home: &Home, dns: &Dns, port: u16, arguments: &[&str]) -> Ran {
    let ports = format!("{port},{}", HTTPS.get().unwrap_or(&1));
    let (server, all) = (dns.server(), ["-f", "ann@sender.example", "--timeout", "60s", "--direct"]);
    let rest = ["--resolver", &server, "--direct-ports", &ports];
    home.run("smtp-send", &[&all[..], &rest, arguments].concat(), b"Subject: x\n\nhello\n")
}

#[test]
fn servers_in_order_and_a_transaction_for_each_domain() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default()), ("127.0.0.3", Manner::default())]);
    let dns = Dns::start(
        "one.test MX 20 b.one.test
         one.test MX 10 a.one.test
         a.one.test A 127.0.0.2
         b.one.test A 127.0.0.3
         two.test A 127.0.0.3",
    );
    let to = ["u@one.test", "no@ONE.test", "v@two.test", "w@[127.0.0.2]"];
    let ran = direct(&dns, port, &[&["--json"][..], &to].concat()).ends(67);
    let fates: Vec<(String, String)> = ran
        .out
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            (object["to"].as_str().unwrap().to_owned(), object["fate"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = ["done", "never", "done", "done"];
    assert_eq!(fates, to.iter().zip(expected).map(|(a, b)| ((*a).to_owned(), b.to_owned())).collect::<Vec<_>>());
    assert_eq!(
        heard.recipients(),
        ["127.0.0.2 <u@one.test>", "127.0.0.2 <no@ONE.test>", "127.0.0.3 <v@two.test>", "127.0.0.2 <w@[127.0.0.2]>",]
    );
}

#[test]
fn the_next_server_before_mail() {
    let (port, heard) = servers(&[
        ("127.0.0.2", Manner::greets("421 too busy")),
        ("127.0.0.3", Manner::greets("554 not here")),
        ("127.0.0.4", Manner::default()),
    ]);
    // Nobody listens on the first.
    let dns = Dns::start(
        "x.test MX 5 z.x.test
         x.test MX 10 a.x.test
         x.test MX 20 b.x.test
         x.test MX 30 c.x.test
         z.x.test A 127.0.0.9
         a.x.test A 127.0.0.2
         b.x.test A 127.0.0.3
         c.x.test A 127.0.0.4
         busy.test MX 10 a.x.test
         busy.test MX 20 b.x.test
         closed.test MX 20 b.x.test",
    );
    let ran = direct(&dns, port, &["-v", "u@x.test"]).ends(0);
    assert!(ran.err.contains("421 too busy") && ran.err.contains("554 not here"), "{ran:?}");
    assert_eq!(heard.recipients(), ["127.0.0.4 <u@x.test>"]);
    direct(&dns, port, &["u@busy.test"]).ends(75).complains("421 too busy");
    direct(&dns, port, &["u@closed.test"]).ends(69).complains("554 not here");
}

#[test]
fn domains_that_have_no_way() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default())]);
    let dns = Dns::start(
        "null.test MX 0 .
         me.test MX 10 sender.example
         me.test MX 20 other.test
         other.test A 127.0.0.2
         first.test MX 10 other.test
         first.test MX 20 sender.example
         first.test MX 30 after.test
         after.test A 127.0.0.2
         nowhere.test MX 10 gone.test
         literal.test MX 10 127.0.0.2
         empty.test TXT x
         half.test MX 10 gone.test
         half.test MX 20 broken.test
         broken.test A 127.0.0.2
         ! broken.test servfail
         fails.test A 127.0.0.2
         ! fails.test servfail",
    );
    let home = Home::new();
    home.sh("mkdir -p .config/pipepost; echo '[work]\nhostname = \"sender.example\"\ndirect = true' > .config/pipepost/config.toml")
        .ends(0);
    let to = |domain: &str| send(&home, &dns, port, &["-a", "work", "--json", &format!("u@{domain}")]);
    for (domain, status, enhanced, words) in [
        ("no-such.test", 68, "5.1.2", "no such domain"),
        ("empty.test", 68, "5.4.4", "no address"),
        ("nowhere.test", 68, "5.4.4", "gone.test: no address"),
        ("literal.test", 68, "5.4.4", "not the name of a host"),
        ("null.test", 69, "5.1.10", "takes no mail"),
        ("me.test", 69, "5.4.6", "loops back"),
        ("half.test", 75, "4.4.4", "SERVFAIL"),
        ("fails.test", 75, "4.4.3", "SERVFAIL"),
    ] {
        let ran = to(domain).ends(status).complains(words);
        let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(object["enhanced"], enhanced, "{ran:?}");
        assert_eq!(object["fate"], if status == 75 { "later" } else { "never" });
    }
    assert!(heard.all().is_empty());
    // Only what comes before us is used.
    to("first.test").ends(0);
    assert_eq!(heard.recipients(), ["127.0.0.2 <u@first.test>"]);
    let ran = send(&home, &dns, port, &["-a", "work", "--explain", "u@first.test"]).ends(0);
    assert!(ran.out.contains("after.test (30) does not come before us"), "{ran:?}");
    // All of one kind end with its status.
    send(&home, &dns, port, &["-a", "work", "u@no-such.test", "u@nowhere.test"]).ends(68);
    send(&home, &dns, port, &["-a", "work", "u@no-such.test", "u@first.test"]).ends(67);
}

#[test]
fn what_explain_tells() {
    let dns = Dns::start(
        "x.test MX 10 a.x.test
         x.test MX 20 alias.x.test
         a.x.test A 127.0.0.2
         a.x.test AAAA ::1
         alias.x.test CNAME b.x.test
         b.x.test A 127.0.0.3
         many.test MX 10 many.x.test
         many.x.test A 127.0.0.11
         many.x.test A 127.0.0.12
         many.x.test A 127.0.0.13
         many.x.test A 127.0.0.14
         many.x.test A 127.0.0.15
         many.x.test A 127.0.0.16
         null.test MX 0 .",
    );
    let ran = direct(&dns, 2525, &["--explain", "u@x.test", "v@null.test"]).ends(67);
    assert_eq!(
        ran.out,
        "u@x.test\n  x.test has 2 MX records\n  \
         alias.x.test is an alias of b.x.test, which a mail server should not be (RFC 5321 5.1)\n  \
         10 a.x.test ([::1]:2525, 127.0.0.2:2525): TLS if it is offered, not verified\n  \
         20 alias.x.test (127.0.0.3:2525): TLS if it is offered, not verified\n\
         v@null.test\n  5.1.10 null.test takes no mail (null MX, RFC 7505)\n"
    );
    let ran = direct(&dns, 2525, &["--explain", "--json", "-4", "u@x.test"]).ends(0);
    let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        object["servers"][0],
        serde_json::json!({
            "preference": 10, "host": "a.x.test", "addresses": ["127.0.0.2:2525"], "tls": "opportunistic"
        })
    );
    let ran = direct(&dns, 2525, &["--explain", "--json", "u@many.test"]).ends(0);
    let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(object["servers"][0]["addresses"].as_array().unwrap().len(), 5);
    // An address of this machine on the port of mail is ourselves.
    let ran = direct(&dns, 25, &["--explain", "u@x.test"]).ends(69);
    assert!(ran.out.ends_with("5.4.6 x.test: mail loops back to this machine\n"), "{ran:?}");
    // It needs no message, and asks nobody where there is nothing to be asked.
    let home = Home::new();
    let ran = home.run("smtp-send", &["-a", "smtps://bob@mail.example.org", "--explain", "u@x.test"], b"").ends(0);
    assert_eq!(ran.out, "u@x.test\n  mail.example.org:465\n");
    home.run("smtp-send", &["--explain"], b"").ends(64);
}
