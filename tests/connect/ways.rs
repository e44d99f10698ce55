//! Proxies and sockets that stand between the programs and their servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// What a proxy was asked for: `HOST:PORT`.
pub type Heard = Arc<Mutex<Vec<String>>>;

/// A working proxy, perhaps for one user. Whatever name it is asked for is this machine.
pub fn proxy(scheme: &str, login: Option<(&'static str, &'static str)>) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let told = heard.clone();
    let socks = scheme == "socks5";
    spawn(move || {
        for socket in listener.incoming().flatten() {
            let told = told.clone();
            spawn(move || {
                let asked = if socks { socks5(&socket, login) } else { http(&socket, login) };
                let Some((host, port)) = asked else { return };
                told.lock().unwrap().push(format!("{host}:{port}"));
                let target = TcpStream::connect(("127.0.0.1", port));
                let answer: &[u8] = match (socks, target.is_ok()) {
                    (true, true) => b"\x05\x00\x00\x01\x7f\0\0\x01\x12\x34",
                    (true, false) => b"\x05\x05\x00\x01\0\0\0\0\0\0",
                    (false, true) => b"HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
                    (false, false) => b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
                };
                let _ = (&socket).write_all(answer);
                if let Ok(target) = target {
                    both_ways(socket.try_clone().unwrap(), socket, target.try_clone().unwrap(), target);
                }
            });
        }
    });
    (port, heard)
}

fn byte(from: &mut impl Read) -> Option<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte).ok().map(|()| byte[0])
}

fn bytes(from: &mut impl Read, n: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; n];
    from.read_exact(&mut bytes).ok().map(|()| bytes)
}

fn counted(from: &mut impl Read) -> Option<String> {
    let n = byte(from)?;
    String::from_utf8(bytes(from, n.into())?).ok()
}

fn socks5(mut io: &TcpStream, login: Option<(&str, &str)>) -> Option<(String, u16)> {
    assert_eq!(byte(&mut io)?, 5);
    let n = byte(&mut io)?;
    let offered = bytes(&mut io, n.into())?;
    let wanted = if login.is_some() { 2 } else { 0 };
    if !offered.contains(&wanted) {
        let _ = io.write_all(&[5, 255]);
        return None;
    }
    io.write_all(&[5, wanted]).ok()?;
    if let Some((user, password)) = login {
        assert_eq!(byte(&mut io)?, 1);
        let right = counted(&mut io)? == user;
        let right = right & (counted(&mut io)? == password);
        io.write_all(&[1, u8::from(!right)]).ok()?;
        if !right {
            return None;
        }
    }
    assert_eq!(bytes(&mut io, 3)?, [5, 1, 0]);
    let host = match byte(&mut io)? {
        1 => bytes(&mut io, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        3 => counted(&mut io)?,
        kind => panic!("{kind}"),
    };
    let port = bytes(&mut io, 2)?;
    Some((host, u16::from_be_bytes([port[0], port[1]])))
}

fn http(io: &TcpStream, login: Option<(&str, &str)>) -> Option<(String, u16)> {
    let mut lines = Vec::new();
    // Not one byte too many: what follows is the server's.
    let mut from = BufReader::with_capacity(1, io);
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let line = line.strip_suffix("\r\n")?.to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let target = lines[0].strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1")?.to_owned();
    assert_eq!(lines[1], format!("Host: {target}"));
    if let Some((user, password)) = login {
        let both = encodify::base64::STANDARD.encode(format!("{user}:{password}").as_bytes());
        if lines.get(2) != Some(&format!("Proxy-Authorization: Basic {both}")) {
            let _ = (&*io).write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
            return None;
        }
    }
    let (host, port) = target.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// Copies until both ends are closed.
fn both_ways(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    mut back_from: TcpStream,
    mut back_to: TcpStream,
) {
    let up = spawn(move || {
        let _ = std::io::copy(&mut from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut back_from, &mut to);
    // The other direction ends with its own end.
    drop((to, up));
}

/// A proxy that says this, a piece for each time that it hears something, and hangs up.
pub fn proxy_with(answers: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        for answer in answers {
            let _ = socket.read(&mut [0; 1000]);
            let _ = socket.write_all(&answer);
        }
        let _ = socket.shutdown(Shutdown::Write);
        // What is still on its way would make a reset of the end.
        let _ = socket.read(&mut [0; 1000]);
    });
    port
}

/// A Unix socket that leads to a port of this machine.
pub fn forward_unix(path: &Path, port: u16) {
    let listener = UnixListener::bind(path).unwrap();
    spawn(move || {
        for socket in listener.incoming().flatten() {
            let target = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let from = socket.try_clone().unwrap();
            spawn(move || both_ways(from, socket, target.try_clone().unwrap(), target));
        }
    });
}
