//! Messages and folders in UTF-8 (RFC 6855) at Courier, which shows neither to those who don't ask for it.

use super::common::Home;
use super::maildrops::{Maildrop, ready};
use super::peer::Authority;
use super::{files, home, run};

const FROM_: &str = "From x@y Sun Nov 22 22:16:00 2026\n";
const MESSAGE: &str = "From: Jö <jö@exämple.org>\nTo: bob@localhost\nSubject: Grüße\n\nhällo\n";

#[test]
fn at_courier() {
    if !ready() {
        return;
    }
    let ca = Authority::new();
    let home: &Home = &home(&ca);
    let server = Maildrop::courier(home, &ca.issue(&["localhost"], |_| {}).pem, &[MESSAGE.as_bytes().to_vec()]);
    let at = |folder: &str| format!("imaps://bob@localhost:{}/{folder}", server.imaps);
    let inbox = at("INBOX");
    let two = format!("{FROM_}{MESSAGE}\n{FROM_}Subject: plain\n\n");
    for (mbox, message) in [(false, MESSAGE), (true, &two)] {
        let arguments: &[&str] = if mbox { &["--mbox", &inbox] } else { &[&inbox] };
        assert_eq!(run(home, "imap-put", arguments, message.as_bytes()).ends(0).err, "");
    }
    let listed =
        |more: &[&str]| run(home, "imap-ls", &[&["-o", "from,subject", &inbox], more].concat(), b"").ends(0).out;
    let line = "Jö <jö@exämple.org>\tGrüße\n";
    assert_eq!(listed(&[]), format!("{}\tplain\n", line.repeat(3)));
    assert_eq!(listed(&["--where", "subject:grüße"]), line.repeat(3));
    assert_eq!(run(home, "imap-fetch", &["--into", "eml:back", &inbox], b"").ends(0).err, "");
    let back = files(home, "back");
    assert_eq!(back.iter().filter(|file| *file == MESSAGE.as_bytes()).count(), 3);
    // Folders by names that look otherwise in modified UTF-7.
    for name in ["INBOX.Entw%C3%BCrfe%20%26%20Ideen", "INBOX.a%26-b"] {
        let folder = at(name);
        run(home, "imap-mkdir", &[&folder], b"").ends(0);
        let reference = run(home, "imap-put", &[&folder], MESSAGE.as_bytes()).ends(0).out;
        assert_eq!(run(home, "imap-ls", &["--refs", &folder], b"").ends(0).out, reference);
    }
    let folders = run(home, "imap-ls", &["-o", "folder", &at("")], b"").ends(0).out;
    assert!(folders.contains("INBOX.Entwürfe & Ideen\n") && folders.contains("INBOX.a&-b\n"), "{folders}");
}
