//! How a domain's servers are reached: a proxy, one kind of addresses, our own address, several connections; and for how long what
//! the DNS says is good.

#[path = "../connect/ways.rs"]
#[allow(dead_code)]
mod between;

use super::common::dns::Dns;
use super::common::{Home, Ran};
use super::mx::{Heard, Manner, servers};
use super::{direct, send};

fn from(heard: &Heard) -> Vec<String> {
    heard.all().into_iter().filter(|line| line.contains(" from ")).collect()
}

#[test]
fn domains_beyond_ascii() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default())]);
    let dns = Dns::start("xn--bcher-kva.test MX 10 mx.test\nmx.test A 127.0.0.2");
    direct(&dns, port, &["u@bücher.test", "v@BÜCHER.test"]).ends(0);
    assert_eq!(heard.recipients(), ["127.0.0.2 <u@xn--bcher-kva.test>", "127.0.0.2 <v@xn--bcher-kva.test>"]);
    let ran = direct(&dns, port, &["--explain", "u@bücher.test"]).ends(0);
    assert!(ran.out.contains("xn--bcher-kva.test has 1 MX records"), "{ran:?}");
}

#[test]
fn through_a_proxy() {
    let (port, heard) = servers(&[("127.0.0.1", Manner::default())]);
    let dns = Dns::start("x.test MX 10 mx.x.test\nmx.x.test A 127.0.0.2\nmx.x.test A 127.0.0.3");
    for scheme in ["socks5", "http"] {
        let (proxy, asked) = between::proxy(scheme, None);
        direct(&dns, port, &["--proxy", &format!("{scheme}://127.0.0.1:{proxy}"), "u@x.test"]).ends(0);
        // The name was looked up here; the proxy gets the address.
        assert_eq!(*asked.lock().unwrap(), [format!("127.0.0.2:{port}")]);
        assert_eq!(heard.recipients(), ["127.0.0.1 <u@x.test>"]);
    }
}

#[test]
fn one_kind_of_addresses_and_our_own() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default()), ("::1", Manner::default())]);
    let dns = Dns::start(
        "x.test MX 10 mx.x.test
         mx.x.test A 127.0.0.2
         mx.x.test AAAA ::1
         four.test A 127.0.0.2",
    );
    direct(&dns, port, &["-6", "u@x.test"]).ends(0);
    assert_eq!(heard.recipients(), ["::1 <u@x.test>"]);
    direct(&dns, port, &["-4", "u@x.test"]).ends(0);
    assert_eq!(heard.recipients(), ["127.0.0.2 <u@x.test>"]);
    direct(&dns, port, &["-6", "u@four.test"]).ends(68);
    direct(&dns, port, &["-4", "u@[IPv6:::1]"]).ends(68);
    assert!(heard.all().is_empty());
    direct(&dns, port, &["--source-address", "127.0.0.7", "u@x.test"]).ends(0);
    assert_eq!(from(&heard), ["127.0.0.2 from 127.0.0.7"]);
    direct(&dns, port, &["--source-address", "::1", "u@x.test"]).ends(0);
    assert_eq!(from(&heard), ["::1 from ::1"]);
}

/// Several messages, NUL between them.
fn many(home: &Home, dns: &Dns, port: u16, more: &[&str], messages: &[&str]) -> Ran {
    let (server, ports) = (dns.server(), format!("{port},1"));
    let all = ["-f", "ann@sender.example", "--direct", "--resolver", &server, "--direct-ports", &ports, "-0", "-t"];
    let text = messages.join("\0");
    home.run("smtp-send", &[&all[..], &["--resend-to-header"], more].concat(), text.as_bytes())
}

#[test]
fn several_connections() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default()), ("127.0.0.3", Manner::default())]);
    let dns = Dns::start("one.test A 127.0.0.2\ntwo.test A 127.0.0.3\nnull.test MX 0 .");
    let messages: Vec<String> = (0..12)
        .map(|n| {
            format!(
                "To: u{n}@{}.test\n\nx\n",
                if n == 5 {
                    "null"
                } else if n % 2 == 0 {
                    "one"
                } else {
                    "two"
                }
            )
        })
        .collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let ran = many(&Home::new(), &dns, port, &["--jobs", "3", "--json"], &messages).ends(67);
    assert_eq!(ran.out.lines().filter(|line| line.contains("\"fate\":\"done\"")).count(), 11, "{ran:?}");
    let mut to = heard.recipients();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 11, "{to:?}");
    direct(&dns, port, &["--talk"]).ends(64).complains("--stop-after and --talk");
}

/// Between two messages a time to live passes, or does not.
#[test]
fn what_the_dns_says_is_good_for_its_time() {
    let (port, _) = servers(&[("127.0.0.2", Manner::default())]);
    let dns = Dns::start(
        "short.test MX 10 mx.short.test\nmx.short.test A 127.0.0.2\n! mx.short.test short\nlong.test A 127.0.0.2",
    );
    for (domain, times) in [("short.test", 2), ("long.test", 1)] {
        let message = |n: u32| format!("To: u{n}@{domain}\n\nx\n");
        // The connection is kept for a domain, so another one is between.
        let between = "To: w@[127.0.0.2]\n\nx\n".to_owned();
        let messages = [message(1), between, message(2)];
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        many(&Home::new(), &dns, port, &["--rate", "60/min"], &messages).ends(0);
        let asked = dns.asked().into_iter().filter(|question| *question == format!("{domain} MX")).count();
        assert_eq!(asked, times, "{domain}");
    }
}

#[test]
fn the_first_try_is_not_kept_for_the_next_program() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default())]);
    let dns = Dns::start("x.test A 127.0.0.2");
    let home = Home::new();
    send(&home, &dns, port, &["u@x.test"]).ends(0);
    assert_eq!(heard.recipients(), ["127.0.0.2 <u@x.test>"]);
}
