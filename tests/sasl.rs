//! Logins by every mechanism, end to end: our programs at our server, our clients at servers that lie, and tokens.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[path = "sasl/liar.rs"]
mod liar;

use common::{Home, Ran, Server};
use pipepost::client::{Login, Proof, Renew, Token, imap, opened, pop3, smtp};
use pipepost::error::{Error, Exit};
use pipepost::net::Wire;
use pipepost::net::endpoint::Service;
use pipepost::net::script::{End, Mode, Player, Script};
use pipepost::net::stream::Socket;
use pipepost::proto::sasl::base64;
use pipepost::secret::Secret;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running server, and how its programs are told of it.
struct Place {
    home: Home,
    server: Server,
    pin: String,
}

impl Place {
    fn new(arguments: &[&str]) -> Place {
        let home = Home::new();
        home.sh("umask 077; echo wrong > wrong").ends(0);
        let server = Server::start(&home, &[&["--create", "--login-delay", "0"], arguments].concat());
        let pem = std::fs::read_to_string(server.root.join(".tls.pem")).unwrap();
        let certificate = pipepost::net::tls::Certificate::from_pem(pem.as_bytes(), "", pem.as_bytes(), "").unwrap();
        Place { home, server, pin: certificate.pin().unwrap().to_string() }
    }

    /// What the tool of each protocol says, at that scheme, to its end.
    fn each(&self, suffix: &str, more: &[&str], then: &dyn Fn(&str, Ran)) {
        for (tool, service) in [("smtp-send", "smtp"), ("pop3-ls", "pop3"), ("imap-ls", "imap")] {
            let (name, scheme) = if suffix == "s" {
                (format!("{service}s"), format!("{service}s"))
            } else {
                (service.to_owned(), format!("{service}{suffix}"))
            };
            let port = self.server.ports.iter().find(|(of, _)| *of == name).unwrap().1;
            let url = format!("{scheme}://bob@127.0.0.1:{port}");
            let mut all = vec!["--trace", "-"];
            all.extend(if tool == "smtp-send" { vec!["-s", "hi", "bob@localhost", "-a"] } else { Vec::new() });
            all.push(&url);
            all.extend(more);
            then(service, self.home.run(tool, &all, b"hello\n"));
        }
    }
}

/// The mechanism that was taken, and whether the login was in one step.
fn taken(ran: &Ran) -> String {
    let line = ran.err.lines().find(|line| {
        line.starts_with("C: ")
            && ["AUTH ", "AUTHENTICATE ", "LOGIN ", "USER ", "APOP "].iter().any(|word| line.contains(word))
    });
    let line = line.unwrap_or_else(|| panic!("no login: {ran:?}"));
    let mut words = line.split(' ').skip_while(|w| !["AUTH", "AUTHENTICATE", "LOGIN", "USER", "APOP"].contains(w));
    match words.next() {
        Some("AUTH" | "AUTHENTICATE") => words.next().unwrap().to_owned(),
        other => other.unwrap().to_owned(),
    }
}

#[test]
fn every_mechanism_at_our_server() {
    let place = Place::new(&[]);
    let password = place.server.password_file();
    let by = |auth: &'static str, pin: bool| {
        let mut all = vec!["--password-file".to_owned(), password.clone()];
        all.extend(if auth.is_empty() { vec![] } else { vec!["--auth".to_owned(), auth.to_owned()] });
        all.extend(if pin { vec!["--pin".to_owned(), place.pin.clone()] } else { vec![] });
        all
    };
    for (suffix, auth, expected) in [
        // Under TLS the strongest is one that is bound to it.
        ("s", "", "SCRAM-SHA-256-PLUS"),
        ("+starttls", "", "SCRAM-SHA-256-PLUS"),
        ("+plain", "", "SCRAM-SHA-256"),
        ("s", "scram-sha-1-plus", "SCRAM-SHA-1-PLUS"),
        ("s", "scram-sha-256", "SCRAM-SHA-256"),
        ("+plain", "scram-sha-1", "SCRAM-SHA-1"),
        ("+plain", "plain", "PLAIN"),
        ("s", "login,plain", "LOGIN"),
        ("+plain", "scram-sha-256-plus,login", "LOGIN"),
    ] {
        let more = by(auth, suffix != "+plain");
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        place.each(suffix, &more, &|service, ran| {
            let ran = ran.ends(0);
            // Its own command is IMAP's LOGIN; every other login is as it was asked for.
            assert_eq!(taken(&ran), expected, "{service} {suffix} {auth}: {}", ran.err);
            let shown = ran.err.lines().filter(|line| line.starts_with("C: ") && line.contains("AUTH"));
            assert!(shown.into_iter().all(|line| !line.contains(&base64(b"\0bob"))), "{}", ran.err);
        });
    }
    // What is refused is refused once.
    place.each("+plain", &["--password-file", "wrong"], &|service, ran| {
        let ran = ran.ends(77);
        let logins = ran.err.lines().filter(|line| line.starts_with("C: ") && line.contains("AUTH")).count();
        assert_eq!((logins, ran.err.contains("PLAIN ***")), (1, false), "{service}: {}", ran.err);
    });
    // None of these is offered unless the server was told to.
    place.each("+plain", &["--password-file", &password, "--auth", "cram-md5,apop"], &|_, ran| {
        ran.ends(77);
    });
}

#[test]
fn what_must_be_asked_for() {
    let place = Place::new(&["--mechanisms", "cram-md5,apop"]);
    let password = place.server.password_file();
    for auth in ["cram-md5", "apop", ""] {
        let named = ["--password-file", &password, "--auth", auth];
        let more = if auth.is_empty() { &named[..2] } else { &named };
        place.each("+plain", more, &|service, ran| match (service, auth) {
            // Without plain there is no USER and no LOGIN.
            ("pop3", "") => drop(ran.ends(77)),
            (_, "") => drop(ran.ends(77)),
            ("smtp" | "imap", "apop") => drop(ran.ends(77)),
            _ => assert_eq!(taken(&ran.ends(0)), auth.to_ascii_uppercase()),
        });
    }
    place.each("+plain", &["--password-file", "wrong", "--auth", "cram-md5,apop"], &|_, ran| {
        ran.ends(77);
    });
    let home = Home::new();
    let any =
        ["--any-password", "--mechanisms", "cram-md5", "--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0"];
    home.run("mail-serve", &any, b"").ends(64).complains("--mechanisms cram-md5: can't be had");
}

/// Keys of SCRAM in a file: everybody logs in, and nobody is told who is there.
#[test]
fn a_file_of_keys() {
    let home = Home::new();
    let line = home.run("mail-serve", &["--hash-password", "bob"], b"tulip\n").ends(0).out;
    assert!(line.starts_with("bob:{SCRAM-SHA-256}") && !line.contains("tulip"), "{line}");
    let users = home.path().join("users");
    // Fewer rounds, for the test's sake: the keys are those of RFC 7677 3.
    let few = "bob:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";
    std::fs::write(&users, few).unwrap();
    std::fs::set_permissions(&users, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let place = Place::new(&["--passwd-file", users.to_str().unwrap()]);
    place.home.sh("umask 077; echo pencil > pw").ends(0);
    for auth in [&[][..], &["--auth", "plain"]] {
        place.each("+plain", &[&["--password-file", "pw"], auth].concat(), &|_, ran| {
            let expected = if auth.is_empty() { "SCRAM-SHA-256" } else { "PLAIN" };
            assert_eq!(taken(&ran.ends(0)), expected);
        });
        place.each("+plain", &[&["--password-file", "wrong"], auth].concat(), &|_, ran| {
            ran.ends(77);
        });
    }
    // The same question gets the same kind of answer, today and after a restart.
    let ask = |server: &Server, user: &str| {
        use std::io::{BufRead, BufReader, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.pop3)).unwrap();
        let first = base64(format!("n,,n={user},r=abc").as_bytes());
        write!(stream, "AUTH SCRAM-SHA-256 {first}\r\n").unwrap();
        let line = BufReader::new(stream).lines().map(Result::unwrap).nth(1).unwrap();
        let said = pipepost::proto::sasl::unbase64(line.strip_prefix("+ ").unwrap().as_bytes()).unwrap();
        let said = String::from_utf8(said).unwrap();
        said.split_once(",s=").unwrap().1.to_owned()
    };
    let (bob, eve) = (ask(&place.server, "bob"), ask(&place.server, "eve"));
    assert!(bob != eve && bob.len() == eve.len() && eve.ends_with(",i=4096"), "{bob} {eve}");
    let Place { home, server, .. } = place;
    server.stop();
    let again = Server::start(&home, &["--create", "--passwd-file", users.to_str().unwrap()]);
    assert_eq!((ask(&again, "bob"), ask(&again, "eve")), (bob, eve));
}

/// Our own client, at a dialogue with the server's words in it.
fn plays(service: &str, script: &str, login: &Login) -> Result<(), Error> {
    let script = Script::parse(script).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let player = std::thread::spawn(move || {
        let mut theirs = theirs;
        theirs.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let end = Player::server(&script).play(&mut theirs, Mode::default());
        assert!(matches!(end, Ok(End::Whole | End::HungUp)), "{end:?}");
    });
    let wire = Wire::over(Socket::new(ours).unwrap(), "server");
    let done = match service {
        "smtp" => smtp::Client::open(wire, Service::Smtp, "x", Some(login)).map(drop),
        "pop3" => pop3::Client::open(wire, login).map(drop),
        _ => imap::Client::open(wire, Some(login), false).map(drop),
    };
    player.join().unwrap();
    done
}

fn token(renew: Option<Renew>) -> Login {
    let secret = Secret::new(b"ya29.token".to_vec());
    let server = Some(("mail.example.org".to_owned(), 993));
    Login { server, ..Login::new("bob@example.org", Proof::Token(Token { secret, renew }), true) }
}

/// A dialogue up to the login, with `mechanisms` offered.
fn greeting(service: &str, mechanisms: &str) -> String {
    match service {
        "smtp" => format!("S: 220 mx\nC: EHLO x\nS: 250-mx\nS: 250 AUTH {mechanisms}\n"),
        "pop3" => format!("S: +OK ready\nC: CAPA\nS: +OK\nS: SASL {mechanisms}\nS: USER\nS: .\n"),
        _ => {
            let words: String = mechanisms.split(' ').map(|m| format!(" AUTH={m}")).collect();
            format!("S: * OK [CAPABILITY IMAP4rev1 SASL-IR{words}] ready\n")
        }
    }
}

#[test]
fn tokens() {
    let bearer = base64(b"n,a=bob@example.org,\x01host=mail.example.org\x01port=993\x01auth=Bearer ya29.token\x01\x01");
    let xoauth2 = base64(b"user=bob@example.org\x01auth=Bearer ya29.token\x01\x01");
    let error = base64(br#"{"status":"401","schemes":"bearer","scope":"https://mail.example.org/"}"#);
    for (mechanisms, mechanism, message, dummy) in [
        ("PLAIN XOAUTH2 OAUTHBEARER", "OAUTHBEARER", &bearer, "AQ=="),
        ("PLAIN LOGIN XOAUTH2", "XOAUTH2", &xoauth2, ""),
    ] {
        for (service, go, yes, no) in [
            ("smtp", "334 ", "235 in", "535 5.7.8 refused"),
            ("pop3", "+ ", "+OK in", "-ERR [AUTH] refused"),
            ("imap", "+ ", "$t OK [CAPABILITY IMAP4rev1] in", "$t NO [AUTHENTICATIONFAILED] refused"),
        ] {
            let begin = match service {
                // Microsoft's server wants it in two steps.
                "pop3" if mechanism == "XOAUTH2" => format!("C: AUTH XOAUTH2\nS: + \nC: {message}\n"),
                "imap" => format!("C: $t AUTHENTICATE {mechanism} {message}\n"),
                _ => format!("C: AUTH {mechanism} {message}\n"),
            };
            let begin = greeting(service, mechanisms) + &begin;
            plays(service, &format!("{begin}S: {yes}\n"), &token(None)).unwrap();
            // RFC 7628 3.2.3: the error is answered, and then comes the refusal.
            let refused = format!("{begin}S: {go}{error}\nC: {dummy}\nS: {no}\n== hangup\n");
            let e = plays(service, &refused, &token(None)).unwrap_err();
            assert!(e.exit() == Exit::Auth && e.to_string().contains("status 401"), "{service}: {e}");
            // Twice is no error of a token.
            let twice = format!("{begin}S: {go}{error}\nC: {dummy}\nS: {go}{error}\n== hangup\n");
            assert_eq!(plays(service, &twice, &token(None)).unwrap_err().exit(), Exit::Protocol);
            // Another token is tried once, over another connection.
            let asked = AtomicUsize::new(0);
            let renewable = token(Some(Renew::by(|_| Ok(Secret::new(b"ya29.token2".to_vec())))));
            let opened = opened(Some(&renewable), |login| {
                let second = asked.fetch_add(1, Ordering::Relaxed) == 1;
                let script =
                    if second { begin.replace(message, "***") + &format!("S: {yes}\n") } else { refused.clone() };
                plays(service, &script, login.unwrap())
            });
            assert!(opened.is_ok() && asked.into_inner() == 2);
        }
    }
    // A server that wants a password gets no token.
    for service in ["smtp", "pop3", "imap"] {
        let e = plays(service, &(greeting(service, "PLAIN LOGIN SCRAM-SHA-256") + "== hangup\n"), &token(None))
            .unwrap_err();
        assert!(e.exit() == Exit::Auth && e.to_string().contains("no login that we know with a token"), "{e}");
    }
}

/// In clear nothing goes out unasked, and by name only what shows no secret.
#[test]
fn what_may_go_out_in_clear() {
    let login = |named: &[&str]| {
        let mechanisms = named.iter().map(|name| name.parse().unwrap()).collect();
        Login { mechanisms, ..Login::by_password("bob", Secret::new(b"tulip".to_vec()), false) }
    };
    for service in ["smtp", "pop3", "imap"] {
        let script = greeting(service, "SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5") + "== hangup\n";
        for named in [&[][..], &["plain"], &["login", "plain"]] {
            let e = plays(service, &script, &login(named)).unwrap_err();
            assert!(e.exit() == Exit::Auth && e.to_string().contains("without verified TLS"), "{service}: {e}");
        }
        let (verb, no) = match service {
            "smtp" => ("AUTH", "535 no"),
            "pop3" => ("AUTH", "-ERR no"),
            _ => ("$t AUTHENTICATE", "$t NO no"),
        };
        let script = greeting(service, "SCRAM-SHA-256 PLAIN CRAM-MD5")
            + &format!("C: {verb} SCRAM-SHA-256 ***\nS: {no}\n== hangup\n");
        assert_eq!(plays(service, &script, &login(&["plain", "scram-sha-256"])).unwrap_err().exit(), Exit::Auth);
    }
}
