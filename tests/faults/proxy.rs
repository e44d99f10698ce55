//! A line that ends after so many bytes, or gives them one by one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    ToClient,
}

/// What the next connection suffers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    /// Nothing.
    Good,
    /// It ends, both ways, when so many bytes have gone this way.
    Cut(Way, usize),
    /// One byte at a time.
    Dribble,
}

/// It listens on one port for all its connections.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    next: Arc<Mutex<Line>>,
    /// How many bytes went to the server and to the client in the connection that ended last.
    counts: Arc<Mutex<[usize; 2]>>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(Mutex::new(Line::Good));
        let counts = Arc::new(Mutex::new([0; 2]));
        let (line, sums) = (next.clone(), counts.clone());
        // It ends with the test program.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let line = std::mem::replace(&mut *line.lock().unwrap(), Line::Good);
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let sums = sums.clone();
                std::thread::spawn(move || {
                    let there = copy(&client, &server, line, Way::ToServer);
                    let back = copy(&server, &client, line, Way::ToClient);
                    let both = [there.join().unwrap(), back.join().unwrap()];
                    *sums.lock().unwrap() = both;
                });
            }
        });
        Proxy { port, next, counts }
    }

    pub(crate) fn next(&self, line: Line) {
        *self.next.lock().unwrap() = line;
    }

    /// Bytes of the connection that ended last, waiting for it to end.
    pub(crate) fn counts(&self) -> [usize; 2] {
        for _ in 0..200 {
            let counts = *self.counts.lock().unwrap();
            if counts != [0; 2] {
                return counts;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the connection does not end");
    }
}

fn copy(from: &TcpStream, to: &TcpStream, line: Line, way: Way) -> std::thread::JoinHandle<usize> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    to.set_nodelay(true).unwrap();
    std::thread::spawn(move || {
        let most = match line {
            Line::Cut(this, most) if this == way => most,
            _ => usize::MAX,
        };
        let (mut passed, mut buffer) = (0, [0; 4096]);
        while passed < most {
            let room = (most - passed).min(buffer.len());
            let Ok(n @ 1..) = from.read(&mut buffer[..room]) else { break };
            let piece = if matches!(line, Line::Dribble) { 1 } else { n };
            if buffer[..n].chunks(piece).any(|piece| to.write_all(piece).is_err()) {
                break;
            }
            passed += n;
        }
        let _ = to.shutdown(Shutdown::Write);
        if passed >= most {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        }
        passed
    })
}
