use super::*;
use crate::net::Wire;
use crate::net::stream::Socket;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

/// What the other side has said, in pieces, and what was said to it; reads and writes at most `step` bytes at a time, and does not want to
/// every other time.
#[derive(Clone, Default)]
struct Slow {
    said: Arc<Mutex<VecDeque<u8>>>,
    heard: Arc<Mutex<Vec<u8>>>,
    step: usize,
    tired: bool,
    ended: bool,
}

impl Stream for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tired = !self.tired;
        let mut said = self.said.lock().unwrap();
        if self.tired || (said.is_empty() && !self.ended) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.step.min(into.len()).min(said.len());
        into.iter_mut().zip(said.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(n)
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tired = !self.tired;
        if self.tired {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.step.min(bytes.len());
        self.heard.lock().unwrap().extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn ready(&mut self, read: bool, write: bool, _: &[BorrowedFd<'_>], _: Deadline) -> io::Result<Ready> {
        Ok(Ready { read, write, bell: None })
    }
    fn close(&mut self) {}
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1000);
    Compress::new(Compression::best(), false).compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
    out
}

fn write_all(stream: &mut Deflated, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

fn read_some(stream: &mut Deflated, n: usize) -> io::Result<Vec<u8>> {
    let mut all = vec![0; n];
    let mut at = 0;
    while at < n {
        match stream.read(&mut all[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    all.truncate(at);
    Ok(all)
}

#[test]
fn what_is_written_is_read_whatever_the_pieces() {
    let text: Vec<u8> = (0..60_000u32).flat_map(|n| [(n % 251) as u8, (n * n % 13) as u8, b'a']).collect();
    for step in [1, 7, 4096, 1 << 20] {
        let mut out = Deflated::new(Box::new(Slow { step, ..Slow::default() }), false);
        let heard = Slow { step, ..Slow::default() };
        out.under = Box::new(heard.clone());
        for piece in text.chunks(70_000) {
            write_all(&mut out, piece);
            // As an idle connection does.
            out.deflate = None;
        }
        let packed = heard.heard.lock().unwrap().clone();
        assert!(packed.len() < text.len() / 2, "{}", packed.len());
        let said = Arc::new(Mutex::new(packed.into_iter().collect()));
        let mut back = Deflated::new(Box::new(Slow { said, step, ended: true, ..Slow::default() }), true);
        assert_eq!(read_some(&mut back, text.len() + 1).unwrap(), text);
    }
}

#[test]
fn a_flight_leaves_as_a_whole() {
    let below = Slow { step: 1 << 20, ..Slow::default() };
    let mut out = Deflated::new(Box::new(below.clone()), false);
    write_all(&mut out, b"a1 NOOP\r\n");
    let packed = below.heard.lock().unwrap().clone();
    assert!(packed.ends_with(&[0, 0, 0xff, 0xff]), "{packed:x?}");
}

#[test]
fn bits_that_are_no_text_are_no_news() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut stream = Deflated::new(Box::new(Socket::new(ours).unwrap()), false);
    // An empty stored block: a flush with nothing before it.
    io::Write::write_all(&mut theirs, &[0, 0, 0, 0xff, 0xff]).unwrap();
    let ready = stream.ready(true, false, &[], Deadline::after(Duration::from_millis(100))).unwrap();
    assert_eq!(ready, Ready::default());
    io::Write::write_all(&mut theirs, &compressed(b"x")).unwrap();
    let ready = stream.ready(true, false, &[], Deadline::after(Duration::from_secs(60))).unwrap();
    assert!(ready.read);
    assert_eq!(read_some(&mut stream, 1).unwrap(), b"x");
}

#[test]
fn silence_gives_the_compressor_up() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut stream = Deflated::new(Box::new(Socket::new(ours).unwrap()), false);
    let mut peer = Deflated::new(Box::new(Socket::new(theirs).unwrap()), false);
    write_all(&mut stream, b"first");
    assert!(stream.deflate.is_some());
    let ready = stream.ready(true, false, &[], Deadline::after(IDLE + Duration::from_millis(100))).unwrap();
    assert_eq!(ready, Ready::default());
    assert!(stream.deflate.is_none());
    write_all(&mut stream, b"second");
    assert_eq!(read_some(&mut peer, 11).unwrap(), b"firstsecond");
}

#[test]
fn a_bomb_and_a_broken_stream_are_told() {
    let read = |said: Vec<u8>, n: usize, bounded: bool| {
        let said = Arc::new(Mutex::new(said.into_iter().collect()));
        let below = Slow { said, step: 1 << 20, ended: true, ..Slow::default() };
        let mut stream = Deflated::new(Box::new(below), bounded);
        read_some(&mut stream, n).map(|read| read.len()).map_err(|e| e.to_string())
    };
    let size = usize::try_from(ALLOWED).unwrap() + 1_000_000;
    let bomb = compressed(&vec![b'x'; size]);
    assert_eq!(read(bomb.clone(), size, true), Err("compression: too much from too little".into()));
    assert_eq!(read(bomb.clone(), 1000, true), Ok(1000));
    assert_eq!(read(bomb, size, false), Ok(size));
    assert!(read(vec![0xff; 100], 1, false).unwrap_err().starts_with("compression: "));
    // An end in the middle is an end.
    let half = compressed(b"hello, hello, hello");
    assert!(read(half[..half.len() / 2].to_vec(), 100, false).unwrap() < 20);
}

#[test]
fn wires_talk_through_it() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut client = Wire::over(Socket::new(ours).unwrap(), "server");
    let mut server = Wire::over(Socket::new(theirs).unwrap(), "client").as_server();
    client.put("a1 COMPRESS DEFLATE\r\n").unwrap();
    client.flush().unwrap();
    server.line(100).unwrap();
    server.put("a1 OK\r\n").unwrap();
    server.compress().unwrap();
    assert_eq!(client.line(100).unwrap(), b"a1 OK");
    client.compress().unwrap();
    // More than either side's buffers hold, both ways at once.
    let body = b"0123456789abcdef".repeat(1 << 16);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            server.put(&body).unwrap();
            server.put("\r\n").unwrap();
            server.flush().unwrap();
            assert_eq!(server.line(2 << 20).unwrap(), body);
        });
        client.put(&body).unwrap();
        client.put("\r\n").unwrap();
        client.flush().unwrap();
        assert_eq!(client.line(2 << 20).unwrap(), body);
    });
    client.put("a2 LOGOUT\r\n").unwrap();
    client.flush().unwrap();
    assert_eq!(server.line(100).unwrap(), b"a2 LOGOUT");
    server.close();
    assert!(client.line(100).is_err());
    assert!(client.compress().is_err());
    // What was said before it is no longer to be trusted.
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut client = Wire::over(Socket::new(ours).unwrap(), "server");
    io::Write::write_all(&mut theirs, b"a1 OK\r\n* BYE\r\n").unwrap();
    client.line(100).unwrap();
    assert!(client.compress().is_err());
}
