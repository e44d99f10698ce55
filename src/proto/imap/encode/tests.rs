use super::super::command::{ListReturn, ListSelect, StatusItem, Tagged};
use super::super::gather::Gathered;
use super::super::modseq::{ChangedSince, QResync, Selecting};
use super::super::results::Returns;
use super::super::search::tests::keys;
use super::super::section::Partial;
use super::super::set::SequenceSet;
use super::super::sort::{SortBy, SortKey};
use super::super::thread::Algorithm;
use super::*;
use proptest::prelude::*;

/// As a writer would send it with LITERAL+, up to the streamed literal.
fn wire(command: &Command) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for piece in encode("a1", command)? {
        let mut literal = |bytes: &[u8]| {
            out.extend_from_slice(format!("{{{}+}}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
        };
        match piece {
            Piece::Text(text) => out.extend_from_slice(&text),
            Piece::Secret(secret) => out.extend_from_slice(secret.expose()),
            Piece::Literal(bytes) => literal(&bytes),
            Piece::SecretLiteral(secret) => literal(secret.expose()),
            Piece::Stream(n) => {
                out.extend_from_slice(format!("{{{n}}}\r\n").as_bytes());
                return Ok(out);
            }
        }
    }
    assert!(out.ends_with(b"\r\n"));
    out.truncate(out.len() - 2);
    Ok(out)
}

fn line(command: &Command) -> String {
    String::from_utf8(wire(command).unwrap()).unwrap()
}

#[test]
fn the_least_that_will_do() {
    let login =
        |user: &str, password: &str| Command::Login { user: user.into(), password: Secret::new(password.into()) };
    assert_eq!(line(&login("bob", "tulip")), "a1 LOGIN bob \"tulip\"");
    assert_eq!(line(&login("b b", "t\"\\")), "a1 LOGIN \"b b\" \"t\\\"\\\\\"");
    assert_eq!(line(&login("é", "ü")), "a1 LOGIN {2+}\r\né {2+}\r\nü");
    assert_eq!(line(&Command::Select { mailbox: "Entwürfe".into(), with: Selecting::Plain }), "a1 SELECT Entw&APw-rfe");
    let create = Command::Create { mailbox: "MySpecial".into(), uses: vec!["\\Drafts".into(), "\\Sent".into()] };
    assert_eq!(line(&create), "a1 CREATE MySpecial (USE (\\Drafts \\Sent))");
    assert_eq!(Tagged::parse(&Gathered::of(line(&create))).unwrap().command, create);
    assert_eq!(line(&Command::List(List::plain("", "*"))), "a1 LIST \"\" \"*\"");
    let key: SearchKey = "FROM é UNSEEN".parse().unwrap();
    assert_eq!(
        line(&Command::Search { uid: true, returns: None, charset: None, key }),
        "a1 UID SEARCH CHARSET UTF-8 FROM {2+}\r\né UNSEEN"
    );
    let text = format!("{:?}", encode("a", &login("x", "geheim")).unwrap());
    assert!(!text.contains("geheim"));
}

#[test]
fn nothing_breaks_out_of_a_command() {
    for evil in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
        let text = evil.to_owned();
        let key = SearchKey::Body(text.clone());
        let set = SequenceSet::from_on(1);
        for command in [
            Command::Login { user: text.clone().into(), password: Secret::new(vec![]) },
            Command::Login { user: vec![], password: Secret::new(text.clone().into()) },
            Command::Authenticate { mechanism: text.clone(), initial: None },
            Command::Authenticate { mechanism: "PLAIN".into(), initial: Some(Secret::new(text.clone().into())) },
            Command::Select { mailbox: text.clone(), with: Selecting::CondStore },
            Command::Rename { from: "a".into(), to: text.clone() },
            Command::List(List::plain("", &text)),
            Command::Append { mailbox: "x".into(), flags: vec![text.clone()], date: None, size: 1 },
            Command::Search { uid: false, returns: None, charset: None, key },
            Command::Search { uid: false, returns: None, charset: Some(text.clone()), key: SearchKey::All },
            Command::Store {
                uid: true,
                set,
                unchanged_since: None,
                how: Store::Add,
                silent: false,
                flags: vec![text.clone()],
            },
            Command::Id(vec![(b"name".to_vec(), Some(text.clone().into()))]),
            Command::Fetch {
                uid: true,
                changed: None,
                set: SequenceSet::from_on(1),
                items: vec![FetchItem::Section {
                    section: Section { part: vec![], what: Of::Fields(vec![text.clone()]) },
                    peek: true,
                    partial: None,
                }],
            },
        ] {
            assert_eq!(encode("a", &command).unwrap_err().exit().code(), 64, "{command:?}");
        }
        assert!(encode(evil, &Command::Noop).is_err());
    }
    for flag in ["", "\\", "a b", "(x", "\\\\x", "é"] {
        assert!(
            encode("a", &Command::Append { mailbox: "x".into(), flags: vec![flag.into()], date: None, size: 1 })
                .is_err()
        );
    }
    assert!(encode("a", &Command::UidExpunge(SequenceSet::default())).is_err());
}

fn items() -> impl Strategy<Value = FetchItem> {
    let fields = || proptest::collection::vec("[!-9;-~]{1,8}", 1..4);
    let what = prop_oneof![
        Just(Of::Whole),
        Just(Of::Header),
        Just(Of::Text),
        fields().prop_map(Of::Fields),
        fields().prop_map(Of::FieldsNot)
    ];
    let partial = proptest::option::of((any::<u64>(), 1u64..).prop_map(|(start, count)| Partial { start, count }));
    prop_oneof![
        Just(FetchItem::Envelope),
        Just(FetchItem::Rfc822Text),
        Just(FetchItem::Body),
        (proptest::collection::vec(1u32.., 0..4), what, any::<bool>(), partial).prop_map(
            |(part, what, peek, partial)| FetchItem::Section { section: Section { part, what }, peek, partial }
        ),
    ]
}

fn selecting() -> impl Strategy<Value = Selecting> {
    let known = proptest::option::of((1u32.., 1u32..).prop_map(|r| SequenceSet::from_ranges([r])));
    prop_oneof![
        Just(Selecting::Plain),
        Just(Selecting::CondStore),
        (1u32.., 0..=i64::MAX, known).prop_map(|(validity, modseq, known)| Selecting::QResync(QResync {
            validity,
            modseq,
            known
        })),
    ]
}

fn commands() -> impl Strategy<Value = Command> {
    let name = || "[^\r\n\0]{0,10}".prop_filter("INBOX is INBOX", |n| !n.eq_ignore_ascii_case("inbox"));
    let bytes = || proptest::collection::vec((1u8..).prop_filter("line", |b| !matches!(b, b'\r' | b'\n')), 0..12);
    let set = || proptest::collection::vec((1u32.., 1u32..), 1..4).prop_map(SequenceSet::from_ranges);
    let flags = || proptest::collection::vec("\\\\?[A-Za-z$]{1,8}", 0..4);
    prop_oneof![
        (bytes(), bytes()).prop_map(|(user, p)| Command::Login { user, password: Secret::new(p) }),
        (name(), selecting()).prop_map(|(mailbox, with)| Command::Select { mailbox, with }),
        (name(), name()).prop_map(|(from, to)| Command::Rename { from, to }),
        (name(), proptest::collection::vec(name(), 1..3), 0..3).prop_map(|(reference, patterns, more)| {
            let (more, parentheses) = (more == 2, more == 1);
            let select = if more { vec![ListSelect::Subscribed, ListSelect::RecursiveMatch] } else { vec![] };
            let status = ListReturn::Status(vec![StatusItem::Size]);
            let returns = if more { vec![ListReturn::Children, status] } else { vec![] };
            let extended = more || parentheses || patterns.len() > 1;
            Command::List(List { reference, patterns, select, returns, extended })
        }),
        proptest::collection::vec("[A-Z0-9=]{1,9}", 1..3).prop_map(Command::Enable),
        name().prop_map(|mailbox| Command::Status { mailbox, items: vec![StatusItem::Unseen, StatusItem::UidNext] }),
        (name(), flags(), proptest::option::of(0i64..4_000_000_000), 1u64..).prop_map(|(mailbox, flags, t, size)| {
            Command::Append {
                mailbox,
                flags,
                size,
                date: t.map(|t| chrono::DateTime::from_timestamp(t, 0).unwrap().fixed_offset()),
            }
        }),
        (any::<bool>(), any::<bool>(), keys()).prop_map(|(uid, min, key)| Command::Search {
            uid,
            returns: min.then(|| Returns { min, save: uid, ..Returns::default() }),
            charset: Some("UTF-8".into()),
            key
        }),
        (any::<bool>(), any::<bool>(), keys()).prop_map(|(uid, reverse, key)| Command::Sort {
            uid,
            returns: reverse.then(|| Returns { count: true, ..Returns::default() }),
            by: vec![SortKey { by: SortBy::Subject, reverse }, SortKey { by: SortBy::Arrival, reverse: !reverse }],
            charset: "UTF-8".into(),
            key
        }),
        (any::<bool>(), keys()).prop_map(|(uid, key)| Command::Thread {
            uid,
            algorithm: if uid { Algorithm::References } else { Algorithm::OrderedSubject },
            charset: "US-ASCII".into(),
            key
        }),
        (any::<bool>(), set(), proptest::collection::vec(items(), 1..4)).prop_map(|(uid, set, items)| Command::Fetch {
            changed: uid.then_some(ChangedSince { modseq: 7, vanished: true }),
            uid,
            set,
            items
        }),
        (any::<bool>(), set(), any::<bool>(), flags()).prop_map(|(uid, set, silent, flags)| Command::Store {
            uid,
            set,
            unchanged_since: silent.then_some(i64::MAX),
            how: Store::Add,
            silent,
            flags
        }),
        (any::<bool>(), set(), name()).prop_map(|(uid, set, mailbox)| Command::Copy { uid, set, mailbox }),
        (any::<bool>(), set(), name()).prop_map(|(uid, set, mailbox)| Command::Move { uid, set, mailbox }),
        set().prop_map(Command::UidExpunge),
        proptest::option::of("[A-Za-z0-9+/]{0,8}").prop_map(|i| Command::Authenticate {
            mechanism: "PLAIN".into(),
            initial: i.map(|i| Secret::new(i.into()))
        }),
    ]
}

proptest! {
    #[test]
    fn any_command_comes_back(command in commands()) {
        let parsed = Tagged::parse(&Gathered::of(wire(&command).unwrap()));
        prop_assert_eq!(parsed, Ok(Tagged { tag: "a1".to_owned(), command }));
    }
}
