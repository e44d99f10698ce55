//! A mail server that answers as it is told, and remembers what it has heard.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it says to a line of the client: the verb in capitals with its arguments, or `.` for the end of a message.
pub(crate) type Answer = dyn Fn(&str, &Heard) -> String + Send + Sync;

/// What it has heard so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) connections: usize,
    /// The RCPTs of each message that got to its end, and the message.
    pub(crate) messages: Vec<(Vec<String>, String)>,
    /// How often each line came.
    pub(crate) lines: Vec<String>,
}

pub(crate) struct Peer {
    pub(crate) port: u16,
    heard: Arc<Mutex<Heard>>,
}

/// Hangs up.
pub(crate) const CLOSE: &str = "close";

/// Takes everything.
pub(crate) fn yes(line: &str, _: &Heard) -> String {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "EHLO" => "250-peer\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES".to_owned(),
        "DATA" => "354 go on".to_owned(),
        "QUIT" => "221 bye".to_owned(),
        "" => "220 peer".to_owned(),
        _ => "250 2.0.0 ok".to_owned(),
    }
}

impl Peer {
    pub(crate) fn start(answer: impl Fn(&str, &Heard) -> String + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let answer: Arc<Answer> = Arc::new(answer);
        let shared = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (heard, answer) = (shared.clone(), answer.clone());
                heard.lock().unwrap().connections += 1;
                std::thread::spawn(move || drop(session(stream.unwrap(), &heard, &*answer)));
            }
        });
        Peer { port, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp+plain://127.0.0.1:{}", self.port)
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

fn session(stream: TcpStream, heard: &Mutex<Heard>, answer: &Answer) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    // The first digit of what it says; `None`: it hangs up.
    let mut say = |line: &str, refused: bool| -> std::io::Result<Option<char>> {
        let now = heard.lock().unwrap().clone();
        let said = if refused { "554 5.5.1 nobody".to_owned() } else { answer(line, &now) };
        if said == CLOSE {
            return Ok(None);
        }
        out.write_all(format!("{said}\r\n").as_bytes())?;
        Ok(said.chars().next())
    };
    say("", false)?;
    let mut rcpts = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        heard.lock().unwrap().lines.push(command.clone());
        let Some(said) = say(&command, command == "DATA" && rcpts.is_empty())? else { return Ok(()) };
        if command.starts_with("MAIL") {
            rcpts.clear();
        }
        if let Some(to) = command.strip_prefix("RCPT TO:").filter(|_| said == '2') {
            rcpts.push(to.to_owned());
        }
        if command == "DATA" && said == '3' {
            let mut text = String::new();
            loop {
                line.clear();
                if lines.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                if line == ".\r\n" {
                    break;
                }
                text.push_str(&line);
            }
            heard.lock().unwrap().messages.push((rcpts.clone(), text));
            if say(".", false)?.is_none() {
                return Ok(());
            }
        }
    }
}
