//! What the session writes is what the grammar of the client's side reads, for any message.

use super::{put, start, until};
use crate::proto::imap::gather::Gathered;
use crate::proto::imap::response::{BodyName, Data, FetchValue, Response, Untagged};
use crate::proto::imap::section::Of;
use crate::proto::imap::structure::Structure;
use crate::server::mailbox::Account;
use crate::text::{LoneCr, ToWire};
use proptest::prelude::*;
use std::io::{BufRead, BufReader, Read, Write};

fn response(io: &mut impl BufRead) -> Response {
    let mut gathered = Gathered::default();
    loop {
        let mut line = Vec::new();
        io.read_until(b'\n', &mut line).unwrap();
        let line = line.strip_suffix(b"\r\n").unwrap();
        let Some(literal) = gathered.push_line(line) else { break };
        let mut bytes = vec![0; literal.size as usize];
        io.read_exact(&mut bytes).unwrap();
        gathered.push_literal(&bytes);
    }
    Response::parse(&gathered).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(gathered.bytes())))
}

/// Section numbers of all leaves, with the sizes that the structure tells.
fn leaves(structure: &Structure, at: &str, out: &mut Vec<(String, u64)>) {
    match structure {
        Structure::Multi(multi) => {
            for (n, part) in (1..).zip(&multi.parts) {
                leaves(part, &if at.is_empty() { n.to_string() } else { format!("{at}.{n}") }, out);
            }
        }
        Structure::Single(single) => out.push((if at.is_empty() { "1".into() } else { at.to_owned() }, single.size)),
    }
}

fn messages() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("--b\n"),
        Just("--b--\n"),
        Just("--c\n"),
        Just("\n"),
        Just("Content-Type: multipart/mixed; boundary=b\n"),
        Just("Content-Type: multipart/alternative; boundary=\"c\"\n"),
        Just("Content-Type: message/rfc822\n"),
        Just("Content-Type: text/plain; charset=\"a\\\"b\"; name*=utf-8''%41\n"),
        Just("Content-Disposition: attachment; filename=\"\u{e9}.txt\"\n"),
        Just("Content-Transfer-Encoding: base64\n"),
        Just("Content-Language: de, en\n"),
        Just("Subject: \"{5}\u{e9}\n folded\n"),
        Just("From: \"A \\\"q\\\"\" <a@b>, g: x@y, z;\n"),
        Just("To: undisclosed-recipients:;, \n"),
        Just("Message-ID: <a\0b>\n"),
        Just("text {3}\r"),
        Just("no header\n"),
    ];
    proptest::collection::vec(piece, 1..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_message_is_shown_as_it_is(text in messages()) {
        let dir = tempfile::tempdir().unwrap();
        put(&Account::open(dir.path()).unwrap(), "INBOX", &text);
        let mut wire = Vec::new();
        let mut to = ToWire::plain(LoneCr::Keep);
        to.push(text.as_bytes(), &mut wire);
        to.finish(&mut wire);

        let (mut out, server) = start(dir.path(), true);
        let mut io = BufReader::new(out.try_clone().unwrap());
        out.write_all(b"a examine inbox\r\nb fetch 1 (uid flags envelope bodystructure body rfc822.size body[header] body[text] body[])\r\n").unwrap();
        until(&mut io, "a OK");
        let Response::Untagged(Untagged::Fetch(1, values)) = response(&mut io) else { panic!() };
        prop_assert!(!values.iter().any(|v| matches!(v, FetchValue::Other(..))), "{values:?}");
        until(&mut io, "b OK");
        let (mut header, mut body, mut whole, mut parts) = (vec![], vec![], vec![], vec![]);
        for value in values {
            match value {
                FetchValue::Size(n) => prop_assert_eq!(n, wire.len() as u64),
                FetchValue::BodyStructure(s) => leaves(&s, "", &mut parts),
                FetchValue::Section(BodyName::Section(s, _), Data::Bytes(bytes)) => match s.what {
                    Of::Header => header = bytes,
                    Of::Text => body = bytes,
                    _ => whole = bytes,
                },
                _ => {}
            }
        }
        prop_assert_eq!(&whole, &wire);
        header.extend_from_slice(&body);
        prop_assert_eq!(&header, &wire);
        for (number, size) in parts {
            out.write_all(format!("c fetch 1 body[{number}]\r\n").as_bytes()).unwrap();
            let Response::Untagged(Untagged::Fetch(1, values)) = response(&mut io) else { panic!() };
            let [FetchValue::Section(_, Data::Bytes(bytes))] = values.as_slice() else { panic!("{number}: {values:?}") };
            prop_assert_eq!(bytes.len() as u64, size);
            prop_assert!(bytes.is_empty() || wire.windows(bytes.len()).any(|w| w == bytes));
            until(&mut io, "c OK");
        }
        out.write_all(b"d logout\r\n").unwrap();
        let mut rest = Vec::new();
        io.read_to_end(&mut rest).unwrap();
        prop_assert!(server.join().unwrap().is_ok());
    }
}
