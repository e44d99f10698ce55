//! What holds of any bytes in IMAP's grammar: nothing panics, and what was read, written and read again is the same.

use pipepost::proto::imap::command::{Command, Tagged};
use pipepost::proto::imap::encode::{Piece, encode};
use pipepost::proto::imap::gather::Gathered;
use pipepost::proto::imap::lex::Lex;
use pipepost::proto::imap::response::{FetchValue, Response, Untagged, announced, may_have_literals};
use pipepost::proto::imap::results::{Results, Returns};
use pipepost::proto::imap::search::{Charset, SearchKey};
use pipepost::proto::imap::set::{SequenceSet, UidList};
use pipepost::proto::imap::structure::{Envelope, Structure};
use pipepost::proto::imap::{utf7, write};
use std::mem::discriminant;

/// Panics if something does not hold. The first byte chooses what.
pub fn check(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice {
        b'c' => command(rest),
        b'r' => response(rest),
        b's' => set(rest),
        b'n' => name(rest),
        b'k' => search(rest),
        b'b' => structure(rest),
        b'e' => results(rest),
        b't' => threads(rest),
        _ => tokens(rest),
    }
}

/// Gathers one command or response, literals and all; `stop` says when the next literal is not part of it.
fn gather(mut rest: &[u8], stop: impl Fn(&Gathered) -> bool) -> Gathered {
    let mut gathered = Gathered::default();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n");
        let (line, after) = match end {
            Some(at) => (&rest[..at], &rest[at + 2..]),
            None => (rest, &[][..]),
        };
        let Some(literal) = gathered.push_line(line) else { return gathered };
        if stop(&gathered) {
            return gathered;
        }
        // Every announced size is honoured only as far as there are bytes, as it would be by a peer that hangs up.
        let (body, after) = after.split_at(usize::try_from(literal.size).unwrap_or(usize::MAX).min(after.len()));
        if literal.binary {
            gathered.elide();
        } else {
            gathered.push_literal(body);
        }
        rest = after;
    }
}

fn is_append(gathered: &Gathered) -> bool {
    matches!(Tagged::parse(gathered), Ok(Tagged { command: Command::Append { .. }, .. }))
}

fn wire(tag: &str, command: &Command) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for piece in encode(tag, command).inspect_err(|e| assert_eq!(e.exit().code(), 64)).ok()? {
        let mut literal = |bytes: &[u8]| {
            assert!(!bytes.contains(&0));
            out.extend_from_slice(format!("{{{}+}}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
        };
        match piece {
            Piece::Text(text) => out.extend_from_slice(&text),
            Piece::Secret(secret) => out.extend_from_slice(secret.expose()),
            Piece::Literal(bytes) => literal(&bytes),
            Piece::SecretLiteral(secret) => literal(secret.expose()),
            Piece::Stream(n) => out.extend_from_slice(format!("{{{n}}}").as_bytes()),
        }
    }
    assert!(out.ends_with(b"\r\n"));
    Some(out)
}

fn command(input: &[u8]) {
    let gathered = gather(input, is_append);
    let Ok(Tagged { tag, mut command }) = Tagged::parse(&gathered) else { return };
    assert!(!tag.is_empty() && tag.is_ascii());
    let Some(line) = wire("a1", &command) else { return };
    let again = Tagged::parse(&gather(&line, is_append)).map(|tagged| tagged.command);
    // A charset is named where one is needed.
    if let Command::Search { charset: charset @ None, key, .. } = &mut command
        && !key.is_ascii()
    {
        *charset = Some("UTF-8".to_owned());
    }
    assert_eq!(again.as_ref(), Ok(&command), "{}", line.escape_ascii());
}

fn encoded(response: &Response) -> Vec<u8> {
    let mut out = Vec::new();
    response.encode(&mut out);
    assert!(out.ends_with(b"\r\n"));
    out
}

/// Whether writing keeps everything: texts for people are made one line, what is missing in a structure is filled in, and
/// what could not be read where it stood may be readable where it is written.
fn is_kept(response: &Response) -> bool {
    match response {
        Response::Continue(_) | Response::Tagged(..) => false,
        Response::Untagged(Untagged::Status(_) | Untagged::Other(_)) => false,
        // Parentheses that nobody needs are left out.
        Response::Untagged(Untagged::Thread(_)) => false,
        Response::Untagged(Untagged::Fetch(_, values)) => {
            let rough = |v: &FetchValue| {
                matches!(v, FetchValue::Body(_) | FetchValue::BodyStructure(_) | FetchValue::Other(..))
            };
            !values.iter().any(rough)
        }
        Response::Untagged(_) => true,
    }
}

fn response(input: &[u8]) {
    let first = input.split(|b| *b == b'\n').next().unwrap_or_default();
    let _ = may_have_literals(first);
    let gathered = gather(input, |_| false);
    let _ = announced(&gathered);
    let Ok(read) = Response::parse(&gathered) else { return };
    let written = encoded(&read);
    // What was elided is announced and not there.
    if input.windows(2).any(|w| w == b"~{") || gathered.bytes().contains(&0) {
        return;
    }
    let whole = Gathered::of(&written[..written.len() - 2]);
    let again = Response::parse(&whole).unwrap_or_else(|e| panic!("{e}: {read:?} {}", written.escape_ascii()));
    assert!(!is_kept(&read) || again == read, "{read:?} {again:?}");
    match (&read, &again) {
        (Response::Continue(_), Response::Continue(_)) => {}
        (Response::Tagged(a, _), Response::Tagged(b, _)) => assert_eq!(a, b),
        (Response::Untagged(Untagged::Fetch(a, read)), Response::Untagged(Untagged::Fetch(b, again))) => {
            assert_eq!((a, read.len()), (b, again.len()));
        }
        (Response::Untagged(a), Response::Untagged(b)) => assert_eq!(discriminant(a), discriminant(b)),
        _ => panic!("{read:?} {again:?}"),
    }
}

fn set(input: &[u8]) {
    let mut l = Lex::new(input);
    if let Ok(uids) = UidList::parse(&mut l) {
        assert_eq!(UidList::parse(&mut Lex::new(uids.to_string().as_bytes())), Ok(uids.clone()));
        assert_eq!(uids.uids().take(1000).count() as u64, uids.count().min(1000));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(set) = text.parse::<SequenceSet>() else { return };
    assert_eq!(set.to_string().parse(), Ok(set.clone()), "{set}");
    for largest in [0, 1, 7, 1000, u32::MAX] {
        let ranges = set.resolve(largest);
        assert!(ranges.iter().all(|(from, to)| 1 <= *from && from <= to && *to <= largest), "{set} {largest}");
        assert!(ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0), "{set} {largest} {ranges:?}");
        for n in [1, 2, 6, 7, 8, 1000, u32::MAX] {
            let within = ranges.iter().any(|(from, to)| (*from..=*to).contains(&n));
            assert_eq!(set.contains(n, largest), within, "{set} {n} {largest}");
        }
    }
}

fn name(input: &[u8]) {
    if let Some(name) = utf7::decode(input) {
        let inbox = name == "INBOX" && input.eq_ignore_ascii_case(b"INBOX");
        assert!(inbox || utf7::encode(&name).as_bytes() == input, "{name:?}");
    }
    let name = String::from_utf8_lossy(input);
    let encoded = utf7::encode(&name);
    assert!(encoded.bytes().all(|b| (b' '..=b'~').contains(&b)), "{encoded:?}");
    let inbox = name.eq_ignore_ascii_case("INBOX");
    assert!(inbox || utf7::decode(encoded.as_bytes()).as_deref() == Some(&*name), "{name:?} {encoded:?}");
    let _ = utf7::decode_lossy(input);
    let mut out = Vec::new();
    write::astring(&mut out, input);
    if !input.contains(&0) {
        assert_eq!(Lex::new(&out).astring().as_deref(), Ok(input));
    }
}

fn search(input: &[u8]) {
    let mut l = Lex::new(input);
    if let Ok(key) = SearchKey::parse_all(&mut l, Charset::Utf8) {
        assert!(l.at_end());
        let _ = key.to_string();
    }
    let _ = SearchKey::parse_all(&mut Lex::new(input), Charset::Unknown);
    // What a person writes.
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(key) = text.parse::<SearchKey>() {
        let shown = key.to_string();
        assert_eq!(shown.parse::<SearchKey>().as_ref(), Ok(&key), "{shown:?}");
    }
}

fn structure(input: &[u8]) {
    if let Ok(envelope) = Envelope::parse(&mut Lex::new(input)) {
        let mut out = Vec::new();
        envelope.encode(&mut out);
        let again = Envelope::parse(&mut Lex::new(&out));
        assert!(out.contains(&b'?') || again.as_ref() == Ok(&envelope), "{envelope:?} {}", out.escape_ascii());
    }
    if let Ok(structure) = Structure::parse(&mut Lex::new(input)) {
        for extended in [true, false] {
            let rewritten = |structure: &Structure| {
                let mut out = Vec::new();
                structure.encode(&mut out, extended);
                let again = Structure::parse(&mut Lex::new(&out));
                again.unwrap_or_else(|e| panic!("{e}: {structure:?} {}", out.escape_ascii()))
            };
            // What was missing is there after the first writing.
            let second = rewritten(&structure);
            assert_eq!(rewritten(&second), second);
        }
    }
}

/// ESEARCH, and what is asked for of it.
fn results(input: &[u8]) {
    let again = |text: String| Returns::parse(&mut Lex::new(format!("{text} ALL").as_bytes()));
    if let Ok(Some(returns)) = Returns::parse(&mut Lex::new(input)) {
        assert_eq!(again(returns.to_string()), Ok(Some(returns)), "{returns}");
    }
    let Ok(results) = Results::parse(&mut Lex::new(input)) else { return };
    let mut out = Vec::new();
    Response::Untagged(Untagged::ESearch(results.clone())).encode(&mut out);
    let again = Response::parse(&Gathered::of(&out[..out.len() - 2]));
    assert_eq!(again, Ok(Response::Untagged(Untagged::ESearch(results))), "{}", out.escape_ascii());
}

/// Conversations, written and read again: the same.
fn threads(input: &[u8]) {
    let read = |text: &[u8]| match Response::parse(&Gathered::of([b"* THREAD", text].concat())) {
        Ok(Response::Untagged(found @ Untagged::Thread(_))) => Some(found),
        _ => None,
    };
    let Some(found) = read(input) else { return };
    let written = |found: &Untagged| {
        let mut out = Vec::new();
        Response::Untagged(found.clone()).encode(&mut out);
        out["* THREAD".len()..out.len() - 2].to_vec()
    };
    // Parentheses that nobody needs are left out, a pair at a time.
    let mut last = written(&found);
    loop {
        let again = written(&read(&last).unwrap_or_else(|| panic!("{}", last.escape_ascii())));
        if again == last {
            return;
        }
        assert!(again.len() < last.len(), "{found:?} {} {}", last.escape_ascii(), again.escape_ascii());
        last = again;
    }
}

fn tokens(input: &[u8]) {
    let mut l = Lex::new(input);
    while !l.at_end() {
        let at = l.position();
        let read = match l.value() {
            Ok(value) => value.len(),
            Err(_) => 0,
        };
        assert!(l.position() >= at && l.rest().len() + l.position() == input.len() && read <= input.len());
        if !l.sp() && l.position() == at {
            return;
        }
    }
}
