//! imap-ls and imap-fetch end to end: on `local:`, on mail-serve, and against servers that fail in the middle.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Server};
use pipepost::body::Body;
use pipepost::client::Login;
use pipepost::client::imap::{Client, Fetched, Rows};
use pipepost::error::Result;
use pipepost::net::Wire;
use pipepost::net::stream::Socket;
use pipepost::proto::imap::response::BodyName;
use pipepost::proto::imap::section::{FetchItem, Section};
use pipepost::secret::Secret;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn send(home: &Home, subject: &str, body: &str) {
    let arguments = ["-s", subject, "--from", "Zoë <zoe@localhost>", "amy@localhost"];
    home.run("smtp-send", &arguments, body.as_bytes()).ends(0);
}

const INBOX: &str = "local://amy/INBOX";

#[test]
fn folders_and_messages_in_every_form() {
    let home = Home::new();
    send(&home, "Grüße\tan alle", "one\n");
    send(&home, "second", "two\n");
    let ran = home.run("imap-ls", &["local://amy"], b"").ends(0);
    let (inbox, others) = ran.out.split_once('\n').unwrap();
    assert_eq!((inbox, ran.err.as_str()), ("2\t2\t2\t3\tINBOX", ""));
    let empty: String =
        ["Archive", "Drafts", "Junk", "Sent", "Trash"].iter().map(|f| format!("0\t0\t0\t1\t{f}\n")).collect();
    assert_eq!(others, empty);
    let ran = home.run("imap-ls", &["--json", "local://amy"], b"").ends(0);
    let folder: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!((&folder["folder"], &folder["messages"], &folder["uidnext"]), (&"INBOX".into(), &2.into(), &3.into()));
    let ran = home.run("imap-ls", &["-o", "uid,from,subject", INBOX], b"").ends(0);
    assert_eq!(ran.out, "1\tZoë <zoe@localhost>\tGrüße\\tan alle\n2\tZoë <zoe@localhost>\tsecond\n");
    let ran = home.run("imap-ls", &["-0", "-o", "uid", INBOX, "2"], b"").ends(0);
    assert_eq!(ran.out, "2\0");
    let ran = home.run("imap-ls", &["--json", INBOX], b"").ends(0);
    let row: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["cc", "date", "flags", "from", "message-id", "received", "ref", "size", "subject", "to", "uid"];
    assert_eq!(keys, expected);
    assert_eq!((&row["subject"], &row["cc"]), (&"Grüße\tan alle".into(), &serde_json::Value::Null));
    // Nothing has changed by looking.
    let ran = home.run("imap-ls", &["--refs", INBOX, "--search", "UNSEEN RECENT SUBJECT grüße"], b"").ends(0);
    assert_eq!(ran.out.trim_end(), row["ref"].as_str().unwrap());
    home.run("imap-ls", &["-e", INBOX, "--search", "FROM nobody"], b"").ends(1);
    for (words, uids) in [
        ("is:unread subject:grüße", "1\n"),
        ("subject:second or subject:GRÜSSE", "2\n"),
        ("-subject:second since:2d smaller:1M newer:1h", "1\n"),
        ("is:flagged", ""),
        ("(from:zoe -header:X-Nothing) is:unread", "1\n2\n"),
    ] {
        assert_eq!(home.run("imap-ls", &["-o", "uid", INBOX, "--where", words], b"").ends(0).out, uids, "{words}");
    }
    let both = ["-o", "uid", INBOX, "1", "--where", "from:zoe", "--search", "UNSEEN"];
    assert_eq!(home.run("imap-ls", &both, b"").ends(0).out, "1\n");
    home.run("imap-ls", &["local://amy/Nope"], b"").ends(69).complains("imap-ls: local: Nope: NO [NONEXISTENT]");
    for wrong in [
        &["local://amy/INBOX", "x"][..],
        &["local://amy/INBOX", "0"],
        &["local://amy/INBOX", "1", "2"],
        &["local://amy/INBOX", "--search", "FROM"],
        &["local://amy/INBOX", "--where", "form:ci"],
        &["local://amy/INBOX", "--where", "from:ci\r\na9 DELETE INBOX"],
        &["local://amy", "--where", "from:ci"],
        &["local://amy/INBOX", "--search", "ALL\r\na9 DELETE INBOX"],
        &["local://amy/INBOX%0D%0Aa9 LOGOUT"],
        &["local://amy", "1"],
        &["--refs", "local://amy"],
        &["-o", "nothing", "local://amy"],
        &["-o", "folder", "local://amy/INBOX"],
        &["pop3://h"],
    ] {
        home.run("imap-ls", wrong, b"").ends(64).complains("imap-ls: ");
    }
}

#[test]
fn folders_and_what_is_known_of_them() {
    let home = Home::new();
    send(&home, "one", "x\n");
    home.run("imap-mkdir", &["local://amy/Lists/rust", "local://amy/Lists/rust/old"], b"").ends(0);
    home.run("imap-mkdir", &["--subscribe", "local://amy/Lists/rust"], b"").ends(0);
    let long = home.run("imap-ls", &["-l", "local://amy"], b"").ends(0).out;
    let inbox: Vec<&str> = long.lines().next().unwrap().split('\t').collect();
    assert_eq!((&inbox[..2], &inbox[3..]), (&["1", "1"][..], &["", "no", "", "INBOX"][..]));
    assert!(inbox[2].parse::<u64>().unwrap() > 100, "{long}");
    assert!(long.contains("0\t0\t0\tSent\tyes\t\tSent\n") && long.contains("0\t0\t0\t\tyes\t\tLists/rust\n"), "{long}");
    let tree = home.run("imap-ls", &["--tree", "-o", "unseen,folder", "local://amy"], b"").ends(0).out;
    assert!(tree.starts_with("1\tINBOX\n0\tArchive\n"), "{tree}");
    assert!(tree.contains("\tLists\n0\t└── rust\n0\t    └── old\n"), "{tree}");
    let json = home.run("imap-ls", &["-l", "--json", "local://amy"], b"").ends(0).out;
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["subscribed"], &first["quota"]), (&false.into(), &serde_json::Value::Null));
    assert!(json.contains("\"special\":[\"\\\\Trash\"]"), "{json}");
    for wrong in
        [&["-l", INBOX][..], &["--tree", INBOX], &["--tree", "--json", "local:"], &["-l", "-o", "folder", "local:"]]
    {
        home.run("imap-ls", wrong, b"").ends(64).complains("imap-ls: ");
    }
}

#[test]
fn messages_in_every_order() {
    let home = Home::new();
    let letter = |n: u32, from: &str, subject: &str, more: &str| {
        let date = format!("Date: Mon, {} Feb 2024 12:00:00 +0000\n", 10 - n);
        let text = format!(
            "{date}From: {from}\nMessage-ID: <{n}@x>\n{more}Subject: {subject}\n\n{}\n",
            "x".repeat(10 * n as usize)
        );
        home.run("imap-put", &[INBOX], text.as_bytes()).ends(0);
    };
    letter(1, "zoe@localhost", "beer", "");
    letter(2, "Ämilie <x@localhost>", "Re: apples", "In-Reply-To: <3@x>\n");
    letter(3, "bob@localhost", "apples", "");
    letter(4, "amy@localhost", "Re: beer", "References: <1@x>\n");
    letter(5, "carol@localhost", "cider", "");
    let uids = |arguments: &[&str]| {
        let out = home.run("imap-ls", &[&["-o", "uid,size", INBOX], arguments].concat(), b"").ends(0).out;
        let with_size: Vec<&str> = out.lines().filter_map(|line| line.split_once('\t')).map(|(uid, _)| uid).collect();
        // The same without asking for anything but UIDs.
        let out = home.run("imap-ls", &[&["-o", "uid", INBOX], arguments].concat(), b"").ends(0).out;
        assert_eq!(with_size, out.lines().collect::<Vec<_>>());
        with_size.join(" ")
    };
    for (arguments, expected) in [
        (&["--reverse"][..], "5 4 3 2 1"),
        (&["--limit", "2"], "4 5"),
        (&["-r", "--limit", "2"], "5 4"),
        (&["--limit", "0"], ""),
        (&["--limit", "9"], "1 2 3 4 5"),
        (&["--limit", "2", "--where", "-from:carol"], "3 4"),
        (&["--limit", "2", "-r", "2:4"], "4 3"),
        (&["--sort", "date"], "5 4 3 2 1"),
        (&["--sort", "-date", "--limit", "2"], "1 2"),
        (&["--sort", "subject,date"], "3 2 4 1 5"),
        (&["--sort", "from"], "4 2 3 5 1"),
        (&["--sort", "-from", "--where", "smaller:1M"], "1 5 3 2 4"),
        (&["--sort", "-size", "-r"], "1 3 5 2 4"),
        (&["--sort", "received", "2:3"], "2 3"),
        (&["--thread"], "5 3 2 1 4"),
        (&["--thread", "-r"], "1 4 3 2 5"),
        (&["--thread", "--where", "-subject:beer"], "5 3 2"),
    ] {
        assert_eq!(uids(arguments), expected, "{arguments:?}");
    }
    // A set that is longer than a command may be.
    let odd: Vec<String> = (0..900).map(|n| (2 * n + 1).to_string()).collect();
    assert_eq!(uids(&[&odd.join(",")]), "1 3 5");
    let refs = home.run("imap-ls", &["--refs", "--sort", "date", "--limit", "2", INBOX], b"").ends(0).out;
    assert!(refs.lines().map(|line| line.rsplit('.').next().unwrap()).eq(["5", "4"]), "{refs}");
    let threads = home.run("imap-ls", &["--thread", "-o", "depth,id", INBOX], b"").ends(0).out;
    assert_eq!(threads, "0\t<5@x>\n0\t<3@x>\n1\t<2@x>\n0\t<1@x>\n1\t<4@x>\n");
    let first = home.run("imap-ls", &["--thread", "--json", INBOX], b"").ends(0).out;
    assert!(first.starts_with("{\"cc\":null,\"date\":\"2024-02-05T12:00:00+00:00\",\"depth\":0,"), "{first}");
    for (arguments, expected) in [
        (&["--count"][..], "5\n"),
        (&["--count", "--where", "subject:beer"], "2\n"),
        (&["--count", "2:9"], "4\n"),
        (&["--count", "--json", "--search", "SUBJECT nothing"], "{\"messages\":0}\n"),
    ] {
        assert_eq!(home.run("imap-ls", &[&[INBOX], arguments].concat(), b"").ends(0).out, expected, "{arguments:?}");
    }
    home.run("imap-ls", &["--count", "-e", INBOX, "--where", "subject:nothing"], b"").ends(1);
    for wrong in [
        &["--sort", "shoe", INBOX][..],
        &["--sort", "size", "--thread", INBOX],
        &["--count", "local:"],
        &["-r", "local:"],
    ] {
        home.run("imap-ls", wrong, b"").ends(64).complains("imap-ls: ");
    }
}

#[test]
fn references_lead_to_their_messages_and_to_no_others() {
    let home = Home::new();
    (1..=3).for_each(|n| send(&home, &format!("number {n}"), &format!("From {n}\n")));
    let refs = home.run("imap-ls", &["--refs", INBOX], b"").ends(0).out;
    let ran = home.run("imap-fetch", &["-", "--into", "maildir:got", "--json"], refs.as_bytes()).ends(0);
    assert_eq!(ran.out.lines().count(), 3);
    for (line, reference) in ran.out.lines().zip(refs.lines()) {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&item["ref"], &item["fate"]), (&reference.into(), &"done".into()));
        let file = std::fs::read_to_string(home.path().join(item["places"][0].as_str().unwrap())).unwrap();
        assert!(file.contains(&format!("Subject: number {}\n", item["uid"])), "{file}");
    }
    // One by its name is written as it is; more than one is an mbox.
    let second = refs.lines().nth(1).unwrap();
    let one = home.run("imap-fetch", &[second], b"").ends(0).out;
    assert!(one.starts_with("Return-Path: <zoe@localhost>\n") && one.ends_with("\n\nFrom 2\n"), "{one}");
    assert_eq!(home.run("imap-fetch", &[INBOX, "2"], b"").ends(0).out, one);
    let mbox = home.run("imap-fetch", &[INBOX, "2:2"], b"").ends(0).out;
    assert!(mbox.starts_with("From zoe@localhost ") && mbox.ends_with("\n\n>From 2\n\n"), "{mbox}");
    let headers = home.run("imap-fetch", &["--headers", INBOX, "2"], b"").ends(0).out;
    assert!(one.starts_with(&headers) && headers.ends_with("\n\n"), "{headers}");
    // Other UIDs, other folders: an error, and nothing is written.
    let void = second.replace("#1", "#");
    home.run("imap-fetch", &[&void, "--into", "eml:none"], b"").ends(69).complains("UIDVALIDITY");
    let mixed = format!("{second}\n{void}\n");
    home.run("imap-fetch", &["-", "--into", "eml:none"], mixed.as_bytes()).ends(69).complains("UIDVALIDITY");
    assert_eq!(std::fs::read_dir(home.path().join("none")).unwrap().count(), 0);
    // What is missing is told.
    home.run("imap-fetch", &[INBOX, "1,9"], b"").ends(67).complains("no message with UID 9");
    home.run("imap-fetch", &[INBOX, "9"], b"").ends(69).complains("no message with UID 9");
    assert_eq!(home.run("imap-fetch", &[INBOX, "3:9", "--mbox"], b"").ends(0).err, "");
    home.run("imap-fetch", &[INBOX, "8:9", "-e"], b"").ends(1);
    home.run("imap-fetch", &["-"], b"").ends(0);
    for wrong in [
        &["local://amy"][..],
        &[INBOX, ""],
        &[INBOX, "1", "2"],
        &[second, INBOX],
        &[second, "--search", "ALL"],
        &[INBOX, "--json"],
        &[INBOX, "--into", "nowhere"],
        &[INBOX, "--raw", "--mbox"],
    ] {
        home.run("imap-fetch", wrong, b"").ends(64).complains("imap-fetch: ");
    }
    home.run("imap-fetch", &["-"], b"local:a#1.1\nx\n").ends(64).complains("stdin, line 2");
    // Still nothing has changed.
    assert_eq!(home.run("imap-ls", &["--refs", INBOX, "--search", "UNSEEN"], b"").ends(0).out, refs);
}

#[test]
fn over_tcp_with_a_password() {
    let home = Home::new();
    let server = Server::start(&home, &["--create"]);
    let to = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &to, "-s", "hi", "amy@localhost"], b"x\n").ends(0);
    let inbox = format!("imap+plain://amy@127.0.0.1:{}/INBOX", server.imap);
    let file = server.password_file();
    let refs = home.run("imap-ls", &["--refs", &inbox, "--password-file", &file], b"").ends(0).out;
    let ran = home.run("imap-fetch", &["-", "--password-file", &file, "--trace", "trace"], refs.as_bytes()).ends(0);
    assert!(ran.out.ends_with("\n\nx\n\n"), "{ran:?}");
    let trace = std::fs::read_to_string(home.path().join("trace")).unwrap();
    assert!(trace.contains("AUTHENTICATE SCRAM-SHA-256 ***\n") && trace.contains(" bytes\n"), "{trace}");
    std::fs::write(home.path().join("wrong"), "no\n").unwrap();
    home.sh("chmod 600 wrong").ends(0);
    home.run("imap-ls", &[&inbox, "--password-file", "wrong"], b"").ends(77).complains("AUTHENTICATIONFAILED");
    home.run("imap-ls", &[&inbox], b"").ends(64);
    let default = inbox.replace("+plain", "");
    // By STARTTLS, as it is offered; but with whom is not known.
    home.run("imap-ls", &[&default, "--password-file", &file], b"").ends(77).complains("without verified TLS");
    server.stop();
    home.run("imap-ls", &[&inbox, "--password-file", &file], b"").ends(75);
}

/// A server that greets with the first of these and answers each line that it gets with the next.
fn server(answers: &'static [&'static str], hang: bool) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("imap+plain://amy@127.0.0.1:{}/INBOX", listener.local_addr().unwrap().port());
    let thread = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
        for (n, answer) in answers.iter().enumerate() {
            if n > 0 {
                let _ = lines.next();
            }
            (&socket).write_all(answer.as_bytes()).unwrap();
        }
        // Until the client hangs up.
        while hang && lines.next().is_some_and(|line| line.is_ok()) {}
    });
    (url, thread)
}

#[test]
fn a_server_that_fails_leaves_nothing_half_written() {
    const OPEN: [&str; 2] = ["* OK [CAPABILITY IMAP4rev1] hi\r\n", "a1 OK [CAPABILITY IMAP4rev1] in\r\n"];
    const ROW: &str = "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {99}\r\nSubject: ";
    const CUT: &[&str] = &[OPEN[0], OPEN[1], "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\na2 OK x\r\n", ROW];
    // All of the message seems to have come; the row has not ended, so it may have been cut.
    const LATE: &[&str] = &[
        CUT[0],
        CUT[1],
        CUT[2],
        "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {3}\r\nX\r\n",
    ];
    const LIE: &[&str] =
        &[OPEN[0], OPEN[1], "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\na2 OK x\r\n", "* 1 FETCH (((\r\n"];
    const BYE: &[&str] = &[OPEN[0], OPEN[1], "* BYE \x1b[2J going down\r\n"];
    for (answers, hang, status) in
        [(CUT, false, 75), (CUT, true, 75), (LIE, false, 76), (BYE, false, 75), (LATE, false, 75), (LATE, true, 75)]
    {
        let home = Home::new();
        std::fs::write(home.path().join("pw"), "tulip\n").unwrap();
        home.sh("chmod 600 pw").ends(0);
        let (url, thread) = server(answers, hang);
        let common = ["--password-file", "pw", "--timeout", "2s", "--into", "maildir:m"];
        home.run("imap-fetch", &[&[url.as_str()][..], &common].concat(), b"")
            .ends(status)
            .complains("imap-fetch: 127.");
        let count = |folder: &str| std::fs::read_dir(home.path().join("m").join(folder)).unwrap().count();
        assert_eq!((count("new"), count("cur"), count("tmp")), (0, 0, 0));
        thread.join().unwrap();
    }
}

#[test]
fn a_compressed_connection() {
    let home = Home::new();
    let server = Server::start(&home, &["--create", "--any-password"]);
    let to = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &to, "-s", "hi", "amy@localhost"], "so on\n".repeat(10_000).as_bytes()).ends(0);
    let tcp = TcpStream::connect(("127.0.0.1", server.imap)).unwrap();
    let wire = Wire::over(Socket::new(tcp).unwrap(), "server");
    let login = Login::by_password("amy", Secret::new(b"x".to_vec()), true);
    let mut client = Client::open(wire, Some(&login), false).unwrap();
    assert!(client.compress().unwrap());
    assert!(!client.compress().unwrap());
    let mut inbox = client.examine("INBOX").unwrap();
    let found = inbox.search(&"SUBJECT hi".parse().unwrap()).unwrap();
    let whole = FetchItem::Section { section: Section::default(), peek: true, partial: None };
    let mut size = Size(0);
    inbox.fetch(&found, &[whole], &mut size).unwrap();
    assert!(size.0 > 70_000, "{}", size.0);
    client.logout().unwrap();
}

struct Size(u64);

impl Rows for Size {
    fn literal(&mut self, _: &Fetched, _: &BodyName, size: u64, body: &mut dyn Body) -> Result<()> {
        self.0 = body.skip()?;
        assert_eq!(self.0, size);
        Ok(())
    }
    fn row(&mut self, _: Fetched) -> Result<()> {
        Ok(())
    }
}
