use super::super::gather::Gathered;
use super::super::modseq::Selecting;
use super::*;

fn parse(text: &str) -> Result<Command, String> {
    Tagged::parse(&Gathered::of(text)).map(|t| t.command).map_err(|r| r.why.to_string())
}

#[test]
fn the_commands_of_rfc_3501() {
    for line in [
        "a001 login mrc secret",
        "a002 select inbox",
        "a003 fetch 12 full",
        "a004 fetch 12 body[header]",
        "a005 store 12 +flags \\deleted",
        "a006 logout",
        "abcd CAPABILITY",
        "a002 NOOP",
        "a01 STARTTLS",
        "a02 COMPRESS DEFLATE",
        "A001 AUTHENTICATE GSSAPI",
        "A142 SELECT INBOX",
        "A932 EXAMINE blurdybloop",
        "A003 CREATE owatagusiam/",
        "t2 CREATE MySpecial (USE (\\Drafts \\Sent))",
        "A685 LIST \"\" foo",
        "A687 RENAME blurdybloop sarasoop",
        "A002 SUBSCRIBE #news.comp.mail.mime",
        "A101 LIST \"\" \"\"",
        "A102 LIST #news.comp.mail.misc \"\"",
        "A202 LIST ~/Mail/ %",
        "A002 LSUB \"#news.\" \"comp.mail.*\"",
        "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
        "A003 APPEND saved-messages (\\Seen) {310}\r\n",
        "FXXZ CHECK",
        "A341 CLOSE",
        "A202 EXPUNGE",
        "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nXXXXXX",
        "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "A003 STORE 2:4 +FLAGS (\\Deleted)",
        "A003 COPY 2:4 MEETING",
        "A999 UID FETCH 4827313:4828442 FLAGS",
        "A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man",
        "a uid expunge 1:*",
        "a IDLE",
        "a namespace",
        "a id nil",
        "a id (\"name\" \"x\" \"version\" NIL)",
        "a unselect",
        "a authenticate plain =",
        "a AUTHENTICATE PLAIN AGIAYw==",
        "a store 1 flags.silent ()",
        "a store 1 -FLAGS \\Seen $x",
        "a noop ",
        "a enable condstore QRESYNC",
        "a select x (condstore)",
        "a select x (qresync (67890007 20050715194045000 41,43:211,214:541))",
        "a select x (qresync (1 2 1:5 (1,3 4:5)) condstore)",
        "a examine x (qresync (1 2 (1,3 4:5)))",
        "a fetch 1 (modseq) (changedsince 12345)",
        "a uid fetch 1:* flags (changedsince 1 vanished)",
        "a store 7,5 (unchangedsince 12121230045) +flags.silent (x)",
        "a search modseq \"/flags/\\\\draft\" all 620162338",
        "a search or modseq 1 not modseq 2",
        "a list (subscribed recursivematch) \"\" (a b%) return (children status (size))",
        "a uid search 1:3 uid 4",
        "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "A283 SEARCH RETURN () FLAGGED",
        "C283 UID SEARCH RETURN (SAVE) CHARSET KOI8-R (OR $ 1,3000:3021) TEXT {8}\r\nXXXXXXXX",
        "A285 UID STORE $ +FLAGS.SILENT (\\Seen)",
        "A286 FETCH $ FLAGS",
        "A287 COPY $ x",
        "A288 UID EXPUNGE $",
        "A282 SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994",
        "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "A284 UID SORT RETURN (COUNT MIN) (SUBJECT) US-ASCII TEXT {14}\r\nnot in mailbox",
        "A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000",
        "A284 UID THREAD REFERENCES US-ASCII TEXT \"gewp\"",
        "a append x \" 1-Feb-1994 21:52:25 -0800\" {1+}\r\n",
        "a append x {0}\r\n",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
    }
}

#[test]
fn what_the_fields_say() {
    assert_eq!(
        parse("a select Entw&APw-rfe"),
        Ok(Command::Select { mailbox: "Entwürfe".into(), with: Selecting::Plain })
    );
    assert_eq!(parse("a select \"inbox\""), Ok(Command::Select { mailbox: "INBOX".into(), with: Selecting::Plain }));
    assert_eq!(
        parse("a login {3}\r\na b \"p\\\"w\""),
        Ok(Command::Login { user: b"a b".to_vec(), password: Secret::new(b"p\"w".to_vec()) })
    );
    assert_eq!(
        parse("a authenticate plain ="),
        Ok(Command::Authenticate { mechanism: "PLAIN".into(), initial: Some(Secret::new(vec![])) })
    );
    assert_eq!(
        parse("a uid store 1,5:* -flags.silent (\\Seen x)"),
        Ok(Command::Store {
            uid: true,
            set: "1,5:*".parse().unwrap(),
            unchanged_since: None,
            how: Store::Remove,
            silent: true,
            flags: vec!["\\Seen".into(), "x".into()]
        })
    );
    let Ok(Command::Append { size, date, flags, .. }) =
        parse("a append INBOX (\\Seen $a) \"17-Jul-1996 02:44:25 -0700\" {5000000000}\r\n")
    else {
        panic!()
    };
    assert_eq!((size, date.unwrap().timestamp(), flags.len()), (5_000_000_000, 837_596_665, 2));
    let latin = Tagged::parse(&Gathered::of(&b"a search charset koi8-r subject {1}\r\n\xe9"[..])).unwrap();
    let Command::Search { charset, key, .. } = latin.command else { panic!() };
    assert_eq!((charset.as_deref(), key.is_ascii()), (Some("KOI8-R"), false));
}

#[test]
fn refusals_have_a_tag_where_there_is_one() {
    for (line, tag, why) in [
        ("", None, "expected a tag at 0"),
        ("+ x", None, "expected a tag at 0"),
        ("{3}\r\na b", None, "expected a tag at 0"),
        ("a", Some("a"), "expected a space at 1"),
        ("a ", Some("a"), "unknown command at 2"),
        ("GET / HTTP/1.1", Some("GET"), "unknown command at 4"),
        ("a XYZZY", Some("a"), "unknown command at 2"),
        ("a uid noop", Some("a"), "unknown UID command at 2"),
        ("a noop x", Some("a"), "expected the end of the line at 7"),
        ("a select", Some("a"), "expected a space at 8"),
        ("a select (x)", Some("a"), "expected a string at 9"),
        ("a select &AGE-", Some("a"), "mailbox name is not modified UTF-7 at 9"),
        ("a select a\0b", Some("a"), "expected the end of the line at 10"),
        ("a fetch 0 flags", Some("a"), "expected a number above 0 at 8"),
        ("a fetch 1 (flags", Some("a"), "expected a FETCH item at 16"),
        ("a select x (qresync (0 1))", Some("a"), "expected a number above 0 at 21"),
        ("a fetch 1 flags (vanished)", Some("a"), "expected CHANGEDSINCE at 26"),
        ("a store 1 () flags x", Some("a"), "expected UNCHANGEDSINCE at 12"),
        ("a search modseq 9223372036854775808", Some("a"), "a mod-sequence has 63 bits at 16"),
        ("a store 1 flag x", Some("a"), "expected FLAGS or FLAGS.SILENT at 10"),
        ("a status x ()", Some("a"), "expected a STATUS item at 13"),
        ("a append x \"abc\"", Some("a"), "expected a date-time like \" 1-Feb-1994 21:52:25 -0800\" at 11"),
        ("a login x {9}\r\n", Some("a"), "literal too large here at 10"),
        ("a append {9}\r\n", Some("a"), "literal too large here at 9"),
    ] {
        let refusal = Tagged::parse(&Gathered::of(line)).unwrap_err();
        assert_eq!((refusal.tag.as_deref(), refusal.why.to_string().as_str()), (tag, why), "{line:?}");
    }
}

#[test]
fn hostile_commands_end_soon() {
    for line in [
        format!("a fetch {} flags", "1,".repeat(30_000)),
        format!("a search {}", "not ".repeat(15_000)),
        format!("a search {}", "(".repeat(60_000)),
        format!("a fetch 1 body[{}]", "1.".repeat(30_000)),
        format!("a fetch 1 {}", "(".repeat(60_000)),
        format!("a id {}", "(".repeat(60_000)),
        format!("a status x {}", "(".repeat(60_000)),
        "a fetch 99999999999999999999 flags".to_owned(),
    ] {
        assert!(parse(&line).is_err());
    }
    let long = format!("a fetch {}7 flags", "4294967295,1:*,3,".repeat(3_000));
    assert!(parse(&long).is_ok());
}
