//! What lasts: over kills, clocks that jump, what is left over, and limits of the machine.

use super::peer::{Peer, yes};
use super::{configure, files, inbox, queue, run, states};
use crate::common::{Home, Ran, bin};
use rusqlite::Connection;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

const YEAR: i64 = 366 * 24 * 3600;

fn db(home: &Home) -> Connection {
    let db = Connection::open(home.path().join(".local/state/pipepost/queue.sqlite")).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    db
}

fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
}

#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The runner dies between the last byte and the answer: whoever was refused stays so, the others are unknown, and neither the lock nor
/// the lease keeps the next runner from the message.
#[test]
fn a_killed_runner_leaves_each_recipient_as_it_was() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        "RCPT TO:<no@example.org>" => "550 5.1.1 nobody".to_owned(),
        "." if heard.connections == 1 => {
            std::thread::sleep(Duration::from_secs(600));
            String::new()
        }
        _ => yes(line, heard),
    });
    queue(&home, &peer.url(), &["yes@example.org", "no@example.org"]);
    let mut command = home.command(&bin().join("smtp-queue").display().to_string());
    let mut runner = command.args(["run", "--forever"]).stdin(Stdio::null()).spawn().unwrap();
    until("it is handed over", || states(&home)[0] == "yes@example.org handed-over 0");
    runner.kill().unwrap();
    runner.wait().unwrap();
    let leased: i64 = db(&home).query_row("SELECT lease FROM entry", [], |row| row.get(0)).unwrap();
    assert!((now() - 5..now() + 120).contains(&leased), "{leased}");
    run(&home).ends(0);
    assert_eq!(states(&home), ["yes@example.org unknown 1", "no@example.org refused 1"]);
    assert_eq!(inbox(&home, "a").len(), 1);
    home.run("smtp-queue", &["retry", "--all"], b"").ends(0);
    // One that goes on looks at once what a dead one has left behind.
    db(&home).execute("UPDATE entry SET lease = ?", [now() + 50]).unwrap();
    let mut command = home.command(&bin().join("smtp-queue").display().to_string());
    let mut runner = command.args(["run", "--forever"]).stdin(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    until("it is delivered", || states(&home).is_empty());
    assert!(begin.elapsed() < Duration::from_secs(40));
    rustix::process::kill_process(rustix::process::Pid::from_child(&runner), rustix::process::Signal::TERM).unwrap();
    assert!(runner.wait().unwrap().success());
    let to: Vec<String> = peer.heard().messages.into_iter().flat_map(|(to, _)| to).collect();
    assert!(to.iter().all(|to| to == "<yes@example.org>"), "{to:?}");
}

/// A clock that was wrong, or is: nothing is given up untried, and nothing waits for years.
#[test]
fn clocks_that_jump() {
    let home = Home::new();
    let peer = Peer::start(|line, heard| match line {
        _ if line.starts_with("RCPT") && heard.connections == 1 => "450 4.2.1 later".to_owned(),
        _ => yes(line, heard),
    });
    let times = [0, 1, now() - YEAR, now() + YEAR, 1 << 31, 1 << 33];
    for (n, time) in times.iter().enumerate() {
        let id = queue(&home, &peer.url(), &[&format!("u{n}@example.org")]);
        let db = db(&home);
        db.execute("UPDATE entry SET arrived = ?1, lease = ?2 WHERE id = ?3", (time, now() + YEAR, &id)).unwrap();
        // As a failure at that time would have left it.
        let sql = "UPDATE recipient SET since = ?1, next = ?1 + 300 WHERE entry = ?2";
        db.execute(sql, (time, &id)).unwrap();
    }
    db(&home).execute("INSERT INTO hop VALUES (?, ?, ?, 1, 'x')", (peer.url(), now() + YEAR, now() + YEAR)).unwrap();
    // What was written in the future waits as long as was left of its time then.
    run(&home).ends(0);
    let next: i64 = db(&home).query_row("SELECT max(next) FROM recipient", [], |row| row.get(0)).unwrap();
    assert!(next <= now() + 4400, "{next}");
    db(&home).execute("UPDATE recipient SET next = 0", []).unwrap();
    run(&home).ends(0);
    db(&home).execute("UPDATE recipient SET next = 0", []).unwrap();
    run(&home).ends(0);
    let mut to: Vec<String> = peer.heard().messages.into_iter().flat_map(|(to, _)| to).collect();
    to.sort();
    // Those that were tried when they were over age are given up after that, the others have arrived.
    let given_up = inbox(&home, "a").concat().matches("Status: 4.4.7").count();
    assert_eq!((to.len() + given_up, states(&home).len()), (times.len(), 0), "{to:?}");
    assert!(given_up <= 3, "{given_up}");
    let tried = peer.heard().lines.iter().filter(|line| line.starts_with("RCPT")).count();
    assert!(tried >= times.len(), "each was tried: {tried}");
}

/// Files without a row: a crash leaves them, and a day and a half later they go.
#[test]
fn what_a_crash_has_left_is_swept_by_age() {
    let home = Home::new();
    let peer = Peer::start(yes);
    queue(&home, &peer.url(), &["b@example.org"]);
    let dir = home.path().join(".local/state/pipepost/queue");
    std::fs::write(dir.join("0old"), "x").unwrap();
    std::fs::write(dir.join("0young"), "x").unwrap();
    home.sh("touch -d '40 hours ago' .local/state/pipepost/queue/0old; touch -d '30 hours ago' .local/state/pipepost/queue/0young")
        .ends(0);
    run(&home).ends(0);
    assert!(!dir.join("0old").exists() && dir.join("0young").exists());
    assert_eq!(files(&home), 1);
}

/// Too few descriptors: a failure, and nothing half done.
#[test]
fn without_descriptors() {
    let home = Home::new();
    let peer = Peer::start(yes);
    let url = peer.url();
    let limited = |most: u32, program: &str, arguments: &[&str], stdin: &[u8]| {
        let mut command = home.command("prlimit");
        command.arg(format!("--nofile={most}")).arg(bin().join(program)).args(arguments);
        Ran::of(command, stdin)
    };
    for most in 4..20 {
        let arguments = ["--queue", "-f", "a@localhost", "-a", &url, "b@example.org"];
        let before = states_if_any(&home);
        let ran = limited(most, "smtp-send", &arguments, b"Subject: x\n\nx\n");
        let queued = states_if_any(&home) - before;
        assert!(if ran.status == 0 { queued == 1 } else { queued == 0 && ran.status >= 64 }, "{most}: {ran:?}");
    }
    let all = states_if_any(&home);
    assert!(all > 0, "some were enough");
    for most in 4..20 {
        let ran = limited(most, "smtp-queue", &["run"], b"");
        assert!(ran.status == 0 || ran.status >= 64, "{most}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{most}: {ran:?}");
    }
    home.run("smtp-queue", &["retry", "--all"], b"");
    run(&home).ends(0);
    assert_eq!((states_if_any(&home), peer.heard().messages.len()), (0, all));
}

fn states_if_any(home: &Home) -> usize {
    home.run("smtp-queue", &["ls", "-o", "id"], b"").ends(0).out.lines().count()
}

/// What belongs to somebody else is not delivered; that takes root to be tried.
#[test]
fn a_file_of_somebody_else() {
    let home = Home::new();
    let peer = Peer::start(yes);
    let id = queue(&home, &peer.url(), &["b@example.org"]);
    let file = home.path().join(".local/state/pipepost/queue").join(&id);
    if std::os::unix::fs::chown(&file, Some(65534), None).is_err() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let ran = run(&home).ends(0);
    assert!(ran.err.contains("belongs to another user"), "{ran:?}");
    assert_eq!((states(&home), peer.heard().messages.len()), (vec!["b@example.org held 0".to_owned()], 0));
}

#[test]
fn no_password_is_stored() {
    let home = Home::new();
    configure(
        &home,
        "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:1\"\nfrom = \"a@localhost\"\npassword = { env = \"PW\" }\nqueue = true\n",
    );
    home.sh("printf 'Subject: x\\n\\nx\\n' | PW=tulip-of-spring smtp-send -a work b@example.org").ends(0);
    home.sh("PW=tulip-of-spring smtp-queue run").ends(0);
    assert_eq!(home.sh("! grep -rl tulip-of-spring . ").ends(0).out, "");
    assert_eq!(states(&home), ["b@example.org waiting 1"]);
}
