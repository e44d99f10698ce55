//! COMPRESS.

use super::{MAIL, house, play, put, start};
use crate::error::Exit;
use crate::net::Wire;
use crate::net::stream::Socket;
use crate::net::trace::TraceTo;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[test]
fn what_is_not_compressed() {
    play(
        false,
        |_| {},
        r#"
S: * OK [CAPABILITY ***] ready
C: a1 compress deflate
S: a1 BAD log in first
C: a2 login bob tulip
S: a2 OK [CAPABILITY ***] done
C: a3 compress lzw
S: a3 BAD unknown
C: a4 compress
S: a4 BAD what
C: a5 compress deflate
C: a6 noop
S: a5 BAD pipelined
S: a6 OK done
C: a7 logout
S: * BYE
S: a7 OK LOGOUT completed
"#,
    );
}

#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A client's wire to a session, compressed, with its trace.
fn compressed(root: &std::path::Path) -> (Wire, Shown, std::thread::JoinHandle<crate::error::Result<()>>) {
    put(&house(root, true).account, "INBOX", &format!("{MAIL}{}", "and so on\n".repeat(50_000)));
    let (socket, server) = start(root, true);
    let mut wire = Wire::over(Socket::new(socket).unwrap(), "server");
    let shown = Shown::default();
    wire.trace(TraceTo::new(shown.clone(), false));
    assert!(wire.line(2000).unwrap().ends_with(b"ready"));
    wire.put("a1 COMPRESS DEFLATE\r\n").unwrap();
    assert!(wire.line(1000).unwrap().starts_with(b"a1 OK "));
    wire.compress().unwrap();
    (wire, shown, server)
}

fn until(wire: &mut Wire, tag: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let line = String::from_utf8_lossy(wire.line(100_000).unwrap()).into_owned();
        all.push(line.clone());
        if line.starts_with(tag) {
            return all;
        }
    }
}

#[test]
fn a_compressed_session() {
    let dir = tempfile::tempdir().unwrap();
    let (mut wire, shown, server) = compressed(dir.path());
    wire.put("a2 COMPRESS DEFLATE\r\na3 CAPABILITY\r\na4 SELECT INBOX\r\na5 FETCH 1 BODY[]\r\n").unwrap();
    assert!(until(&mut wire, "a2 ")[0].starts_with("a2 NO [COMPRESSIONACTIVE] "));
    assert!(!until(&mut wire, "a3 ")[0].contains("COMPRESS"));
    until(&mut wire, "a4 ");
    let fetched = until(&mut wire, "a5 ");
    assert_eq!(fetched.iter().filter(|line| *line == "and so on").count(), 50_000);
    wire.put("a6 APPEND INBOX {12+}\r\nA: b\r\n\r\nhi\r\n\r\n").unwrap();
    assert!(until(&mut wire, "a6 ").last().unwrap().starts_with("a6 OK [APPENDUID "));
    wire.put("a7 IDLE\r\n").unwrap();
    until(&mut wire, "+");
    wire.put("DONE\r\na8 LOGOUT\r\n").unwrap();
    until(&mut wire, "a8 ");
    server.join().unwrap().unwrap();
    let shown = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("C: a5 FETCH 1 BODY[]\n") && shown.contains("S: and so on\n"), "{shown}");
}

#[test]
fn a_broken_stream_ends_the_session() {
    let dir = tempfile::tempdir().unwrap();
    let (mut io, server) = start(dir.path(), true);
    let mut wire = Wire::over(Socket::new(io.try_clone().unwrap()).unwrap(), "server");
    wire.line(2000).unwrap();
    wire.put("a1 COMPRESS DEFLATE\r\n").unwrap();
    assert!(wire.line(1000).unwrap().starts_with(b"a1 OK "));
    io.set_nonblocking(false).unwrap();
    io.write_all(b"a2 NOOP\r\n").unwrap();
    drop((wire, io));
    assert_eq!(server.join().unwrap().unwrap_err().exit(), Exit::Protocol);
}
