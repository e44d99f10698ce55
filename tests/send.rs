//! smtp-send as scripts see it: what it does with many messages, and what its status, its lines and its report say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "send/peer.rs"]
mod peer;
#[path = "send/sendmail.rs"]
mod sendmail;

use common::{Home, Ran};
use peer::{Peer, Say};
use serde_json::Value;

const MESSAGE: &[u8] = b"From: a@example.org\nSubject: s\n\nb\n";

fn objects(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One run against a server that answers `verb` in this way; the status and the fates, stages and codes.
fn fate_of(verb: &'static str, of: &'static str, say: fn() -> Say) -> (i32, Vec<String>) {
    let peer = Peer::start(move |_, said, line| if said == verb && line.contains(of) { say() } else { Say::Yes });
    let home = Home::new();
    let ran = home.run(
        "smtp-send",
        &["-a", &peer.url(), "-f", "a@example.org", "--json", "b@example.org", "c@example.org"],
        MESSAGE,
    );
    let word =
        |one: &Value| format!("{} {} {}", one["fate"].as_str().unwrap(), one["stage"].as_str().unwrap(), one["code"]);
    (ran.status, objects(&ran).iter().map(word).collect())
}

/// What a script learns, in every case in which other programs say too little.
#[test]
fn the_status_tells_what_happened() {
    let both = |text: &str| vec![text.to_owned(), text.to_owned()];
    let two = |one: &str, two: &str| vec![one.to_owned(), two.to_owned()];
    assert_eq!(fate_of("", "", || Say::Yes), (0, both("done end 250")));
    assert_eq!(fate_of("MAIL", "", || Say::Text("450 4.2.0 busy")), (75, both("later mail 450")));
    assert_eq!(fate_of("MAIL", "", || Say::Last("421 4.3.2 closing")), (75, both("later mail 421")));
    assert_eq!(fate_of("RCPT", "<b@", || Say::Text("550 5.1.1 no")), (67, two("never rcpt 550", "done end 250")));
    assert_eq!(fate_of("RCPT", "<b@", || Say::Text("450 4.2.1 no")), (67, two("later rcpt 450", "done end 250")));
    assert_eq!(fate_of("RCPT", "", || Say::Text("550 5.1.1 no")), (69, both("never rcpt 550")));
    assert_eq!(fate_of("DATA", "", || Say::Text("451 4.3.0 no")), (75, both("later data 451")));
    assert_eq!(fate_of("DATA", "", || Say::Nothing), (75, both("later data null")));
    assert_eq!(fate_of("BODY", "", || Say::Text("451 4.3.0 no")), (75, both("later end 451")));
    assert_eq!(fate_of("BODY", "", || Say::Text("554 5.6.0 no")), (69, both("never end 554")));
    assert_eq!(fate_of("BODY", "", || Say::Nothing), (79, both("unknown end null")));
    assert_eq!(fate_of("EHLO", "", || Say::Text("502 what")), (0, both("done end 250")));
    assert_eq!(fate_of("EHLO", "", || Say::Last("421 later")), (75, both("later connect null")));
    assert_eq!(fate_of("HELLO", "", || Say::Last("554 never")), (69, both("never connect null")));
    let home = Home::new();
    let ran = home.run("smtp-send", &["-a", "smtp+plain://127.0.0.1:1", "-f", "a@b.c", "--json", "b@b.c"], MESSAGE);
    let ran = ran.ends(75);
    assert_eq!((objects(&ran)[0]["stage"].as_str(), ran.err.lines().count()), (Some("connect"), 1));
}

#[test]
fn the_report_has_what_the_server_calls_it() {
    let peer = Peer::start(|_, _, _| Say::Yes);
    let home = Home::new();
    let ran = home.run("smtp-send", &["-a", &peer.url(), "-f", "a@example.org", "--json", "b@example.org"], MESSAGE);
    let one = objects(&ran.ends(0)).remove(0);
    assert_eq!(one["queue_id"], "4Zx1Wq5LZy");
    assert_eq!(
        (one["enhanced"].as_str(), one["message"].as_u64(), &one["file"]),
        (Some("2.0.0"), Some(1), &Value::Null)
    );
}

/// What a server got: the last word of each subject, sorted.
fn subjects(peer: &Peer) -> Vec<String> {
    let subject = |text: &str| text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
    let mut all: Vec<String> = peer.taken().iter().map(|got| subject(&got.text)).collect();
    all.sort();
    all
}

#[test]
fn many_messages_in_every_form_over_one_connection() {
    let home = Home::new();
    let to = ["-f", "a@example.org", "b@example.org"];
    let run = |peer: &Peer, more: &[&str], stdin: &[u8]| {
        home.run("smtp-send", &[&["-a", &peer.url()], &to[..], more].concat(), stdin)
    };
    let peer = Peer::start(|_, _, _| Say::Yes);
    run(&peer, &["-0"], b"Subject: 1\n\nx\0Subject: 2\n\ny\n\0").ends(0);
    assert_eq!(subjects(&peer), ["1", "2"]);
    assert!(peer.taken().iter().all(|got| got.line == 0), "{:?}", peer.taken());

    let peer = Peer::start(|_, _, _| Say::Yes);
    let lines = b"{\"raw\": \"Subject: 1\\n\\nx\"}\n{\"raw64\": \"U3ViamVjdDogMgoK/w==\", \"from\": \"\", \"to\": [\"c@example.org\"]}\n";
    home.run("smtp-send", &["-a", &peer.url(), "--ndjson", "-f", "a@example.org", "b@example.org"], lines).ends(0);
    assert_eq!(subjects(&peer), ["1", "2"]);
    let mut taken = peer.taken();
    let second = taken.remove(1);
    assert_eq!(
        (second.from.as_str(), second.to),
        ("a@example.org", vec!["b@example.org".to_owned(), "c@example.org".into()])
    );
    let peer = Peer::start(|_, _, _| Say::Yes);
    home.run("smtp-send", &["-a", &peer.url(), "--ndjson", "b@example.org"], lines).ends(0);
    assert_eq!(peer.taken()[1].from, "");

    for name in ["box/cur", "box/new", "box/tmp", "empty"] {
        std::fs::create_dir_all(home.path().join(name)).unwrap();
    }
    for (name, subject) in [("box/new/1", "1"), ("box/cur/2:2,S", "2"), ("box/tmp/3", "3"), ("4.eml", "4")] {
        std::fs::write(home.path().join(name), format!("Subject: {subject}\n\nx\n")).unwrap();
    }
    let peer = Peer::start(|_, _, _| Say::Yes);
    let ran = run(&peer, &["--json", "--files", "box", "4.eml", "gone.eml"], b"").ends(67);
    assert_eq!(subjects(&peer), ["1", "2", "4"]);
    assert_eq!(objects(&ran).last().unwrap()["file"], "4.eml");
    assert!(ran.err.contains("gone.eml"), "{ran:?}");
    run(&peer, &["--files", "empty"], b"").ends(66);
    run(&peer, &["--files", "4.eml", "--", "c@example.org"], b"").ends(0);
    assert_eq!(peer.taken().last().unwrap().to.len(), 2);

    run(&peer, &["-0", "-t"], b"x").ends(64).complains("--resend-to-header");
    run(&peer, &["-0", "--mbox"], b"x").ends(64);
    run(&peer, &["-0", "-s", "x"], b"x").ends(64);
    run(&peer, &["-0"], b"Subject: 5\n\nx\0\0").ends(67);
    run(&peer, &["--ndjson"], b"nonsense\n{\"raw\": \"Subject: 6\\n\\nx\"}\n").ends(67);
    run(&peer, &["-0"], b"").ends(0);
}

#[test]
fn several_connections_share_the_work() {
    let home = Home::new();
    let all: Vec<u8> = (0..40).flat_map(|n| format!("Subject: {n:02}\n\nx\0").into_bytes()).collect();
    let expect: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    let run = |peer: &Peer, more: &[&str]| {
        home.run(
            "smtp-send",
            &[&["-a", &peer.url(), "-f", "a@example.org", "-0", "--json", "b@example.org"], more].concat(),
            &all,
        )
    };
    // Each answer takes its time, so that the others get something to do.
    let slow = || std::thread::sleep(std::time::Duration::from_millis(5));
    let peer = Peer::start(move |_, verb, _| {
        if verb == "BODY" {
            slow();
        }
        Say::Yes
    });
    let ran = run(&peer, &["--jobs", "4"]).ends(0);
    assert_eq!(subjects(&peer), expect);
    let mut numbers: Vec<u64> = objects(&ran).iter().map(|one| one["message"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    let lines: std::collections::BTreeSet<usize> = peer.taken().iter().map(|got| got.line).collect();
    assert!((2..=4).contains(&lines.len()), "{lines:?}");

    // One connection is all that the server allows: everything goes through that one.
    let peer = Peer::start(move |n, verb, _| match verb {
        "HELLO" if n > 0 => Say::Last("421 4.7.0 too many connections"),
        "BODY" => {
            slow();
            Say::Yes
        }
        _ => Say::Yes,
    });
    run(&peer, &["--jobs", "3"]).ends(0);
    assert_eq!(subjects(&peer), expect);

    // Nobody is there: all are told so, once each.
    let nobody = ["-a", "smtp+plain://127.0.0.1:1", "-f", "a@b.c", "-0", "--json", "--jobs", "3", "b@b.c"];
    let ran = home.run("smtp-send", &nobody, &all).ends(75);
    assert_eq!(objects(&ran).len(), 40);
    for wrong in ["0", "101", "x"] {
        home.run("smtp-send", &["--jobs", wrong, "b@localhost"], b"x").ends(64);
    }
}

#[test]
fn a_server_that_hangs_up_between_messages_is_called_again() {
    let home = Home::new();
    // After each message it is gone.
    let peer = Peer::start(|_, verb, _| if verb == "BODY" { Say::Text("250 ok") } else { Say::Yes });
    let all: Vec<u8> = (0..3).flat_map(|n| format!("Subject: {n}\n\nx\0").into_bytes()).collect();
    home.run("smtp-send", &["-a", &peer.url(), "-f", "a@b.c", "-0", "b@b.c"], &all).ends(0);
    let peer = Peer::start(|n, verb, _| match verb {
        "MAIL" if n == 0 => Say::Last("421 4.3.2 enough"),
        _ => Say::Yes,
    });
    home.run("smtp-send", &["-a", &peer.url(), "-f", "a@b.c", "-0", "b@b.c"], &all).ends(67);
    assert_eq!(subjects(&peer), ["1", "2"]);
}

#[test]
fn a_rate_is_kept() {
    let home = Home::new();
    let peer = Peer::start(|_, _, _| Say::Yes);
    let arguments = ["-a", &peer.url(), "-f", "a@b.c", "-0", "--rate", "20/s", "--jobs", "2", "b@b.c"];
    let begin = std::time::Instant::now();
    home.run("smtp-send", &arguments, b"Subject: 1\n\n\0Subject: 2\n\n\0Subject: 3\n\n").ends(0);
    assert!(begin.elapsed() >= std::time::Duration::from_millis(100));
    let ran = home.run(
        "smtp-send",
        &["-a", &peer.url(), "-f", "a@b.c", "-0", "--rate", "1/h", "--timeout", "5s", "b@b.c"],
        b"Subject: 4\n\n\0Subject: 5\n\n",
    );
    assert!(ran.ends(67).err.contains("--rate"));
    assert_eq!(subjects(&peer), ["1", "2", "3", "4"]);
    home.run("smtp-send", &["--rate", "fast", "b@localhost"], b"x").ends(64);
}

#[test]
fn a_line_for_each_message_in_a_log() {
    let home = Home::new();
    let peer = Peer::start(|_, verb, line| match verb {
        "RCPT" if line.contains("<no@") => Say::Text("550 5.1.1 isn't here"),
        _ => Say::Yes,
    });
    let to = ["-a", &peer.url(), "-f", "a@example.org", "--log", "log", "b@example.org"];
    home.run("smtp-send", &to, b"Message-ID: <1@x>\n\nx").ends(0);
    home.run("smtp-send", &[&to[..], &["no@example.org"]].concat(), MESSAGE).ends(67);
    home.run("smtp-send", &["-a", "smtp+plain://127.0.0.1:1", "-f", "a@b.c", "--log", "log", "b@b.c"], MESSAGE)
        .ends(75);
    home.run("smtp-send", &["-n", "--log", "log", "b@localhost"], MESSAGE).ends(0);
    let queued = ["-a", "smtp+plain://127.0.0.1:1", "-f", "a@b.c", "--log", "log", "b@b.c"];
    home.run("smtp-send", &[&["--queue", "--idempotency-key", "k"], &queued[..]].concat(), MESSAGE).ends(0);
    home.run("smtp-send", &[&["--queue", "--idempotency-key", "k"], &queued[..]].concat(), MESSAGE).ends(0);
    let id = home.run("smtp-queue", &["ls", "-o", "id"], b"").ends(0).out.trim().to_owned();
    let in_queue = format!("queued=b@b.c id={id}");
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 4, "{log}");
    for (line, words) in lines.iter().zip([
        "from=a@example.org message_id=<1@x> done=b@example.org stage=end code=250 text='2.0.0 Ok: queued as 4Zx1Wq5LZy' queue_id=4Zx1Wq5LZy",
        "done=b@example.org never=no@example.org stage=rcpt code=550 text='5.1.1 isn\\x27t here'",
        "later=b@b.c exit=75",
        &in_queue,
    ]) {
        assert!(line.starts_with("20") && line.contains("Z smtp-send["), "{line}");
        for word in words.split(' ') {
            assert!(line.contains(word), "{line}: {word}");
        }
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(home.path().join("log")).unwrap().permissions().mode() & 0o777, 0o600);
    // What can't be logged is sent all the same.
    let ran = home.run("smtp-send", &["-a", &peer.url(), "-f", "a@b.c", "--log", "no/log", "b@b.c"], MESSAGE).ends(0);
    assert!(ran.err.contains("no/log"), "{ran:?}");
    let config = format!("[x]\nsmtp = \"{}\"\nfrom = \"a@b.c\"\nlog = \"{}/log\"\n", peer.url(), home.path().display());
    std::fs::write(home.path().join("config.toml"), config).unwrap();
    home.run("smtp-send", &["--config", "config.toml", "-a", "x", "b@b.c"], MESSAGE).ends(0);
    assert_eq!(std::fs::read_to_string(home.path().join("log")).unwrap().lines().count(), 5);
    std::fs::write(home.path().join("config.toml"), "[x]\nsmtp = \"smtp://h\"\nlog = \"relative\"\n").unwrap();
    home.run("smtp-send", &["--config", "config.toml", "-a", "x", "b@b.c"], MESSAGE).ends(78).complains("log");
}

#[test]
fn so_far_and_no_further() {
    let home = Home::new();
    let peer = Peer::start(|_, verb, line| match verb {
        "RCPT" if line.contains("<no@") => Say::Text("550 5.1.1 no"),
        "RCPT" if line.contains("<wait@") => Say::Text("450 4.2.1 wait"),
        _ => Say::Yes,
    });
    let stop = |point: &str, to: &[&str]| {
        home.run("smtp-send", &[&["-a", &peer.url(), "-f", "a@b.c", "--stop-after", point], to].concat(), b"")
    };
    for (point, out) in [
        ("connect", ""),
        ("greeting", "220 peer\n"),
        ("ehlo", "250-peer\n250 8BITMIME\n"),
        ("tls", ""),
        ("auth", ""),
        ("mail", "250 2.0.0 ok\n"),
        ("rcpt", "250 2.0.0 ok\n"),
        ("data", "354 go on\n"),
    ] {
        assert_eq!(stop(point, &["b@b.c"]).ends(0).out, out, "{point}");
    }
    stop("rcpt", &["no@b.c"]).ends(69).complains("no@b.c: 550");
    stop("rcpt", &["wait@b.c"]).ends(75);
    stop("rcpt", &["no@b.c", "b@b.c"]).ends(67);
    stop("rcpt", &[]).ends(64);
    stop("soon", &["b@b.c"]).ends(64);
    assert!(peer.taken().is_empty());
    home.run("smtp-send", &["-a", "smtp+plain://127.0.0.1:1", "--stop-after", "connect"], b"").ends(75);
}

#[test]
fn a_line_for_each_message_in_syslog() {
    let peer = Peer::start(|_, verb, line| match verb {
        "RCPT" if line.contains("never") => Say::Text("550 5.1.1 no"),
        _ => Say::Yes,
    });
    let home = Home::new();
    let path = home.path().join("log");
    let to_log = format!("syslog:{}", path.display());
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let next = || {
        let mut buffer = [0; 10_000];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let send = |more: &[&str]| {
        let flags = ["-a", &peer.url(), "-f", "a@example.org", "--log", &to_log];
        home.run("smtp-send", &[&flags[..], more].concat(), MESSAGE)
    };
    send(&["b@example.org"]).ends(0);
    let line = next();
    // RFC 3164: mail, informational; a tag with the process's number.
    assert!(line.starts_with("<22>smtp-send[") && line.contains("]: host="), "{line}");
    assert!(line.contains(" from=a@example.org ") && line.contains(" done=b@example.org "), "{line}");
    assert!(line.contains(" queue_id=4Zx1Wq5LZy") && !line.contains('\n'), "{line}");
    send(&["never@example.org"]).ends(69);
    assert!(next().contains(" never=never@example.org stage=rcpt code=550 "));
    // A line longer than a datagram that every syslog takes is cut, and nothing fails.
    let many: Vec<String> = (0..400).map(|n| format!("recipient-number-{n}@example.org")).collect();
    send(&many.iter().map(String::as_str).collect::<Vec<_>>()).ends(0);
    assert_eq!(next().len(), 8000 + "<22>".len());
    // From the configuration too.
    let text = format!("[work]\nsmtp = \"{}\"\nfrom = \"a@example.org\"\nlog = \"{to_log}\"\n", peer.url());
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    home.run("smtp-send", &["--config", "config.toml", "-a", "work:", "b@example.org"], MESSAGE).ends(0);
    assert!(next().contains(" done=b@example.org "));
    // Nobody listens: that is told, and changes nothing.
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    let before = peer.taken().len();
    send(&["b@example.org"]).ends(0).complains("log: ");
    assert_eq!(peer.taken().len(), before + 1);
}

#[test]
fn the_kinds_of_mbox() {
    let home = Home::new();
    let send = |kind: &str, text: &str| {
        let peer = Peer::start(|_, _, _| Say::Yes);
        let arguments = ["-a", &peer.url(), "-f", "a@example.org", kind, "b@example.org"];
        let ran = home.run("smtp-send", &arguments, text.as_bytes());
        let bodies = peer.taken().into_iter().map(|got| got.text.split_once("\n\n").unwrap().1.to_owned());
        (ran.status, bodies.collect::<Vec<_>>())
    };
    let from = "From a@b Sun Nov 22 22:16:00 2026\n";
    let text = format!("{from}Subject: 1\n\n>From x\n>>From y\n\n{from}Subject: 2\n\n2\n");
    let sent = |first: &str| (0, vec![first.to_owned(), "2\n".to_owned()]);
    assert_eq!(send("--mbox", &text), sent("From x\n>From y\n"));
    assert_eq!(send("--mbox=rd", &text), sent("From x\n>From y\n"));
    assert_eq!(send("--mbox=o", &text), sent("From x\n>>From y\n"));
    assert_eq!(send("--mbox=cl", &text), sent("From x\n>>From y\n"));
    let body = format!(">From x\n\n{from}");
    let text = format!("{from}Content-Length: {}\n\n{body}\n{from}Content-Length: 2\n\n2\n\n", body.len());
    assert_eq!(send("--mbox=cl2", &text), sent(&body));
    assert_eq!(send("--mbox=cl", &text), sent(&format!("From x\n\n{from}")));
    // What a wrong length makes of the rest goes to nobody.
    let wrong = text.replacen("Content-Length: 4", "Content-Length: 3", 1);
    assert_eq!(send("--mbox=cl2", &wrong), (65, vec![]));
    assert_eq!(send("--mbox=mmdf", &text).0, 64);
}

#[test]
fn a_dialogue_by_hand() {
    let home = Home::new();
    let peer = Peer::start(|_, verb, _| match verb {
        "AUTH" => Say::Text("334 "),
        "TULIP" => Say::Text("535 5.7.8 no"),
        "BYE" => Say::Last("421 4.3.2 closing"),
        _ => Say::Yes,
    });
    let talk = |typed: &str| {
        home.run("smtp-send", &["-a", &peer.url(), "--talk", "--trace", "trace", "--trace-times"], typed.as_bytes())
    };
    let ran = talk("MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nDATA\nSubject: by hand\n\nhello\n.\nNOOP").ends(0);
    let ok = "250 2.0.0 ok\n";
    assert_eq!(ran.out, format!("{ok}{ok}354 go on\n250 2.0.0 Ok: queued as 4Zx1Wq5LZy\n{ok}221 bye\n"));
    assert_eq!(peer.taken()[0].text, "Subject: by hand\n\nhello\n");
    assert_eq!(
        talk("auth login\ntulip\nAUTH PLAIN roses\n\n").ends(0).out,
        "334 \n535 5.7.8 no\n334 \n250 2.0.0 ok\n221 bye\n"
    );
    let trace = std::fs::read_to_string(home.path().join("trace")).unwrap();
    assert!(trace.contains("C: AUTH PLAIN ***\n") && trace.contains("C: ***\n"), "{trace}");
    assert!(!trace.contains("tulip") && !trace.contains("roses"), "{trace}");
    assert!(trace.lines().any(|line| line.starts_with("# 0.")), "{trace}");
    talk("BYE\n").ends(75);
    // What has followed is not answered any more, and QUIT is no excuse for that.
    talk("BYE\nQUIT\n").ends(75);
    assert_eq!(talk("").ends(0).out, "221 bye\n");
}

/// A large message in a file is not copied; when it is another one the second time, nobody gets it.
#[test]
fn a_file_that_changes_while_it_is_sent() {
    let home = Home::new();
    let path = home.path().join("large");
    let text = String::from_utf8(MESSAGE.to_vec()).unwrap() + &"a line like all the others\n".repeat(20_000);
    std::fs::write(&path, &text).unwrap();
    let send = |peer: &Peer| {
        let mut command = home.command(&common::bin().join("smtp-send").display().to_string());
        command.args(["-a", &peer.url(), "-f", "a@example.org", "b@example.org"]);
        let output = command.stdin(std::fs::File::open(&path).unwrap()).env("TMPDIR", "/nonexistent").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let peer = Peer::start(|_, _, _| Say::Yes);
    assert_eq!(send(&peer), (Some(0), String::new()));
    assert!(peer.taken()[0].text.ends_with(text.split_once("\n\n").unwrap().1), "something is missing");
    let written = path.clone();
    let peer = Peer::start(move |_, said, _| {
        if said == "DATA" {
            let file = std::fs::OpenOptions::new().write(true).open(&written).unwrap();
            std::os::unix::fs::FileExt::write_at(&file, b"X", 300_000).unwrap();
        }
        Say::Yes
    });
    let (status, said) = send(&peer);
    assert!(status == Some(74) && said.contains("changed while it was sent"), "{status:?} {said}");
    assert_eq!(peer.taken(), []);
}
