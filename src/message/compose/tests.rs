use super::*;
use crate::error::Exit;
use crate::message::decode::{decoded, file_name, words};
use crate::message::mime::{Part, walk};
use proptest::prelude::*;

fn facts(text: &[u8]) -> Facts {
    let mut facts = Facts::of_body();
    facts.push(text);
    facts.end();
    facts
}

fn address(text: &str) -> Address {
    addr::parse_strict(text).unwrap()
}

fn letter<'a>() -> Letter<'a> {
    Letter {
        from: vec![address("Bob Smith <bob@example.org>")],
        to: vec![address("alice@example.org")],
        subject: Some("hello".into()),
        date: "Sun, 22 Nov 2026 22:16:00 +0000".into(),
        message_id: "<1@example.org>".into(),
        seed: "seed".into(),
        ..Letter::default()
    }
}

fn written(letter: Letter<'_>) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    letter.write(&mut |piece| {
        all.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(all)
}

fn content(part: &Part, message: &[u8]) -> Vec<u8> {
    let body = &message[part.body_at.start as usize..part.body_at.end as usize];
    decoded(body, &part.encoding).whole(100_000_000).unwrap().unwrap()
}

fn text_of(text: &[u8]) -> Text<'_> {
    Text { body: Box::new(text), facts: facts(text) }
}

fn with_text(text: &[u8]) -> Letter<'_> {
    Letter { text: Some(text_of(text)), ..letter() }
}

#[test]
fn a_simple_message_byte_for_byte() {
    let text = b"Hi Alice\n\n.\nBob\n";
    let got = String::from_utf8(written(with_text(text)).unwrap()).unwrap();
    let expect = "Date: Sun, 22 Nov 2026 22:16:00 +0000\r\n\
        From: \"Bob Smith\" <bob@example.org>\r\n\
        To: <alice@example.org>\r\n\
        Subject: hello\r\n\
        Message-ID: <1@example.org>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=\"us-ascii\"\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        Hi Alice\r\n\r\n.\r\nBob\r\n";
    assert_eq!(got, expect);
}

#[test]
fn an_empty_body_is_a_message_too() {
    let got = written(letter()).unwrap();
    let part = walk(&mut got.as_slice()).unwrap();
    assert_eq!(part.size(), 0);
    assert!(got.ends_with(b"\r\n\r\n"));
}

#[test]
fn alternative_and_attachments() {
    let big: Vec<u8> = (0..300_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let attach = |name: &str, bytes: &'static [u8]| Attachment::new(name, bytes);
    let mut l = with_text("Grüße\n".as_bytes());
    l.html = Some(text_of(b"<p>hi</p>\n"));
    l.attachments = vec![attach("Jahresabschluß, 2024.pdf", b"%PDF"), attach("empty", b"")];
    l.attachments.push(Attachment { body: Box::new(big.as_slice()), ..attach("a \"b\".png", b"") });
    let got = written(l).unwrap();
    let message = walk(&mut got.as_slice()).unwrap();
    assert!(message.defects.is_empty() && message.content_type.is("multipart", "mixed"));
    let [alternative, pdf, empty, png] = message.parts.as_slice() else { panic!("{message:?}") };
    assert!(alternative.content_type.is("multipart", "alternative"));
    assert_eq!(content(&alternative.parts[0], &got), "Grüße\r\n".as_bytes());
    assert_eq!(content(&alternative.parts[1], &got), b"<p>hi</p>\r\n");
    assert_eq!(alternative.parts[0].content_type.charset(), b"utf-8");
    assert_eq!(file_name(pdf).unwrap(), "Jahresabschluß, 2024.pdf");
    assert_eq!(file_name(png).unwrap(), "a \"b\".png");
    assert!(pdf.content_type.is("application", "pdf") && png.content_type.is("image", "png"));
    assert_eq!((content(pdf, &got), content(empty, &got)), (b"%PDF".to_vec(), vec![]));
    assert_eq!(content(png, &got), big);
    assert!(got.split(|b| *b == b'\n').all(|line| line.len() <= 79));
    assert!(mail_parser::MessageParser::new().parse(&got).unwrap().attachment_count() >= 3);
}

#[test]
fn inline_files_are_related_to_the_page() {
    let mut l = with_text(b"Hi\n");
    l.html = Some(text_of(b"<img src=\"cid:1.x@h\">\n"));
    l.inline = vec![("1.x@h".to_owned(), Attachment::new("lögö.png", &b"PNG"[..]))];
    l.attachments = vec![
        Attachment::new("a.txt", &b"x"[..]),
        Attachment { lines: true, ..Attachment::new("m.eml", &b"Subject: in\n\nside"[..]) },
    ];
    let got = written(l).unwrap();
    let message = walk(&mut got.as_slice()).unwrap();
    assert!(message.defects.is_empty());
    let [alternative, _, eml] = message.parts.as_slice() else { panic!("{message:?}") };
    let related = &alternative.parts[1];
    assert!(related.content_type.is("multipart", "related"));
    assert_eq!(related.content_type.parameter("type"), Some(&b"text/html"[..]));
    let image = &related.parts[1];
    assert_eq!(image.header.get("Content-ID").unwrap(), b"<1.x@h>");
    assert!(image.header.get("Content-Disposition").unwrap().starts_with(b"inline;"));
    assert_eq!((file_name(image).unwrap().as_str(), content(image, &got)), ("lögö.png", b"PNG".to_vec()));
    assert_eq!(eml.parts[0].header.get("Subject").unwrap(), b"in");
    let image = |id: &str| (id.to_owned(), Attachment::new("a.png", &b""[..]));
    for l in [
        Letter { inline: vec![image("1@h")], ..letter() },
        Letter { inline: vec![image("1>@h")], html: Some(text_of(b"x")), ..letter() },
        Letter { attachments: vec![Attachment::new("a.eml", &b"x"[..])], ..letter() },
        Letter { attachments: vec![Attachment { content_type: "multipart/mixed".into(), ..image("").1 }], ..letter() },
        Letter { attachments: vec![Attachment { content_type: "text/x; name=y".into(), ..image("").1 }], ..letter() },
    ] {
        assert_eq!(written(l).unwrap_err().exit(), Exit::Usage);
    }
}

#[test]
fn bcc_stays_only_in_copies() {
    for (keep, count) in [(false, 0), (true, 1)] {
        let l = Letter { bcc: vec![address("x@y")], keep_bcc: keep, auto_submitted: true, ..letter() };
        let part = walk(&mut written(l).unwrap().as_slice()).unwrap();
        assert_eq!(part.header.all("Bcc").count(), count);
        assert_eq!(part.header.get("Auto-Submitted").unwrap(), b"auto-generated");
    }
}

#[test]
fn texts_travel_as_they_need() {
    let way = |text: &str| way_of(&facts(text.as_bytes()));
    assert_eq!(way("plain\n"), (Way::Lines, "us-ascii"));
    assert_eq!(way("some é\n in much of ascii"), (Way::QuotedPrintable, "utf-8"));
    assert_eq!(way("日本語"), (Way::TextBase64, "utf-8"));
    assert_eq!(way(&"x".repeat(999)), (Way::QuotedPrintable, "us-ascii"));
    assert_eq!(way("a\rb"), (Way::QuotedPrintable, "us-ascii"));
    assert_eq!(way("a\0b"), (Way::TextBase64, "us-ascii"));
    assert_eq!(way("--=_seed.1"), (Way::QuotedPrintable, "us-ascii"));
    assert_eq!(way_of(&facts(b"caf\xe9 in latin one")), (Way::QuotedPrintable, "unknown-8bit"));
}

#[test]
fn further_fields() {
    let headers = |name: &str, value: &str| Letter { headers: vec![(name.into(), value.into())], ..letter() };
    let get = |name: &str, value: &str| {
        let part = walk(&mut written(headers(name, value)).unwrap().as_slice()).unwrap();
        words(part.header.get(name).unwrap())
    };
    assert_eq!(get("X-Test", "größer"), "größer");
    assert_eq!(get("List-Id", "<a.b>"), "<a.b>");
    assert_eq!(get("Reply-To", "Jürgen Groß <j@example.org>, x@y"), "Jürgen Groß <j@example.org>, <x@y>");
    for (name, value) in [
        ("X", "a\nBcc: x"),
        ("X", "a\r"),
        ("X", "\0"),
        ("", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("Bcc", "x@y"),
        ("content-type", "a"),
        ("subject", "a"),
        ("É", "a"),
        ("Reply-To", "a b@c"),
    ] {
        assert_eq!(written(headers(name, value)).unwrap_err().exit(), Exit::Usage, "{name:?} {value:?}");
    }
    let long = headers("X", &"x".repeat(2000));
    assert_eq!(written(long).unwrap_err().exit(), Exit::Usage);
}

#[test]
fn line_ends_in_any_field_are_refused() {
    let evil = || Address { local: b"a\r\nb".to_vec(), domain: b"c".to_vec(), ..Address::default() };
    let named = || Address { name: Some(b"x\ny".to_vec()), ..address("a@b") };
    let file = |name: &str, kind: &str| Attachment { content_type: kind.into(), ..Attachment::new(name, &b""[..]) };
    for l in [
        Letter { subject: Some("a\nb".into()), ..letter() },
        Letter { subject: Some("a\0b".into()), ..letter() },
        Letter { date: "x\r".into(), ..letter() },
        Letter { message_id: "<x\n>".into(), ..letter() },
        Letter { to: vec![evil()], ..letter() },
        Letter { from: vec![named()], ..letter() },
        Letter { attachments: vec![file("a\nb", "a/b")], ..letter() },
        Letter { attachments: vec![file("a", "a/b\r\nX: y")], ..letter() },
        Letter { attachments: vec![file("a", "nonsense")], ..letter() },
        Letter { seed: "a b".into(), ..letter() },
    ] {
        assert_eq!(written(l).unwrap_err().exit(), Exit::Usage);
    }
}

#[test]
fn identifiers_say_nothing_about_us() {
    assert_eq!(message_id([0xab; 16], "h.example"), format!("<{}@h.example>", "ab".repeat(16)));
}

proptest! {
    #[test]
    fn any_subject_name_and_text_come_back(
        subject in "[^\r\n\0\t ]([^\r\n\0\t]{0,120}[^\r\n\0\t ])?", name in "[^\r\n\0]{1,80}", text in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assume!(!subject.contains("=?") && !name.contains("=?") && !subject.contains("  "));
        let l = Letter {
            subject: Some(subject.clone()),
            text: Some(text_of(&text)),
            attachments: vec![Attachment { content_type: "a/b".into(), ..Attachment::new(name.clone(), &b"x"[..]) }],
            ..letter()
        };
        let got = written(l).unwrap();
        let message = walk(&mut got.as_slice()).unwrap();
        prop_assert!(message.defects.is_empty());
        prop_assert_eq!(message.parts.len(), 2);
        prop_assert_eq!(words(message.header.get("Subject").unwrap()), subject);
        prop_assert_eq!(file_name(&message.parts[1]).unwrap(), name);
        let mut canonical = Vec::new();
        let mut to = crate::text::ToWire::plain(crate::text::LoneCr::Keep);
        to.push(&text, &mut canonical);
        to.finish(&mut canonical);
        prop_assert_eq!(content(&message.parts[0], &got), canonical);
        for line in got.split(|b| *b == b'\n') {
            prop_assert!(line.len() <= 999 && line.is_ascii());
        }
    }
}
