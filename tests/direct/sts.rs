//! MTA-STS: policies by HTTPS, kept and enforced.

use super::common::Home;
use super::common::dns::Dns;
use super::mx::{Manner, servers};
use super::peer::{Authority, hopeless};
use super::{HTTPS, send};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server of policies: what it says now, and how often it was asked.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<(String, usize)>>);

impl Said {
    pub fn says(&self, text: &str) {
        self.0.lock().unwrap().0 = text.to_owned();
    }

    pub fn policy(&self, mode: &str, mx: &str) {
        self.answer("text/plain", &format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"));
    }

    pub fn answer(&self, kind: &str, text: &str) {
        self.says(&format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
    }

    pub fn asked(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

pub fn policies(config: &Arc<rustls::ServerConfig>, address: &str) -> (u16, Said) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let (port, said) = (listener.local_addr().unwrap().port(), Said::default());
    let (config, to) = (config.clone(), said.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                head.push(byte[0]);
            }
            if head.is_empty() {
                continue;
            }
            assert!(head.starts_with(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
            let text = {
                let mut said = to.0.lock().unwrap();
                said.1 += 1;
                said.0.clone()
            };
            let _ = stream.write_all(text.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (port, said)
}

#[test]
fn a_policy_is_asked_for_kept_and_enforced() {
    let ca = Authority::new();
    let issued = ca.issue(&["mx.x.test", "mta-sts.x.test"], |_| {});
    let (https, said) = policies(&issued.modern(), "127.0.0.1");
    HTTPS.set(https).unwrap();
    let (port, heard) = servers(&[
        ("127.0.0.2", Manner::tls(issued.modern())),
        ("127.0.0.3", Manner::tls(hopeless().modern())),
        ("127.0.0.4", Manner::default()),
    ]);
    let zone = |mx: &str, txt: &str| {
        format!(
            "x.test MX 10 {mx}
             mx.x.test A 127.0.0.2
             bad.x.test A 127.0.0.3
             plain.x.test A 127.0.0.4
             mta-sts.x.test A 127.0.0.1
             {txt}"
        )
    };
    let record = |id: &str| format!("_mta-sts.x.test TXT v=STSv1; id={id};");
    let dns = Dns::start(&zone("mx.x.test", &record("1")));
    let home = Home::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    let to = |status: i32, words: &str| {
        let ran = send(&home, &dns, port, &["-v", "--ca-file", "ca.pem", "u@x.test"]).ends(status);
        assert!(ran.err.contains(words), "{words}: {ran:?}");
        heard.all();
    };
    // A policy that can't be had is none; nor is one that is not text, or from somebody else.
    said.says("HTTP/1.1 404 no\r\nContent-Length: 0\r\n\r\n");
    to(0, "status 404");
    said.answer("text/html", "version: STSv1\nmode: enforce\nmx: mx.x.test\nmax_age: 86400\n");
    to(0, "not text/plain");
    said.says("HTTP/1.1 301 there\r\nLocation: https://other.test/\r\nContent-Length: 0\r\n\r\n");
    to(0, "status 301");
    assert_eq!(said.asked(), 3);
    // In testing it changes nothing.
    said.policy("testing", "other.test");
    to(0, "not a server by the domain's MTA-STS policy, which is in testing");
    // The same id: not asked again. Another one: asked.
    said.policy("enforce", "*.x.test");
    to(0, "which we know: testing");
    assert_eq!(said.asked(), 1);
    dns.becomes(&zone("mx.x.test", &record("2")));
    to(0, "mx.x.test: TLS verified by MTA-STS");
    assert_eq!(said.asked(), 1);
    // Whoever is not what the policy wants gets nothing, not now.
    dns.becomes(&zone("bad.x.test", &record("2")));
    to(75, "TLS");
    dns.becomes(&zone("plain.x.test", &record("2")));
    to(75, "TLS");
    // Also if the record vanishes, or the policy's server.
    dns.becomes(&zone("bad.x.test", ""));
    to(75, "the one that we know still holds");
    dns.becomes(&zone("bad.x.test", "! _mta-sts.x.test servfail"));
    to(75, "the one that we know still holds");
    said.says("HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n");
    dns.becomes(&zone("bad.x.test", &record("3")));
    to(75, "which can't be had; the one that we know still holds");
    said.policy("enforce", "other.test");
    to(75, "not a server by the domain's MTA-STS policy");
    let ran = send(&home, &dns, port, &["--ca-file", "ca.pem", "--explain", "--json", "u@x.test"]).ends(75);
    let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&object["exit"], &object["servers"]), (&75.into(), &serde_json::json!([])));
    // The domain gives it up.
    said.policy("none", "x.test");
    dns.becomes(&zone("bad.x.test", &record("4")));
    to(0, "has an MTA-STS policy: none");
    // A server of policies that nobody vouches for is not believed.
    dns.becomes(&zone("bad.x.test", &record("5")));
    said.policy("enforce", "other.test");
    send(&home, &dns, port, &["u@x.test"]).ends(0);
}
