//! SEARCH.

use super::{MAIL, MULTI, play, put};

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
S: * OK [HIGHESTMODSEQ ***] x
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
