//! What holds of any bytes in the grammars of SMTP, POP3, addresses, URLs and transcripts, and in the line-end converters.

use pipepost::net::endpoint::{Endpoint, Service};
use pipepost::net::script::{Script, unescape};
use pipepost::proto::mailbox::Mailbox;
use pipepost::proto::{pop3, smtp};
use pipepost::text::{LoneCr, ToFile, ToWire, Undot, WireCount, escape, escape_lines, is_unsafe};

/// Panics if something does not hold. The first byte chooses what.
pub fn check(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice {
        b'c' => commands(rest),
        b'r' => replies(rest),
        b'm' => mailbox(rest),
        b's' => transcript(rest),
        b'u' => url(rest),
        b'l' => line_ends(rest),
        _ => escaping(rest),
    }
}

fn commands(line: &[u8]) {
    if let Ok(command) = smtp::Command::parse(line) {
        let path = match &command {
            smtp::Command::Mail(mail) => mail.from.as_ref(),
            smtp::Command::Rcpt(rcpt) => rcpt.to.as_ref(),
            _ => None,
        };
        if let Some(path) = path {
            let again = smtp::Command::parse(format!("RCPT TO:<{path}>").as_bytes());
            let postmaster = path.to_string().eq_ignore_ascii_case("postmaster");
            assert!(
                postmaster
                    || again == Ok(smtp::Command::Rcpt(smtp::Rcpt { to: Some(path.clone()), ..Default::default() })),
                "{path} {again:?}"
            );
        }
        assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{command:?}");
    }
    let _ = pop3::Command::parse(line);
}

fn replies(text: &[u8]) {
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let mut texts = Vec::new();
    let mut capabilities = pop3::Capabilities::default();
    for line in lines {
        if let Some((code, last, text)) = smtp::reply_line(line) {
            assert!((200..600).contains(&code));
            let mark = if last { ' ' } else { '-' };
            let again = format!("{code}{mark}{text}");
            assert_eq!(smtp::reply_line(again.as_bytes()), Some((code, last, text.clone())));
            let reply = smtp::Reply { code, lines: vec![text.clone()] };
            assert!(reply.enhanced().is_none_or(|enhanced| text.starts_with(enhanced)));
            texts.push(text);
        }
        if let Some(status) = pop3::Status::parse(line) {
            assert!(status.code.is_none() || status.text.starts_with('['));
        }
        capabilities.read(line);
        if let Some((_, rest)) = pop3::numbered(line) {
            assert_eq!(rest, rest.trim_ascii());
        }
    }
    let found = smtp::Extensions::read(&texts);
    assert!(found.auth.iter().all(|mechanism| !mechanism.is_empty()));
}

fn mailbox(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(mailbox) = Mailbox::parse(text) {
        let shown = mailbox.to_string();
        assert!(!shown.contains(['\r', '\n', '\0']), "{shown:?}");
        assert_eq!(Mailbox::parse(&shown), Ok(mailbox), "{text:?} {shown:?}");
    }
}

fn transcript(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let _ = unescape(&text);
    if let Ok(script) = Script::parse(&text) {
        assert!(script.steps.len() + script.head.len() <= text.lines().count());
        assert!(script.head.iter().all(|(key, _)| script.get(key).is_some()));
    }
}

fn url(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    for service in [Service::Smtp, Service::Pop3, Service::Imap] {
        if let Ok(endpoint) = Endpoint::parse(text, service) {
            assert!(!endpoint.to_string().contains(['\r', '\n', '\0']), "{endpoint:?}");
            for name in [&endpoint.user, &endpoint.folder].into_iter().flatten() {
                assert!(!name.contains(['\r', '\n', '\0']), "{endpoint:?}");
            }
            let _ = (endpoint.is_loopback(), endpoint.cleartext_allowed());
        }
    }
}

/// The same bytes in pieces: the first byte says how long they are.
fn pieces(input: &[u8]) -> (std::slice::Chunks<'_, u8>, &[u8]) {
    let (size, text) = input.split_first().unwrap_or((&0, &[]));
    (text.chunks(usize::from(size % 9) + 1), text)
}

fn convert(mut to: ToWire, pieces: std::slice::Chunks<'_, u8>) -> Vec<u8> {
    let mut out = Vec::new();
    pieces.for_each(|piece| to.push(piece, &mut out));
    to.finish(&mut out);
    out
}

fn file_form(pieces: std::slice::Chunks<'_, u8>) -> Vec<u8> {
    let (mut to, mut out) = (ToFile::default(), Vec::new());
    pieces.for_each(|piece| to.push(piece, &mut out));
    to.finish(&mut out);
    out
}

fn undotted(pieces: std::slice::Chunks<'_, u8>) -> (Vec<u8>, usize, bool, bool) {
    let (mut undot, mut out, mut used) = (Undot::default(), Vec::new(), 0);
    for piece in pieces {
        used += undot.push(piece, &mut out);
    }
    (out, used, undot.ended(), undot.saw_bare())
}

fn whole(bytes: &[u8]) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(bytes.len().max(1))
}

fn line_ends(input: &[u8]) {
    let (split, text) = pieces(input);
    for lone_cr in [LoneCr::Keep, LoneCr::Break] {
        for make in [ToWire::plain, ToWire::dotted] {
            let wire = convert(make(lone_cr), split.clone());
            assert_eq!(wire, convert(make(lone_cr), whole(text)));
            let lone = |(at, b): (usize, &u8)| *b == b'\n' && !wire[..at].ends_with(b"\r");
            assert!(!wire.iter().enumerate().any(lone));
            let cr = |(at, b): (usize, &u8)| *b == b'\r' && wire.get(at + 1) != Some(&b'\n');
            assert!(lone_cr == LoneCr::Keep || !wire.iter().enumerate().any(cr));
        }
    }
    // What is in wire form stays as it is, and file form and back makes no difference.
    let wire = convert(ToWire::plain(LoneCr::Break), split.clone());
    assert_eq!(wire, convert(ToWire::plain(LoneCr::Keep), whole(&wire)));
    let file = file_form(wire.chunks(3));
    assert_eq!(wire, convert(ToWire::plain(LoneCr::Break), whole(&file)));
    assert_eq!(file_form(split.clone()), file_form(whole(text)));
    let mut count = WireCount::default();
    split.clone().for_each(|piece| count.push(piece));
    let plain = convert(ToWire::plain(LoneCr::Keep), whole(text));
    assert_eq!((count.size(), count.wire()), (text.len() as u64, plain.len() as u64));

    // Stuffed, ended and unstuffed again it is what it was, with its last line ended; nothing of what follows is taken.
    let mut stuffed = convert(ToWire::dotted(LoneCr::Break), split.clone());
    let mut expect = wire;
    if !expect.is_empty() && !expect.ends_with(b"\r\n") {
        expect.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    let end = stuffed.len();
    stuffed.extend_from_slice(text);
    assert_eq!(undotted(stuffed.chunks(2)), (expect, end, true, false));
    assert_eq!(undotted(split), undotted(whole(text)));
}

fn escaping(bytes: &[u8]) {
    let line = escape(bytes);
    assert!(!line.chars().any(is_unsafe), "{line:?}");
    assert!(!escape_lines(bytes).chars().any(|c| is_unsafe(c) && !matches!(c, '\n' | '\t')));
    // Reversible: the escapes that transcripts lack are \t and \r.
    let known = line.replace("\\\\", "\\x5C").replace("\\t", "\\x09").replace("\\r", "\\x0D");
    assert_eq!(unescape(&known).as_deref(), Some(bytes), "{line:?}");
}
