//! APPEND and COPY.

use super::play;

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
