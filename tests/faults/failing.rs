//! System calls that fail: EINTR is invisible; what can't be stored is not promised, and not deleted elsewhere.

use crate::common::{Home, installed};
use crate::maildrop::{Arrived, fill, left, messages, unfinished};
use crate::served::{append, prepared, send, texts};
use crate::steps;
use crate::strace::{Attached, count, run};

/// Those that a signal may interrupt; `?`: where the architecture has it. Not fsync(2), which has a test of its own.
const INTERRUPTED: &str = "read,write,pread64,pwrite64,?recvfrom,?sendto,?recvmsg,?sendmsg,?poll,?ppoll,?accept4";

#[test]
fn interruptions_are_invisible_to_clients() {
    if !installed("strace") {
        return;
    }
    let (_home, served) = prepared();
    fill(&served.root, "bob");
    for first in 1..4 {
        // The first dozen are the dynamic linker's, which does not ask again.
        let inject = format!("inject={INTERRUPTED}:error=EINTR:when={}+3", 12 + first);
        let quiet = ["-e", &format!("trace={INTERRUPTED}"), "-e", &inject];
        let step = format!("EINTR from call {first} on");
        let own = Home::new();
        own.sh("umask 077; echo x > pw").ends(0);
        let pop3 = served.url("pop3", "bob");
        let arguments = ["--into", "maildir:M", "--into", "eml:E", "--into", "mbox:b", "--password-file", "pw", &pop3];
        let ran = run(&own, &quiet, "pop3-fetch", &arguments, b"");
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{step}: {ran:?}");
        Arrived::at(&own, &step).and_mbox(&own, &step).once(&step);
        let own = Home::new();
        own.sh("umask 077; echo x > pw").ends(0);
        let imap = served.url("imap", "bob") + "/INBOX";
        let arguments = ["--into", "maildir:M", "--password-file", "pw", &imap];
        let ran = run(&own, &quiet, "imap-fetch", &arguments, b"");
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{step}: {ran:?}");
        Arrived::at(&own, &step).once(&step);
        let smtp = format!("smtp+plain://127.0.0.1:{}", served.smtp);
        for account in [smtp.as_str(), "local:"] {
            let arguments = ["-a", account, "-s", "x", "amy@localhost"];
            let ran = run(&own, &quiet, "smtp-send", &arguments, "line\n".repeat(9000).as_bytes());
            assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{step}: {account}: {ran:?}");
        }
        let there =
            [texts(&served.root.join("amy/new")), texts(&own.path().join(".local/share/pipepost/mail/amy/new"))];
        assert_eq!((there[0].len(), there[1].len()), (first, 1), "{step}");
    }
}

#[test]
fn interruptions_are_invisible_in_the_server() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    send(served.smtp, "bob@localhost", "Subject: x\n\nb\n");
    for first in 1..4 {
        let inject = format!("inject={INTERRUPTED}:error=EINTR:when={first}+3");
        let attached = Attached::to(&home, served.pid(), &["-e", &format!("trace={INTERRUPTED}"), "-e", &inject]);
        let text = format!("Subject: x\n\n{}", "line\n".repeat(9000));
        let reply = send(served.smtp, "bob@localhost", &text);
        assert!(reply.starts_with("250"), "EINTR from call {first} on: {reply}");
        let reply = append(served.imap, "bob", &text);
        assert!(reply.contains("OK [APPENDUID"), "EINTR from call {first} on: {reply}");
        let url = served.url("pop3", "bob");
        let listed = home.run("pop3-ls", &[&url, "--password-file", "pw"], b"").ends(0).out;
        assert_eq!(listed.lines().count(), 1 + 2 * first);
        attached.detach();
    }
}

/// fsync(2) is asked again after a signal. SQLite does not ask again: then nothing was promised, and nothing is there.
#[test]
fn an_interrupted_sync_is_repeated_or_nothing_is_promised() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let text = "Subject: x\n\nb\n";
    send(served.smtp, "bob@localhost", text);
    append(served.imap, "bob", text);
    let there = || texts(&served.root.join("bob/new")).len() + texts(&served.root.join("bob/cur")).len();
    for first in 1..4 {
        // Every second one.
        let inject = format!("inject=fsync,fdatasync:error=EINTR:when={first}+2");
        let step = format!("EINTR in every second sync from number {first} on");
        let before = there();
        let attached = Attached::to(&home, served.pid(), &["-e", "trace=fsync,fdatasync", "-e", &inject]);
        let said = send(served.smtp, "bob@localhost", text);
        assert!(said.starts_with("250"), "{step}: {said}");
        let appended = append(served.imap, "bob", text);
        assert!(attached.detach().contains("EINTR"), "{step}");
        let taken = 1 + usize::from(appended.contains("OK [APPENDUID"));
        assert!(taken == 2 || appended.contains("NO ["), "{step}: {appended}");
        assert_eq!(there(), before + taken, "{step}: {appended}");
        assert!(append(served.imap, "bob", text).contains("OK [APPENDUID"), "{step}");
    }
    for first in 1..4 {
        let own = Home::new();
        let arguments = ["-s", "x", "amy@localhost"];
        // The databases are made here, and then only read.
        own.run("smtp-send", &arguments, b"hi\n").ends(0);
        let inject = format!("inject=fsync:error=EINTR:when={first}+2");
        let ran = run(&own, &["-e", "trace=fsync", "-e", &inject], "smtp-send", &arguments, b"hi\n");
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{first}: {ran:?}");
        assert_eq!(texts(&own.path().join(".local/share/pipepost/mail/amy/new")).len(), 2);
    }
}

#[test]
fn what_pop3_fetch_cannot_store_stays_on_the_server() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let password = home.path().join("pw").display().to_string();
    let targets = ["--into", "maildir:M", "--into", "mbox:b", "--into", "eml:E"];
    fill(&served.root, "first");
    let url = served.url("pop3", "first");
    let first = [&["--delete", &url, "--password-file", &password], &targets[..]].concat();
    for (set, errors) in [
        ("fsync,fdatasync", &["EIO", "ENOSPC", "EDQUOT"][..]),
        ("?link,linkat,renameat2", &["EIO", "ENOSPC"]),
        ("write", &["EIO", "ENOSPC", "EDQUOT"]),
        ("pwrite64", &["EIO", "ENOSPC"]),
        ("openat,?mkdir,?mkdirat", &["EMFILE"]),
        ("close", &["EIO"]),
    ] {
        let calls = count(&Home::new(), set, "pop3-fetch", &first);
        fill(&served.root, "first");
        for (number, n) in steps(calls, 3).into_iter().enumerate() {
            let error = errors[number % errors.len()];
            let step = format!("{error} at call {n} of {set}");
            let (own, user) =
                (Home::new(), format!("{}{n}", set.chars().filter(char::is_ascii_alphanumeric).collect::<String>()));
            fill(&served.root, &user);
            let url = served.url("pop3", &user);
            let arguments = [&["--delete", &url, "--password-file", &password], &targets[..]].concat();
            let options = ["-e", &format!("trace={set}"), "-e", &format!("inject={set}:error={error}:when={n}")];
            let ran = run(&own, &options, "pop3-fetch", &arguments, b"");
            let before = Arrived::at(&own, &step);
            let done = ran.status == 0;
            assert!(done || !ran.err.is_empty(), "{step}: {ran:?}");
            for i in 0..messages().len() {
                let here = !before.times.is_empty() && before.times.iter().all(|(_, times)| times[i] > 0);
                let there = texts(&served.root.join(&user).join("new")).iter().any(|t| t.contains(&format!("<m{i}@")));
                assert!(there || (here && done), "{step}: message {i} is lost, or was deleted too soon: {ran:?}");
            }
            assert_eq!(unfinished(&own), 0, "{step}");
            own.run("pop3-fetch", &arguments, b"").ends(0);
            Arrived::at(&own, &step).and_mbox(&own, &step).once(&step);
            assert_eq!(left(&served.root, &user), 0, "{step}");
        }
    }
}

/// Many messages are brought to stable storage by one call, which fails: none has a name then, and none is deleted.
#[test]
fn what_a_batch_cannot_sync_is_not_delivered() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let password = home.path().join("pw").display().to_string();
    for (user, error, into) in [("eio", "EIO", "maildir:M"), ("full", "ENOSPC", "eml:M/new")] {
        fill(&served.root, user);
        for n in 0..20 {
            std::fs::write(served.root.join(user).join(format!("new/more{n}")), format!("Subject: {n}\n\nx\n"))
                .unwrap();
        }
        let (own, url) = (Home::new(), served.url("pop3", user));
        let arguments = ["--delete", &url, "--password-file", &password, "--into", into];
        let options = ["-e", "trace=syncfs", "-e", &format!("inject=syncfs:error={error}")];
        let ran = run(&own, &options, "pop3-fetch", &arguments, b"");
        assert!(ran.status == 74 && ran.err.contains("M/"), "{ran:?}");
        assert_eq!((texts(&own.path().join("M/new")).len(), left(&served.root, user)), (0, 24), "{error}");
        own.run("pop3-fetch", &arguments, b"").ends(0);
        assert_eq!((texts(&own.path().join("M/new")).len(), left(&served.root, user)), (24, 0), "{error}");
    }
}

#[test]
fn what_the_server_cannot_store_it_does_not_accept() {
    if !installed("strace") {
        return;
    }
    let (home, served) = prepared();
    let text = "Subject: x\n\nb\n";
    send(served.smtp, "bob@localhost", text);
    append(served.imap, "bob", text);
    let there = || texts(&served.root.join("bob/new")).len() + texts(&served.root.join("bob/cur")).len();
    for (set, error, reply, answer) in [
        ("fsync,fdatasync", "EIO", "451", "NO"),
        ("fsync,fdatasync", "ENOSPC", "452", "NO"),
        ("?link,linkat", "EDQUOT", "452", "NO"),
        ("?link,linkat", "EIO", "451", "NO"),
        ("write", "ENOSPC", "452", "NO"),
    ] {
        for n in 1..=3 {
            let step = format!("{error} at call {n} of {set}");
            let inject = format!("inject={set}:error={error}:when={n}");
            let before = there();
            let attached = Attached::to(&home, served.pid(), &["-e", &format!("trace={set}"), "-e", &inject]);
            let said = send(served.smtp, "bob@localhost", text);
            let appended = append(served.imap, "bob", text);
            attached.detach();
            let taken = usize::from(said.starts_with("250")) + usize::from(appended.contains(" OK "));
            // SQLite says of some failures only that they are some.
            let replies = if n > 1 { [reply, "451"] } else { [reply, reply] };
            assert!(said.starts_with("250") || replies.iter().any(|reply| said.starts_with(reply)), "{step}: {said}");
            assert!(appended.contains(" OK ") || appended.contains(answer), "{step}: {appended}");
            assert!(n > 1 || taken == 0, "{step}: {said} {appended}");
            assert_eq!(there(), before + taken, "{step}: {said} {appended}");
            assert_eq!(texts(&served.root.join("bob/tmp")).len(), 0, "{step}");
        }
    }
    assert!(send(served.smtp, "bob@localhost", text).starts_with("250"));
}
