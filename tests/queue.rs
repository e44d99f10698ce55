//! The outgoing queue end to end: the real programs, against servers that answer as they are told.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "queue/lasting.rs"]
mod lasting;
#[path = "queue/peer.rs"]
mod peer;

use common::{Home, Ran};
use peer::{CLOSE, Peer, yes};
use serde_json::Value;

/// Puts a message into the queue: its name there.
fn queue(home: &Home, url: &str, to: &[&str]) -> String {
    let text = b"From: a@localhost\nSubject: x\nMessage-ID: <same@x>\nDate: Mon, 23 Nov 2026 05:51:10 +0000\n\nhello\n";
    let ran =
        home.run("smtp-send", &[&["--queue", "--json", "-f", "a@localhost", "-a", url], to].concat(), text).ends(0);
    let object: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!(object["fate"], "queued");
    object["text"].as_str().unwrap().to_owned()
}

fn run(home: &Home) -> Ran {
    home.run("smtp-queue", &["run"], b"")
}

/// The state of each recipient in the queue: `address status attempts`.
fn states(home: &Home) -> Vec<String> {
    let listed = home.run("smtp-queue", &["ls", "-o", "to,status,attempts"], b"").ends(0).out;
    listed.lines().map(|line| line.replace('\t', " ")).collect()
}

/// What is in a local mailbox.
fn inbox(home: &Home, user: &str) -> Vec<String> {
    let new = home.path().join(".local/share/pipepost/mail").join(user).join("new");
    let Ok(entries) = std::fs::read_dir(new) else { return Vec::new() };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// The files in `queue/`.
fn files(home: &Home) -> usize {
    std::fs::read_dir(home.path().join(".local/state/pipepost/queue")).unwrap().count()
}

fn configure(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
}

#[test]
fn a_4xx_waits_and_is_tried_again() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") && heard.connections == 1 => "450 4.2.1 come again".to_owned(),
        _ => yes(line, heard),
    });
    queue(&home, &peer.url(), &["bob@example.org"]);
    run(&home).ends(0);
    assert_eq!(states(&home), ["bob@example.org waiting 1"]);
    let row: Value = serde_json::from_str(&home.run("smtp-queue", &["ls", "--json"], b"").ends(0).out).unwrap();
    assert_eq!(
        (&row["code"], &row["enhanced"], &row["text"]),
        (&450.into(), &"4.2.1".into(), &"4.2.1 come again".into())
    );
    // It is not due.
    run(&home).ends(0);
    assert_eq!(peer.heard().connections, 1);
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    let ran = run(&home).ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let heard = peer.heard();
    assert_eq!((heard.connections, heard.messages.len()), (2, 1));
    assert!(
        heard.messages[0].1.contains("\r\nMessage-ID: <same@x>\r\n")
            && heard.messages[0].1.ends_with("\r\n\r\nhello\r\n")
    );
    assert_eq!((states(&home).len(), files(&home)), (0, 0));
}

#[test]
fn each_recipient_has_its_own_end_and_the_sender_hears_of_the_refused() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<no@example.org>" => "550 5.1.1 no such user".to_owned(),
        "RCPT TO:<later@example.org>" if heard.messages.is_empty() => "451 4.3.0 later".to_owned(),
        _ => yes(line, heard),
    });
    queue(&home, &peer.url(), &["yes@example.org", "no@example.org", "later@example.org"]);
    run(&home).ends(0);
    assert_eq!(states(&home), ["yes@example.org done 1", "no@example.org refused 1", "later@example.org waiting 1"]);
    let told = inbox(&home, "a");
    assert_eq!(told.len(), 1);
    for has in [
        "Return-Path: <>\n",
        "report-type=delivery-status",
        "Final-Recipient: rfc822; no@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
        "Message-ID: <same@x>\n",
    ] {
        assert!(told[0].contains(has), "{has}: {}", told[0]);
    }
    assert!(!told[0].contains("later@") && !told[0].contains("yes@"), "{}", told[0]);
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    run(&home).ends(0);
    let to: Vec<String> = peer.heard().messages.into_iter().flat_map(|(to, _)| to).collect();
    assert_eq!(to.iter().filter(|to| **to == "<yes@example.org>").count(), 1, "{to:?}");
    assert_eq!(to.iter().filter(|to| **to == "<later@example.org>").count(), 1, "{to:?}");
    assert_eq!((states(&home).len(), files(&home), inbox(&home, "a").len()), (0, 0, 1));
}

#[test]
fn a_notification_that_is_refused_is_the_last() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") => "550 5.1.1 nobody".to_owned(),
        _ => yes(line, heard),
    });
    let url = peer.url();
    let message = b"Subject: x\n\nhello\n";
    home.run("smtp-send", &["--queue", "-f", "a@example.org", "-a", &url, "b@example.org"], message).ends(0);
    let ran = run(&home).ends(0);
    assert!(ran.err.contains("a notification that nobody takes is dropped"), "{ran:?}");
    assert_eq!((states(&home).len(), files(&home)), (0, 0));
    let mails = peer.heard().lines.into_iter().filter(|line| line.starts_with("MAIL")).collect::<Vec<_>>();
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[1].starts_with("MAIL FROM:<>"), "{mails:?}");
}

#[test]
fn a_lost_answer_is_unknown_and_comes_again_with_the_same_message_id() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "." if heard.messages.len() == 1 => CLOSE.to_owned(),
        _ => yes(line, heard),
    });
    queue(&home, &peer.url(), &["bob@example.org"]);
    run(&home).ends(0);
    assert_eq!(states(&home), ["bob@example.org unknown 1"]);
    run(&home).ends(0);
    assert_eq!(peer.heard().messages.len(), 1, "it waits");
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    let ran = home.run("smtp-queue", &["run", "-v"], b"").ends(0);
    assert!(ran.err.contains("done (possible duplicate)"), "{ran:?}");
    let heard = peer.heard();
    assert!(heard.messages.len() == 2 && heard.messages[0].1 == heard.messages[1].1, "{heard:?}");
    assert_eq!((states(&home).len(), files(&home)), (0, 0));
}

/// RFC 9422: one message in several transactions; what is handed over in one of them is so for those in it alone.
#[test]
fn who_is_handed_over_is_who_is_in_the_transaction() {
    let home = Home::new();
    let database = home.path().join(".local/state/pipepost/queue.sqlite");
    let (tell, told) = std::sync::mpsc::channel();
    let peer = Peer::start(move |line, heard| match line {
        _ if line.starts_with("EHLO") => "250-peer\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=1".to_owned(),
        "RCPT TO:<no@example.org>" => "550 5.1.1 no such user".to_owned(),
        "." => {
            // What would be found if the runner were killed now.
            let db = rusqlite::Connection::open(&database).unwrap();
            let sql = "SELECT group_concat(address) FROM recipient WHERE status = 'handed-over' ORDER BY n";
            tell.send(db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()).unwrap();
            if heard.messages.len() == 2 { CLOSE.to_owned() } else { yes(line, heard) }
        }
        _ => yes(line, heard),
    });
    queue(&home, &peer.url(), &["one@example.org", "no@example.org", "two@example.org", "three@example.org"]);
    run(&home).ends(0);
    let states = states(&home);
    let fates: Vec<&str> = states.iter().map(|row| row.split(' ').nth(1).unwrap()).collect();
    assert_eq!(fates, ["done", "refused", "unknown", "waiting"], "{states:?}");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["one@example.org", "one@example.org,two@example.org"]);
}

#[test]
fn many_messages_share_a_connection_and_a_poisonous_one_stops_nobody() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<poison@example.org>" => CLOSE.to_owned(),
        _ => yes(line, heard),
    });
    for n in 0..6 {
        let to = if n == 2 { "poison@example.org".to_owned() } else { format!("u{n}@example.org") };
        queue(&home, &peer.url(), &[&to]);
    }
    run(&home).ends(0);
    assert_eq!(states(&home), ["poison@example.org waiting 1"]);
    let heard = peer.heard();
    assert_eq!((heard.messages.len(), heard.connections), (5, 2));
}

#[test]
fn two_runners_deliver_each_message_once() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| {
        if line == "." {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        yes(line, heard)
    });
    for n in 0..30 {
        queue(&home, &peer.url(), &[&format!("u{n}@example.org")]);
    }
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| run(&home).ends(0));
        }
    });
    let mut to: Vec<String> = peer.heard().messages.into_iter().flat_map(|(to, _)| to).collect();
    to.sort();
    let all = to.len();
    to.dedup();
    assert_eq!((all, to.len(), states(&home).len()), (30, 30, 0));
}

#[test]
fn what_is_wrong_with_us_pauses_the_account_once_and_bounces_nothing() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("AUTH") && heard.connections < 3 => "535 5.7.8 no".to_owned(),
        "EHLO" => "250 peer".to_owned(),
        _ if line.starts_with("EHLO") => "250-peer\r\n250 AUTH PLAIN".to_owned(),
        _ if line.starts_with("AUTH") => "235 2.7.0 yes".to_owned(),
        _ => yes(line, heard),
    });
    let port = peer.port;
    configure(
        &home,
        &format!(
            "[queue]\nretry-min = \"1s\"\nretry-max = \"1s\"\nexpire-after = \"1s\"\n[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{port}\"\n\
             from = \"a@localhost\"\npassword = {{ env = \"PW\" }}\nqueue = true\n"
        ),
    );
    let send =
        |to: &str| home.sh(&format!("printf 'Subject: x\\n\\nx\\n' | PW=tulip smtp-send -a work {to}@example.org"));
    send("b").ends(0);
    send("c").ends(0);
    let ran = home.sh("PW=tulip smtp-queue run").status;
    assert_eq!(ran, 77);
    let check = home.run("smtp-queue", &["check"], b"").ends(75);
    assert!(check.out.contains("work: is paused: ") && check.out.contains("535 5.7.8 no"), "{check:?}");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let again = home.sh("PW=tulip smtp-queue run").ends(0);
    assert_eq!(again.err, "", "it is told once");
    assert_eq!(states(&home), ["b@example.org waiting 0", "c@example.org waiting 0"]);
    assert_eq!(peer.heard().connections, 2);
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    home.sh("PW=tulip smtp-queue run").ends(0);
    assert_eq!((states(&home).len(), peer.heard().messages.len()), (0, 2));
    home.run("smtp-queue", &["check"], b"").ends(0);
}

#[test]
fn what_takes_long_is_told_and_what_takes_too_long_is_given_up() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") => "451 4.7.1 greylisted".to_owned(),
        _ => yes(line, heard),
    });
    configure(&home, "[queue]\nretry-min = \"1s\"\nretry-max = \"1s\"\nwarn-after = \"1s\"\nexpire-after = \"4s\"\n");
    queue(&home, &peer.url(), &["bob@example.org"]);
    let started = std::time::Instant::now();
    while inbox(&home, "a").len() < 2 && started.elapsed().as_secs() < 60 {
        run(&home).ends(0);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let told = inbox(&home, "a");
    assert_eq!(told.len(), 2);
    let of = |action: &str| told.iter().find(|text| text.contains(&format!("\nAction: {action}\n"))).unwrap();
    assert!(of("delayed").contains("Will-Retry-Until: ") && of("delayed").contains("Subject: Delayed mail\n"));
    assert!(of("failed").contains("\nStatus: 4.4.7\n") && of("failed").contains("greylisted"), "{}", of("failed"));
    assert_eq!((states(&home).len(), files(&home)), (0, 0));
}

#[test]
fn a_hook_gets_the_notification_instead() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") => "550 5.1.1 nobody".to_owned(),
        _ => yes(line, heard),
    });
    configure(&home, "[queue]\nhook = [\"sh\", \"-c\", \"test -e ready && cat > told-$PIPEPOST_QUEUE_ID\"]\n");
    let id = queue(&home, &peer.url(), &["bob@example.org"]);
    let ran = run(&home).ends(0);
    assert!(ran.err.contains("the hook has failed"), "{ran:?}");
    assert_eq!(states(&home), ["bob@example.org refused 1"], "kept until it is told");
    home.sh("touch ready").ends(0);
    run(&home).ends(0);
    assert_eq!((states(&home).len(), files(&home), inbox(&home, "a").len()), (0, 0, 0));
    home.sh(&format!("grep -q 'Action: failed' told-{id}")).ends(0);
}

#[test]
fn people_hold_release_bounce_and_remove() {
    let home = Home::new();
    let peer = Peer::start(yes);
    let first = queue(&home, &peer.url(), &["b@example.org", "c@example.net"]);
    let second = queue(&home, &peer.url(), &["d@example.org"]);
    let tool = |arguments: &[&str]| home.run("smtp-queue", arguments, b"");
    tool(&["hold"]).ends(64).complains("which messages?");
    tool(&["rm", ""]).ends(64);
    tool(&["hold", "nothing"]).ends(66).complains("not in the queue");
    tool(&["hold", "../queue.sqlite"]).ends(66);
    tool(&["hold", "--domain", "EXAMPLE.org"]).ends(0);
    assert_eq!(states(&home), ["b@example.org held 0", "c@example.net waiting 0", "d@example.org held 0"]);
    assert_eq!(tool(&["ls", "--status", "waiting", "-o", "to"]).ends(0).out, "c@example.net\n");
    tool(&["hold", &second]).ends(65);
    run(&home).ends(0);
    assert_eq!(peer.heard().messages.len(), 1);
    tool(&["release", &second]).ends(0);
    run(&home).ends(0);
    assert_eq!(states(&home), ["b@example.org held 0", "c@example.net done 1"]);
    assert_eq!(tool(&["cat", &first]).ends(0).out.lines().last(), Some("hello"));
    let shown: Value = serde_json::from_str(&tool(&["show", "--json", &first]).ends(0).out).unwrap();
    assert_eq!(shown["recipients"].as_array().unwrap().len(), 2);
    tool(&["bounce", "--sender", "a@localhost"]).ends(0);
    run(&home).ends(0);
    assert!(inbox(&home, "a")[0].contains("Final-Recipient: rfc822; b@example.org\nAction: failed\nStatus: 5.7.0\n"));
    let third = queue(&home, &peer.url(), &["e@example.org"]);
    tool(&["ls", "--older-than", "1h", "-e"]).ends(1);
    tool(&["rm", &third]).ends(0);
    assert_eq!((states(&home).len(), files(&home)), (0, 0));
    tool(&["show", &third]).ends(66);
}

#[test]
fn what_can_not_be_sent_now_is_queued_if_that_is_wanted() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<later@example.org>" => "450 4.2.1 busy".to_owned(),
        "RCPT TO:<no@example.org>" => "550 5.1.1 no".to_owned(),
        _ => yes(line, heard),
    });
    let send = |url: &str, to: &[&str]| {
        let flags = ["--queue-on-tempfail", "-f", "a@localhost", "-a", url, "--failed", "failed"];
        home.run("smtp-send", &[&flags, to].concat(), b"Subject: x\n\nx\n")
    };
    send(&peer.url(), &["yes@example.org", "later@example.org"]).ends(0);
    assert_eq!(states(&home), ["later@example.org waiting 0"]);
    send(&peer.url(), &["no@example.org", "later@example.org"]).ends(67);
    assert_eq!(std::fs::read_to_string(home.path().join("failed")).unwrap(), "no@example.org\n");
    send("smtp+plain://127.0.0.1:1", &["a@example.org", "b@example.org"]).ends(0);
    assert_eq!(states(&home).len(), 4);
    assert_eq!(peer.heard().messages.len(), 1);
}

#[test]
fn an_idempotency_key_sends_once() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<later@example.org>" => "450 4.2.1 busy".to_owned(),
        "." if heard.messages.len() == 2 => CLOSE.to_owned(),
        _ => yes(line, heard),
    });
    let send = |key: &str, to: &str, more: &[&str]| {
        let url = peer.url();
        let flags = ["-f", "a@localhost", "-a", &url, "--idempotency-key", key, to];
        home.run("smtp-send", &[&flags, more].concat(), b"Subject: x\n\nx\n")
    };
    send("k", "later@example.org", &[]).ends(75);
    send("k", "b@example.org", &[]).ends(0);
    send("k", "b@example.org", &[]).ends(0);
    assert_eq!(peer.heard().messages.len(), 1);
    send("lost", "b@example.org", &[]).ends(79);
    send("lost", "b@example.org", &[]).ends(79).complains("may have been delivered");
    assert_eq!(peer.heard().messages.len(), 2);
    send("q", "b@example.org", &["--queue"]).ends(0);
    send("q", "b@example.org", &["--queue"]).ends(0);
    assert_eq!(states(&home).len(), 1);
    send("", "b@example.org", &[]).ends(64);
    send("k\n", "b@example.org", &[]).ends(64);
    // At the same time, too.
    let sent = std::thread::scope(|s| {
        let threads: Vec<_> = (0..4).map(|_| s.spawn(|| send("both", "c@example.org", &[]).status)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!((sent, peer.heard().messages.len()), (vec![0; 4], 3));
}

#[test]
fn what_is_no_message_is_held_and_the_rest_goes_on() {
    let home = Home::new();
    let peer = Peer::start(yes);
    let ids: Vec<String> = (0..6).map(|n| queue(&home, &peer.url(), &[&format!("u{n}@example.org")])).collect();
    let file = |n: usize| home.path().join(".local/state/pipepost/queue").join(&ids[n]);
    std::fs::write(file(0), "cut").unwrap();
    std::fs::remove_file(file(1)).unwrap();
    std::fs::remove_file(file(2)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", file(2)).unwrap();
    std::fs::remove_file(file(3)).unwrap();
    home.sh(&format!("mkfifo {}", file(3).display())).ends(0);
    std::fs::remove_file(file(4)).unwrap();
    std::fs::create_dir(file(4)).unwrap();
    let ran = run(&home).ends(0);
    assert_eq!(ran.err.lines().filter(|line| line.contains(" is held: ")).count(), 5, "{ran:?}");
    assert_eq!(states(&home).iter().filter(|state| state.contains(" held ")).count(), 5);
    assert_eq!(peer.heard().messages.len(), 1);
    home.run("smtp-queue", &["rm", "--status", "held"], b"").ends(0);
    assert_eq!(states(&home).len(), 0);
    home.sh("chmod 777 .local/state/pipepost/queue").ends(0);
    run(&home).ends(78);
}

#[test]
fn a_runner_that_goes_on_delivers_what_comes() {
    let home = Home::new();
    let peer = Peer::start(yes);
    queue(&home, &peer.url(), &["first@example.org"]);
    let mut runner = home.command("smtp-queue").args(["run", "--forever"]).spawn().unwrap();
    let wait = |n: usize| {
        let started = std::time::Instant::now();
        while peer.heard().messages.len() < n && started.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(peer.heard().messages.len(), n);
    };
    wait(1);
    queue(&home, &peer.url(), &["second@example.org"]);
    wait(2);
    rustix::process::kill_process(rustix::process::Pid::from_child(&runner), rustix::process::Signal::TERM).unwrap();
    assert_eq!(runner.wait().unwrap().code(), Some(0));
}
