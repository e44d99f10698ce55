//! Who may log in at a real `mail-serve`, and how often somebody may try.

use super::server::Serve;
use super::*;
use pipepost::proto::sasl;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Stdio;

/// A connection from that loopback address.
pub(super) fn connect_from(serve: &Serve, service: &str, from: &str) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    connect(&fd, &SocketAddr::from(([127, 0, 0, 1], serve.port(service)))).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// The answer to a login, and whether the connection is closed after it.
fn log_in(serve: &Serve, service: &str, from: &str, user: &str, password: &str) -> (String, bool) {
    let mut stream = connect_from(serve, service, from);
    let plain = sasl::base64(format!("\0{user}\0{password}").as_bytes());
    let (lines, before) = match service {
        "smtp" => (format!("EHLO x\r\nAUTH PLAIN {plain}\r\nQUIT\r\n"), 12),
        "pop3" => (format!("AUTH PLAIN {plain}\r\nQUIT\r\n"), 1),
        _ => (format!("a AUTHENTICATE PLAIN {plain}\r\nb LOGOUT\r\n"), 1),
    };
    stream.write_all(lines.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).skip(before);
    let answer = lines.next().unwrap_or_default();
    let next = lines.next().unwrap_or_default();
    (answer, !["221", "+OK", "* BYE bye"].iter().any(|bye| next.starts_with(bye)))
}

fn hashed(home: &Path, user: &str, password: &str) -> String {
    let mut child = command("mail-serve", home);
    child.args(["--hash-password", user]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\nmore\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

fn private(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_file_of_hashed_passwords() {
    let home = scratch();
    let users = home.path().join("users");
    let text = hashed(home.path(), "bob", "tulip")
        + "carol:{PBKDF2}$1$tDxObVZNNeOka4OC$5000$32baa8afac2e4510ec14a706d3bad8899bfb5387:::\n";
    assert!(text.starts_with("bob:{SCRAM-SHA-256}600000,") && !text.contains("tulip"), "{text}");
    private(&users, &text, 0o600);
    let file = users.to_str().unwrap();
    let serve = Serve::start(&["--passwd-file", file, "--login-delay", "0"]);
    assert!(!serve.root.join(".password").exists());
    for service in ["smtp", "pop3", "imap"] {
        for user in ["bob", "Carol"] {
            let (answer, _) = log_in(&serve, service, "127.0.0.1", user, "tulip");
            assert!(["235", "+OK", "a OK"].iter().any(|yes| answer.starts_with(yes)), "{service} {user}: {answer}");
        }
        // What is wrong is not told.
        let wrong = log_in(&serve, service, "127.0.0.1", "bob", "Tulip");
        let unknown = log_in(&serve, service, "127.0.0.1", "eve", "tulip");
        assert!(["535 5.7.8", "-ERR [AUTH]", "a NO [AUTHENTICATIONFAILED]"].iter().any(|no| wrong.0.starts_with(no)));
        assert_eq!(wrong, unknown, "{service}");
    }
    // Who is in the file gets mail, nobody else.
    let mut stream = serve.connect("smtp");
    stream
        .write_all(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<carol@localhost>\r\nRCPT TO:<eve@localhost>\r\nQUIT\r\n")
        .unwrap();
    let said: Vec<String> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    assert!(said[3].starts_with("250") && said[4].starts_with("550"), "{said:?}");
}

#[test]
fn a_bad_file_is_refused() {
    let home = scratch();
    let users = home.path().join("users");
    let good = hashed(home.path(), "bob", "tulip");
    for (text, mode, why) in [
        (good.clone(), 0o640, "others may read"),
        (good.clone() + "eve:{PLAIN}tulip\n", 0o600, "users: line 2: no hash"),
        (good.clone() + &good, 0o600, "users: line 2: this user has a line already"),
    ] {
        private(&users, &text, mode);
        let mut serve = command("mail-serve", home.path());
        serve.args([
            "--smtp-port",
            "0",
            "--pop3-port",
            "0",
            "--imap-port",
            "0",
            "--root",
            "mail",
            "--passwd-file",
            "users",
        ]);
        let out = serve.output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(78), "{said}");
        assert!(said.contains(why) && !said.contains("tulip"), "{said}");
    }
}

/// Ten failures of one account, over whatever protocol and from wherever, and nothing is checked any more; but who has proved
/// that they know the password, from where they did, goes on.
#[test]
fn guesses_are_counted_over_all_protocols() {
    let serve = Serve::start(&["--create", "--login-delay", "0"]);
    let right = serve.password.clone();
    assert!(log_in(&serve, "imap", "127.0.0.2", "bob", &right).0.starts_with("a OK"));
    for n in 0..10 {
        let service = ["smtp", "pop3", "imap"][n % 3];
        let (answer, _) = log_in(&serve, service, &format!("127.0.1.{n}"), "bob", "wrong");
        assert!(!answer.contains("too many"), "{n}: {answer}");
    }
    for (service, answer) in [("smtp", "454 4.7.0 "), ("pop3", "-ERR [SYS/TEMP] "), ("imap", "a NO [UNAVAILABLE] ")] {
        let (said, closed) = log_in(&serve, service, "127.0.0.3", "BOB", &right);
        assert!(said.starts_with(answer) && said.contains("too many failed logins") && closed, "{service}: {said}");
        let (said, _) = log_in(&serve, service, "127.0.0.2", "bob", &right);
        assert!(!said.contains("too many"), "{service} from where bob is known: {said}");
        let (said, _) = log_in(&serve, service, "127.0.0.3", "carol", &right);
        assert!(!said.contains("too many"), "{service}, another account: {said}");
    }
}

/// The same for an address that tries many names.
#[test]
fn an_address_that_guesses_is_refused() {
    let serve = Serve::start(&["--create", "--login-delay", "0"]);
    for n in 0..50 {
        let (answer, _) = log_in(&serve, "pop3", "127.0.0.4", &format!("user{n}"), "wrong");
        assert!(!answer.contains("too many"), "{n}: {answer}");
    }
    let right = serve.password.clone();
    assert!(log_in(&serve, "pop3", "127.0.0.4", "bob", &right).0.contains("too many"));
    assert!(log_in(&serve, "pop3", "127.0.0.5", "bob", &right).0.starts_with("+OK"));
}
