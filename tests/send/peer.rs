//! A server that says what a test wants, on a free port.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it does with a command, whose first word in capitals it is asked for. `BODY` is the end of the data, `HELLO` the greeting.
pub(crate) enum Say {
    /// The usual.
    Yes,
    /// This.
    Text(&'static str),
    /// This, and hangs up.
    Last(&'static str),
    /// Nothing, and hangs up.
    Nothing,
}

/// A message that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    /// Which connection, from 0.
    pub(crate) line: usize,
}

pub(crate) struct Peer {
    pub(crate) port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Peer {
    /// `say` is asked for every command with the number of the connection and the whole line.
    pub(crate) fn start(say: impl Fn(usize, &str, &str) -> Say + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, say) = (Arc::default(), Arc::new(say));
        let peer = Peer { port, got: Arc::clone(&got) };
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let (got, say) = (Arc::clone(&got), Arc::clone(&say));
                std::thread::spawn(move || session(n, stream.unwrap(), &*say, &got));
            }
        });
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp+plain://127.0.0.1:{}", self.port)
    }

    pub(crate) fn taken(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn session(n: usize, stream: TcpStream, say: &dyn Fn(usize, &str, &str) -> Say, got: &Mutex<Vec<Got>>) -> Option<()> {
    let mut out = stream.try_clone().unwrap();
    let lines = BufReader::new(stream).split(b'\n');
    let mut input = lines.map(|line| line.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()));
    let mut answer = |verb: &str, line: &str, usual: &str| match say(n, verb, line) {
        Say::Yes => out.write_all(format!("{usual}\r\n").as_bytes()).ok().map(|()| true),
        Say::Text(text) => out.write_all(format!("{text}\r\n").as_bytes()).ok().map(|()| text.starts_with(['2', '3'])),
        Say::Last(text) => {
            let _ = out.write_all(format!("{text}\r\n").as_bytes());
            None
        }
        Say::Nothing => None,
    };
    answer("HELLO", "", "220 peer")?;
    let mut now = Got { line: n, ..Got::default() };
    while let Some(Ok(line)) = input.next() {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let usual = match verb.as_str() {
            "EHLO" => "250-peer\r\n250 8BITMIME",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 2.0.0 ok",
        };
        let path = |line: &str| line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let yes = answer(&verb, &line, usual)?;
        match verb.as_str() {
            "MAIL" if yes => now = Got { from: path(&line), line: n, ..Got::default() },
            "RCPT" if yes => now.to.push(path(&line)),
            "DATA" if yes => {
                loop {
                    // Without its end it is none.
                    let line = input.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    now.text.push_str(&line);
                    now.text.push('\n');
                }
                if answer("BODY", "", "250 2.0.0 Ok: queued as 4Zx1Wq5LZy")? {
                    got.lock().unwrap().push(std::mem::take(&mut now));
                }
            }
            "QUIT" => return None,
            _ => {}
        }
    }
    None
}
