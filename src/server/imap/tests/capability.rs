//! What is announced.

use super::super::capability::ALWAYS;
use super::{line, start, until};
use std::io::{BufReader, Write};

/// What stands in `[CAPABILITY ...]` or after `* CAPABILITY`.
fn words(line: &str) -> Vec<&str> {
    let (_, rest) = line.split_once("CAPABILITY ").unwrap();
    rest.split(']').next().unwrap().split_whitespace().collect()
}

#[test]
fn greeting_command_and_login_announce_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (mut out, server) = start(dir.path(), false);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let greeting = line(&mut io);
    let before = words(&greeting);
    assert_eq!(before.first(), Some(&"IMAP4rev1"));
    out.write_all(b"a capability\r\nb login bob tulip\r\nc capability\r\nd logout\r\n").unwrap();
    assert_eq!(words(&until(&mut io, "a ")[0]), before);
    let logged_in = until(&mut io, "b ");
    assert_eq!(words(&until(&mut io, "c ")[0]), words(&logged_in[0]));
    let limit = words(&logged_in[0]).pop().unwrap();
    assert_eq!(limit, "APPENDLIMIT=1048576");
    let mut after: Vec<&str> = ALWAYS.to_vec();
    after.extend(["LITERAL+", "COMPRESS=DEFLATE", limit]);
    assert_eq!(words(&logged_in[0]), after);
    // Over a pair of sockets there is no TLS to start.
    let only_before: Vec<&str> = before.iter().filter(|w| !ALWAYS.contains(w) && **w != limit).copied().collect();
    assert_eq!(only_before, ["LITERAL-", "AUTH=PLAIN", "AUTH=LOGIN"]);
    assert!(ALWAYS.iter().all(|w| before.contains(w)));
    until(&mut io, "d ");
    let _ = server.join().unwrap();
}

/// RFC 7888 5: what LITERAL- does not allow ends the session, as it is on its way already; one that waits may be larger.
#[test]
fn literals_before_login_are_short_or_wait() {
    let dir = tempfile::tempdir().unwrap();
    for (size, plus, answer) in [(4096, "+", "a NO "), (4097, "+", "* BYE "), (4097, "", "+ ")] {
        let (mut out, server) = start(dir.path(), false);
        let mut io = BufReader::new(out.try_clone().unwrap());
        line(&mut io);
        write!(out, "a login bob {{{size}{plus}}}\r\n").unwrap();
        if answer == "a NO " {
            write!(out, "{}\r\n", "x".repeat(size)).unwrap();
        }
        let said = line(&mut io);
        assert!(said.starts_with(answer), "{size}{plus}: {said}");
        drop((io, out));
        let _ = server.join().unwrap();
    }
}
