//! A small DNS server for tests: a zone as text, by UDP and TCP on one port of 127.0.0.1, and what servers do wrong.
//!
//! A line is `NAME TYPE VALUE...`; `! NAME WHAT` makes all at and below NAME secure (the AD bit), servfail, silent, truncated,
//! strange-id, strange-question, short (a time to live of a second), loop (a compression pointer at itself), cut or garbage; `big` says the answer twice with a
//! wrong one first.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

pub struct Dns {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Default)]
struct Zone {
    records: BTreeMap<String, Vec<(u16, Vec<u8>)>>,
    deeds: Vec<(String, String)>,
}

const TYPES: [(&str, u16); 6] = [("A", 1), ("CNAME", 5), ("MX", 15), ("TXT", 16), ("AAAA", 28), ("TLSA", 52)];

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn data(kind: &str, words: &[&str]) -> Vec<u8> {
    match kind {
        "A" | "AAAA" => match words[0].parse::<IpAddr>().unwrap() {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        },
        "CNAME" => name(words[0]),
        "MX" => [&words[0].parse::<u16>().unwrap().to_be_bytes()[..], &name(words[1])].concat(),
        "TXT" => {
            let text = words.join(" ");
            text.as_bytes().chunks(255).flat_map(|piece| [&[piece.len() as u8][..], piece].concat()).collect()
        }
        "TLSA" => {
            let mut out: Vec<u8> = words[..3].iter().map(|word| word.parse().unwrap()).collect();
            out.extend(
                words[3]
                    .as_bytes()
                    .chunks(2)
                    .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()),
            );
            out
        }
        other => panic!("{other}"),
    }
}

impl Zone {
    fn read(text: &str) -> Zone {
        let mut zone = Zone::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words[0] == "!" {
                zone.deeds.push((words[1].to_owned(), words[2].to_owned()));
                continue;
            }
            let kind = TYPES.iter().find(|(kind, _)| *kind == words[1]).unwrap_or_else(|| panic!("{line}")).1;
            zone.records.entry(words[0].to_ascii_lowercase()).or_default().push((kind, data(words[1], &words[2..])));
        }
        zone
    }

    fn does(&self, at: &str, deed: &str) -> bool {
        self.deeds.iter().any(|(name, what)| what == deed && (at == name || at.ends_with(&format!(".{name}"))))
    }

    /// `None`: no answer. `tcp`: nothing is truncated.
    fn answer(&self, query: &[u8], tcp: bool, asked: &Mutex<Vec<String>>) -> Option<Vec<u8>> {
        let (mut labels, mut at) = (Vec::new(), 12);
        while query[at] != 0 {
            let length = usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_ascii_lowercase());
            at += 1 + length;
        }
        let asked_for = labels.join(".");
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let question = query[12..at + 5].to_vec();
        let word = TYPES.iter().find(|(_, number)| *number == kind).map_or("?", |(word, _)| word);
        asked.lock().unwrap().push(format!("{asked_for} {word}{}", if tcp { " tcp" } else { "" }));
        if self.does(&asked_for, "silent") {
            return None;
        }
        let (mut answers, mut count, mut owner, mut secure) = (Vec::new(), 0u16, asked_for.clone(), true);
        let exists = loop {
            secure &= self.does(&owner, "secure");
            let below = format!(".{owner}");
            let Some(records) = self.records.get(&owner) else {
                break self.records.keys().any(|name| name.ends_with(&below));
            };
            let alias = records.iter().find(|(of, _)| *of == 5 && kind != 5);
            for (of, data) in records.iter().filter(|(of, _)| *of == kind || *of == 5) {
                let mut data = data.clone();
                if self.does(&owner, "loop") {
                    // It points at itself: it begins where this record's data begin.
                    let here = 12 + question.len() + answers.len() + name(&owner).len() + 10;
                    let here = here + usize::from(*of == 15) * 2;
                    data.truncate(usize::from(*of == 15) * 2);
                    data.extend((0xc000 | u16::try_from(here).unwrap()).to_be_bytes());
                }
                answers.extend(name(&owner));
                let ttl = if self.does(&owner, "short") { 1 } else { 60 };
                answers.extend([&of.to_be_bytes()[..], &[0, 1, 0, 0, 0, ttl]].concat());
                answers.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                answers.extend(data);
                count += 1;
            }
            match alias {
                // A circle is told once.
                Some((_, target)) if count < 8 => {
                    let (mut labels, mut at) = (Vec::new(), 0);
                    while target[at] != 0 {
                        let length = usize::from(target[at]);
                        labels.push(String::from_utf8_lossy(&target[at + 1..at + 1 + length]).into_owned());
                        at += 1 + length;
                    }
                    owner = labels.join(".");
                }
                _ => break true,
            }
        };
        let servfail = self.does(&asked_for, "servfail") || self.does(&asked_for, &format!("servfail-{word}"));
        let truncated = !tcp && (self.does(&asked_for, "truncated") || answers.len() > 1200);
        let rcode: u16 = if servfail {
            2
        } else if exists {
            0
        } else {
            3
        };
        let flags = 0x8180 | rcode | if secure { 0x20 } else { 0 } | if truncated { 0x200 } else { 0 };
        let (answers, count) = if servfail || truncated { (Vec::new(), 0) } else { (answers, count) };
        let head = |id: [u8; 2], question: &[u8], count: u16| {
            [&id[..], &u16::to_be_bytes(flags), &[0, 1], &count.to_be_bytes(), &[0, 0, 0, 0], question].concat()
        };
        let id = [query[0], query[1]];
        let mut whole = head(id, &question, count);
        if self.does(&asked_for, "strange-id") {
            whole[0] ^= 0xff;
        }
        if self.does(&asked_for, "strange-question") {
            whole[13] ^= 1;
        }
        if self.does(&asked_for, "garbage") {
            return Some(b"garbage".to_vec());
        }
        whole.extend(answers);
        if self.does(&asked_for, "cut") {
            whole.truncate(whole.len() - 3);
        }
        Some(whole)
    }
}

impl Dns {
    pub fn start(text: &str) -> Dns {
        let zone = Arc::new(Mutex::new(Zone::read(text)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        // Both kinds on one port; another program may have one of them.
        let (udp, tcp) = (0..50)
            .find_map(|_| {
                let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
                TcpListener::bind(udp.local_addr().unwrap()).ok().map(|tcp| (udp, tcp))
            })
            .unwrap();
        let port = udp.local_addr().unwrap().port();
        let (of, to) = (zone.clone(), asked.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let answer = of.lock().unwrap().answer(&buffer[..length], false, &to);
                if let Some(answer) = answer {
                    let strange = answer.len() > 13 && (answer[0] != buffer[0] || answer[13] != buffer[13]);
                    let _ = udp.send_to(&answer, from);
                    // The true answer comes behind the forged one.
                    if strange {
                        let mut right = answer.clone();
                        right[..2].copy_from_slice(&buffer[..2]);
                        right[13] = buffer[13];
                        let _ = udp.send_to(&right, from);
                    }
                }
            }
        });
        let (of, to) = (zone.clone(), asked.clone());
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().map_while(Result::ok) {
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                let _ = stream.read_exact(&mut query);
                if let Some(answer) = of.lock().unwrap().answer(&query, true, &to) {
                    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                    let _ = stream.write_all(&[&length, answer.as_slice()].concat());
                }
            }
        });
        Dns { port, asked, zone }
    }

    /// Another zone instead.
    pub fn becomes(&self, text: &str) {
        *self.zone.lock().unwrap() = Zone::read(text);
    }

    /// What was asked since the last call, in order.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
