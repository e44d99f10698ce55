//! A server that knows SCRAM, and lies at the end of it: in each protocol, our programs must notice.

use super::common::Home;
use pipepost::proto::sasl::scram::{ClientFirst, Keys, Offered};
use pipepost::proto::sasl::{Hash, base64, unbase64};
use pipepost::secret::Secret;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::num::NonZeroU32;

/// What the server does instead of proving itself.
#[derive(Clone, Copy, Debug)]
enum Lie {
    None,
    /// The signature of another password.
    Signature,
    /// No signature, but the login is done.
    Nothing,
    Empty,
    /// The error of RFC 5802 7.
    Error,
    /// The right one, and then more and more challenges.
    Endless,
}

/// Serves one login, and tells all that it has heard.
fn serve(listener: &TcpListener, service: &str, lie: Lie) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut heard = Vec::new();
    let mut hear = || {
        let line = lines.next()?;
        heard.push(line.clone());
        Some(line)
    };
    let mut say = |text: String| {
        let _ = out.write_all(format!("{text}\r\n").as_bytes());
    };
    let prompt = if service == "smtp" { "334" } else { "+" };
    match service {
        "smtp" => {
            say("220 mx".into());
            hear();
            say("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN".into());
        }
        "pop3" => {
            say("+OK ready".into());
            hear();
            say("+OK\r\nSASL SCRAM-SHA-256 PLAIN\r\n.".into());
        }
        _ => say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN] ready".into()),
    }
    let command = hear().unwrap();
    let (before, initial) = command.rsplit_once(' ').unwrap();
    let tag = before.split(' ').next().unwrap().to_owned();
    let first = unbase64(initial.as_bytes()).unwrap();
    let first = ClientFirst::parse(&first, Offered { plus: false, bindings: &[] }).unwrap();
    let password = Secret::new(b"tulip".to_vec());
    let exchange = first.answer(Keys::of(Hash::Sha256, &password, b"salt", NonZeroU32::new(4096).unwrap()), "more");
    say(format!("{prompt} {}", base64(exchange.first().as_bytes())));
    let last = unbase64(hear().unwrap().as_bytes()).unwrap();
    let right = exchange.last(&last).unwrap().unwrap();
    let done = match service {
        "smtp" => "235 welcome".to_owned(),
        "pop3" => "+OK welcome".to_owned(),
        _ => format!("{tag} OK [CAPABILITY IMAP4rev1] welcome"),
    };
    let final_message = match lie {
        Lie::None | Lie::Endless => right,
        Lie::Signature => format!("v={}", base64(&[7; 32])),
        Lie::Empty => String::new(),
        Lie::Error => "e=other-error".to_owned(),
        Lie::Nothing => {
            say(done);
            while hear().is_some() {}
            return heard;
        }
    };
    say(format!("{prompt} {}", base64(final_message.as_bytes())));
    if hear().is_some() {
        say(if matches!(lie, Lie::Endless) { format!("{prompt} {}", base64(b"more")) } else { done });
    }
    // Whoever believes it goes on.
    while let Some(line) = hear() {
        let word = line.rsplit(' ').next().unwrap_or_default().to_ascii_uppercase();
        say(match (service, word.as_str()) {
            ("imap", _) => format!("{} OK", line.split(' ').next().unwrap_or_default()),
            ("pop3", "LIST" | "UIDL") => "+OK\r\n.".to_owned(),
            ("pop3", _) => "+OK".to_owned(),
            (_, "QUIT") => "221 bye".to_owned(),
            _ => "250 ok".to_owned(),
        });
    }
    heard
}

#[test]
fn a_server_must_prove_itself() {
    let home = Home::new();
    home.sh("umask 077; echo tulip > pw").ends(0);
    for service in ["smtp", "pop3", "imap"] {
        for (lie, status) in [
            (Lie::None, 0),
            (Lie::Signature, 76),
            (Lie::Nothing, 76),
            (Lie::Empty, 76),
            (Lie::Error, 77),
            (Lie::Endless, 76),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = std::thread::spawn(move || serve(&listener, service, lie));
            let url = format!("{service}+plain://bob@127.0.0.1:{port}");
            // Of smtp-send nothing more is wanted than the login.
            let tool = match service {
                "smtp" => "mail-check",
                "pop3" => "pop3-ls",
                _ => "imap-ls",
            };
            let arguments = [url.as_str(), "--password-file", "pw", "--timeout", "20s"];
            let ran = home.run(tool, &arguments, b"");
            let heard = server.join().unwrap();
            assert_eq!(ran.status, status, "{service} {lie:?}: {ran:?} {heard:?}");
            let shown = base64(b"\0bob\0tulip");
            assert!(!heard.iter().any(|line| line.contains("tulip") || line.contains(&shown)), "{heard:?}");
        }
    }
}
