mod live;
mod rows;

use super::super::{Denied, Limits, Login, Refusal};
use super::*;
use crate::net::script::{End, Mode, Player, Script};
use crate::net::stream::Socket;
use crate::proto::mailbox::Mailbox as Address;
use crate::secret::Secret;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

struct House {
    account: Account,
    known: bool,
    limits: Limits,
}

impl World for House {
    fn host(&self) -> &str {
        "localhost"
    }
    fn known(&mut self) -> Result<Option<Login>> {
        Ok(self.known.then(|| Login { user: "bob".into(), account: self.account.clone() }))
    }
    fn login(&mut self, user: &str, password: &Secret) -> Result<Login, Denied> {
        if user == "bob" && password.same(b"tulip") {
            Ok(Login { user: "bob".into(), account: self.account.clone() })
        } else {
            Err(Denied::Wrong)
        }
    }
    fn recipient(&mut self, _: Option<&Address>) -> Result<Account, Refusal> {
        Err(Refusal::NoRoute)
    }
    fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn house(root: &Path, known: bool) -> House {
    let limits = Limits { login_delay: Duration::from_millis(5), message: 1 << 20, ..Limits::default() };
    House { account: Account::open(root).unwrap(), known, limits }
}

fn start(root: &Path, known: bool) -> (UnixStream, JoinHandle<Result<()>>) {
    let mut house = house(root, known);
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server = std::thread::spawn(move || {
        let mut wire = Wire::over(Socket::new(theirs).unwrap(), "client").as_server();
        serve(&mut wire, &mut house)
    });
    (ours, server)
}

/// In a script, the text of a status response stands for any: its condition and its code count.
fn any_text(line: &str) -> String {
    let Some(said) = line.strip_prefix("S: ") else { return line.to_owned() };
    if said.starts_with("+ ") {
        return "S: + ***".to_owned();
    }
    let words: Vec<&str> = said.splitn(3, ' ').collect();
    match words.as_slice() {
        [tag, status @ ("OK" | "NO" | "BAD" | "BYE" | "PREAUTH"), rest @ ..] => {
            let code = rest.first().filter(|r| r.starts_with('[')).and_then(|r| r.split("] ").next());
            match code {
                Some(code) => format!("S: {tag} {status} {code}] ***"),
                None => format!("S: {tag} {status} ***"),
            }
        }
        _ => line.to_owned(),
    }
}

/// Plays the client of a script against sessions on trees of their own: whole, byte by byte, and cut after every line.
fn play(known: bool, prepare: impl Fn(&Account), script: &str) {
    let lines: Vec<String> = script.lines().map(any_text).collect();
    let script = Script::parse(&lines.join("\n")).unwrap();
    let cuts = (0..).map(|n| Mode { byte_by_byte: false, cut_after: Some(n) });
    for mode in [Mode { byte_by_byte: true, cut_after: None }].into_iter().chain(cuts) {
        let dir = tempfile::tempdir().unwrap();
        prepare(&Account::open(dir.path()).unwrap());
        let (mut io, server) = start(dir.path(), known);
        let end = Player::client(&script, |expected, came| expected == came).play(&mut io, mode).unwrap();
        drop(io);
        // However it ends: no panic, no hang, and nothing half-written.
        let _ = server.join().unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        match end {
            End::Cut { .. } => {}
            ref end => assert_eq!(*end, End::Whole, "{mode:?}"),
        }
        if end == End::Whole && mode.cut_after.is_some() {
            return;
        }
    }
}

const MAIL: &str = "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\nFrom: Fred Foobar <foobar@Blurdybloop.COM>\nSubject: afternoon meeting\nTo: mooch@owatagu.siam.edu\nMessage-Id: <B27397-0100000@Blurdybloop.COM>\nMIME-Version: 1.0\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\nHello Joe, do you think we can meet at 3:30 tomorrow?\n";
const MULTI: &str = "From: a@b\nSubject: parts\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ntwo\n--b--\n";

fn put(account: &Account, folder: &str, text: &str) {
    let mut draft = account.draft().unwrap();
    draft.write(text.as_bytes()).unwrap();
    let date = Some(std::time::UNIX_EPOCH + Duration::from_secs(837_596_665));
    let target = super::super::mailbox::Target {
        account,
        folder,
        flags: crate::message::flags::Flags::none(),
        internal_date: date,
    };
    for result in draft.commit(&[target]) {
        result.unwrap();
    }
}

#[test]
fn the_dialogue_of_rfc_3501() {
    play(
        false,
        |account| {
            for _ in 0..3 {
                put(account, "INBOX", MAIL);
            }
        },
        r#"
S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN] ready
C: a000 select inbox
S: a000 BAD
C: a001 login bob tulip
S: a001 OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN] done
C: a002 select inbox
S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] x
S: * 3 EXISTS
S: * 3 RECENT
S: * OK [UNSEEN 1] x
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 4] x
S: a002 OK [READ-WRITE] SELECT completed
C: a003 fetch 2 full
S: * 2 FETCH (FLAGS (\\Recent) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 310 ENVELOPE ("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "afternoon meeting" (("Fred Foobar" NIL "foobar" "Blurdybloop.COM")) (("Fred Foobar" NIL "foobar" "Blurdybloop.COM")) (("Fred Foobar" NIL "foobar" "Blurdybloop.COM")) ((NIL NIL "mooch" "owatagu.siam.edu")) NIL NIL NIL "<B27397-0100000@Blurdybloop.COM>") BODY ("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7bit" 55 1))
S: a003 OK done
C: a004 fetch 2 body.peek[header.fields (subject to)]
S: * 2 FETCH (BODY[HEADER.FIELDS (subject to)] {58}
S: Subject: afternoon meeting
S: To: mooch@owatagu.siam.edu
S: 
S: )
S: a004 OK done
C: a005 store 2 +flags \\deleted
S: * 2 FETCH (FLAGS (\\Deleted \\Recent))
S: a005 OK +FLAGS completed
C: a05b fetch 1 body[text]
S: * 1 FETCH (BODY[TEXT] {55}
S: Hello Joe, do you think we can meet at 3:30 tomorrow?
S:  FLAGS (\\Seen \\Recent))
S: a05b OK done
C: a05c expunge
S: * 2 EXPUNGE
S: * 2 RECENT
S: a05c OK done
C: a006 logout
S: * BYE
S: a006 OK LOGOUT completed
"#,
    );
}

#[test]
fn appends_and_copies_tell_their_uids() {
    play(
        true,
        |_| {},
        r#"
S: * PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN] ready
C: a1 append work (\\Seen) {6}
S: a1 NO [TRYCREATE] no
C: a2 append work {6+}
C: a: b
C: 
S: a2 NO [TRYCREATE] no
C: a3 create work
S: a3 OK done
C: a4 append work (\\Seen blue) "17-Jul-1996 02:44:25 -0700" {8}
S: + go on
C: a: b
C: 
C: 
S: a4 OK [APPENDUID $v 1] done
C: a5 append {4+}
C: work {8+}
C: a: c
C: 
C: 
S: a5 OK [APPENDUID $v 2] done
C: a6 examine work
S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft blue)
S: * OK [PERMANENTFLAGS ()] x
S: * 2 EXISTS
S: * 2 RECENT
S: * OK [UNSEEN 2] x
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 3] x
S: a6 OK [READ-ONLY] done
C: a7 uid fetch 1:* (flags internaldate rfc822)
S: * 1 FETCH (UID 1 FLAGS (\\Seen blue \\Recent) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822 {8}
S: a: b
S: 
S: )
S: * 2 FETCH (UID 2 FLAGS (\\Recent) INTERNALDATE "***" RFC822 {8}
S: a: c
S: 
S: )
S: a7 OK done
C: a8 store 1 flags ()
S: a8 NO [CANNOT] read-only
C: a9 uid copy 1:2 INBOX
S: a9 OK [COPYUID $w 1:2 1:2] done
C: b1 uid copy 1 nowhere
S: b1 NO [TRYCREATE] no
C: b2 copy 3 INBOX
S: b2 BAD no
C: b3 uid copy 77 INBOX
S: b3 OK nothing
C: b4 append INBOX {0}
S: b4 NO [CANNOT] empty
C: b5 append INBOX {99999999999999999999}
S: b5 NO [TOOBIG] no
C: b6 append INBOX (\\Nonsense) {4}
S: b6 NO [CANNOT] no
C: b7 append INBOX {2+}
C: abc
S: b7 BAD no
C: b8 status INBOX (messages unseen uidnext recent)
S: * STATUS INBOX (MESSAGES 2 UNSEEN 1 UIDNEXT 3 RECENT 2)
S: b8 OK done
C: b9 append work ~{4}
S: b9 BAD binary
"#,
    );
}

#[test]
fn sections_and_partials() {
    play(
        true,
        |account| put(account, "INBOX", MULTI),
        r#"
S: * PREAUTH [***] x
C: a examine inbox
S: * FLAGS (***
S: * OK ***
S: * 1 EXISTS
S: * 1 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: a OK [READ-ONLY] x
C: b fetch 1 (body[1] body[2.header] body[2.text]<1.3> body[2.mime]<500.9> body[7] body[1.header] body[2.1] body[header.fields (x)]<0.1>)
S: * 1 FETCH (BODY[1] {3}
S: one BODY[2.HEADER] {18}
S: Subject: inner
S: 
S:  BODY[2.TEXT]<1> {2}
S: wo BODY[2.MIME]<500> {0}
S:  BODY[7] NIL BODY[1.HEADER] NIL BODY[2.1] {3}
S: two BODY[HEADER.FIELDS (x)]<0> {1}
S: ***
S: b OK x
C: c fetch 1 bodystructure
S: * 1 FETCH (BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 3 0 NIL NIL NIL NIL)("message" "rfc822" NIL NIL NIL "7bit" 21 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" NIL NIL NIL "7bit" 3 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL))
S: c OK x
C: d fetch 1 (flags body[]<0.4> body.peek[]<4.5>)
S: * 1 FETCH (FLAGS (\\Recent) BODY[]<0> {4}
S: From BODY[]<4> {5}
S: : a@b)
S: d OK x
C: e fetch 2 flags
S: e BAD no
C: f uid fetch 4:9 flags
S: f OK x
"#,
    );
}

#[test]
fn searches() {
    play(
        true,
        |account| {
            put(account, "INBOX", MAIL);
            put(account, "INBOX", MULTI);
            put(account, "INBOX", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: 1 Mar 2020 23:30 -0800\n\nx\n");
        },
        r#"
S: * PREAUTH [***] x
C: a examine inbox
S: * FLAGS (***
S: * OK ***
S: * 3 EXISTS
S: * 3 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: a OK [READ-ONLY] x
C: b search all
S: * SEARCH 1 2 3
S: b OK x
C: c uid search from foobar
S: * SEARCH 1
S: c OK x
C: d search subject "AFTERNOON" body {4}
S: + go on
C: 3:30
S: * SEARCH 1
S: d OK x
C: e search or body two text PARTS not 1
S: * SEARCH 2
S: e OK x
C: f search charset utf-8 subject {7+}
C: GRÜßE
S: * SEARCH 3
S: f OK x
C: g search charset koi8-r subject x
S: g NO [BADCHARSET (US-ASCII UTF-8)] x
C: h search senton 1-Mar-2020 on 17-jul-1996 since 16-Jul-1996 before 18-Jul-1996
S: * SEARCH 3
S: h OK x
C: i search larger 300 new unseen undeleted unkeyword blue smaller 1000 uid 1:*
S: * SEARCH 1
S: i OK x
C: j search seen
S: * SEARCH
S: j OK x
C: k search header content-type "" 2:*
S: * SEARCH 2
S: k OK x
C: l search 9
S: * SEARCH
S: l OK x
C: m search foo
S: m BAD x
"#,
    );
}

#[test]
fn folders_by_name() {
    play(
        true,
        |_| {},
        r#"
S: * PREAUTH [***] x
C: a list "" ""
S: * LIST (\\Noselect) "/" ""
S: a OK x
C: b create Entw&APw-rfe/alt
S: b OK x
C: c create "two words"
S: c OK x
C: d create inbox
S: d NO [ALREADYEXISTS] x
C: e list "" *
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST (\\Noselect \\HasChildren) "/" Entw&APw-rfe
S: * LIST (\\HasNoChildren) "/" Entw&APw-rfe/alt
S: * LIST (\\HasNoChildren) "/" "two words"
S: e OK x
C: f list "" %
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST (\\Noselect \\HasChildren) "/" Entw&APw-rfe
S: * LIST (\\HasNoChildren) "/" "two words"
S: f OK x
C: g subscribe Entw&APw-rfe/alt
S: g OK x
C: h lsub "" %
S: * LSUB (\\Noselect) "/" Entw&APw-rfe
S: h OK x
C: i lsub "" *
S: * LSUB () "/" Entw&APw-rfe/alt
S: i OK x
C: j rename Entw&APw-rfe alt
S: j OK x
C: k list alt/ %
S: * LIST (\\HasNoChildren) "/" alt/alt
S: k OK x
C: l unsubscribe Entw&APw-rfe/alt
S: l OK x
C: m delete alt/alt
S: m OK x
C: n delete nix
S: n NO [NONEXISTENT] x
C: o delete INBOX
S: o NO [CANNOT] x
C: p namespace
S: * NAMESPACE (("" "/")) NIL NIL
S: p OK x
C: q select nix
S: q NO [NONEXISTENT] x
C: r id nil
S: * ID ("name" "pipepost" "version" "***")
S: r OK x
C: s status "two words" (messages uidnext)
S: * STATUS "two words" (MESSAGES 0 UIDNEXT 1)
S: s OK x
C: t select "two words"
S: * FLAGS (***
S: * OK ***
S: * 0 EXISTS
S: * 0 RECENT
S: * OK ***
S: * OK ***
S: t OK [READ-WRITE] x
C: u fetch 1:* flags
S: u OK x
C: v delete "two words"
S: v OK x
C: w check
S: w BAD x
C: x create ../etc
S: x ***
C: y create &AC4ALgAv-
S: y BAD x
"#,
    );
}

#[test]
fn login_and_authenticate() {
    play(
        false,
        |_| {},
        r#"
S: * OK [***] x
C: a authenticate plain AGJvYgB0dWxpcA==
S: a OK [***] x
C: b login bob tulip
S: b BAD x
"#,
    );
    play(
        false,
        |_| {},
        r#"
S: * OK [***] x
C: a authenticate plain
S: +\x20
C: *
S: a BAD x
C: b authenticate cram-md5
S: b NO [CANNOT] x
C: c login {3}
S: + go on
C: bob {5}
S: + go on
C: wrong
S: c NO [AUTHENTICATIONFAILED] x
C: d login bob "tulip"
S: d OK [***] x
"#,
    );
    play(
        false,
        |_| {},
        r#"
S: * OK [***] x
C: a login bob x
C: b login bob y
C: c login bob z
S: a NO [AUTHENTICATIONFAILED] x
S: b NO [AUTHENTICATIONFAILED] x
S: c NO [AUTHENTICATIONFAILED] x
S: * BYE x
"#,
    );
}

#[test]
fn what_a_hostile_client_gets() {
    play(
        false,
        |_| {},
        r#"
S: * OK [***] x
C: a login {100000}
S: a NO [LIMIT] x
C: b append x {10}
S: + x
C: 0123456789
S: b BAD x
C: 
S: * BAD x
C: d xyzzy
S: d BAD x
C: e noop {100000+}
S: * BYE x
"#,
    );
    let bad: String = (0..10).map(|n| format!("C: a{n} foo\n")).collect();
    let answers: String = (0..10).map(|n| format!("S: a{n} BAD x\n")).collect();
    play(true, |_| {}, &format!("S: * PREAUTH ***\n{bad}{answers}S: * BYE x\n"));
    let dir = tempfile::tempdir().unwrap();
    for (says, hears) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "ready"),
        (format!("a login {}", "x".repeat(100_000)), "* BYE "),
        (format!("a search {}\r\n", "(".repeat(60_000)), "a BAD nested too deep"),
    ] {
        let (mut io, server) = start(dir.path(), false);
        let _ = io.write_all(says.as_bytes());
        let _ = io.shutdown(std::net::Shutdown::Write);
        let mut all = String::new();
        let _ = io.read_to_string(&mut all);
        assert!(all.contains(hears) && all.lines().count() < 4, "{all}");
        let _ = server.join().unwrap();
    }
}

fn line(io: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    io.read_line(&mut line).unwrap();
    line
}

fn until(io: &mut BufReader<UnixStream>, tag: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let l = line(io);
        assert!(!l.is_empty(), "{all:?}");
        all.push(l.trim_end().to_owned());
        if l.starts_with(tag) {
            return all;
        }
    }
}
