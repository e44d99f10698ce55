//! The bounds of a session, with small ones, and the end of a server.

use super::server::Serve;
use super::*;
use pipepost::cli::world::{Passwords, Tree, Visit};
use pipepost::net::Wire;
use pipepost::net::stream::Socket;
use pipepost::server::smtp::Protocol;
use pipepost::server::{Limits, imap, pop3, smtp};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// All that a session with these limits answers to what a client says, which then waits for the session's end.
fn answers(service: &str, limits: Limits, says: &str) -> String {
    let home = scratch();
    let tree = Tree::open(&home.path().join("mail"), true, Some(Passwords::Any)).unwrap().limited(limits);
    let (mut client, server) = UnixStream::pair().unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut wire = Wire::over(Socket::new(server).unwrap(), "[192.0.2.1]").as_server();
    let mut world = Visit::new(Arc::new(tree), None);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = match service {
                "smtp" => smtp::serve(&mut wire, &mut world, Protocol::Smtp),
                "lmtp" => smtp::serve(&mut wire, &mut world, Protocol::Lmtp),
                "pop3" => pop3::serve(&mut wire, &mut world),
                _ => imap::serve(&mut wire, &mut world),
            };
        });
        client.write_all(says.as_bytes()).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        said
    })
}

fn codes(said: &str) -> Vec<&str> {
    said.lines().map(|line| line.get(..3).unwrap_or_default()).collect()
}

/// RFC 5321 4.5.3.2.7, RFC 1939 3, RFC 3501 5.4: who is silent for long is told so where the protocol has words for it.
#[test]
fn silence_ends_a_session() {
    let short = Duration::from_millis(50);
    let limits = || Limits { smtp_idle: short, pop3_idle: short, imap_idle: short, ..Limits::default() };
    for (service, says, bye) in [
        ("smtp", "", "421 4.4.2 "),
        ("lmtp", "LHLO x\r\n", "421 4.4.2 "),
        ("smtp", "HELO x\r\nMAIL FROM:<", "421 4.4.2 "),
        ("pop3", "", "+OK "),
        ("pop3", "USER bob\r\nPASS x\r\n", "+OK 0 messages"),
        ("imap", "", "* BYE "),
        ("imap", "a LOGIN bob x\r\nb SELECT INBOX\r\n", "* BYE "),
    ] {
        let said = answers(service, limits(), says);
        assert!(said.lines().last().unwrap_or_default().starts_with(bye), "{service} {says:?}: {said}");
    }
}

/// Slow is not silent: each line has its time, however many there are.
#[test]
fn commands_are_counted() {
    let limits = || Limits { commands: 5, ..Limits::default() };
    let said = answers("smtp", limits(), &"NOOP\r\n".repeat(6));
    assert_eq!(codes(&said), ["220", "250", "250", "250", "250", "250", "421"], "{said}");
    // A message begins the count anew.
    let one = "MAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nBDAT 2 LAST\r\n\r\n";
    let said = answers("smtp", limits(), &format!("HELO x\r\n{}QUIT\r\n", one.repeat(4)));
    assert_eq!(codes(&said).len(), 2 + 4 * 3 + 1, "{said}");
    assert!(said.ends_with("bye\r\n"), "{said}");
    let said = answers("pop3", limits(), &"CAPA\r\n".repeat(6));
    assert!(said.ends_with("-ERR too many commands\r\n"), "{said}");
    let said = answers("imap", limits(), &"a NOOP\r\n".repeat(6));
    assert!(said.matches("a OK").count() == 6 && said.ends_with("* BYE too many commands\r\n"), "{said}");
    // After the login they are many people's way to work.
    for (service, says, times) in [
        ("pop3", format!("USER bob\r\nPASS x\r\n{}QUIT\r\n", "NOOP\r\n".repeat(20)), 24),
        ("imap", format!("a LOGIN bob x\r\n{}b LOGOUT\r\n", "a NOOP\r\n".repeat(20)), 22),
    ] {
        let said = answers(service, limits(), &says);
        let good = said.lines().filter(|line| line.starts_with("+OK") || line.contains(" OK ")).count();
        assert!(good >= times, "{service}: {said}");
    }
}

/// Ten wrong commands, of whatever kind.
#[test]
fn wrong_commands_are_counted() {
    let ten = |line: &str| line.repeat(10) + "NOOP\r\n";
    for line in [
        "XYZZY\r\n",
        "DATA\r\n",
        "BDAT 0\r\n",
        "AUTH X\r\n",
        "STARTTLS\r\n",
        "MAIL FROM:<>\r\n",
        &("x".repeat(600) + "\r\n"),
    ] {
        let said = answers("smtp", Limits::default(), &ten(line));
        assert!(codes(&said).len() == 12 && said.ends_with("421 4.7.0 too many errors\r\n"), "{line:?}: {said}");
    }
    for line in ["XYZZY\r\n", "PASS x\r\n", "AUTH PLAIN ?\r\n", "AUTH NTLM\r\n", "STAT\r\n"] {
        let said = answers("pop3", Limits::default(), &ten(line));
        assert!(said.ends_with("-ERR too many errors\r\n"), "{line:?}: {said}");
    }
    for line in ["XYZZY\r\n", "a SELECT INBOX\r\n", "a FETCH 1 (\r\n"] {
        let said = answers("imap", Limits::default(), &ten(line));
        assert!(said.ends_with("* BYE too many errors\r\n"), "{line:?}: {said}");
    }
}

/// 552 at MAIL, during DATA, and for chunks; what is refused is read to its end, and what goes on for ever is not.
#[test]
fn messages_have_a_size() {
    let limits = || Limits { message: 1000, recipients: 2, ..Limits::default() };
    let body = |size: usize| ("x".repeat(98) + "\r\n").repeat(size / 100);
    let start = "HELO x\r\nMAIL FROM:<> SIZE=1000\r\nRCPT TO:<a@localhost>\r\n";
    let said = answers(
        "smtp",
        limits(),
        &format!(
            "HELO x\r\nMAIL FROM:<> SIZE=1001\r\n{start}RCPT TO:<b@localhost>\r\nRCPT TO:<c@localhost>\r\nQUIT\r\n"
        ),
    );
    assert_eq!(codes(&said), ["220", "250", "552", "250", "250", "250", "250", "452", "221"], "{said}");
    for (size, code) in [(1000, "250"), (1100, "552"), (2000, "552")] {
        let said = answers("smtp", limits(), &format!("{start}DATA\r\n{}.\r\nNOOP\r\nQUIT\r\n", body(size)));
        assert_eq!(codes(&said), ["220", "250", "250", "250", "354", code, "250", "221"], "{size}: {said}");
        let half = size / 2;
        let chunks = format!("BDAT {half}\r\n{}BDAT {half} LAST\r\n{}", "x".repeat(half), "\r\n".repeat(half / 2));
        let said = answers("smtp", limits(), &format!("{start}{chunks}NOOP\r\nQUIT\r\n"));
        assert_eq!(codes(&said), ["220", "250", "250", "250", "250", code, "250", "221"], "{size}: {said}");
    }
    let said = answers("smtp", limits(), &format!("{start}DATA\r\n{}", body(2100)));
    assert_eq!(codes(&said), ["220", "250", "250", "250", "354", "421"], "{said}");
    let said = answers("smtp", limits(), &format!("{start}BDAT 2001\r\n"));
    assert_eq!(codes(&said), ["220", "250", "250", "250", "552", "421"], "{said}");
}

fn greeted(serve: &Serve, service: &str) -> (TcpStream, BufReader<TcpStream>, String) {
    let stream = serve.connect(service);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (stream, reader, line)
}

#[test]
fn sessions_from_one_address_and_in_all() {
    let serve = Serve::start(&["--any-password", "--create", "--connections-per-address", "3"]);
    let kept: Vec<_> = ["smtp", "pop3", "imap"].iter().map(|service| greeted(&serve, service)).collect();
    for (service, busy) in
        [("smtp", "421 "), ("pop3", "-ERR [SYS/TEMP] "), ("imap", "* BYE [UNAVAILABLE] "), ("smtps", "")]
    {
        let (_, _, said) = greeted(&serve, service);
        assert!(said.starts_with(busy) && (busy.is_empty() == said.is_empty()), "{service}: {said}");
    }
    assert!(super::login::connect_from(&serve, "smtp", "127.0.0.2").read(&mut [0; 1]).is_ok_and(|n| n == 1));
    drop(kept);
    let until = Instant::now() + Duration::from_secs(20);
    while !greeted(&serve, "smtp").2.starts_with("220") {
        assert!(Instant::now() < until, "those that have left are still counted");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// RFC 5321 3.8: those who wait are told that it ends, a message on its way may finish, and nobody else comes in.
#[test]
fn a_server_that_ends_lets_a_message_finish() {
    let mut serve = Serve::start(&["--any-password", "--create"]);
    let (mut sending, mut sent, _) = greeted(&serve, "smtp");
    sending.write_all(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\nA: b\r\n").unwrap();
    let mut line = String::new();
    while !line.starts_with("354") {
        line.clear();
        sent.read_line(&mut line).unwrap();
    }
    let (_smtp, mut smtp, _) = greeted(&serve, "smtp");
    let (_imap, mut imap, _) = greeted(&serve, "imap");
    let (_pop3, mut pop3, _) = greeted(&serve, "pop3");
    let pid = rustix::process::Pid::from_child(&serve.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let rest = |reader: &mut BufReader<TcpStream>| {
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        said
    };
    assert!(rest(&mut smtp).starts_with("421 4.3.2 "));
    assert!(rest(&mut imap).starts_with("* BYE "));
    assert_eq!(rest(&mut pop3), "");
    // The sessions hear of the end before the doors are shut, which may take its time on a busy machine.
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", serve.port("smtp"))).is_ok() {
        assert!(Instant::now() < until, "it still listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    sending.write_all(b"C: d\r\n.\r\n").unwrap();
    let said = rest(&mut sent);
    assert!(said.starts_with("250 ") && said.contains("\r\n421 "), "{said}");
    assert_eq!(wait(&mut serve.child, Duration::from_secs(10)).unwrap().code(), Some(0));
    assert_eq!(messages(&serve.root.join("bob")).len(), 1);
}

/// CVE-2014-3430: handshakes and commands that nobody ends take no place that others need, also from their own address.
#[test]
fn two_hundred_that_do_nothing_keep_nobody_out() {
    let serve = Serve::start(&["--any-password", "--create"]);
    let mut slow = Vec::new();
    for n in 0..200 {
        let service = ["smtps", "pop3s", "imaps", "smtp"][n % 4];
        let mut stream = serve.connect(service);
        // The beginning of a ClientHello, or of a command.
        stream.write_all(if n % 4 == 3 { b"MAIL FR" } else { b"\x16\x03\x01\x02\x00\x01\x00" }).unwrap();
        slow.push(stream);
    }
    for service in ["smtp", "pop3", "imap"] {
        let (mut stream, mut reader, line) = greeted(&serve, service);
        assert!(["220", "+OK", "* OK"].iter().any(|hello| line.starts_with(hello)), "{service}: {line}");
        stream.write_all(b"a LOGOUT\r\nQUIT\r\n").unwrap();
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.child.id())).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = rss.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 64 * 1024, "{kib} KiB");
    // Else they are waited for in the end.
    drop(slow);
}
