//! Clients of mail-serve that mean harm: a good one is served all the same, and nothing is where it should not be.

use crate::served::{Talk, append, prepared, send, texts};
use crate::steps;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[test]
fn crowds_of_half_open_idle_and_slow_clients_keep_nobody_out() {
    let (home, served) = prepared();
    let to = |port: u16| TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    let mut crowd = Vec::new();
    for n in 0..200 {
        // Half a ClientHello, or less.
        let mut half = to(served.tls[n % 3]);
        half.write_all(&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..n % 12]).unwrap();
        let mut slow = to([served.smtp, served.pop3, served.imap][n % 3]);
        slow.write_all(&b"a NOOPEHLO"[..n % 10]).unwrap();
        crowd.extend([half, slow]);
    }
    for n in 0..3 {
        assert!(send(served.smtp, "bob@localhost", &format!("Subject: {n}\n\nb\n")).starts_with("250"));
        let url = served.url("pop3", "bob");
        let listed = home.run("pop3-ls", &[&url, "--password-file", "pw", "--timeout", "20s"], b"").ends(0).out;
        assert_eq!(listed.lines().count(), n + 1);
        // The slow ones go on.
        crowd.iter_mut().for_each(|slow| drop(slow.write_all(b"x")));
    }
    assert!(append(served.imap, "bob", "Subject: x\n\nb\n").contains("OK [APPENDUID"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let kib: u64 =
        status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap();
    assert!(kib < 128 * 1024, "{kib} KiB for {} clients", crowd.len());
}

#[test]
fn nothing_gets_across_the_beginning_of_tls() {
    let (_home, served) = prepared();
    let start = |port: u16, greeting: &str, commands: &str| {
        let mut talk = Talk::to(port);
        talk.line();
        talk.say(greeting);
        talk.say(commands);
        talk.rest()
    };
    // In one packet with STARTTLS: what stands behind it is not run, neither in clear nor inside.
    let smtp = "STARTTLS\r\nMAIL FROM:<eve@localhost>\r\nRCPT TO:<bob@localhost>\r\n";
    let rest = start(served.smtp, "EHLO x\r\n", smtp);
    assert!(!rest.contains("2.1.0") && !rest.contains("2.1.5"), "{rest}");
    let rest = start(served.pop3, "CAPA\r\n", "STLS\r\nUSER eve\r\nPASS x\r\nSTAT\r\n");
    assert!(rest.matches("+OK").count() <= 3 && !rest.contains("+OK 0 0"), "{rest}");
    let rest = start(served.imap, "", "a STARTTLS\r\nb LOGIN eve x\r\nc SELECT INBOX\r\n");
    assert!(!rest.contains("b OK") && !rest.contains("c OK"), "{rest}");
    assert!(!served.root.join("eve").exists());
}

/// What some servers take for the end of the data, and others do not (each is followed by a second message).
const LOOK_ALIKES: [&str; 9] =
    ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n", "\r\n.\0\r\n"];

#[test]
fn smuggled_messages_are_refused_however_the_packets_are_cut() {
    let (_home, served) = prepared();
    let mut number = 0;
    for look_alike in LOOK_ALIKES {
        let second =
            "MAIL FROM:<eve@localhost>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n";
        let text = format!("Subject: first\r\n\r\nbody{look_alike}{second}QUIT\r\n");
        let around = 23..23 + look_alike.len() + 3;
        for cut in around {
            let mut talk = Talk::to(served.smtp);
            talk.reply();
            talk.ask("EHLO x");
            talk.ask("MAIL FROM:<amy@localhost>");
            talk.ask("RCPT TO:<bob@localhost>");
            assert!(talk.ask("DATA").starts_with("354"));
            talk.say(&text[..cut]);
            std::thread::sleep(Duration::from_millis(2));
            talk.say(&text[cut..]);
            let rest = talk.rest();
            number += 1;
            let replies: Vec<&str> = rest.lines().collect();
            // One reply: either it is one message, with all that follows in it, or it is refused.
            assert!(
                !rest.contains("2.1.0") && !rest.contains("2.1.5") && !rest.contains("354"),
                "{look_alike:?} {cut}: {rest}"
            );
            assert!(
                replies.first().is_some_and(|r| r.starts_with('5') || r.starts_with("250 ")),
                "{look_alike:?}: {rest}"
            );
        }
    }
    assert!(number > 40);
    let there = texts(&served.root.join("bob/new"));
    // Only the one with a NUL behind its dot is no bare CR or LF, and that is text.
    assert!(there.iter().all(|t| t.contains("Subject: first") && t.contains("\n\0\n")), "{there:?}");
}

/// Recipients that some servers pass on.
const ROUTES: [&str; 38] = [
    "bob@example.org",
    "bob%example.org@localhost",
    "bob%example.org",
    "example.org!bob@localhost",
    "example.org!bob",
    "\"bob@example.org\"@localhost",
    "\"bob@example.org\"",
    "\"bob%example.org\"@localhost",
    "@localhost:bob@example.org",
    "@localhost,@example.com:bob@example.org",
    "@example.com:bob@localhost",
    "bob@example.org@localhost",
    "bob@localhost@example.org",
    "bob@[192.0.2.1]",
    "bob@[127.0.0.1].example.org",
    "bob@[IPv6:2001:db8::1]",
    "bob@127.0.0.1",
    "bob@2130706433",
    "bob@",
    "@localhost",
    "bob@.",
    "bob@localhost.",
    "bob@example.org.",
    "bob@.localhost",
    "bob@localhost..",
    "bob@localhost.example.org",
    "bob@xlocalhost",
    "bob@localhost%00.example.org",
    "bob@localhost\0.example.org",
    "bob@local\u{2024}host",
    "bob@localhost example.org",
    "bob@localhost>,<eve@example.org",
    "bob@localhost> ORCPT=rfc822;x <eve@example.org",
    "|/bin/sh",
    "/etc/passwd",
    ":include:/etc/passwd",
    "bob@(localhost)example.org",
    "bob+@example.org",
];

#[test]
fn nobody_relays_by_any_route() {
    let (_home, served) = prepared();
    for route in ROUTES {
        let mut talk = Talk::to(served.smtp);
        talk.reply();
        talk.ask("EHLO x");
        talk.ask("MAIL FROM:<amy@example.com>");
        let reply = talk.ask(&format!("RCPT TO:<{route}>"));
        // What stays may be the name of a user here, quoted or not; it goes nowhere else.
        let local = reply.starts_with("250") && (route.ends_with("@localhost") || route.ends_with("]"));
        assert!(reply.starts_with('5') || local, "{route:?}: {reply}");
        assert!(!reply.starts_with("250") || !route.contains("@["), "{route:?}: {reply}");
        if local {
            assert!(talk.ask("DATA").starts_with("354"));
            assert!(talk.ask("x\r\n.").starts_with("250"), "{route:?}");
        }
        talk.say("QUIT\r\n");
    }
    let relayed = std::fs::read_dir(&served.root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    for user in relayed.filter(|name| !name.starts_with('.')) {
        assert!(!user.contains('/') && !user.contains(".."), "{user}");
    }
}

#[test]
fn names_are_no_paths_and_links_lead_nowhere() {
    let (home, served) = prepared();
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "Subject: secret\n\ntop secret\n").unwrap();
    let long = "x".repeat(300);
    for user in ["../outside", "..", ".", "../../etc", "/etc/passwd", "bob/../../outside", "a\\b", &long, "%2e%2e", ""]
    {
        let mut talk = Talk::to(served.smtp);
        talk.reply();
        talk.ask("EHLO x");
        talk.ask("MAIL FROM:<>");
        talk.ask(&format!("RCPT TO:<\"{}\"@localhost>", user.replace('\\', "\\\\")));
        talk.ask("QUIT");
    }
    // Not many: logins that fail are made to wait.
    for user in ["../outside", "bob/../../outside"] {
        let mut talk = Talk::to(served.pop3);
        talk.line();
        talk.say(format!("USER {user}\r\nPASS x\r\nSTAT\r\nQUIT\r\n"));
        talk.rest();
        let mut talk = Talk::to(served.imap);
        talk.line();
        talk.say(format!("a LOGIN \"{}\" x\r\n", user.replace('\\', "\\\\")));
        talk.until("a");
        talk.say("b LOGOUT\r\n");
        talk.rest();
    }
    let mut talk = Talk::to(served.imap);
    talk.line();
    talk.tagged("a", "LOGIN bob x");
    for folder in
        ["../x", "..", ".", "a/../../x", "/etc", "x/.", ".x", &long, "a/", "/", "&AC4ALgAv-", "a\\\\b", "INBOX/../x"]
    {
        for command in ["CREATE", "SELECT", "SUBSCRIBE", "DELETE", "STATUS"] {
            let more = if command == "STATUS" { " (MESSAGES)" } else { "" };
            let reply = talk.tagged("b", &format!("{command} \"{folder}\"{more}"));
            assert!(reply.starts_with("b "), "{command} {folder:?}: {reply:?}");
        }
        talk.tagged("c", &format!("RENAME INBOX \"{folder}\""));
    }
    talk.say(b"d CREATE {3}\r\n");
    talk.line();
    talk.say(b"a\0b\r\n");
    talk.rest();
    let names = |dir: &std::path::Path| -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(
        (names(home.path()), names(&outside)),
        (vec!["outside".into(), "pw".into(), "served".into()], vec!["secret".into()])
    );
    // Links that somebody has planted: as a message, as a folder, as new, cur and tmp.
    let plant = |user: &str, sub: &str| {
        let dir = served.root.join(user);
        for name in ["tmp", "new", "cur"].into_iter().filter(|name| *name != sub) {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        if ["tmp", "new", "cur"].contains(&sub) {
            std::os::unix::fs::symlink(&outside, dir.join(sub)).unwrap();
        }
        dir
    };
    let dir = plant("planted", "");
    for sub in ["new", "cur"] {
        std::os::unix::fs::symlink(outside.join("secret"), dir.join(sub).join("1.link")).unwrap();
    }
    std::fs::create_dir(dir.join(".Folder")).unwrap();
    for sub in ["tmp", "new", "cur"] {
        std::os::unix::fs::symlink(&outside, dir.join(".Folder").join(sub)).unwrap();
    }
    std::os::unix::fs::symlink(&outside, dir.join(".Linked")).unwrap();
    let mut talk = Talk::to(served.pop3);
    talk.line();
    talk.say("USER planted\r\nPASS x\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n");
    let rest = talk.rest();
    assert!(!rest.contains("top secret"), "{rest}");
    let mut talk = Talk::to(served.imap);
    talk.line();
    talk.say("a LOGIN planted x\r\nb SELECT INBOX\r\nc FETCH 1:* BODY[]\r\nd SELECT Folder\r\ne FETCH 1:* BODY[]\r\nf SELECT Linked\r\n");
    talk.say("g FETCH 1:* BODY[]\r\nh COPY 1:* INBOX\r\ni DELETE Folder\r\nj DELETE Linked\r\nk LOGOUT\r\n");
    let rest = talk.rest();
    assert!(rest.contains("k OK") && !rest.contains("top secret"), "{rest}");
    for sub in ["tmp", "new", "cur"] {
        let user = format!("planted{sub}");
        plant(&user, sub);
        let reply = send(served.smtp, &format!("{user}@localhost"), "Subject: x\n\nb\n");
        assert!(!reply.starts_with("250"), "{sub}: {reply}");
    }
    assert_eq!(names(&outside), ["secret"]);
    assert!(std::fs::read_to_string(outside.join("secret")).unwrap().contains("top secret"));
}

#[test]
fn a_command_line_cut_into_any_two_packets_is_the_same_command() {
    let (_home, served) = prepared();
    let whole = "EHLO x\r\nMAIL FROM:<amy@localhost>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\nSubject: s\r\n\r\nb\r\n.\r\nQUIT\r\n";
    let codes = |cut: usize| {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], served.smtp))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&whole.as_bytes()[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        stream.write_all(&whole.as_bytes()[cut..]).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        all.lines().map(|line| line[..4].to_owned()).collect::<Vec<_>>()
    };
    let first = codes(whole.len());
    assert!(
        first.iter().filter(|code| *code == "250 ").count() == 4 && first.contains(&"354 ".to_owned()),
        "{first:?}"
    );
    for cut in steps(whole.len() - 1, 40) {
        assert_eq!(codes(cut), first, "cut at {cut}");
    }
}
