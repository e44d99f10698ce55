//! What holds of any bytes that are taken for a message, cut into any pieces.

use super::kit::{Pieces, all, section};
use pipepost::body::Body;
use pipepost::error::Result;
use pipepost::message::decode;
use pipepost::message::dkim::canonical::{BodyCanon, Canon};
use pipepost::message::dkim::crypto::PrivateKey;
use pipepost::message::dkim::sign::{Plan, Signer};
use pipepost::message::dkim::verify::Verifier;
use pipepost::message::dkim::{self, Verdict};
use pipepost::message::encode::{Encoder, Way};
use pipepost::message::facts::Facts;
use pipepost::message::flowed::Flowed;
use pipepost::message::header::Header;
use pipepost::message::json;
use pipepost::message::lint::{self, Profile};
use pipepost::message::mbox::{Mbox, Survey, Variant};
use pipepost::message::mime::{Encoding, Part, walk};
use pipepost::message::order::{By, Sorted, compare};
use pipepost::message::outgoing::{Supply, prepare, recipients, sender};
use pipepost::message::recode::{Ends, Wanted, recode_with};
use pipepost::message::subject::{self, Base};
use pipepost::message::threads::{Entry, by_references, by_subject};

/// Panics if something does not hold. The first byte chooses what, the second how the rest is cut.
pub fn check(input: &[u8]) {
    let &[choice, step, ref text @ ..] = input else { return };
    let step = usize::from(step % 40) + 1;
    match choice {
        b'e' => encodings(text, step),
        b'o' => outgoing(text, step),
        b'f' => facts(text, step),
        b's' => signatures(text, step),
        b't' => threads(text),
        b'j' => changed(text),
        b'q' => flowed(text, step),
        _ => mbox(text, step),
    }
}

/// RFC 8463 A.2, for every name.
struct Keys;

impl dkim::Keys for Keys {
    fn records(&mut self, _: &str) -> Result<Vec<Vec<u8>>> {
        Ok(vec![b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_vec()])
    }
}

/// Signatures of anybody, and ours, which pass.
fn signatures(text: &[u8], step: usize) {
    let mut canonical = [Vec::new(), Vec::new()];
    for (canon, whole) in [Canon::Simple, Canon::Relaxed].into_iter().zip(&mut canonical) {
        let of = |text: &[u8], step: usize| {
            let (mut body, mut out) = (BodyCanon::new(canon), Vec::new());
            text.chunks(step).for_each(|piece| body.push(piece, &mut |bytes| out.extend_from_slice(bytes)));
            body.finish(&mut |bytes| out.extend_from_slice(bytes));
            out
        };
        *whole = of(text, text.len().max(1));
        assert_eq!(of(text, step), *whole, "{canon}");
        assert_eq!(of(whole, step), *whole, "{canon} twice");
    }
    let verdicts = |message: &[u8]| {
        let (header, size) = section(message, message.len().max(1));
        let mut verifier = Verifier::new(&header, true);
        message[size..].chunks(step).for_each(|piece| verifier.push(piece));
        verifier.finish(&mut Keys, 1_700_000_000).0
    };
    verdicts(text);
    let key = PrivateKey::parse(b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").unwrap();
    let (header, size) = section(text, text.len().max(1));
    if !header.raw().ends_with(b"\n") || header.is_cut() {
        return;
    }
    let plan = Plan {
        domain: "example.org".into(),
        selector: "s".into(),
        identity: None,
        canons: if step.is_multiple_of(2) { "simple/relaxed" } else { "relaxed/simple" }.parse().unwrap(),
        headers: None,
        time: 1_600_000_000,
        expires: None,
        length: step.is_multiple_of(3),
    };
    let Ok(mut signer) = Signer::new(&header, &plan) else { return };
    text[size..].chunks(step).for_each(|piece| signer.push(piece));
    let Ok(field) = signer.finish(&key) else { return };
    let signed = [&field, text].concat();
    let all = verdicts(&signed);
    let ours = all.first().unwrap();
    assert_eq!(ours.verdict, Verdict::Pass, "{} {}", ours.reason, signed.escape_ascii());
}

/// Headers with an empty line behind each.
fn threads(text: &[u8]) {
    let mut rest = text;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (header, size) = section(rest, rest.len());
        rest = &rest[size..];
        entries.push(Entry::of(&header, i64::try_from(size).unwrap()));
        let Some(subject) = header.get("Subject").map(subject::base) else { continue };
        let again = subject::base(subject.text.as_bytes());
        // What was decoded may look encoded again.
        assert!(
            subject.text.contains("=?") || again == Base { text: subject.text.clone(), reply: false },
            "{subject:?}"
        );
        let of = Sorted { header: &header, arrival: 0, size: 0 };
        for by in [By::Cc, By::Date, By::DisplayFrom, By::DisplayTo, By::From, By::Subject, By::To] {
            let key = [by.key(of)];
            assert_eq!(compare(&key, &key, &[true]), std::cmp::Ordering::Equal);
        }
    }
    for threads in [by_references(&entries), by_subject(&entries)] {
        let mut depth = 0;
        for node in &threads {
            assert!(node.depth <= depth && (node.at.is_some() || node.depth == 0), "{threads:?}");
            depth = node.depth + 1;
        }
        let mut all: Vec<usize> = threads.iter().filter_map(|node| node.at).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..entries.len()), "{threads:?}");
    }
}

fn encodings(text: &[u8], step: usize) {
    for (way, encoding) in [(Way::Base64, Encoding::Base64), (Way::QuotedPrintable, Encoding::QuotedPrintable)] {
        let encode = |step: usize| {
            let (mut encoder, mut out) = (Encoder::new(way), Vec::new());
            text.chunks(step).for_each(|piece| encoder.push(piece, &mut out));
            encoder.finish(&mut out);
            out
        };
        let encoded = encode(step);
        assert_eq!(encoded, encode(text.len().max(1)));
        assert!(encoded.is_ascii() && encoded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
        if way == Way::Base64 {
            assert_eq!(all(decode::decoded(Pieces(&encoded, step), &encoding)), text);
        }
        let decoded = all(decode::decoded(text, &encoding));
        assert_eq!(decoded, all(decode::decoded(Pieces(text, step), &encoding)));
    }
}

const SUPPLY: Supply<'_> = Supply { date: "Sun, 22 Nov 2026 22:16:00 +0000", message_id: "<1@localhost>" };

fn outgoing(text: &[u8], step: usize) {
    let (header, size) = section(text, step);
    let text = &text[..size];
    let done = prepare(&header, &SUPPLY).unwrap();
    assert!(done.bytes.len() <= 2 * header.raw().len() + 120);
    let sent = Header::parse(done.bytes.clone());
    if !done.was_text {
        for name in ["Bcc", "Resent-Bcc", "Return-Path"] {
            assert!(sent.get(name).is_none(), "{}", done.bytes.escape_ascii());
        }
    }
    assert!(sent.get("Date").is_some() && sent.get("Message-ID").is_some(), "{}", done.bytes.escape_ascii());
    // As SMTP sends it, there is no other line and no other field.
    let lone = |(at, b): (usize, &u8)| *b == b'\r' && done.bytes.get(at + 1) != Some(&b'\n');
    assert!(!done.bytes.iter().enumerate().any(lone), "{}", done.bytes.escape_ascii());
    // Line ends make no difference.
    if !text.contains(&b'\r') {
        let crlf =
            |text: &[u8]| text.iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect();
        let wire: Vec<u8> = crlf(text);
        let again = prepare(&Header::parse(wire), &SUPPLY).unwrap();
        if text.contains(&b'\n') {
            let expect: Vec<u8> = crlf(&done.bytes);
            assert_eq!(again.bytes.escape_ascii().to_string(), expect.escape_ascii().to_string());
        }
        assert_eq!((again.removed, again.added, again.was_text), (done.removed, done.added, done.was_text));
    }
    let _ = (recipients(&header, "localhost"), sender(&header, "localhost"));
}

fn facts(text: &[u8], step: usize) {
    let of = |step: usize| {
        let mut facts = Facts::default();
        text.chunks(step).for_each(|piece| facts.push(piece));
        facts.end();
        facts
    };
    let facts = of(step);
    assert_eq!(facts, of(text.len().max(1)));
    assert_eq!(facts.utf8, std::str::from_utf8(text).is_ok());
    assert_eq!((facts.nul, facts.is_empty()), (text.contains(&0), text.is_empty()));
}

fn mbox(text: &[u8], step: usize) {
    let read = |step: usize| {
        let mut mbox = Mbox::new(Pieces(text, step));
        let mut messages = Vec::new();
        while mbox.next_message().unwrap() {
            let from = mbox.from_line().to_vec();
            messages.push((from, mbox.whole(usize::MAX / 2).unwrap().unwrap()));
        }
        assert!(!mbox.next_message().unwrap());
        messages
    };
    let messages = read(step);
    assert_eq!(messages, read(text.len().max(1)));
    assert_eq!(messages.is_empty(), text.is_empty());
    let size: usize = messages.iter().map(|(from, message)| from.len() + message.len()).sum();
    assert!(size <= text.len());
    survey(text, step, messages.len());
}

/// What is told of an mbox is how it can be read.
fn survey(text: &[u8], step: usize, by_from_lines: usize) {
    let read = |step: usize| {
        let (mut survey, mut doubts) = (Survey::default(), Vec::new());
        text.chunks(step).for_each(|piece| survey.push(piece, &mut |doubt| doubts.push(doubt)));
        (survey.finish(&mut |doubt| doubts.push(doubt)), doubts)
    };
    let (verdict, doubts) = read(step);
    assert_eq!((&verdict, &doubts), (&read(text.len().max(1)).0, &read(text.len().max(1)).1));
    assert!(doubts.iter().all(|doubt| text[doubt.offset as usize..].starts_with(b"From ")));
    let Some(verdict) = verdict else { return };
    if matches!(verdict.kind, Variant::Rd | Variant::O) {
        assert_eq!(verdict.messages, by_from_lines as u64);
        return;
    }
    let (mut mbox, mut messages) = (Mbox::of(Pieces(text, step), verdict.kind), 0);
    while mbox.next_message().unwrap() {
        mbox.skip().unwrap();
        messages += 1;
    }
    assert_eq!(verdict.messages, messages);
}

/// JSON and back is the identity, recoding keeps each content, and nothing else happens.
fn changed(text: &[u8]) {
    if let Ok(value) = json::write(text) {
        let again = json::read(&serde_json::from_str(&value.to_string()).unwrap()).unwrap();
        assert_eq!(again.escape_ascii().to_string(), text.escape_ascii().to_string());
    }
    let mut findings = 0;
    let done = lint::lint(&mut &*text, Profile::Strict, &mut |finding| {
        findings += 1;
        assert!(finding.line > 0 && finding.column > 0, "{} {}", finding.line, finding.column);
        Ok(())
    });
    assert!(done.is_ok() || findings == 0);
    let wanted = Wanted { seven_bit: true, short_lines: true, label: true, stable: true };
    let recoded = |text: &[u8]| {
        let mut out = Vec::new();
        let done = recode_with(&mut &*text, wanted, Ends::Own, &mut |piece| {
            out.extend_from_slice(piece);
            Ok(())
        });
        done.is_ok().then_some(out)
    };
    let Some(out) = recoded(text) else { return };
    assert_eq!(recoded(&out).map(|twice| twice == out), Some(true), "twice: {}", out.escape_ascii());
    let (before, after) = (walk(&mut &*text).unwrap(), walk(&mut out.as_slice()).unwrap());
    let contents = |part: &Part, text: &[u8]| {
        let (mut all_of, mut waiting) = (Vec::new(), vec![part]);
        while let Some(part) = waiting.pop() {
            waiting.extend(&part.parts);
            let body = &text[part.body_at.start as usize..part.body_at.end as usize];
            let decoded = all(decode::decoded(body, &part.encoding));
            // Line ends of texts are those of the message.
            all_of.extend(
                part.parts.is_empty().then(|| decoded.into_iter().filter(|b| *b != b'\r').collect::<Vec<u8>>()),
            );
        }
        all_of
    };
    let (before, after) = (contents(&before, text), contents(&after, &out));
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(&after) {
        let (one, other) = (one.escape_ascii().to_string(), other.escape_ascii().to_string());
        assert_eq!(one, other, "{}", out.escape_ascii());
    }
}

fn flowed(text: &[u8], step: usize) {
    let text = String::from_utf8_lossy(text);
    let of = |step: usize| all(Flowed::new(Pieces(text.as_bytes(), step), step.is_multiple_of(2), 20 + step));
    let _ = of(step);
    let words = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '>').collect::<String>();
    let shown = String::from_utf8_lossy(&all(Flowed::new(text.as_bytes(), false, 40))).into_owned();
    if !text.contains('\r') {
        assert_eq!(words(&shown), words(&text));
    }
}
