//! Two sessions on one mailbox, and a message that is larger than any buffer.

use super::super::serve;
use super::{MAIL, house, line, put, start, until};
use crate::net::Wire;
use crate::net::stream::Socket;
use crate::net::trace::TraceTo;
use crate::server::mailbox::{Account, FlagChange};
use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn idle_tells_what_happens_and_expunges_wait_for_their_moment() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::open(dir.path()).unwrap();
    for _ in 0..3 {
        put(&account, "INBOX", MAIL);
    }
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    out.write_all(b"a select inbox\r\nb idle\r\n").unwrap();
    until(&mut io, "+");
    let begun = std::time::Instant::now();
    put(&account, "INBOX", MAIL);
    assert_eq!(until(&mut io, "* 4 EXISTS").len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(2));
    until(&mut io, "* 4 RECENT");
    out.write_all(b"done\r\n").unwrap();
    assert!(until(&mut io, "b OK").len() == 1);
    // Another session removes the first message.
    let mut other = account.select("INBOX", false).unwrap();
    let uid = other.messages()[0].uid;
    other.remove(&[uid]).unwrap();
    out.write_all(b"c fetch 1:4 (uid flags)\r\nd fetch 1:4 body.peek[text]\r\ne noop\r\nf fetch 1 uid\r\n").unwrap();
    let rows = until(&mut io, "c ");
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert!(rows[3].starts_with("* 4 FETCH (UID 4"));
    let rows = until(&mut io, "d ");
    assert!(rows.last().unwrap().starts_with("d NO [EXPUNGEISSUED]"), "{rows:?}");
    assert_eq!(rows.iter().filter(|r| r.contains("FETCH")).count(), 3);
    assert!(!rows.iter().any(|r| r.contains("EXPUNGE") && r.starts_with('*')));
    assert!(until(&mut io, "e ").contains(&"* 1 EXPUNGE".to_owned()));
    assert!(until(&mut io, "f ").contains(&"* 1 FETCH (UID 2)".to_owned()));
    drop((io, out));
    let _ = server.join().unwrap();
}

#[test]
fn idle_tells_what_other_programs_and_sessions_do() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::open(dir.path()).unwrap();
    let first = put(&account, "INBOX", MAIL);
    put(&account, "INBOX", MAIL);
    for qresync in [false, true] {
        let (mut out, server) = start(dir.path(), true);
        let mut io = BufReader::new(out.try_clone().unwrap());
        let _ = line(&mut io);
        let enable = if qresync { "a enable qresync" } else { "a noop" };
        out.write_all(format!("{enable}\r\nb select inbox\r\nc idle\r\n").as_bytes()).unwrap();
        until(&mut io, "+");
        // cp puts one in, with a flag; mv changes its flags, and takes it from new to cur; rm takes it away.
        let cur = dir.path().join("cur");
        std::fs::write(dir.path().join("new/1.copied"), "a: b\n\nc\n").unwrap();
        until(&mut io, "* 3 EXISTS");
        let named = |letters: &str| cur.join(format!("1.copied:2,{letters}"));
        std::fs::rename(named(""), named("S")).unwrap();
        let told = until(&mut io, "* 3 FETCH ").pop().unwrap();
        assert!(told.contains("\\Seen") && told.contains("MODSEQ") == qresync, "{told}");
        std::fs::rename(named("S"), named("FS")).unwrap();
        assert!(until(&mut io, "* 3 FETCH ").pop().unwrap().contains("\\Flagged \\Seen"));
        std::fs::remove_file(named("FS")).unwrap();
        until(&mut io, if qresync { "* VANISHED " } else { "* 3 EXPUNGE" });
        // Another session sets a keyword, which this one has not heard of.
        let mut other = account.select("INBOX", false).unwrap();
        let word = if qresync { "green" } else { "blue" };
        other.store(&[0], FlagChange::Set, &word.parse().unwrap()).unwrap();
        assert!(until(&mut io, "* FLAGS ").pop().unwrap().contains(word));
        assert!(until(&mut io, "* 1 FETCH ").pop().unwrap().contains(word));
        out.write_all(b"done\r\n").unwrap();
        until(&mut io, "c OK");
        drop((io, out));
        let _ = server.join().unwrap();
    }
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    out.write_all(b"b select inbox\r\nc idle\r\n").unwrap();
    until(&mut io, "+");
    account.select("INBOX", false).unwrap().remove(&[first]).unwrap();
    until(&mut io, "* 1 EXPUNGE");
    drop((io, out));
    let _ = server.join().unwrap();
}

#[test]
fn what_has_come_since_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let account = Account::open(dir.path()).unwrap();
    put(&account, "INBOX", MAIL);
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    out.write_all(b"a select inbox\r\n").unwrap();
    until(&mut io, "a OK");
    let asked = [
        ("search all", "* SEARCH 1 2"),
        ("uid sort (arrival) utf-8 all", "* SORT 1 2 3"),
        ("thread references utf-8 4", "* THREAD (4)"),
    ];
    for ((command, answer), count) in asked.into_iter().zip(2..) {
        put(&account, "INBOX", MAIL);
        out.write_all(format!("b {command}\r\n").as_bytes()).unwrap();
        let told =
            [format!("* {count} EXISTS"), format!("* {count} RECENT"), answer.to_owned(), "b OK completed".into()];
        assert_eq!(until(&mut io, "b "), told);
    }
    // What is gone keeps its number until a command that may tell of it (RFC 3501 7.4.1).
    let mut other = account.select("INBOX", false).unwrap();
    other.remove(&[1]).unwrap();
    out.write_all(b"c search all\r\nd uid search all\r\n").unwrap();
    assert_eq!(until(&mut io, "c "), ["* SEARCH 1 2 3 4", "c OK completed"]);
    assert!(until(&mut io, "d ").contains(&"* 1 EXPUNGE".to_owned()));
    drop((io, out));
    let _ = server.join().unwrap();
}

#[test]
fn a_large_message_streams_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let (mut out, server) = start(dir.path(), true);
    let mut io = BufReader::new(out.try_clone().unwrap());
    let _ = line(&mut io);
    let body: Vec<u8> = (0..13_000u32)
        .flat_map(|n| format!("line {n} of a long message, with some more text\r\n").into_bytes())
        .collect();
    out.write_all(format!("a append INBOX {{{}+}}\r\n", body.len()).as_bytes()).unwrap();
    out.write_all(&body).unwrap();
    out.write_all(b"\r\nb examine inbox\r\n").unwrap();
    assert!(until(&mut io, "a ")[0].contains("APPENDUID"));
    until(&mut io, "b OK");
    let mut got = Vec::new();
    for (n, start) in (0..body.len()).step_by(100_000).enumerate() {
        out.write_all(format!("f{n} fetch 1 body.peek[]<{start}.100000>\r\n").as_bytes()).unwrap();
        let head = line(&mut io);
        let size: usize = head.rsplit('{').next().unwrap().trim_end().trim_end_matches('}').parse().unwrap();
        let mut piece = vec![0; size];
        io.read_exact(&mut piece).unwrap();
        got.extend_from_slice(&piece);
        until(&mut io, &format!("f{n} OK"));
    }
    assert!(got == body);
    // The session ends in the middle of an APPEND: nothing is left of it.
    out.write_all(b"c append INBOX {1000+}\r\nhalf").unwrap();
    drop((io, out));
    assert!(server.join().unwrap().is_err());
    let account = Account::open(dir.path()).unwrap();
    assert_eq!(account.select("INBOX", true).unwrap().messages().len(), 1);
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_servers_trace_has_no_passwords() {
    let dir = tempfile::tempdir().unwrap();
    let page = Page::default();
    for says in [
        "a LOGIN bob tulip\r\n",
        "a LOGIN {3+}\r\nbob \"tulip\"\r\n",
        "a LOGIN bob {5+}\r\ntulip\r\n",
        "a AUTHENTICATE PLAIN AGJvYgB0dWxpcA==\r\n",
        "a AUTHENTICATE PLAIN\r\nAGJvYgB0dWxpcA==\r\n",
        "a LOGIN \"bob tulip\r\n",
    ] {
        let mut house = house(dir.path(), false);
        let (mut io, theirs) = UnixStream::pair().unwrap();
        let mut wire = Wire::over(Socket::new(theirs).unwrap(), "client").as_server();
        wire.trace(TraceTo::new(page.clone(), false));
        io.write_all(says.as_bytes()).unwrap();
        io.write_all(b"b LOGOUT\r\n").unwrap();
        serve(&mut wire, &mut house).unwrap();
    }
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("tulip") && !text.contains("AGJv"), "{text}");
    assert!(text.contains("C: a LOGIN bob ***\n") && text.contains("a OK [") && text.contains("C: b LOGOUT"), "{text}");
}
