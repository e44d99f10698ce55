use super::*;
use proptest::prelude::*;

/// `name|route|local|domain` of each mailbox, groups as `name:[...]`.
fn show(text: &str) -> String {
    let s = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let one = |a: &Address| {
        let route = a.route.as_ref().map(|r| format!("{}|", s(r))).unwrap_or_default();
        format!("{}|{route}{}|{}", a.name.as_ref().map_or("-".into(), |n| s(n)), s(&a.local), s(&a.domain))
    };
    let items: Vec<String> = list(text.as_bytes())
        .iter()
        .map(|item| match item {
            AddressItem::Mailbox(a) => one(a),
            AddressItem::Group { name, members } => {
                format!("{}:[{}]", s(name), members.iter().map(one).collect::<Vec<_>>().join(" , "))
            }
        })
        .collect();
    items.join(" , ")
}

#[test]
fn lists() {
    for (text, expect) in [
        ("bob@example.org", "-|bob|example.org"),
        ("Bob Smith <bob@example.org>", "Bob Smith|bob|example.org"),
        ("\"Smith, Bob\" Jr. <bob@example.org>, a@b", "Smith, Bob Jr.|bob|example.org , -|a|b"),
        ("John Q. Public <j@x>", "John Q. Public|j|x"),
        ("bob@example.org (Bob (the) Smith\\))", "Bob (the) Smith)|bob|example.org"),
        (
            "A Group:Ed Jones <joe@a.test>,joe@where.test,John <jdoe@one.test>;",
            "A Group:[Ed Jones|joe|a.test , -|joe|where.test , John|jdoe|one.test]",
        ),
        ("Undisclosed recipients:;", "Undisclosed recipients:[]"),
        ("(Empty list)(start)Hidden recipients :(nobody(that I know))  ;", "Hidden recipients:[]"),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test"),
        (
            "Mary Smith <@node.test,@b:mary@example.net>, , jdoe@test  . example",
            "Mary Smith|@node.test,@b|mary|example.net , -|jdoe|test.example",
        ),
        ("\"a b\"@c, \"\"@d", "-|a b|c , -||d"),
        ("a . b @ c", "-|a.b|c"),
        ("x@[127.0.0.1]", "-|x|[127.0.0.1]"),
        ("Jürgen <jürgen@exämple.org>", "Jürgen|jürgen|exämple.org"),
        ("bob", "-|bob|"),
        ("<>", "-||"),
        ("=?utf-8?Q?J=C3=BCrgen?= <j@x>", "=?utf-8?Q?J=C3=BCrgen?=|j|x"),
        ("g: a@b, c@d; , e@f", "g:[-|a|b , -|c|d] , -|e|f"),
        ("Bob Smith bob@x", "Bob Smith|bob|x"),
        ("", ""),
        (" , ,", ""),
        ("a@b <c@d>", "a@b|c|d"),
    ] {
        assert_eq!(show(text), expect, "{text}");
    }
}

#[test]
fn strictness() {
    for good in [
        "bob@example.org",
        "Bob <bob@example.org>",
        "\"a b\"@example.org",
        "bob",
        "x@[::1]",
        "o'b+c@d-e.f",
        "(c) a@b (d)",
    ] {
        parse_strict(good).unwrap_or_else(|e| panic!("{good}: {e}"));
    }
    for bad in [
        "",
        "a@b, c@d",
        "g: a@b;",
        "a@",
        "@b",
        "<>",
        "a b@c",
        "a@b c",
        "<a@b",
        "a@b>",
        "a@b@c",
        "a..b@c",
        ".a@b",
        "a@b..c",
        "a@.b",
        "\"a@b",
        "(a@b",
        "a@b\r\nRCPT TO:<x>",
        "\"a\r\nb\"@c",
        "\"a\0b\"@c",
        "a@b\u{7}",
        "<a@b> x",
        "a;b@c",
        "\"a\"b c\"@d",
        "a@b;",
        "a\\b@c",
        "a)b@c",
        "x@[1> SIZE=1]",
        "x@[",
        "x@[]",
        "x@[a]b",
    ] {
        let e = parse_strict(bad).expect_err(bad);
        assert_eq!(e.exit(), crate::error::Exit::Usage, "{bad}");
    }
    assert_eq!(parse_strict("\"a\\\"b\"@c").unwrap().spec(), b"\"a\\\"b\"@c");
    assert_eq!(checked(b"a@b, c d@e").unwrap_err().exit(), crate::error::Exit::Data);
    assert_eq!(mailboxes(&checked(b"a@b, g: c@d;").unwrap()).count(), 2);
}

#[test]
fn hostile_lists_take_linear_time() {
    assert_eq!(list(&b"a@b,".repeat(100_000)).len(), 100_000);
    let _ = list(&b"(".repeat(1_000_000));
    let _ = list(&b"a ".repeat(500_000));
    let _ = list(&b"a.".repeat(500_000));
    let _ = list(&[b"<@".repeat(500_000).as_slice(), b":"].concat());
    let _ = list(&b"\"a\" @b <".repeat(200_000));
    let _ = list(&b"a:".repeat(500_000));
}

proptest! {
    #[test]
    fn anything_is_read_and_what_is_checked_is_safe(bytes in proptest::collection::vec(prop_oneof![
        Just(b'<'), Just(b'>'), Just(b'@'), Just(b','), Just(b';'), Just(b':'), Just(b'"'), Just(b'\\'), Just(b'('), Just(b')'),
        Just(b'.'), Just(b' '), Just(b'['), Just(b']'), Just(b'a'), any::<u8>()
    ], 0..60)) {
        let _ = list(&bytes);
        if let Ok(items) = checked(&bytes) {
            for address in mailboxes(&items) {
                let spec = address.spec();
                prop_assert!(!spec.iter().any(u8::is_ascii_control));
                // What is written is read again as the same mailbox.
                let again = checked(&spec).unwrap();
                let again: Vec<_> = mailboxes(&again).cloned().collect();
                prop_assert_eq!(again.len(), 1);
                prop_assert_eq!((&again[0].local, &again[0].domain), (&address.local, &address.domain));
            }
        }
    }
}

#[test]
fn names_as_phrases() {
    assert_eq!(phrase("Bob \"B\\\" Smith\n"), r#""Bob \"B\\\" Smith""#);
    assert_eq!(phrase("J\u{f6}rg"), "=?UTF-8?B?SsO2cmc=?=");
    let long = phrase(&"\u{e9}".repeat(50));
    assert!(long.split(' ').count() == 3 && long.split(' ').all(|word| word.len() <= 75), "{long}");
}
