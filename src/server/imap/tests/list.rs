//! LIST with the options of RFC 5258, RFC 5819 and RFC 6154.

use super::{MAIL, play, put, start};
use crate::server::mailbox::Account;
use std::io::{Read, Write};

/// A tree without the folders that a new one has.
fn bare(account: &Account) {
    for folder in ["Archive", "Drafts", "Junk", "Sent", "Trash"] {
        account.delete(folder).unwrap();
        account.subscribe(folder, false).unwrap();
    }
}

#[test]
fn examples_of_rfc_5258() {
    play(
        true,
        |account| {
            bare(account);
            for name in
                ["Fruit/Apple", "Fruit/Banana", "Fruit", "Tofu", "Vegetable/Broccoli", "Vegetable/Corn", "Vegetable"]
            {
                account.create(name).unwrap();
            }
            for name in ["INBOX", "Fruit/Banana", "Vegetable", "Vegetable/Broccoli"] {
                account.subscribe(name, true).unwrap();
            }
            account.create("Fruit/Peach").unwrap();
            account.subscribe("Fruit/Peach", true).unwrap();
            account.delete("Fruit/Peach").unwrap();
        },
        r#"
S: * PREAUTH [***] x
C: A02 LIST (SUBSCRIBED) "" "*"
S: * LIST (\\Subscribed \\HasNoChildren) "/" INBOX
S: * LIST (\\Subscribed \\HasNoChildren) "/" Fruit/Banana
S: * LIST (\\NonExistent \\Subscribed) "/" Fruit/Peach
S: * LIST (\\Subscribed \\HasChildren) "/" Vegetable
S: * LIST (\\Subscribed \\HasNoChildren) "/" Vegetable/Broccoli
S: A02 OK done
C: A03 LIST () "" "%" RETURN (CHILDREN)
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST (\\HasChildren) "/" Fruit
S: * LIST (\\HasNoChildren) "/" Tofu
S: * LIST (\\HasChildren) "/" Vegetable
S: A03 OK done
C: A04 LIST (REMOTE) "" "%" RETURN (CHILDREN SUBSCRIBED)
S: * LIST (\\Subscribed \\HasNoChildren) "/" INBOX
S: * LIST (\\HasChildren) "/" Fruit
S: * LIST (\\HasNoChildren) "/" Tofu
S: * LIST (\\Subscribed \\HasChildren) "/" Vegetable
S: A04 OK done
C: C01 LIST "" ("INBOX" "Veg%" "V*" "Tofu")
S: * LIST (\\HasNoChildren) "/" INBOX
S: * LIST (\\HasNoChildren) "/" Tofu
S: * LIST (\\HasChildren) "/" Vegetable
S: * LIST (\\HasNoChildren) "/" Vegetable/Broccoli
S: * LIST (\\HasNoChildren) "/" Vegetable/Corn
S: C01 OK done
C: C02 LIST (RECURSIVEMATCH) "" "*"
S: C02 BAD no
C: C03 LIST (RECURSIVEMATCH REMOTE) "" "*"
S: C03 BAD no
C: C04 LIST (FOO) "" "*"
S: C04 BAD no
C: C05 LIST "" "*" RETURN (FOO)
S: C05 BAD no
C: C06 LIST "" ()
S: C06 BAD no
C: C07 LIST () "" ""
S: C07 OK nothing
"#,
    );
}

#[test]
fn parents_of_what_is_subscribed_to() {
    play(
        true,
        |account| {
            bare(account);
            for name in ["foo", "foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "eps2/mamba", "qux2/bar2"] {
                account.create(name).unwrap();
            }
            for name in ["foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "eps2", "eps2/mamba", "qux2/bar2"] {
                account.subscribe(name, true).unwrap();
            }
            account.delete("qux2/bar2").unwrap();
        },
        r#"
S: * PREAUTH [***] x
C: a list (RECURSIVEMATCH SUBSCRIBED) "" "*2"
S: * LIST (\\Subscribed \\HasNoChildren) "/" baz2/bar2
S: * LIST (\\Subscribed \\HasNoChildren) "/" baz2/bar22
S: * LIST (\\NonExistent \\Subscribed \\HasChildren) "/" eps2 (CHILDINFO ("SUBSCRIBED"))
S: * LIST (\\NonExistent \\HasChildren) "/" foo2 (CHILDINFO ("SUBSCRIBED"))
S: * LIST (\\Subscribed \\HasNoChildren) "/" foo2/bar2
S: * LIST (\\NonExistent \\Subscribed) "/" qux2/bar2
S: a OK done
C: b list (SUBSCRIBED RECURSIVEMATCH) "" % return (subscribed)
S: * LIST (\\NonExistent \\HasChildren) "/" baz2 (CHILDINFO ("SUBSCRIBED"))
S: * LIST (\\NonExistent \\Subscribed \\HasChildren) "/" eps2 (CHILDINFO ("SUBSCRIBED"))
S: * LIST (\\NonExistent \\HasChildren) "/" foo2 (CHILDINFO ("SUBSCRIBED"))
S: * LIST (\\NonExistent) "/" qux2 (CHILDINFO ("SUBSCRIBED"))
S: b OK done
C: c list (SPECIAL-USE SUBSCRIBED) "" *
S: c OK nothing
"#,
    );
}

#[test]
fn special_uses_and_counts() {
    play(
        true,
        |account| {
            put(account, "INBOX", MAIL);
            put(account, "Sent", MAIL);
            account.create("old/Sent").unwrap();
        },
        r#"
S: * PREAUTH [***] x
C: a list (SPECIAL-USE) "" "*"
S: * LIST (\\HasNoChildren \\Archive) "/" Archive
S: * LIST (\\HasNoChildren \\Drafts) "/" Drafts
S: * LIST (\\HasNoChildren \\Junk) "/" Junk
S: * LIST (\\HasNoChildren \\Sent) "/" Sent
S: * LIST (\\HasNoChildren \\Trash) "/" Trash
S: a OK done
C: b list "" (INBOX S% o%) RETURN (SPECIAL-USE STATUS (MESSAGES SIZE UNSEEN))
S: * LIST (\\HasNoChildren) "/" INBOX
S: * STATUS INBOX (MESSAGES 1 SIZE 310 UNSEEN 1)
S: * LIST (\\HasNoChildren \\Sent) "/" Sent
S: * STATUS Sent (MESSAGES 1 SIZE 310 UNSEEN 1)
S: * LIST (\\NonExistent \\HasChildren) "/" old
S: b OK done
C: c status INBOX (size appendlimit)
S: * STATUS INBOX (SIZE 310 APPENDLIMIT 1048576)
S: c OK done
C: d rename Sent Post
S: d OK done
C: e list (special-use) "" "%" return (status (appendlimit))
S: * LIST (\\HasNoChildren \\Archive) "/" Archive
S: * STATUS Archive (APPENDLIMIT 1048576)
S: * LIST (\\HasNoChildren \\Drafts) "/" Drafts
S: * STATUS Drafts (APPENDLIMIT 1048576)
S: * LIST (\\HasNoChildren \\Junk) "/" Junk
S: * STATUS Junk (APPENDLIMIT 1048576)
S: * LIST (\\HasNoChildren \\Trash) "/" Trash
S: * STATUS Trash (APPENDLIMIT 1048576)
S: e OK done
C: f list "" *nt return (status ())
S: f BAD no
C: g enable nothing "we know"
S: g BAD no
C: h enable nothing X-WE=KNOW
S: * ENABLED
S: h OK done
"#,
    );
}

#[test]
fn patterns_have_limits() {
    let dir = tempfile::tempdir().unwrap();
    let (mut io, server) = start(dir.path(), true);
    let many = "a* ".repeat(33);
    let long = "%a".repeat(2500);
    write!(io, "a list \"\" ({many})\r\nb list \"\" ({long} x)\r\nc logout\r\n").unwrap();
    let mut all = String::new();
    io.read_to_string(&mut all).unwrap();
    assert!(all.contains("\r\na NO [LIMIT]") && all.contains("\r\nb NO [LIMIT]"), "{all}");
    let _ = server.join().unwrap();
}
