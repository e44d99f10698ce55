//! Folders: LIST, CREATE, STATUS and the like.

use super::play;

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
S: * LIST (\\HasNoChildren \\Archive) "/" Archive
S: * LIST (\\HasNoChildren \\Drafts) "/" Drafts
S: * LIST (\\Noselect \\HasChildren) "/" Entw&APw-rfe
S: * LIST (\\HasNoChildren) "/" Entw&APw-rfe/alt
S: * LIST (\\HasNoChildren \\Junk) "/" Junk
S: * LIST (\\HasNoChildren \\Sent) "/" Sent
S: * LIST (\\HasNoChildren \\Trash) "/" Trash
S: * LIST (\\HasNoChildren) "/" "two words"
S: e OK x
C: f list "" %
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST (\\HasNoChildren \\Archive) "/" Archive
S: * LIST (\\HasNoChildren \\Drafts) "/" Drafts
S: * LIST (\\Noselect \\HasChildren) "/" Entw&APw-rfe
S: * LIST (\\HasNoChildren \\Junk) "/" Junk
S: * LIST (\\HasNoChildren \\Sent) "/" Sent
S: * LIST (\\HasNoChildren \\Trash) "/" Trash
S: * LIST (\\HasNoChildren) "/" "two words"
S: f OK x
C: g subscribe Entw&APw-rfe/alt
S: g OK x
C: h lsub "" %
S: * LSUB () "/" Archive
S: * LSUB () "/" Drafts
S: * LSUB () "/" Junk
S: * LSUB () "/" Sent
S: * LSUB () "/" Trash
S: * LSUB (\\Noselect) "/" Entw&APw-rfe
S: h OK x
C: i lsub "" *
S: * LSUB () "/" Archive
S: * LSUB () "/" Drafts
S: * LSUB () "/" Entw&APw-rfe/alt
S: * LSUB () "/" Junk
S: * LSUB () "/" Sent
S: * LSUB () "/" Trash
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
S: * OK [HIGHESTMODSEQ ***] x
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
