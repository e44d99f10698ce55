//! FETCH.

use super::{MULTI, play, put};

#[test]
fn sections_and_partials() {
    play(
        true,
        |account| {
            put(account, "INBOX", MULTI);
        },
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
S: * OK [HIGHESTMODSEQ ***] x
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
