//! Mail servers on several addresses of this machine, with one port, that note what they hear.

use rustls::ServerConfig;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What they heard: `ADDRESS LINE`, with `tls` between under TLS.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn all(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Who got which RCPT.
    pub fn recipients(&self) -> Vec<String> {
        let rcpt = |line: String| line.contains("RCPT TO:").then(|| line.replace("RCPT TO:", ""));
        self.all().into_iter().filter_map(rcpt).collect()
    }
}

/// How a server is.
#[derive(Clone)]
pub struct Manner {
    pub greeting: &'static str,
    /// STARTTLS is offered.
    pub tls: Option<Arc<ServerConfig>>,
    /// What STARTTLS is answered.
    pub starttls: &'static str,
    /// What MAIL is answered.
    pub mail: &'static str,
    /// What EHLO offers besides, under TLS if there is TLS.
    pub offers: &'static str,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { greeting: "220 mx ready", tls: None, starttls: "220 go on", mail: "250 ok", offers: "" }
    }
}

impl Manner {
    pub fn tls(config: Arc<ServerConfig>) -> Manner {
        Manner { tls: Some(config), ..Manner::default() }
    }

    pub fn greets(greeting: &'static str) -> Manner {
        Manner { greeting, ..Manner::default() }
    }
}

/// Starts a server on each address, all on one port.
pub fn servers(list: &[(&str, Manner)]) -> (u16, Heard) {
    let all = || {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let bound = list.iter().map(|(address, _)| TcpListener::bind((*address, port)));
        bound.collect::<Result<Vec<_>, _>>().ok().map(|bound| (port, bound))
    };
    let (port, bound) = (0..50).find_map(|_| all()).expect("a port that is free on all addresses");
    let heard = Heard::default();
    for (listener, (address, manner)) in bound.into_iter().zip(list) {
        let (heard, address, manner) = (heard.clone(), (*address).to_owned(), manner.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, address, manner) = (heard.clone(), address.clone(), manner.clone());
                std::thread::spawn(move || serve(stream, &heard, &address, &manner));
            }
        });
    }
    (port, heard)
}

fn serve(mut stream: TcpStream, heard: &Heard, address: &str, manner: &Manner) -> std::io::Result<()> {
    heard.0.lock().unwrap().push(format!("{address} from {}", stream.peer_addr()?.ip()));
    writeln!(stream, "{}\r", manner.greeting)?;
    let Some(config) = talk(&mut stream, heard, address, manner, false)? else { return Ok(()) };
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    talk(&mut stream, heard, &format!("{address} tls"), manner, true).map(drop)
}

/// Until the end, or until TLS begins.
fn talk(
    stream: &mut (impl Read + Write),
    heard: &Heard,
    who: &str,
    manner: &Manner,
    secure: bool,
) -> std::io::Result<Option<Arc<ServerConfig>>> {
    let mut data = false;
    loop {
        let mut line = Vec::new();
        // A byte at a time: what follows STARTTLS is not ours.
        let mut byte = [0];
        while !line.ends_with(b"\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if data {
            if line == "." {
                data = false;
                stream.write_all(b"250 2.0.0 taken\r\n")?;
            }
            continue;
        }
        heard.0.lock().unwrap().push(format!("{who} {line}"));
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" if manner.tls.is_some() && !secure => "250-mx\r\n250 STARTTLS\r\n",
            "EHLO" if !manner.offers.is_empty() => {
                write!(stream, "250-mx\r\n250 {}\r\n", manner.offers)?;
                continue;
            }
            "MAIL" => {
                write!(stream, "{}\r\n", manner.mail)?;
                continue;
            }
            "RCPT" if line.contains("<no") => "550 5.1.1 nobody here\r\n",
            "DATA" => {
                data = true;
                "354 go on\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return Ok(None);
            }
            "STARTTLS" => {
                write!(stream, "{}\r\n", manner.starttls)?;
                if manner.starttls.starts_with("220") {
                    return Ok(manner.tls.clone());
                }
                continue;
            }
            _ => "250 ok\r\n",
        };
        stream.write_all(answer.as_bytes())?;
    }
}
