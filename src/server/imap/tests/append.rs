//! APPEND and COPY.

use super::{play, start};
use std::io::{Read, Write};

#[test]
fn appends_and_copies_tell_their_uids() {
    play(
        true,
        |_| {},
        r#"
S: * PREAUTH [CAPABILITY ***] ready
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
S: * OK [HIGHESTMODSEQ ***] x
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
S: + go on
C: \x00\x0a\x0ax
S: * 3 EXISTS
S: * 3 RECENT
S: b9 OK [APPENDUID $v 3] done
"#,
    );
}

#[test]
fn several_messages_or_none() {
    play(
        true,
        |_| {},
        r#"
S: * PREAUTH [***] x
C: a1 append Sent (\\Seen) {8}
S: + go on
C: a: b
C: 
C:  (\\Flagged blue) "17-Jul-1996 02:44:25 -0700" {8}
S: + go on
C: a: c
C: 
C:  {8+}
C: a: d
C: 
C: 
S: a1 OK [APPENDUID $v 1:3] done
C: a2 examine Sent
S: * FLAGS ***
S: * OK ***
S: * 3 EXISTS
S: * 3 RECENT
S: * OK ***
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 4] x
S: * OK [HIGHESTMODSEQ 4] x
S: a2 OK [READ-ONLY] done
C: a3 uid fetch 1:* (flags body.peek[])
S: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) BODY[] {8}
S: a: b
S: 
S: )
S: * 2 FETCH (UID 2 FLAGS (\\Flagged blue \\Recent) BODY[] {8}
S: a: c
S: 
S: )
S: * 3 FETCH (UID 3 FLAGS (\\Recent) BODY[] {8}
S: a: d
S: 
S: )
S: a3 OK done
C: b1 append Sent {8}
S: + go on
C: a: b
C: 
C:  {2000000}
S: b1 NO [TOOBIG] none of them
C: b2 append Sent {8+}
C: a: b
C: 
C:  (\\Nonsense) {3+}
C: x
C:  {4+}
C: a:
C: 
S: b2 NO [CANNOT] none of them
C: b3 append Sent {8+}
C: a: b
C: 
C:  (oops {3+}
C: x
C: 
S: b3 BAD x
C: b4 append Sent {8+}
C: a: b
C: 
C: {3}
S: b4 BAD x
C: b5 append Sent {8+}
C: a: b
C: 
C:  {0+}
C: 
S: b5 NO [CANNOT] empty
C: b6 status Sent (messages uidnext)
S: * STATUS Sent (MESSAGES 3 UIDNEXT 4)
S: b6 OK x
"#,
    );
}

#[test]
fn a_flood_of_messages_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (mut io, server) = start(dir.path(), true);
    let mut flood = "a append INBOX".to_owned();
    (0..150).for_each(|n| flood.push_str(&format!(" {{6+}}\r\n{n:03}:\r\n")));
    io.write_all(format!("{flood}\r\nb status INBOX (messages)\r\nc logout\r\n").as_bytes()).unwrap();
    let mut all = String::new();
    io.read_to_string(&mut all).unwrap();
    assert!(all.contains("\r\na NO [LIMIT]") && all.contains("(MESSAGES 0)"), "{all}");
    let _ = server.join().unwrap();
}
