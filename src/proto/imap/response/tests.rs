use super::super::quota::Resource;
use super::super::section::{Of, Section};
use super::super::set::SequenceSet;
use super::super::structure::tests::{envelopes, structures};
use super::*;
use crate::proto::imap::utf7;
use chrono::DateTime;
use proptest::prelude::*;

fn parse(text: &str) -> Parsed<Response> {
    Response::parse(&Gathered::of(text))
}

fn data(text: &str) -> Untagged {
    match parse(text) {
        Ok(Response::Untagged(data)) => data,
        other => panic!("{text}: {other:?}"),
    }
}

fn code(text: &str) -> Option<Code> {
    match data(text) {
        Untagged::Status(status) => status.code,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn status_lines() {
    let status = |condition, code, text: &str| Status { condition, code, text: text.into() };
    assert_eq!(
        parse("a002 OK [READ-WRITE] SELECT completed"),
        Ok(Response::Tagged("a002".into(), status(Condition::Ok, Some(Code::named("READ-WRITE")), "SELECT completed")))
    );
    assert_eq!(parse("+ Ready for literal"), Ok(Response::Continue("Ready for literal".into())));
    assert_eq!(parse("+"), Ok(Response::Continue(String::new())));
    assert_eq!(data("* BYE"), Untagged::Status(status(Condition::Bye, None, "")));
    assert_eq!(data("* ok [hello there"), Untagged::Status(status(Condition::Ok, None, "[hello there")));
    assert_eq!(code("* OK [UNSEEN 12] x"), Some(Code::Unseen(12)));
    assert_eq!(code("* OK [UIDVALIDITY 3857529045] x"), Some(Code::UidValidity(3_857_529_045)));
    assert_eq!(
        code("* OK [PERMANENTFLAGS (\\Deleted \\*)] x"),
        Some(Code::PermanentFlags(vec!["\\Deleted".into(), "\\*".into()]))
    );
    assert_eq!(
        code("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x"),
        Some(Code::Capability(vec!["IMAP4rev1".into(), "AUTH=PLAIN".into()]))
    );
    assert_eq!(
        code("* OK [APPENDUID 38505 3955] x").map(|c| format!("{c:?}")),
        Some("AppendUid(38505, UidList([(3955, 3955)]))".into())
    );
    assert!(
        matches!(code("* OK [COPYUID 38505 304,319:320 3956:3958] x"), Some(Code::CopyUid(38505, a, b)) if a.count() == 3 && b.count() == 3)
    );
    assert!(code("* NO [BADCHARSET (UTF-8 US-ASCII)] x").unwrap().is("BADCHARSET"));
    assert!(code("* NO [alert] x").unwrap().is("ALERT"));
    assert_eq!(code("* OK [UIDNEXT x y] z"), Some(Code::Other("UIDNEXT".into(), "x y".into())));
    assert_eq!(
        code("* OK [HIGHESTMODSEQ 715194045007] z"),
        Some(Code::Other("HIGHESTMODSEQ".into(), "715194045007".into()))
    );
    for bad in ["", "*", "* ", "a", "a x", "a BYE x", "(", "a PREAUTH x"] {
        assert!(parse(bad).is_err() || bad == "* ", "{bad}");
    }
}

#[test]
fn a_text_may_end_in_anything() {
    for (line, may) in [
        ("* OK see {5}", false),
        ("a1 NO [ALERT] {5}", false),
        ("+ {5}", false),
        ("* 1 FETCH (BODY[] {5}", true),
        ("* LIST () \"/\" {5}", true),
        ("* OKAY {5}", true),
    ] {
        assert_eq!(may_have_literals(line.as_bytes()), may, "{line}");
    }
}

#[test]
fn mailbox_data() {
    assert_eq!(
        data("* CAPABILITY IMAP4rev1 STARTTLS "),
        Untagged::Capability(vec!["IMAP4rev1".into(), "STARTTLS".into()])
    );
    let Untagged::List(l) = data("* LIST (\\Noselect) \"/\" ~/Mail/foo") else { panic!() };
    assert!(l.has("\\NOSELECT") && l.delimiter == Some('/') && l.name == "~/Mail/foo");
    let Untagged::Lsub(l) = data("* LSUB () NIL \"Entw&APw-rfe\"") else { panic!() };
    assert_eq!((l.name.as_str(), l.delimiter), ("Entwürfe", None));
    let Untagged::List(l) = data("* LIST () \"\\\\\" {5}\r\na\nb c") else { panic!() };
    assert_eq!((l.name.as_str(), l.delimiter), ("a\nb c", Some('\\')));
    let Untagged::List(l) = data("* LIST () \"/\" two words") else { panic!() };
    assert_eq!(l.name, "two words");
    let Untagged::List(l) = data("* LIST () \".\" INBOX (\"CHILDINFO\" (\"SUBSCRIBED\"))") else { panic!() };
    assert_eq!(l.name, "INBOX");
    assert_eq!(
        data("* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 X-OTHER (1 2) )"),
        Untagged::Mailbox("blurdybloop".into(), vec![(StatusItem::Messages, 231), (StatusItem::UidNext, 44292)])
    );
    assert_eq!(data("* SEARCH 2 84 882"), Untagged::Search(vec![2, 84, 882], None));
    assert_eq!(data("* SEARCH"), Untagged::Search(vec![], None));
    assert_eq!(data("* SEARCH 2 5 (MODSEQ 917162500)"), Untagged::Search(vec![2, 5], Some(917_162_500)));
    assert_eq!(data("* SORT 5 3 4 1 2"), Untagged::Sort(vec![5, 3, 4, 1, 2], None));
    let found = Results { tag: Some("A282".into()), min: Some(2), count: Some(3), ..Results::default() };
    assert_eq!(data("* ESEARCH (TAG \"A282\") MIN 2 COUNT 3"), Untagged::ESearch(found));
    let node = |depth, number| Node { depth, number: Some(number) };
    assert_eq!(data("* THREAD (2)(3 6)"), Untagged::Thread(vec![node(0, 2), node(0, 3), node(1, 6)]));
    assert_eq!(data("* THREAD"), Untagged::Thread(vec![]));
    assert_eq!(data("* FLAGS ()"), Untagged::Flags(vec![]));
    assert_eq!(data("* 18 EXISTS"), Untagged::Exists(18));
    assert_eq!(data("* 44 expunge"), Untagged::Expunge(44));
    assert_eq!(
        data("* NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) NIL ((\"Public/\" NIL))"),
        Untagged::Namespace(
            vec![("".into(), Some('/')), ("#mh/".into(), Some('/'))],
            vec![],
            vec![("Public/".into(), None)]
        )
    );
    let quota = |root: &str, resources: &[(&str, u64, u64)]| {
        let all =
            resources.iter().map(|(name, used, limit)| Resource { name: (*name).into(), used: *used, limit: *limit });
        Untagged::Quota(Quota { root: root.into(), resources: all.collect() })
    };
    assert_eq!(
        data("* QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2)"),
        quota("", &[("STORAGE", 10, 512), ("MESSAGE", 1, 2)])
    );
    assert_eq!(data("* QUOTA #user/alice ()"), quota("#user/alice", &[]));
    assert_eq!(
        data("* QUOTAROOT INBOX \"\" \"a b\""),
        Untagged::QuotaRoots("INBOX".into(), vec!["".into(), "a b".into()])
    );
    assert_eq!(data("* MYRIGHTS INBOX lrsw"), Untagged::MyRights("INBOX".into(), "lrsw".into()));
    let noted = vec![("/shared/comment".to_owned(), Some(b"a \"b".to_vec())), ("/private/comment".to_owned(), None)];
    assert_eq!(
        data("* METADATA \"x y\" (/Shared/comment \"a \\\"b\" /private/comment NIL)"),
        Untagged::Metadata("x y".into(), noted)
    );
    assert_eq!(data("* METADATA INBOX /shared/comment /private/x"), Untagged::Metadata("INBOX".into(), vec![]));
    assert_eq!(data("* QUOTAROOT comp.mail.mime"), Untagged::QuotaRoots("comp.mail.mime".into(), vec![]));
    assert_eq!(
        data("* ID (\"name\" \"Cyrus\" \"os\" NIL)"),
        Untagged::Id(vec![(b"name".to_vec(), Some(b"Cyrus".to_vec())), (b"os".to_vec(), None)])
    );
    assert_eq!(data("* XSEARCH (TAG \"a\") ALL 1:3"), Untagged::Other(b"XSEARCH (TAG \"a\") ALL 1:3".to_vec()));
    assert_eq!(data("* 5 VANISHED"), Untagged::Other(b"5 VANISHED".to_vec()));
    for bad in [
        "* SEARCH 1 x",
        "* SEARCH 99999999999",
        "* 99999999999 EXISTS",
        "* STATUS x",
        "* LIST x",
        "* 1 FETCH",
        "* 1 FETCH (",
        "* 1 FETCH (UID",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn fetch_rows() {
    let row = "* 12 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \"<B27397-0100000@cac.washington.edu>\") BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92))";
    let Untagged::Fetch(12, values) = data(row) else { panic!() };
    assert_eq!(values.len(), 5);
    assert!(!values.iter().any(|v| matches!(v, FetchValue::Other(..))));
}

#[test]
fn a_bad_field_does_not_cost_the_row() {
    let Untagged::Fetch(1, values) = data(
        "* 1 fetch (uid 7 X-GM-LABELS (\"\\\\Inbox\" a) MODSEQ (65402) X-PART[1] NIL INTERNALDATE \"gestern\" ENVELOPE (\"x\") RFC822.SIZE -1 BODY[1.MIME] nil BODYSTRUCTURE NIL FLAGS (\\Seen))",
    ) else {
        panic!()
    };
    let names: Vec<&str> =
        values.iter().map(|v| if let FetchValue::Other(name, _) = v { name.as_str() } else { "" }).collect();
    assert_eq!(
        names,
        ["", "X-GM-LABELS", "", "X-PART[1]", "INTERNALDATE", "ENVELOPE", "RFC822.SIZE", "", "BODYSTRUCTURE", ""]
    );
    assert_eq!(values.first(), Some(&FetchValue::Uid(7)));
    assert_eq!(values.last(), Some(&FetchValue::Flags(vec!["\\Seen".into()])));
}

#[test]
fn a_large_literal_is_announced_and_streams() {
    let mut g = Gathered::default();
    let ask = |g: &Gathered| announced(g);
    assert!(g.push_line(b"* 7 FETCH (ENVELOPE (NIL {3}").is_some());
    assert_eq!(ask(&g), None);
    g.push_literal(b"a b");
    assert!(
        g.push_line(b" NIL NIL NIL NIL NIL NIL NIL \"BODY[] {5}\") UID 9 BODY[HEADER.FIELDS (FROM \"TO\")] {4}")
            .is_some()
    );
    let fields = Section { part: vec![], what: Of::Fields(vec!["FROM".into(), "TO".into()]) };
    assert_eq!(ask(&g), Some((7, BodyName::Section(fields.clone(), None))));
    g.push_literal(b"From");
    assert!(g.push_line(b" BODY[]<100> {400000000}").is_some());
    assert_eq!(ask(&g), Some((7, BodyName::Section(Section::default(), Some(100)))));
    g.elide();
    assert!(g.push_line(b" RFC822.TEXT {1}").is_some());
    assert_eq!(ask(&g), Some((7, BodyName::Text)));
    g.elide();
    assert!(g.push_line(b")").is_none());
    let Ok(Response::Untagged(Untagged::Fetch(7, values))) = Response::parse(&g) else {
        panic!("{:?}", Response::parse(&g))
    };
    assert_eq!(
        values.get(2),
        Some(&FetchValue::Section(BodyName::Section(fields, None), Data::Bytes(b"From".to_vec())))
    );
    assert_eq!(
        values.get(3),
        Some(&FetchValue::Section(BodyName::Section(Section::default(), Some(100)), Data::Streamed(400_000_000)))
    );
    assert_eq!(values.get(4), Some(&FetchValue::Section(BodyName::Text, Data::Streamed(1))));
    for (line, none) in [
        ("* LIST () \"/\" {3}", true),
        ("* 7 FETCH (X BODY[] x {3}", true),
        ("* 7 FETCH (\"BODY[] {3}", true),
        ("a FETCH (BODY[] {3}", true),
        ("* 7 FETCH (BODY[] {3}", false),
    ] {
        let mut g = Gathered::default();
        g.push_line(line.as_bytes());
        assert_eq!(ask(&g).is_none(), none, "{line}");
    }
}

#[test]
fn hostile_responses_end_soon() {
    let started = std::time::Instant::now();
    for text in [
        format!("* 1 FETCH {}", "(".repeat(1_000_000)),
        format!("* 1 FETCH (BODY {}", "(".repeat(1_000_000)),
        format!("* 1 FETCH (X {}", "(".repeat(1_000_000)),
        format!("* 1 FETCH ({}", "BODY[HEADER.FIELDS (".repeat(100_000)),
        format!("* LIST ({}", "\\a ".repeat(300_000)),
        format!("* NAMESPACE {}", "(".repeat(1_000_000)),
        format!("* OK [{}", "[".repeat(1_000_000)),
        format!("* OK [BADCHARSET {}", "(".repeat(1_000_000)),
        format!("* OK [COPYUID 1 1:4294967295{} 1]", ",1:4294967295".repeat(50_000)),
    ] {
        let mut g = Gathered::default();
        g.push_line(text.as_bytes());
        let _ = (announced(&g), Response::parse(&g));
        g.push_line(b" {3}");
        let _ = announced(&g);
    }
    assert!(started.elapsed().as_secs() < 20);
}

fn text() -> impl Strategy<Value = String> {
    "[!-Z^-~][ -Z^-~]{0,20}"
}

fn fetch_values() -> impl Strategy<Value = FetchValue> {
    let flag = "\\\\?[A-Za-z$]{1,8}";
    prop_oneof![
        proptest::collection::vec(flag, 0..4).prop_map(FetchValue::Flags),
        any::<u64>().prop_map(FetchValue::Size),
        any::<u32>().prop_map(FetchValue::Uid),
        (0i64..4_000_000_000)
            .prop_map(|t| FetchValue::InternalDate(DateTime::from_timestamp(t, 0).unwrap().fixed_offset())),
        envelopes().prop_map(|e| FetchValue::Envelope(Box::new(e))),
        structures().prop_map(FetchValue::BodyStructure),
        (proptest::option::of(any::<u64>()), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(
            |(origin, bytes)| FetchValue::Section(BodyName::Section(Section::header(), origin), Data::Bytes(bytes))
        ),
        (
            proptest::collection::vec(1u32..9, 0..4),
            proptest::option::of(any::<u64>()),
            proptest::collection::vec(any::<u8>(), 0..20)
        )
            .prop_map(|(part, origin, bytes)| FetchValue::Section(BodyName::Binary(part, origin), Data::Bytes(bytes))),
        (proptest::collection::vec(1u32..9, 0..4), any::<u64>())
            .prop_map(|(part, size)| FetchValue::BinarySize(part, size)),
        Just(FetchValue::Section(BodyName::Rfc822, Data::Nil)),
        (0..=i64::MAX).prop_map(FetchValue::ModSeq),
        Just(FetchValue::Other("X-MODSEQ".into(), b"(12)".to_vec())),
    ]
}

fn responses() -> impl Strategy<Value = Response> {
    let code = prop_oneof![
        Just(Code::Alert),
        Just(Code::named("READ-ONLY")),
        any::<u32>().prop_map(Code::UidNext),
        proptest::collection::vec(1u32.., 1..9).prop_map(|u| Code::AppendUid(7, UidList::from_uids(u))),
        proptest::collection::vec("[A-Z=0-9]{1,8}", 1..5).prop_map(Code::Capability),
    ];
    let condition = prop_oneof![Just(Condition::Ok), Just(Condition::No), Just(Condition::Bad)];
    let status = (condition, proptest::option::of(code), text())
        .prop_map(|(condition, code, text)| Status { condition, code, text })
        .boxed();
    prop_oneof![
        text().prop_map(Response::Continue),
        ("[A-Za-z0-9.]{1,6}", status.clone()).prop_map(|(tag, s)| Response::Tagged(tag, s)),
        status.prop_map(|s| Response::Untagged(Untagged::Status(s))),
        (any::<u32>(), proptest::collection::vec(fetch_values(), 1..5))
            .prop_map(|(n, v)| Response::Untagged(Untagged::Fetch(n, v))),
        ("[^\0]{0,9}", proptest::option::of("[/.\\\\\"]"))
            .prop_filter("INBOX is INBOX", |(n, _)| !n.eq_ignore_ascii_case("inbox"))
            .prop_map(|(name, d)| Response::Untagged(Untagged::List(Listed {
                attributes: vec!["\\HasNoChildren".into()],
                delimiter: d.and_then(|d| d.chars().next()),
                wire: utf7::encode(&name).into(),
                exact: true,
                child_info: if name.len() % 2 == 0 { vec!["SUBSCRIBED".into()] } else { vec![] },
                name,
            }))),
        (proptest::collection::vec(any::<u32>(), 0..9), proptest::option::of(0..=i64::MAX))
            .prop_map(|(v, m)| Response::Untagged(Untagged::Search(v, m))),
        (proptest::collection::vec(1..=u32::MAX, 1..9), any::<bool>()).prop_map(|(v, earlier)| {
            Response::Untagged(Untagged::Vanished { earlier, uids: SequenceSet::from_numbers(v) })
        }),
        proptest::collection::vec(any::<u32>(), 0..9).prop_map(|v| Response::Untagged(Untagged::Sort(v, Some(1)))),
        any::<u64>().prop_map(|n| Response::Untagged(Untagged::Mailbox("a b".into(), vec![(StatusItem::Messages, n)]))),
        Just(Response::Untagged(Untagged::Namespace(vec![("".into(), Some('/'))], vec![], vec![]))),
        any::<u32>().prop_map(|n| Response::Untagged(Untagged::Exists(n))),
        any::<(u64, u64)>().prop_map(|(used, limit)| {
            let resources = vec![Resource { name: "STORAGE".into(), used, limit }];
            Response::Untagged(Untagged::Quota(Quota { root: "a \"b".into(), resources }))
        }),
        "[a-z]{1,9}".prop_map(|rights| Response::Untagged(Untagged::MyRights("Entwürfe".into(), rights))),
        ("[a-z/]{1,9}", proptest::option::of("[ -~]{0,9}")).prop_map(|(name, value)| {
            Response::Untagged(Untagged::Metadata("x".into(), vec![(name, value.map(String::into_bytes))]))
        }),
        "[a-zé ]{0,5}".prop_map(|root| Response::Untagged(Untagged::QuotaRoots("Entwürfe".into(), vec![root]))),
    ]
}

proptest! {
    #[test]
    fn any_response_comes_back(response in responses()) {
        let mut out = Vec::new();
        response.encode(&mut out);
        prop_assert!(out.ends_with(b"\r\n"));
        out.truncate(out.len() - 2);
        prop_assert_eq!(Response::parse(&Gathered::of(out)), Ok(response));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(prop_oneof![Just(b'('), Just(b')'), Just(b' '), Just(b'"'), Just(b'{'), Just(b'1'), Just(b'\r'), any::<u8>()], 0..60)) {
        for start in ["", "* 1 FETCH (BODY[", "* 1 FETCH (ENVELOPE (", "* OK [", "* LIST (", "a "] {
            let mut all = start.as_bytes().to_vec();
            all.extend_from_slice(&bytes);
            let mut g = Gathered::default();
            g.push_line(&all);
            let _ = (announced(&g), Response::parse(&g), super::super::command::Tagged::parse(&g));
        }
    }

    #[test]
    fn a_text_is_one_line(text in any::<String>()) {
        let mut out = Vec::new();
        let status = Status { condition: Condition::No, code: Some(Code::Other(text.clone(), text.clone())), text };
        Response::Tagged("a".into(), status).encode(&mut out);
        prop_assert_eq!(out.iter().filter(|b| matches!(b, b'\r' | b'\n' | 0)).count(), 2);
    }
}
