//! `smtp-send --run`: the command's output and status are its own, and the notice tells of it.

// A test fails by panicking, in its helpers too.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Home, Ran};

fn count(home: &Home, user: &str) -> usize {
    home.run("pop3-ls", &[&format!("local://{user}")], b"").ends(0).out.lines().count()
}

fn shown(home: &Home, user: &str, number: usize) -> String {
    home.sh(&format!("pop3-fetch local://{user} {number} | mailfmt show")).ends(0).out
}

fn run(home: &Home, flags: &[&str], script: &str) -> Ran {
    home.run("smtp-send", &[&["--run"], flags, &["bob@localhost", "--", "sh", "-c", script]].concat(), b"the input\n")
}

#[test]
fn output_and_status_are_the_commands() {
    let home = Home::new();
    let ran = run(&home, &[], "cat; echo out; printf 'err\\0\\377' >&2").ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("the input\nout\n", "err\0\u{fffd}"));
    assert_eq!(count(&home, "bob"), 0);
    let ran = run(&home, &[], "echo grüße; echo \"x y\" >&2; exit 3").ends(3);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("grüße\n", "x y\n"));
    let message = shown(&home, "bob", 1);
    let host = home.sh("uname -n").out.trim().to_owned();
    for line in [
        format!("Subject: {host}: sh failed with status 3\n"),
        "Command: sh -c 'echo grüße; echo \"x y\" >&2; exit 3'\n".into(),
        "Status: failed with status 3\n".into(),
        format!("Host: {host}\n"),
        "Duration: ".into(),
        "Output: 12 bytes\n\ngrüße\nx y\n".into(),
    ] {
        assert!(message.contains(&line), "{line:?} in {message}");
    }
    let raw = home.run("pop3-fetch", &["local://bob", "1"], b"").out;
    assert!(raw.contains("\nAuto-Submitted: auto-generated\n") && raw.contains("\nTo: <bob@localhost>\n"), "{raw}");
    // --always, a subject of one's own, more to send.
    home.sh("echo log > log; smtp-send --run --always -s mine --attach log --cc amy@localhost bob@localhost -- true")
        .ends(0);
    assert!(
        shown(&home, "amy", 1).contains("Subject: mine\n") && shown(&home, "bob", 2).contains("Status: succeeded\n")
    );
    assert!(shown(&home, "bob", 2).contains("Output: none\n[2 text/plain"));
    // What can't be started, and what is ended by a signal.
    home.run("smtp-send", &["--run", "bob@localhost", "--", "no-such-command"], b"")
        .ends(127)
        .complains("no-such-command: No such file");
    home.run("smtp-send", &["--run", "bob@localhost", "--", "/etc/passwd"], b"")
        .ends(126)
        .complains("Permission denied");
    run(&home, &[], "kill -KILL $$").ends(137);
    assert!(
        shown(&home, "bob", 5).contains("Subject: ")
            && shown(&home, "bob", 5).contains("sh was ended by signal 9 (KILL)\n")
    );
    assert_eq!(count(&home, "bob"), 5);
    // Nobody reads: as without us.
    let ran = home.sh("{ smtp-send --run bob@localhost -- yes || echo $? >&2; } | head -n 1").ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("y\n", "141\n"));
    home.sh("smtp-send --run bob@localhost -- echo x > /dev/full; exit $?").ends(0).complains("stdout: No space");
}

#[test]
fn the_notice_does_not_come_between() {
    let home = Home::new();
    // Nobody gets it: the command's failure counts, and the notice's only behind a success.
    let to = |script: &str, flags: &[&str]| {
        home.run("smtp-send", &[&["--run"], flags, &["bob@example.org", "--", "sh", "-c", script]].concat(), b"")
    };
    to("exit 3", &[]).ends(3).complains("no route");
    to("exit 0", &["--always"]).ends(69).complains("no route");
    to("exit 0", &[]).ends(0);
    // A configuration that is wrong is no reason not to run it.
    home.sh("mkdir -p .config/pipepost; echo nonsense > .config/pipepost/config.toml").ends(0);
    assert_eq!(run(&home, &[], "echo ran").ends(0).out, "ran\n");
    let ran = run(&home, &[], "echo ran; exit 4").ends(4).complains("config.toml:1");
    assert_eq!(ran.out, "ran\n");
    home.sh("rm -r .config").ends(0);
    // Wrong arguments are one.
    for arguments in [
        "--run -- touch ran",
        "--run bob@localhost",
        "--run bob@localhost --",
        "--run 'a b@c' -- touch ran",
        "--run --merge x bob@localhost -- touch ran",
        "--run -t bob@localhost -- touch ran",
        "--run --header nonsense bob@localhost -- touch ran",
        "--run --once-per 1h bob@localhost -- touch ran",
        "--run --key '' bob@localhost -- touch ran",
        "--run --proxy nonsense bob@localhost -- touch ran",
        "--always bob@localhost",
        "--key k bob@localhost",
    ] {
        let ran = home.sh(&format!("echo x | smtp-send {arguments}; exit $?"));
        assert_eq!(ran.status, 64, "{arguments}: {ran:?}");
        assert!(!home.path().join("ran").exists(), "{arguments}");
    }
    // Its password is not the command's business, and its time is not ours.
    let mut command = home.command("smtp-send");
    command.args(["--run", "--password-env", "PW", "--timeout", "2s", "bob@localhost", "--", "sh", "-c"]);
    let ran = Ran::of(
        {
            command.arg("sleep 2.2; echo ${PW-none}; exit 5").env("PW", "x");
            command
        },
        b"",
    );
    assert_eq!((ran.status, ran.out.as_str()), (5, "none\n"), "{ran:?}");
    assert_eq!(count(&home, "bob"), 1);
    // Without --run what stands behind -- are recipients.
    home.run("smtp-send", &["-s", "x", "--", "bob@localhost", "amy@localhost"], b"x").ends(0);
    assert_eq!((count(&home, "bob"), count(&home, "amy")), (2, 1));
    // Nothing is sent.
    let ran = home.run("smtp-send", &["--run", "-n", "bob@localhost", "--", "false"], b"").ends(1);
    assert!(ran.out.starts_with("would send "), "{ran:?}");
    assert_eq!(count(&home, "bob"), 2);
}

#[test]
fn much_output_is_cut_and_attached() {
    let home = Home::new();
    let ran = run(&home, &["--attach-output"], "seq 100000; exit 1").ends(1);
    assert_eq!(ran.out.lines().count(), 100_000);
    let message = shown(&home, "bob", 1);
    assert!(message.contains("\n\n1\n2\n3\n") && message.contains("\n99999\n100000\n[2 text/plain"), "{message}");
    assert!(message.len() < 100_000 && message.contains(" bytes are left out here]\n"));
    let all = home.sh("pop3-fetch local://bob 1 | mailfmt show --part 2").ends(0).out;
    assert_eq!(all.replace('\r', ""), ran.out);
    run(&home, &["--attach-output"], "seq 10; exit 1").ends(1);
    assert!(!shown(&home, "bob", 2).contains("[2 text/plain"));
}

#[test]
fn a_flapping_alert_is_told_once() {
    let home = Home::new();
    let flags = ["--key", "disk full", "--once-per", "1h", "--recovered"];
    for _ in 0..3 {
        run(&home, &flags, "exit 1").ends(1);
    }
    assert_eq!(count(&home, "bob"), 1);
    let ran = run(&home, &[&flags[..], &["-v"]].concat(), "exit 1").ends(1);
    assert!(ran.err.contains("nothing is sent: a notice of it was sent not long ago"), "{ran:?}");
    run(&home, &flags, "exit 0").ends(0);
    run(&home, &flags, "exit 0").ends(0);
    run(&home, &flags, "exit 1").ends(1);
    run(&home, &flags, "exit 0").ends(0);
    assert_eq!(count(&home, "bob"), 2);
    let well = shown(&home, "bob", 2);
    assert!(well.contains(": sh works again\n") && well.contains("It works again; it has failed since "), "{well}");
    let ids =
        home.sh("for n in 1 2; do pop3-fetch local://bob $n | mailfmt head --raw references in-reply-to; done").out;
    let ids: Vec<&str> = ids.lines().collect();
    assert!(ids.len() == 4 && ids.iter().all(|id| id.ends_with("<key.disk=20full@localhost>")), "{ids:?}");
    // Another key, and a time that has passed.
    run(&home, &["--key", "k", "--once-per", "4s"], "exit 1").ends(1);
    run(&home, &["--key", "k", "--once-per", "4s"], "exit 1").ends(1);
    std::thread::sleep(std::time::Duration::from_millis(4100));
    run(&home, &["--key", "k", "--once-per", "4s"], "exit 1").ends(1);
    assert!(shown(&home, "bob", 4).contains("It has also failed once in the last "));
    assert_eq!(count(&home, "bob"), 4);
    // What could not be sent has silenced nothing.
    home.run("smtp-send", &["--run", "--key", "n", "--once-per", "1h", "bob@example.org", "--", "false"], b"").ends(1);
    run(&home, &["--key", "n", "--once-per", "1h"], "exit 1").ends(1);
    assert_eq!(count(&home, "bob"), 5);
    // Two at once, and a text of one's own.
    home.sh("for i in 1 2 3 4; do echo full | smtp-send -s full --key two --once-per 1h bob@localhost & done; wait")
        .ends(0);
    assert_eq!(count(&home, "bob"), 6);
    // What is remembered can't be read: better told twice.
    home.sh("echo nonsense > .local/state/pipepost/alerts.sqlite; rm -f .local/state/pipepost/alerts.sqlite-*").ends(0);
    assert!(run(&home, &flags, "exit 1").ends(1).err.contains("alerts.sqlite"));
    assert_eq!(count(&home, "bob"), 7);
}

#[test]
fn signals_are_for_the_command() {
    let home = Home::new();
    // What the run before has left says nothing of this one.
    let script = "rm -f out; smtp-send --run bob@localhost -- sh -c 'trap \"echo got $NAME; exit 5\" SIGNAL; echo ready; while :; do sleep 0.05; done' > out &
        pid=$!
        until grep -qs ready out; do sleep 0.02; done
        kill -SIGNAL $pid
        wait $pid";
    for (n, signal) in ["TERM", "HUP", "USR1", "INT"].into_iter().enumerate() {
        // Background jobs of sh ignore INT, and whoever runs the tests may ignore others.
        let job = format!("env --default-signal={signal} smtp-send --run");
        let script = script.replace("SIGNAL", signal).replace("smtp-send --run", &job);
        home.sh(&script).ends(5);
        assert!(shown(&home, "bob", n + 1).contains("sh failed with status 5\n"));
    }
    // nohup stays in force.
    home.sh("nohup smtp-send --run bob@localhost -- sh -c 'kill -HUP $PPID; sleep 0.2; exit 6' 2> /dev/null; exit $?")
        .ends(6);
    // What it leaves behind does not keep us.
    home.sh("smtp-send --run bob@localhost -- sh -c 'sleep 1000 & echo $! > pid; exit 7'; status=$?; kill $(cat pid); exit $status").ends(7);
}
