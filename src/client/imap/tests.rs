use super::*;
use crate::body::Body;
use crate::net::Deadline;
use crate::net::script::{End, Mode, Player, Script};
use crate::net::stream::Socket;
use crate::net::trace::Side;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Of, Section};
use crate::proto::imap::set::SequenceSet;
use crate::secret::Secret;
use std::io::Write;
use std::os::unix::net::UnixStream;

/// What the rows of a fetch were, as one text each.
#[derive(Default)]
struct Log(Vec<String>);

impl Rows for Log {
    fn literal(&mut self, so_far: &Fetched, name: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        let mut shown = Vec::new();
        name.encode(&mut shown);
        let bytes = body.whole(10_000)?.map_or(0, |b| b.len() as u64);
        assert!(bytes == size || bytes == 0);
        let (number, uid) = (so_far.number, so_far.uid);
        self.0.push(format!("{number} {uid} {} {size}", String::from_utf8_lossy(&shown)));
        Ok(())
    }
    fn row(&mut self, row: Fetched) -> Result<()> {
        let subject = row.envelope.as_ref().and_then(|e| e.subject.clone()).unwrap_or_default();
        let flags = row.flags.unwrap_or_default().join(",");
        self.0.push(format!("{} {} {flags} {:?} {}", row.number, row.uid, row.size, String::from_utf8_lossy(&subject)));
        Ok(())
    }
}

pub(super) fn login() -> Login {
    Login::by_password("mrc", Secret::new(b"secret".to_vec()), true)
}

fn wire(socket: UnixStream) -> Wire {
    let mut wire = Wire::over(Socket::new(socket).unwrap(), "test");
    wire.whole_until(Deadline::after(Duration::from_secs(20)));
    wire
}

pub(super) fn play<T>(script: &Script, mode: Mode, run: impl FnOnce(Wire) -> Result<T>) -> (End, Result<T>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::scope(|scope| {
        let player = scope.spawn(move || Player::server(script).play(&mut theirs, mode).unwrap());
        let result = run(wire(ours));
        (player.join().unwrap(), result)
    })
}

/// Plays it whole, in bytes, and cut after every line; before `== done` a cut must be a lost connection.
fn every_way<T: PartialEq + std::fmt::Debug>(script: &str, expected: &T, run: impl Fn(Wire) -> Result<T>) {
    let script = Script::parse(script).unwrap();
    for byte_by_byte in [false, true] {
        let (end, result) = play(&script, Mode { byte_by_byte, cut_after: None }, &run);
        assert_eq!((&end, result.as_ref()), (&End::Whole, Ok(expected)));
    }
    for cut in 0..script.said_by(Side::Server) {
        let (end, result) = play(&script, Mode { byte_by_byte: false, cut_after: Some(cut) }, &run);
        match (&end, &result) {
            (End::Cut { done: true }, Ok(value)) => assert_eq!(value, expected),
            (End::Cut { done: false }, Err(e)) => assert_eq!(e.exit(), Exit::TempFail, "cut {cut}: {e}"),
            other => panic!("cut {cut}: {other:?}"),
        }
    }
}

/// The dialogue of RFC 3501 section 8, with the commands that we use.
const RFC: &str = r#"
S: * OK IMAP4rev1 Service Ready
C: $a CAPABILITY
S: * CAPABILITY IMAP4rev1
S: $a OK done
C: $b LOGIN mrc "secret"
S: $b OK LOGIN completed
C: $c CAPABILITY
S: * CAPABILITY IMAP4rev1 LITERAL+
S: $c OK done
C: $d EXAMINE INBOX
S: * 18 EXISTS
S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
S: * 2 RECENT
S: * OK [UNSEEN 17] Message 17 is the first unseen message
S: * OK [UIDVALIDITY 3857529045] UIDs valid
S: $d OK [READ-ONLY] EXAMINE completed
C: $e UID FETCH 4827 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)
S: * 12 FETCH (UID 4827 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US") ("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>"))
S: $e OK FETCH completed
C: $f UID FETCH 4827 (UID BODY.PEEK[HEADER])
S: * 12 FETCH (BODY[HEADER] {342}
S: Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
S: From: Terry Gray <gray@cac.washington.edu>
S: Subject: IMAP4rev1 WG mtg summary and minutes
S: To: imap@cac.washington.edu
S: cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
S: Message-Id: <B27397-0100000@cac.washington.edu>
S: MIME-Version: 1.0
S: Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
S: 
S:  UID 4827)
S: $f OK FETCH completed
== done
C: $g LOGOUT
S: * BYE IMAP4rev1 server terminating connection
S: $g OK LOGOUT completed
"#;

#[test]
fn the_dialogue_of_rfc_3501() {
    let expected = vec![
        "12 4827 \\Seen Some(4286) IMAP4rev1 WG mtg summary and minutes".to_owned(),
        "12 0 BODY[HEADER] 342".to_owned(),
        "12 4827  None ".to_owned(),
    ];
    every_way(RFC, &expected, |wire| {
        let mut client = Client::open(wire, Some(&login()), false)?;
        let mut inbox = client.examine("INBOX")?;
        assert_eq!((inbox.exists(), inbox.uid_validity(), inbox.uid_next()), (18, 3_857_529_045, None));
        let mut log = Log::default();
        let set = SequenceSet::from_numbers([4827]);
        use FetchItem::{Envelope, Flags, InternalDate, Rfc822Size, Uid};
        inbox.fetch(&set, &[Uid, Flags, InternalDate, Rfc822Size, Envelope], &mut log)?;
        let header = FetchItem::Section { section: Section::header(), peek: true, partial: None };
        inbox.fetch(&set, &[header], &mut log)?;
        client.logout()?;
        Ok(log.0)
    });
}

#[test]
fn folders_counts_and_search() {
    let script = r#"
S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi
C: $a AUTHENTICATE PLAIN AG1yYwBzZWNyZXQ=
S: $a OK [CAPABILITY IMAP4rev1] in
C: $b LIST "" "*"
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST () "/" {5}
S: a) "b\
S: 
S: * LIST () "/" x&AAo-y
S: * LIST (\\Noselect) "/" Entw&APw-rfe
S: * LIST () "/" INBOX
S: * 3 EXISTS
S: $b OK listed
C: $c STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)
C: $d STATUS "a) \\"b" (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)
C: $e STATUS Entw&APw-rfe (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)
S: * STATUS INBOX (MESSAGES 3 UNSEEN 1 RECENT 0 UIDNEXT 9 UIDVALIDITY 7 X (1 2))
S: $c OK
S: * STATUS "a) \\"b" (MESSAGES 0)
S: * STATUS elsewhere (MESSAGES 5)
S: $d OK done
S: $e NO [NONEXISTENT] no such thing
C: $f EXAMINE INBOX
S: * 3 EXISTS
S: * OK [UIDVALIDITY 7] .
S: * OK [UIDNEXT 9] .
S: $f OK .
C: $g UID SEARCH CHARSET UTF-8 SUBJECT {2}
S: * 4 EXISTS
S: * 1 FETCH (FLAGS (\\Seen))
S: + go on
C: é UNSEEN
S: * SEARCH 2 5
S: * SEARCH 3
S: * OK [ALERT] disk is full, secret
S: $g OK found
C: $h UID FETCH 2:3,5 (UID FLAGS)
S: * 1 FETCH (FLAGS (\\Seen))
S: * 2 FETCH (FLAGS () UID 3)
S: * 9 FETCH (FLAGS () UID 99)
S: * 3 EXPUNGE
S: * 3 FETCH (FLAGS (\\Flagged $x) UID 5)
S: $h OK fetched
== done
C: $i LOGOUT
S: * BYE bye
S: $i OK
"#;
    let expected = vec![
        "INBOX Ok(Some(3), Some(1))".to_owned(),
        "a) \"b Ok(Some(0), None)".to_owned(),
        "x\ny Err(mailbox name with CR, LF or NUL: x\ny)".to_owned(),
        "Entwürfe Err(test: Entwürfe: NO [NONEXISTENT] no such thing)".to_owned(),
        "2:3,5".to_owned(),
        "2 3  None ".to_owned(),
        "3 5 \\Flagged,$x None ".to_owned(),
        "disk is full, ***".to_owned(),
    ];
    every_way(script, &expected, |wire| {
        let mut log = Log::default();
        let mut client = Client::open(wire, Some(&login()), false)?;
        let folders = client.list(&["*"])?;
        let names: Vec<&str> = folders.iter().map(|f| f.name.as_str()).collect();
        client.counts(&names, &mut |at, counts| {
            let shown = match counts {
                Ok(c) => format!("Ok({:?}, {:?})", c.messages, c.unseen),
                Err(e) => format!("Err({e})"),
            };
            log.0.push(format!("{} {shown}", names[at]));
            Ok(())
        })?;
        let mut inbox = client.examine("INBOX")?;
        let found = inbox.search(&"SUBJECT é UNSEEN".parse().unwrap())?;
        assert_eq!((inbox.exists(), inbox.uid_next()), (4, Some(9)));
        log.0.push(found.to_string());
        inbox.fetch(&found, &[FetchItem::Flags], &mut log)?;
        assert_eq!(inbox.exists(), 3);
        log.0.extend(client.alerts());
        client.logout()?;
        Ok(log.0)
    });
}

#[test]
fn sections_come_in_many_ways() {
    let script = r#"
S: * PREAUTH [CAPABILITY IMAP4rev1] you are you
C: $a EXAMINE "a b"
S: * 5 EXISTS
S: * OK [UIDVALIDITY 1] .
S: $a OK .
C: $b UID FETCH 1:* (UID RFC822.SIZE BODY.PEEK[])
S: * 1 FETCH (UID 1 RFC822.SIZE 210 BODY[] {210}
S: == 210 bytes
S: )
S: * 2 FETCH (BODY[] "short" RFC822.SIZE 5 UID 2)
S: * 3 FETCH (UID 3 BODY[] NIL RFC822.SIZE 0)
S: * 4 FETCH (UID 4 BODY[] {0}
S:  RFC822.SIZE 0)
S: * 5 FETCH (BODY[] {5}
S: abc
S:  FLAGS () ENVELOPE (NIL {3}
S: a"b NIL NIL NIL NIL NIL NIL NIL NIL) X-NEW ({2}
S: ))) UID 5)
S: * 5 FETCH (UID 5 FLAGS (\\Seen))
S: * 1 FETCH (UID 1 RFC822.SIZE 211 BODY[] "again")
S: * 6 FETCH (UID 6 BODY[] {70000}
S: == 70000 bytes
S: )
S: $b NO [EXPUNGEISSUED] some are gone
"#;
    let expected: Vec<String> = [
        "1 1 BODY[] 210",
        "1 1  Some(210) ",
        "2 2 BODY[] 5",
        "2 2  Some(5) ",
        "3 3  Some(0) ",
        "4 4 BODY[] 0",
        "4 4  Some(0) ",
        "5 0 BODY[] 5",
        "5 5  None a\"b",
        "6 6 BODY[] 70000",
        "6 6  None ",
        "test: FETCH: NO [EXPUNGEISSUED] some are gone",
    ]
    .map(str::to_owned)
    .to_vec();
    every_way(script, &expected, |wire| {
        let mut client = Client::open(wire, Some(&login()), true)?;
        let mut folder = client.examine("a b")?;
        let mut log = Log::default();
        let whole =
            FetchItem::Section { section: Section { part: vec![], what: Of::Whole }, peek: true, partial: None };
        match folder.fetch(&SequenceSet::from_on(1), &[FetchItem::Rfc822Size, whole], &mut log) {
            Err(e) if e.exit() == Exit::Refused => log.0.push(e.to_string()),
            other => other?,
        }
        Ok(log.0)
    });
}

#[test]
fn greetings_and_logins_and_their_status() {
    let script = |text: &str| Script::parse(&text.replace(" / ", "\n")).unwrap();
    for (text, preauth, exit) in [
        ("S: * BYE [UNAVAILABLE] later", false, 75),
        ("S: * BYE", false, 75),
        ("S: * NO no", false, 76),
        ("S: +OK POP3", false, 76),
        ("S: 220 smtp", false, 76),
        ("S: * 1 EXISTS", false, 76),
        ("S: a1 OK", false, 76),
        ("S: * PREAUTH [CAPABILITY IMAP4rev1] hi / == stall", false, 76),
        ("S: * PREAUTH [CAPABILITY IMAP4rev1] hi / == stall", true, 0),
        ("S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi / == stall", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=CRAM-MD5] hi / == stall", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO wrong", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO [AUTHENTICATIONFAILED] wrong", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO [AUTHORIZATIONFAILED] wrong", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO [UNAVAILABLE] db", false, 75),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO [INUSE] x", false, 75),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a NO [LIMIT] x", false, 75),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a BAD what", false, 69),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: a99 OK", false, 76),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: + more", false, 76),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: * BYE too many", false, 75),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: * LIST () {999999}", false, 76),
        ("S: * OK [CAPABILITY IMAP4rev1] hi / C: $a LOGIN *** / S: $a OK [CAPABILITY IMAP4rev1] x", false, 0),
        (
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi / C: $a AUTHENTICATE PLAIN / S: +  / C: AG1yYwBzZWNyZXQ= / S: $a OK [CAPABILITY X] y",
            false,
            0,
        ),
        ("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi / C: $a AUTHENTICATE PLAIN / S: $a NO no", false, 77),
        ("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi / C: $a AUTHENTICATE PLAIN / S: $a OK yes", false, 76),
        (
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi / C: $a AUTHENTICATE PLAIN AG1yYwBzZWNyZXQ= / S: + again",
            false,
            76,
        ),
        ("S: * OK hi / C: $a CAPABILITY / S: $a BAD no", false, 69),
    ] {
        let (end, result) =
            play(&script(text), Mode::default(), |wire| Client::open(wire, Some(&login()), preauth).map(drop));
        let came = result.as_ref().map_or_else(|e| e.exit().code(), |_| 0);
        assert_eq!(came, exit, "{text}: {end:?} {:?}", result.err());
    }
}

#[test]
fn a_server_that_says_more_than_a_greeting_is_out_of_step() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\na1 OK done\r\n").unwrap();
    assert_eq!(Client::open(wire(ours), Some(&login()), false).map(drop).unwrap_err().exit(), Exit::Protocol);
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n* BYE busy\r\n").unwrap();
    drop(theirs);
    assert_eq!(Client::open(wire(ours), Some(&login()), false).map(drop).unwrap_err().exit(), Exit::TempFail);
}

#[test]
fn a_password_that_needs_a_literal_and_one_that_may_not_go() {
    let open = |script: &str, password: &[u8], allowed: bool| {
        let login = Login::by_password("bob", Secret::new(password.to_vec()), allowed);
        play(&Script::parse(script).unwrap(), Mode::default(), |wire| Client::open(wire, Some(&login), false).map(drop))
    };
    let hi = "S: * OK [CAPABILITY IMAP4rev1] hi\n";
    let stall = format!("{hi}== stall\n");
    let script = format!("{hi}C: $a LOGIN bob {{3}}\nS: + go\nC: ü!\nS: $a OK [CAPABILITY IMAP4rev1] in\n");
    assert!(matches!(open(&script, "ü!".as_bytes(), true), (End::Whole, Ok(()))));
    let script = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+] hi\nC: $a LOGIN bob {3+}\nC: ü!\nS: $a NO ü! is wrong\n";
    let (end, result) = open(script, "ü!".as_bytes(), true);
    let e = result.unwrap_err();
    assert_eq!((end, e.exit(), e.to_string().as_str()), (End::Whole, Exit::Auth, "test: LOGIN: NO *** is wrong"));
    // LITERAL- is for short ones.
    for (size, announced, go) in [(4096, "{4096+}", ""), (4097, "{4097}", "S: + go\n")] {
        let password = "x".repeat(size);
        let hi = "S: * OK [CAPABILITY IMAP4rev1 LITERAL-] hi\n";
        let script =
            format!("{hi}C: $a LOGIN bob {announced}\n{go}C: {password}\nS: $a OK [CAPABILITY IMAP4rev1] in\n");
        assert!(matches!(open(&script, password.as_bytes(), true), (End::Whole, Ok(()))));
    }
    let (end, result) = open(&stall, b"x", false);
    assert_eq!((end, result.unwrap_err().exit()), (End::HungUp, Exit::Auth));
    for evil in ["a\r\nb", "a\0b"] {
        assert_eq!(open(&stall, evil.as_bytes(), true).1.unwrap_err().exit(), Exit::Usage);
    }
}

/// A server that says this after the folder was opened.
fn opened<T>(says: Vec<u8>, run: impl FnOnce(&mut Selected<'_>) -> Result<T>) -> Result<T> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        let mut reader = theirs.try_clone().unwrap();
        scope.spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        scope.spawn(move || {
            let _ = theirs.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n");
            std::thread::sleep(Duration::from_millis(20));
            let _ = theirs.write_all(b"* 9 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\na1 OK x\r\n");
            let _ = theirs.write_all(&says);
            let _ = theirs.shutdown(std::net::Shutdown::Write);
        });
        let mut client = Client::open(wire(ours), Some(&login()), true)?;
        run(&mut client.examine("INBOX")?)
    })
}

#[test]
fn a_search_result_of_megabytes_is_read_in_pieces() {
    let mut says = b"* SEARCH".to_vec();
    // Runs of three with a gap: the cut falls everywhere in a number.
    for n in 1u32..600_000 {
        if n % 4 != 0 {
            says.extend_from_slice(format!(" {n}").as_bytes());
        }
    }
    assert!(says.len() > 3_000_000);
    for tail in [" (MODSEQ 12345)\r\na2 OK x\r\n", "\r\na2 OK x\r\n", " \r\na2 OK x\r\n"] {
        let set = opened([&says, tail.as_bytes()].concat(), |folder| folder.search(&"ALL".parse().unwrap())).unwrap();
        assert_eq!(set.resolve(u32::MAX).len(), 150_000);
        assert!(set.contains(599_999, u32::MAX) && !set.contains(4, u32::MAX));
    }
    for (tail, exit) in [
        (" x\r\n", Exit::Protocol),
        (" 12345678901\r\n", Exit::Protocol),
        (" {5}\r\n", Exit::TempFail),
        ("", Exit::TempFail),
    ] {
        let e = opened([&says, tail.as_bytes()].concat(), |folder| folder.search(&"ALL".parse().unwrap())).unwrap_err();
        assert_eq!(e.exit(), exit, "{tail}: {e}");
    }
    // What other commands would get is none of this one's, however long it is.
    let sorted = [&b"* SORT"[..], &says[8..], b" (MODSEQ 5)\r\n"].concat();
    let threads =
        format!("* THREAD {}\r\n* ESEARCH (TAG \"a\") ALL 1{}\r\n", "(1 2)".repeat(30_000), ",3".repeat(90_000));
    let others = [&sorted, threads.as_bytes(), b"* SEARCH 5\r\na2 OK x\r\n"].concat();
    let set = opened(others, |folder| folder.search(&"ALL".parse().unwrap())).unwrap();
    assert_eq!(set.to_string(), "5");
    for junk in [vec![b'1'; 200_000], vec![b'('; 200_000], vec![b' '; 200_000]] {
        let e = opened([b"* SEARCH 1 ".to_vec(), junk].concat(), |folder| folder.search(&"ALL".parse().unwrap()));
        assert!(matches!(e.unwrap_err().exit(), Exit::Protocol | Exit::TempFail));
    }
}

#[test]
fn hostile_rows_end_with_a_status() {
    let fetch = |says: Vec<u8>| {
        let mut log = Log::default();
        let items = [FetchItem::Envelope];
        let some = SequenceSet::from_ranges([(1, 9)]);
        opened(says, |folder| folder.fetch(&some, &items, &mut log)).map(|()| log.0)
    };
    let long = |n: usize| vec![b'x'; n];
    let end = b"\r\na2 OK x\r\n";
    let envelope = |subject: &[u8]| {
        let nil = b" NIL NIL NIL NIL NIL NIL NIL NIL))";
        [b"* 1 FETCH (UID 1 ENVELOPE (NIL ", subject, nil, end].concat()
    };
    // A line that is longer than others may be, and a literal that is too large to be held: it costs the envelope only.
    assert_eq!(fetch(envelope(&[b"\"", &long(500_000)[..], b"\""].concat())).unwrap().len(), 1);
    let large = [format!("{{{}}}\r\n", 3_000_000).as_bytes(), &long(3_000_000)].concat();
    assert_eq!(fetch(envelope(&large)).unwrap(), ["1 1  None "]);
    for (says, exit) in [
        ([b"* 1 FETCH (UID 1 X ".to_vec(), long(2_000_000)].concat(), 76),
        ([b"* OK ".to_vec(), long(100_000), end.to_vec()].concat(), 76),
        ([b"* LIST ".to_vec(), long(70_000), end.to_vec()].concat(), 76),
        (long(1_000_000), 76),
        ([b"* 1 FETCH (X ".to_vec(), vec![b'('; 60_000], end.to_vec()].concat(), 76),
        ([b"* 1 FETCH (".to_vec(), b"BODY[] {1}\r\nx ".repeat(200), end.to_vec()].concat(), 76),
        (b"* 1 FETCH (UID 1 BODY[] {18446744073709551615}\r\nabc".to_vec(), 75),
        (b"* 1 FETCH (UID 1 ENVELOPE {99999999999999999999999}\r\nabc".to_vec(), 75),
        (b"* 1 FETCH (UID 1 BODY[] {1}\r\nabc\r\n".to_vec(), 76),
        (b"a3 OK not yet\r\n".to_vec(), 76),
        (b"+ what\r\n".to_vec(), 76),
        (b"\r\n".to_vec(), 76),
        (b"* BYE [UNAVAILABLE] going down\r\n".to_vec(), 75),
        (b"a2 NO [UNAVAILABLE] later\r\n".to_vec(), 75),
        (b"a2 NO no\r\n".to_vec(), 69),
        (b"a2 BAD no\r\n".to_vec(), 69),
        (b"* 99999999999 EXISTS\r\n".to_vec(), 76),
        (b"".to_vec(), 75),
    ] {
        let shown = String::from_utf8_lossy(&says[..says.len().min(60)]).into_owned();
        assert_eq!(fetch(says).unwrap_err().exit().code(), exit, "{shown}");
    }
}

#[test]
fn large_sets_are_asked_for_in_parts() {
    let odd = SequenceSet::from_numbers((1..=2000).map(|n| n * 2));
    let text = odd.to_string();
    let parts: Vec<&str> = super::selected::parts(&text).collect();
    assert!(parts.len() > 8 && parts.iter().all(|p| p.len() <= 1000 && !p.is_empty()));
    assert_eq!(parts.join(","), text);
    assert_eq!(super::selected::parts("1").collect::<Vec<_>>(), ["1"]);
    assert_eq!(super::selected::parts("").count(), 0);
}

#[test]
fn a_folder_needs_uids() {
    for (says, exit) in [
        ("S: * 1 EXISTS / S: a1 OK x", 76),
        ("S: * OK [UIDVALIDITY 1] x / S: a1 OK x", 76),
        ("S: * 1 EXISTS / S: * OK [UIDVALIDITY 0] x / S: a1 OK x", 76),
        ("S: a1 NO [NONEXISTENT] none", 69),
        ("S: a1 NO [INUSE] busy", 75),
    ] {
        let script = format!("S: * PREAUTH [CAPABILITY X] hi\nC: a1 EXAMINE ***\n{}\n", says.replace(" / ", "\n"));
        let (_, result) = play(&Script::parse(&script).unwrap(), Mode::default(), |wire| {
            Client::open(wire, Some(&login()), true)?.examine("x").map(|f| f.exists())
        });
        assert_eq!(result.unwrap_err().exit().code(), exit, "{says}");
    }
    let script = Script::parse("S: * PREAUTH [CAPABILITY X] hi\n== stall\n").unwrap();
    let (_, result) = play(&script, Mode::default(), |wire| {
        Client::open(wire, Some(&login()), true)?.examine("x\r\na9 DELETE INBOX").map(drop)
    });
    assert_eq!(result.unwrap_err().exit(), Exit::Usage);
}

mod noise {
    use super::*;
    use proptest::prelude::*;

    /// What a server may say, in pieces that are close to the grammar.
    fn says() -> impl Strategy<Value = Vec<u8>> {
        let pieces = vec![
            "* ",
            "1 ",
            "FETCH ",
            "(",
            ")",
            "UID 1 ",
            "BODY[] ",
            "ENVELOPE ",
            "FLAGS ",
            "{3}\r\n",
            "{0}\r\n",
            "{99}\r\n",
            "\r\n",
            "abc",
            " ",
            "NIL ",
            "\"x\" ",
            "\"",
            "SEARCH ",
            "2 3 4",
            "a2 OK x\r\n",
            "a2 NO x\r\n",
            "+ \r\n",
            "* OK [",
            "] ",
            "* BYE x\r\n",
            "EXISTS\r\n",
            "LIST () ",
            "\0",
            "\u{ff}",
            "<0>",
            "RFC822.SIZE 5 ",
            "[HEADER.FIELDS (",
            "4294967296",
        ];
        proptest::collection::vec(proptest::sample::select(pieces), 0..40).prop_map(|p| p.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn whatever_a_server_says_there_is_an_end(says in says()) {
            let mut log = Log::default();
            let items = [FetchItem::Envelope, FetchItem::Section { section: Section::default(), peek: true, partial: None }];
            let fetched = opened(says.clone(), |folder| folder.fetch(&SequenceSet::from_on(1), &items, &mut log));
            if let Err(e) = fetched {
                prop_assert!(matches!(e.exit(), Exit::Refused | Exit::TempFail | Exit::Protocol), "{e}");
            }
            let searched = opened(says, |folder| folder.search(&"ALL".parse().unwrap()));
            if let Err(e) = searched {
                prop_assert!(matches!(e.exit(), Exit::Refused | Exit::TempFail | Exit::Protocol), "{e}");
            }
        }
    }
}
