//! MOVE (RFC 6851).

use super::{MAIL, MULTI, play, put};

#[test]
fn what_is_moved_is_told_and_then_gone() {
    play(
        true,
        |account| {
            for text in [MAIL, MULTI, MAIL, MULTI] {
                put(account, "INBOX", text);
            }
        },
        r#"
S: * PREAUTH [***] x
C: a move 1 Trash
S: a BAD no mailbox
C: b examine INBOX
S: * FLAGS ***
S: * OK ***
S: * 4 EXISTS
S: * 4 RECENT
S: * OK ***
S: * OK ***
S: * OK ***
S: * OK [HIGHESTMODSEQ ***] x
S: b OK [READ-ONLY] x
C: c move 1 Trash
S: c NO [CANNOT] read-only
C: d select INBOX
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 4 EXISTS
S: * 4 RECENT
S: * OK ***
S: * OK [UIDVALIDITY $i] x
S: * OK ***
S: * OK [HIGHESTMODSEQ ***] x
S: d OK [READ-WRITE] x
C: e store 2 flags (\\Flagged blue)
S: * FLAGS ***
S: * OK ***
S: * 2 FETCH (FLAGS (\\Flagged blue \\Recent))
S: e OK done
C: f move 2,4 Trash
S: * OK [COPYUID $v 2,4 1:2] moved
S: * 4 EXPUNGE
S: * 2 EXPUNGE
S: * 2 RECENT
S: f OK done
C: g uid move 1 nowhere
S: g NO [TRYCREATE] no
C: h uid move 2 Trash
S: h OK nothing
C: i move 3 Trash
S: i BAD there is no message 3
C: j uid move 1:* inbox
S: * OK [COPYUID $i 1,3 5:6] moved
S: * 2 EXPUNGE
S: * 1 EXPUNGE
S: * 2 EXISTS
S: j OK done
C: k select Trash
S: * OK [CLOSED] x
S: * FLAGS ***
S: * OK ***
S: * 2 EXISTS
S: * 2 RECENT
S: * OK [UNSEEN 1] x
S: * OK [UIDVALIDITY $v] x
S: * OK [UIDNEXT 3] x
S: * OK [HIGHESTMODSEQ ***] x
S: k OK [READ-WRITE] x
C: l fetch 1:2 (flags rfc822.size)
S: * 1 FETCH (FLAGS (\\Flagged blue \\Recent) RFC822.SIZE $x)
S: * 2 FETCH (FLAGS (\\Recent) RFC822.SIZE $x)
S: l OK done
"#,
    );
}
