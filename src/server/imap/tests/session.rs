//! Whole sessions, logging in, and hostile clients.

use super::{MAIL, house, play, put, start};
use crate::net::Wire;
use crate::net::stream::Socket;
use crate::server::imap::serve;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

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
S: * OK [CAPABILITY ***] ready
C: a000 select inbox
S: a000 BAD
C: a001 login bob tulip
S: a001 OK [CAPABILITY ***] done
C: a002 select inbox
S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] x
S: * 3 EXISTS
S: * 3 RECENT
S: * OK [UNSEEN 1] x
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 4] x
S: * OK [HIGHESTMODSEQ ***] x
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

#[test]
fn who_falls_asleep_is_logged_out() {
    for says in ["", "a noop\r\nb no", "a idle\r\n"] {
        let dir = tempfile::tempdir().unwrap();
        let mut house = house(dir.path(), true);
        house.limits.imap_idle = Duration::from_millis(100);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let server = std::thread::spawn(move || {
            let mut wire = Wire::over(Socket::new(theirs).unwrap(), "client").as_server();
            serve(&mut wire, &mut house)
        });
        ours.write_all(says.as_bytes()).unwrap();
        let mut all = String::new();
        ours.read_to_string(&mut all).unwrap();
        assert!(all.lines().last().unwrap().starts_with("* BYE "), "{says:?}: {all}");
        let _ = server.join().unwrap();
    }
}
