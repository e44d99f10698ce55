//! What programs ask of the library and no transcript of theirs shows; each dialogue is one flight after the other, as the peer
//! does not answer before it has all that the script says.

use super::*;
use crate::error::Fate;
use crate::net::endpoint::Service;
use crate::net::script::{End, Mode, Player, Script};
use crate::net::stream::Socket;
use crate::proto::mailbox::Mailbox;
use std::os::unix::net::UnixStream;
use std::thread;

const HELLO: &str = "S: 220 x\nC: EHLO h\nS: 250-x\nS: 250-PIPELINING\n";

/// Plays `script` at a client, on which `f` is called.
fn at(script: &str, f: impl FnOnce(Client)) {
    let script = Script::parse(script).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let peer = thread::spawn(move || {
        let mut theirs = theirs;
        theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Player::server(&script).play(&mut theirs, Mode::default())
    });
    f(Client::open(Wire::over(Socket::new(ours).unwrap(), "peer"), Service::Smtp, "h", None).unwrap());
    assert!(matches!(peer.join().unwrap(), Ok(End::Whole)));
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

fn envelope(to: &[&str], message: &str) -> Envelope {
    let to = to.iter().map(|to| mailbox(to)).collect();
    Envelope { from: Some(mailbox("a@x")), to, size: message.len() as u64, ..Envelope::default() }
}

fn fates(outcomes: &[Outcome]) -> Vec<Fate> {
    outcomes.iter().map(|o| o.fate).collect()
}

#[test]
fn the_next_offer_leaves_with_the_end_of_the_message() {
    let script = format!(
        "{HELLO}S: 250 HELP\nC: MAIL FROM:<a@x>\nC: RCPT TO:<b@x>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n\
         C: one\nC: .\nC: MAIL FROM:<a@x>\nC: RCPT TO:<c@x>\nC: DATA\nS: 250 one\nS: 250 ok\nS: 250 ok\nS: 354 go\n\
         C: two\nC: .\nC: QUIT\nS: 554 two\nS: 221 bye\n"
    );
    at(&script, |mut client| {
        let (one, two) = (envelope(&["b@x"], "one\r\n"), envelope(&["c@x"], "two\r\n"));
        let sent = client.send_then(&one, &mut &b"one\n"[..], Then::Offer(&two), &mut |_| Ok(())).unwrap();
        assert_eq!((sent[0].fate, sent[0].text.as_str()), (Fate::Done, "one"));
        assert!(client.is_open());
        let sent = client.send_then(&two, &mut &b"two\n"[..], Then::Quit, &mut |_| Ok(())).unwrap();
        assert_eq!((sent[0].fate, sent[0].text.as_str()), (Fate::Never, "two"));
        assert!(!client.is_open());
        client.quit().unwrap();
    });
}

#[test]
fn an_offer_that_is_not_taken_up_costs_the_connection() {
    let script = format!(
        "{HELLO}S: 250 HELP\nC: MAIL FROM:<a@x>\nC: RCPT TO:<b@x>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n\
         C: one\nC: .\nC: MAIL FROM:<a@x>\nC: RCPT TO:<c@x>\nC: DATA\nS: 250 one\nS: 421 enough\n== hangup\n"
    );
    at(&script, |mut client| {
        let (one, two) = (envelope(&["b@x"], "one\r\n"), envelope(&["c@x"], "two\r\n"));
        let sent = client.send_then(&one, &mut &b"one\n"[..], Then::Offer(&two), &mut |_| Ok(())).unwrap();
        assert_eq!(fates(&sent), [Fate::Done]);
        assert!(!client.is_open(), "421 was said to the offer");
    });
}

#[test]
fn the_hand_over_is_told_before_it_happens() {
    let script = format!(
        "{HELLO}S: 250 HELP\nC: MAIL FROM:<a@x>\nC: RCPT TO:<b@x>\nC: RCPT TO:<c@x>\nC: DATA\nS: 250 ok\nS: 250 ok\n\
         S: 550 no\nS: 354 go\n== hangup\n"
    );
    at(&script, |mut client| {
        let one = envelope(&["b@x", "c@x"], "one\r\n");
        let mut told = Vec::new();
        let e = client.send_then(&one, &mut &b"one\n"[..], Then::Wait, &mut |outcomes| {
            told = fates(outcomes);
            Err(Error::io("no room to note it"))
        });
        assert_eq!(e.unwrap_err().exit(), Exit::IoErr);
        assert_eq!(told, [Fate::Done, Fate::Never]);
    });
}

#[test]
fn domains_are_counted_in_a_connection() {
    let script = format!(
        "{HELLO}S: 250 LIMITS RCPTDOMAINMAX=1\nC: MAIL FROM:<a@x>\nC: RCPT TO:<b@x>\nC: RCPT TO:<d@X>\nC: DATA\n\
         S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: one\nC: .\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
    );
    at(&script, |mut client| {
        let one = envelope(&["b@x", "c@y", "d@X"], "one\r\n");
        let sent = client.send(&one, &mut &b"one\n"[..]).unwrap();
        assert_eq!(fates(&sent), [Fate::Done, Fate::Later, Fate::Done]);
        assert_eq!(sent.iter().map(|o| o.untried).collect::<Vec<_>>(), [false, true, false]);
        client.quit().unwrap();
    });
}

#[test]
fn a_message_of_another_size_than_was_said_never_ends() {
    let large = "C: MAIL FROM:<a@x>\nC: RCPT TO:<b@x>\nS: 250 ok\nS: 250 ok\n";
    for (size, commands) in [(4, ""), (7, ""), (20_000, large)] {
        at(&format!("{HELLO}S: 250 CHUNKING\n{commands}== hangup\n"), |mut client| {
            let one = Envelope { size, ..envelope(&["b@x"], "") };
            assert_eq!(client.send(&one, &mut &b"one\n"[..]).unwrap_err().exit(), Exit::Internal);
        });
    }
}
