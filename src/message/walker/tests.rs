use super::*;
use crate::message::mime::walk;
use proptest::prelude::*;

fn pushed(bytes: &[u8], step: usize) -> Part {
    let mut walker = Walker::default();
    for piece in bytes.chunks(step) {
        walker.push(piece);
    }
    walker.finish()
}

/// `type[header|body|lines(children)]` with the bytes themselves.
fn show(part: &Part, bytes: &[u8]) -> String {
    let cut = |r: &std::ops::Range<u64>| String::from_utf8_lossy(&bytes[r.start as usize..r.end as usize]).into_owned();
    let inner: Vec<String> = part.parts.iter().map(|p| show(p, bytes)).collect();
    let body = if inner.is_empty() { format!("{:?}", cut(&part.body_at)) } else { format!("({})", inner.join(" ")) };
    format!("{}:{:?}:{}{body}", part.content_type.subtype, cut(&part.header_at), part.lines)
}

fn shown(text: &str) -> String {
    let one = pushed(text.as_bytes(), 1);
    let all = walk(&mut text.as_bytes()).unwrap();
    assert_eq!(one, all, "{text:?}");
    show(&all, text.as_bytes())
}

const M: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

#[test]
fn small_shapes() {
    assert_eq!(shown(""), r#"plain:"":0"""#);
    assert_eq!(shown("\n"), r#"plain:"\n":0"""#);
    assert_eq!(shown("A: b\r\n\r\nx\r\ny"), r#"plain:"A: b\r\n\r\n":1"x\r\ny""#);
    assert_eq!(shown("A: b\n"), r#"plain:"A: b\n":0"""#);
    let m = |rest: &str| {
        let all = shown(&format!("{M}{rest}"));
        all.split_once(r#"boundary=b\n\n":"#).unwrap().1.to_owned()
    };
    assert_eq!(
        m("pre\n--b\n\none\n--b \t\nA: 1\n\ntwo\n\n--b--\nepi\n--b\n"),
        r#"12(plain:"\n":0"one" plain:"A: 1\n\n":1"two\n")"#
    );
    // No line end of its own, empty ones, no blank line, no close.
    assert_eq!(m("--b\n\n--b\n--b\nA: 1\n--b"), r#"5(plain:"\n":0"" plain:"":0"" plain:"A: 1\n":0"" plain:"":0"")"#);
    assert_eq!(m("--bb\n--b-\n --b\n-b\n--b--x\n"), r#"5"--bb\n--b-\n --b\n-b\n--b--x\n""#);
    assert_eq!(m("--b\r\n\r\nx\r\n--b--"), r#"3(plain:"\r\n":0"x")"#);
    // The outer boundary ends what is inside.
    let inner = "--b\nContent-Type: multipart/digest; boundary=c\n\n--c\n\nS: 1\n\nx\n--b\n\ny\n--b--\n";
    assert_eq!(
        m(inner),
        r#"12(digest:"Content-Type: multipart/digest; boundary=c\n\n":4(rfc822:"\n":2(plain:"S: 1\n\n":0"x")) plain:"\n":0"y")"#
    );
    // An entity that is cut inside its header stays within its parents.
    assert_eq!(
        m("--b\nContent-Type: multipart/x; boundary=c\n\n--c\n--b--"),
        r#"4(x:"Content-Type: multipart/x; boundary=c\n\n":1(plain:"":0""))"#
    );
    // The same boundary twice: the inner one wins until it is closed.
    let twice = "--b\nContent-Type: multipart/y; boundary=b\n\n--b\n\n1\n--b--\n--b\n\n2\n--b--";
    assert_eq!(m(twice), r#"10(y:"Content-Type: multipart/y; boundary=b\n\n":3(plain:"\n":0"1") plain:"\n":0"2")"#);
}

#[test]
fn defects_are_told() {
    let of = |text: &str| walk(&mut text.as_bytes()).unwrap();
    assert_eq!(of("A: b\n").defects, [Defect::NoEmptyLine]);
    assert_eq!(of("Content-Type: multipart/mixed\n\nx").defects, [Defect::NoBoundary]);
    assert_eq!(of(&format!("{M}--b\n\nx")).defects, [Defect::NotClosed]);
    assert!(of(&format!("{M}--b\n\nx\n--b--")).defects.is_empty());
    let cut = of(&format!("{}\n\nbody", "A: 23456\n".repeat(200_000)));
    assert_eq!(cut.defects, [Defect::HeaderCut]);
    assert_eq!((cut.header_at.end, cut.size()), (1_800_001, 5));
    assert!(cut.header.is_cut() && cut.header.raw().len() <= header::MAX && cut.header.raw().ends_with(b"6\n"));
}

#[test]
fn encoded_messages_are_leaves() {
    let of = |text: &str| walk(&mut text.as_bytes()).unwrap();
    assert!(of("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA").parts.is_empty());
    assert_eq!(of("Content-Type: message/global\n\nA: b\n\nx").parts.len(), 1);
}

#[test]
fn imap_numbers() {
    let text = format!(
        "{M}--b\nA: 1\n\nx\n--b\nContent-Type: message/rfc822\n\n{M}--b\nA: 2.1\n\n--b--\n--b\nContent-Type: message/rfc822\n\nA: 3\n\n--b--"
    );
    let text = text.replacen("boundary=b", "boundary=o", 1).replacen("--b\nA: 1", "--o\nA: 1", 1);
    let text = text.replacen("--b\nContent-Type: message", "--o\nContent-Type: message", 1);
    let text = text.replacen("--b--\n--b\nC", "--b--\n--o\nC", 1);
    let m = walk(&mut text.as_bytes()).unwrap();
    let a = |n: &[u32]| m.section(n).map(|p| String::from_utf8_lossy(p.header.get("A").unwrap_or(b"-")).into_owned());
    assert_eq!(a(&[1]).unwrap(), "1");
    assert_eq!(a(&[2]).unwrap(), "-");
    assert_eq!(a(&[2, 1]).unwrap(), "2.1");
    assert_eq!(a(&[3, 1]).unwrap(), "3");
    for none in [&[][..], &[0], &[4], &[1, 1], &[2, 2], &[2, 1, 1], &[3, 2]] {
        assert_eq!(a(none), None, "{none:?}");
    }
    let leaf = walk(&mut &b"A: x\n\ny"[..]).unwrap();
    assert!(leaf.section(&[1]).is_some() && leaf.section(&[1, 1]).is_none() && leaf.section(&[2]).is_none());
}

#[test]
fn hostile_messages_take_linear_time_and_little_memory() {
    let mut deep = Vec::new();
    for n in 0..10_000 {
        deep.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n").as_bytes());
    }
    let mut part = &walk(&mut deep.as_slice()).unwrap();
    let mut depth = 1;
    while let Some(child) = part.parts.first() {
        (part, depth) = (child, depth + 1);
    }
    assert_eq!(depth, MAX_DEPTH);
    assert!(part.defects.contains(&Defect::TooDeep));

    let rfc822 = "Content-Type: message/rfc822\n\n".repeat(10_000);
    assert_eq!(walk(&mut rfc822.as_bytes()).unwrap().section(&[1; 98]).map(|p| p.parts.len()), Some(1));

    let many = format!("{M}{}--b--\n", "--b\n\nx\n".repeat(200_000));
    let m = walk(&mut many.as_bytes()).unwrap();
    assert_eq!((m.parts.len(), m.defects.as_slice()), (MAX_PARTS - 1, &[Defect::TooMany][..]));
    assert_eq!(m.body_at.end, many.len() as u64);

    let b = "x".repeat(10_000);
    let long = format!("Content-Type: multipart/mixed; boundary={b}\n\n{}", format!("--{b}y\n").repeat(500));
    assert!(walk(&mut long.as_bytes()).unwrap().parts.is_empty());
    let folded = format!("Content-Type: multipart/mixed;{}\n ; boundary=b\n\n--b\n\nx", "\n x".repeat(300_000));
    assert_eq!(walk(&mut folded.as_bytes()).unwrap().parts.len(), 1);
    assert!(walk(&mut "-\n".repeat(1_000_000).as_bytes()).unwrap().parts.is_empty());
}

/// A message that is written down together with where its parts must be found.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Vec<String>),
    Multi(Vec<Tree>, Option<String>, bool),
    Message(Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let line = prop_oneof!["[ -~]{0,12}", Just("--x".to_owned()), Just("-".to_owned()), Just("--".to_owned())];
    let leaf = proptest::collection::vec(line, 1..4).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 1..4), proptest::option::of("[a-z ]{0,9}"), any::<bool>())
                .prop_map(|(parts, outside, digest)| Tree::Multi(parts, outside, digest)),
            inner.prop_map(|m| Tree::Message(Box::new(m))),
        ]
    })
}

type Spans = Vec<(u64, u64, u64)>;

fn write(tree: &Tree, end: &str, out: &mut String, spans: &mut Spans, names: &mut u32) {
    let start = out.len() as u64;
    let index = spans.len();
    spans.push((start, 0, 0));
    out.push_str(&format!("X: {index}{end}"));
    let mut body = 0;
    match tree {
        Tree::Leaf(lines) => {
            out.push_str(end);
            body = out.len();
            out.push_str(&lines.join(end));
        }
        Tree::Message(inner) => {
            out.push_str(&format!("Content-Type: message/rfc822{end}{end}"));
            body = out.len();
            write(inner, end, out, spans, names);
        }
        Tree::Multi(parts, outside, digest) => {
            *names += 1;
            let name = format!("=_{names}");
            let subtype = if *digest { "digest" } else { "mixed" };
            out.push_str(&format!("Content-Type: multipart/{subtype};{end}\tboundary=\"{name}\"{end}{end}"));
            body = out.len().max(body);
            if let Some(preamble) = outside {
                out.push_str(&format!("{preamble}{end}"));
            }
            for part in parts {
                out.push_str(&format!("--{name}{end}"));
                match part {
                    // In a digest everything is a message unless it says otherwise.
                    Tree::Leaf(_) if *digest => write(&Tree::Message(Box::new(part.clone())), end, out, spans, names),
                    _ => write(part, end, out, spans, names),
                }
                out.push_str(end);
            }
            out.push_str(&format!("--{name}--"));
            if let Some(epilogue) = outside {
                out.push_str(&format!("{end}{epilogue}"));
            }
        }
    }
    spans[index] = (start, body as u64, out.len() as u64);
}

fn flatten(part: &Part, out: &mut Spans) {
    assert_eq!(part.header_at.end, part.body_at.start);
    out.push((part.header_at.start, part.body_at.start, part.body_at.end));
    for child in &part.parts {
        flatten(child, out);
    }
}

fn inside(part: &Part, end: u64) {
    assert!(part.header_at.start <= part.header_at.end && part.header_at.end == part.body_at.start);
    assert!(part.body_at.start <= part.body_at.end && part.body_at.end <= end, "{part:?} {end}");
    let mut at = part.body_at.start;
    for child in &part.parts {
        assert!(at <= child.header_at.start);
        inside(child, part.body_at.end);
        at = child.body_at.end;
    }
}

proptest! {
    #[test]
    fn offsets_are_where_the_parts_were_written(tree in trees(), crlf: bool, step in 1usize..50) {
        let (mut text, mut spans) = (String::new(), Vec::new());
        write(&tree, if crlf { "\r\n" } else { "\n" }, &mut text, &mut spans, &mut 0);
        let part = pushed(text.as_bytes(), step);
        let mut found = Vec::new();
        flatten(&part, &mut found);
        prop_assert_eq!(&found, &spans, "{}", text);

        // Our second opinion loses count of messages inside messages.
        if !text.contains("rfc822") && !text.contains("digest") {
            let parsed = mail_parser::MessageParser::new().parse(text.as_bytes()).unwrap();
            prop_assert_eq!(parsed.parts.len(), found.len(), "{}", text);
            for (theirs, ours) in parsed.parts.iter().zip(&found) {
                prop_assert_eq!((u64::from(theirs.offset_header), u64::from(theirs.offset_body)), (ours.0, ours.1), "{}", text);
                if !matches!(theirs.body, mail_parser::PartType::Multipart(_)) {
                    prop_assert_eq!(u64::from(theirs.offset_end), ours.2, "{}", text);
                }
            }
        }
    }

    #[test]
    fn any_bytes_have_a_structure_that_no_cut_changes(
        pieces in proptest::collection::vec(prop_oneof![
            Just("Content-Type: multipart/mixed; boundary=b\n"), Just("Content-Type: message/rfc822\r\n"), Just("\n"), Just("\r\n"),
            Just("--b\n"), Just("--b\r\n"), Just("--b--"), Just("--"), Just("-"), Just("\r"), Just("x"), Just(" \n"), Just("\0"),
            Just("Content-Type: multipart/mixed; boundary=c\n"), Just("--c\n"), Just("--c--\n"),
        ], 0..40),
        step in 1usize..9,
    ) {
        let text = pieces.concat();
        let whole = pushed(text.as_bytes(), usize::MAX);
        prop_assert_eq!(&whole, &pushed(text.as_bytes(), step));
        inside(&whole, text.len() as u64);
        prop_assert_eq!(whole.body_at.end, text.len() as u64);
    }
}
