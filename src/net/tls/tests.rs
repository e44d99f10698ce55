//! TLS over streams that are slow, small, cut, or both writers at once.

use super::*;
use crate::body::Body;
use crate::error::Exit;
use crate::net::Wire;
use crate::net::stream::{Ready, Socket};
use crate::net::wire::{Upgrade, Wake};
use crate::text::LoneCr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

fn identity() -> Identity {
    let made = self_signed(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (made.certificate.as_bytes(), made.key.as_bytes());
    Identity::new(Certificate::from_pem(chain, "chain", key, "key").unwrap()).unwrap()
}

/// Gives and takes a few bytes at a time, and says now and then that there are none.
struct Drip {
    io: Socket<UnixStream>,
    turn: usize,
    at_most: usize,
}

impl Drip {
    fn some(&mut self, n: usize) -> io::Result<usize> {
        self.turn += 1;
        if self.at_most < usize::MAX && self.turn.is_multiple_of(3) {
            let kind = if self.turn.is_multiple_of(2) { io::ErrorKind::WouldBlock } else { io::ErrorKind::Interrupted };
            return Err(kind.into());
        }
        Ok(n.min(self.at_most))
    }
}

impl Stream for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.some(into.len())?;
        self.io.read(&mut into[..n])
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.some(bytes.len())?;
        self.io.write(&bytes[..n])
    }
    fn ready(&mut self, read: bool, write: bool, bells: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Ready> {
        self.io.ready(read, write, bells, until)
    }
    fn close(&mut self) {
        self.io.close();
    }
}

/// A client's wire and a server's at the two ends of a socket pair, under TLS; `at_most` bytes at a time.
fn pair(at_most: usize) -> (Wire, Wire) {
    let (client, server) = UnixStream::pair().unwrap();
    let drip = |io| Drip { io: Socket::new(io).unwrap(), turn: 0, at_most };
    let identity = identity();
    let tls = Arc::new(Tls::new(None, vec![identity.pin().clone()], None));
    let mut client = Wire::over(drip(client), "server");
    client.may_upgrade(Upgrade { tls, name: "localhost".into(), verify: true, demanded: true });
    let mut server = Wire::over(drip(server), "client").as_server();
    let accepting = thread::spawn(move || server.accept_tls(&identity).map(|()| server));
    client.start_tls().unwrap();
    (client, accepting.join().unwrap().unwrap())
}

struct Zeros(usize);

impl Body for Zeros {
    fn chunk(&mut self) -> Result<&[u8]> {
        let n = self.0.min(4096);
        self.0 -= n;
        Ok(&[b'0'; 4096][..n])
    }
}

#[test]
fn lines_and_bodies_in_pieces_of_any_size() {
    for at_most in [1, 7, 5000, usize::MAX] {
        let (mut client, mut server) = pair(at_most);
        assert!(client.is_secure() && server.is_secure() && client.wants_tls().is_none());
        let size = at_most.saturating_mul(1000).min(3_000_000);
        let speaking = thread::spawn(move || {
            client.put("DATA\r\n").unwrap();
            client.put_dotted(&mut Zeros(size), LoneCr::Break).unwrap();
            client.put(".\r\nQUIT\r\n").unwrap();
            let said = client.line(100).unwrap().to_vec();
            (client, said)
        });
        assert_eq!(server.line(100).unwrap(), b"DATA");
        assert_eq!(server.dotted().skip().unwrap(), size as u64 + 2);
        assert_eq!(server.line(100).unwrap(), b"QUIT");
        server.put("221 bye\r\n").unwrap();
        server.flush().unwrap();
        let (mut client, said) = speaking.join().unwrap();
        assert_eq!(said, b"221 bye");
        drop(server);
        // The goodbye of TLS leaves if it can at once.
        let end = client.line(100).unwrap_err().to_string();
        assert!(at_most < usize::MAX || end.contains("closed by the other side"), "{end}");
    }
}

/// Each end knows the same of the connection, and no other connection does.
#[test]
fn both_ends_can_be_bound_to() {
    let ((client, server), (other, _)) = (pair(usize::MAX), pair(usize::MAX));
    let names: Vec<&str> = client.bindings().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["tls-exporter", "tls-server-end-point"]);
    assert_eq!(client.bindings(), server.bindings());
    let all = client.bindings().iter().zip(other.bindings());
    assert!(all.into_iter().all(|((_, one), (_, other))| one.len() == 32 && one != other));
}

/// Both write more than any buffer holds, before either reads.
#[test]
fn two_writers_do_not_wait_for_each_other() {
    let (mut client, mut server) = pair(100_000);
    let write = |wire: &mut Wire| {
        wire.until(Deadline::after(Duration::from_secs(20)));
        (0..100).try_for_each(|_| wire.put([b'x'; 7999]).and_then(|()| wire.put("\n")))?;
        wire.flush()?;
        (0..100).try_for_each(|_| wire.line(8000).map(drop))
    };
    let other = thread::spawn(move || write(&mut server));
    write(&mut client).unwrap();
    other.join().unwrap().unwrap();
}

#[test]
fn waiting_sees_what_is_in_the_buffer_and_nothing_else() {
    let (mut client, mut server) = pair(100_000);
    // The tickets that follow a handshake are no input.
    let soon = || Deadline::after(Duration::from_millis(100));
    assert_eq!(client.wait(None, soon()).unwrap(), Wake::Deadline);
    server.put("* 1 EXISTS\r\n* 2 EXISTS\r\n").unwrap();
    server.flush().unwrap();
    assert_eq!(client.wait(None, Deadline::NEVER).unwrap(), Wake::Input);
    assert_eq!(client.line(100).unwrap(), b"* 1 EXISTS");
    assert_eq!(client.wait(None, Deadline::NEVER).unwrap(), Wake::Input);
    client.line(100).unwrap();
    assert!(!client.has_input());
    // A bell is heard.
    let (bell, ring) = UnixStream::pair().unwrap();
    drop(ring);
    assert_eq!(client.wait(Some(bell.as_fd()), Deadline::NEVER).unwrap(), Wake::Bell);
    server.close();
    assert_eq!(client.wait(None, Deadline::NEVER).unwrap(), Wake::Input);
    assert!(client.has_ended());
}

#[test]
fn a_deadline_holds_in_the_middle_of_everything() {
    // Nobody at the other end says anything: the handshake.
    let (io, _other) = UnixStream::pair().unwrap();
    let mut wire = Wire::over(Socket::new(io).unwrap(), "silent");
    wire.may_upgrade(Upgrade { tls: Arc::default(), name: "localhost".into(), verify: true, demanded: true });
    wire.whole_until(Deadline::after(Duration::from_millis(50)));
    let e = wire.start_tls().unwrap_err();
    assert_eq!((e.exit(), e.to_string().as_str()), (Exit::TempFail, "silent: TLS: the handshake did not end in time"));
    assert!(wire.put("x").and_then(|()| wire.flush()).is_err());
    // Or a server's, which is told to stop.
    let (io, _other) = UnixStream::pair().unwrap();
    let mut wire = Wire::over(Socket::new(io).unwrap(), "silent").as_server();
    let (stop, ring) = UnixStream::pair().unwrap();
    wire.stops_on(Arc::new(OwnedFd::from(stop)));
    drop(ring);
    assert!(wire.accept_tls(&identity()).unwrap_err().to_string().contains("broken off"));
    // Nobody reads: what is unsent is told, and does not leave later.
    let (mut client, server) = pair(100_000);
    client.until(Deadline::after(Duration::from_millis(50)));
    let stuck = (0..1000).find_map(|_| client.put([b'x'; 8000]).err()).unwrap();
    assert_eq!(stuck.exit(), Exit::TempFail);
    assert!(client.unsent() > 0);
    drop((client, server));
}

#[test]
fn a_failed_write_sends_nothing_later() {
    let (mut client, mut server) = pair(100_000);
    client.until(Deadline::after(Duration::from_millis(50)));
    let mut put = 0u64;
    while client.put([b'x'; 8000]).is_ok() {
        put += 8000;
    }
    let unsent = client.unsent() as u64;
    client.close();
    let reading = thread::spawn(move || {
        let mut got = 0;
        let mut body = server.exact(u64::MAX);
        while let Ok(piece) = body.chunk() {
            got += piece.len() as u64;
        }
        got
    });
    // The flush that failed held the last piece too.
    assert!(reading.join().unwrap() <= put + 8000 - unsent);
}

/// Bytes that come from the clear, or from a wire that somebody has a hand in, end the connection.
#[test]
fn what_is_changed_on_the_way_is_refused() {
    let (client, middle) = UnixStream::pair().unwrap();
    let mut wire = Wire::over(Socket::new(client).unwrap(), "server");
    wire.may_upgrade(Upgrade { tls: Arc::default(), name: "x".into(), verify: false, demanded: true });
    io::Write::write_all(&mut &middle, b"220 go\r\n250 injected\r\n").unwrap();
    assert_eq!(wire.line(100).unwrap(), b"220 go");
    let e = wire.start_tls().unwrap_err();
    assert_eq!((e.exit(), e.to_string().contains("before TLS")), (Exit::Protocol, true));
    assert!(wire.line(100).is_err());
    let (mut client, server) = pair(100_000);
    drop(server);
    assert!(client.line(100).is_err());
}
