//! A line that is cut after any byte, either way: the status tells the truth, and a normal run completes.

use crate::common::Home;
use crate::maildrop::{Arrived, fill, left, messages, unfinished};
use crate::proxy::{Line, Proxy, Way};
use crate::served::{prepared, texts};
use crate::steps;

/// The cuts of a session of so many bytes each way.
fn cuts(counts: [usize; 2], few: usize) -> Vec<(Way, usize)> {
    let [there, back] = counts;
    let to_server = steps(there.saturating_sub(1), few).into_iter().map(|n| (Way::ToServer, n));
    let to_client = steps(back.saturating_sub(1), few).into_iter().map(|n| (Way::ToClient, n));
    to_server.chain(to_client).collect()
}

#[test]
fn a_line_cut_while_sending() {
    let (home, served) = prepared();
    let proxy = Proxy::to(served.smtp);
    let url = format!("smtp+plain://127.0.0.1:{}", proxy.port);
    let send = |subject: &str| {
        let text = format!(
            "Subject: {subject}\nMessage-ID: <{subject}@x>\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n\na\n.\nb\n"
        );
        home.run("smtp-send", &["-a", &url, "bob@localhost", "carol@localhost"], text.as_bytes())
    };
    send("whole").ends(0);
    let counts = proxy.counts();
    proxy.next(Line::Dribble);
    send("dribbled").ends(0);
    let mut runs = vec![("whole".to_owned(), 0), ("dribbled".to_owned(), 0)];
    for (way, n) in cuts(counts, 40) {
        proxy.next(Line::Cut(way, n));
        let subject = format!("{way:?}{n}");
        let ran = send(&subject);
        assert!([0, 75, 79].contains(&ran.status), "{way:?} cut after {n}: {ran:?}");
        assert!(ran.status == 0 || !ran.err.is_empty(), "{way:?} cut after {n}: {ran:?}");
        runs.push((subject, ran.status));
    }
    send("last").ends(0);
    runs.push(("last".to_owned(), 0));
    let root = served.root.clone();
    // All sessions end with it.
    drop(served);
    for user in ["bob", "carol"] {
        let there = texts(&root.join(user).join("new"));
        assert!(there.iter().all(|text| text.ends_with("\n\na\n.\nb\n")), "half a message");
        for (subject, status) in &runs {
            let times = there.iter().filter(|text| text.contains(&format!("\nSubject: {subject}\n"))).count();
            let right = match status {
                0 => times == 1,
                79 => times <= 1,
                _ => times == 0,
            };
            assert!(right, "{subject}: status {status}, {times} times at {user}");
        }
        assert_eq!(texts(&root.join(user).join("tmp")).len(), 0);
    }
    assert!(runs.iter().any(|(_, status)| *status == 79) && runs.iter().any(|(_, status)| *status == 75));
}

#[test]
fn a_line_cut_while_fetching_by_pop3() {
    let (home, served) = prepared();
    let proxy = Proxy::to(served.pop3);
    let password = home.path().join("pw").display().to_string();
    let fetch = |own: &Home, user: &str, flag: &str| {
        let url = format!("pop3+plain://{user}@127.0.0.1:{}", proxy.port);
        let targets = ["--into", "maildir:M", "--into", "mbox:b"];
        own.run("pop3-fetch", &[&[flag, &url, "--password-file", &password], &targets[..]].concat(), b"")
    };
    fill(&served.root, "first");
    fetch(&Home::new(), "first", "--delete").ends(0);
    let counts = proxy.counts();
    fill(&served.root, "second");
    let own = Home::new();
    proxy.next(Line::Dribble);
    fetch(&own, "second", "--delete").ends(0);
    Arrived::at(&own, "dribbled").and_mbox(&own, "dribbled").once("dribbled");
    for (number, (way, n)) in cuts(counts, 40).into_iter().enumerate() {
        let flag = if number % 2 == 0 { "--delete" } else { "--keep" };
        let step = format!("{way:?} cut after {n}, {flag}");
        let (own, user) = (Home::new(), format!("{way:?}{n}").to_lowercase());
        fill(&served.root, &user);
        proxy.next(Line::Cut(way, n));
        let ran = fetch(&own, &user, flag);
        assert!([0, 67, 75].contains(&ran.status), "{step}: {ran:?}");
        assert_eq!(unfinished(&own), 0, "{step}");
        let before = Arrived::at(&own, &step);
        let here = before.times.first().map_or(0, |(_, times)| times.iter().filter(|n| **n > 0).count());
        let there = left(&served.root, &user);
        assert!(here + there >= messages().len(), "{step}: {here} here, {there} there");
        fetch(&own, &user, flag).ends(0);
        Arrived::at(&own, &step).and_mbox(&own, &step).once(&step);
        assert_eq!(left(&served.root, &user), if flag == "--delete" { 0 } else { messages().len() }, "{step}");
    }
}

#[test]
fn a_line_cut_while_fetching_by_imap() {
    let (home, served) = prepared();
    let proxy = Proxy::to(served.imap);
    fill(&served.root, "bob");
    let password = home.path().join("pw").display().to_string();
    let url = format!("imap+plain://bob@127.0.0.1:{}/INBOX", proxy.port);
    let fetch = |own: &Home| {
        let arguments = ["--into", "maildir:M", "--into", "eml:E", "--json", &url, "--password-file", &password];
        own.run("imap-fetch", &arguments, b"")
    };
    fetch(&Home::new()).ends(0);
    let counts = proxy.counts();
    let own = Home::new();
    proxy.next(Line::Dribble);
    fetch(&own).ends(0);
    Arrived::at(&own, "dribbled").once("dribbled");
    for (way, n) in cuts(counts, 40) {
        let step = format!("{way:?} cut after {n}");
        let own = Home::new();
        proxy.next(Line::Cut(way, n));
        let ran = fetch(&own);
        assert!([0, 67, 75].contains(&ran.status), "{step}: {ran:?}");
        let done = ran.out.lines().filter(|line| line.contains("\"fate\":\"done\"")).count();
        let arrived = Arrived::at(&own, &step);
        for (target, times) in &arrived.times {
            assert_eq!(times.iter().sum::<usize>(), done, "{step}: {target}: {ran:?}");
        }
        assert_eq!(done == messages().len(), arrived.times.iter().all(|(_, t)| t.iter().all(|n| *n == 1)) && done > 0);
        assert!(ran.status != 0 || done == messages().len(), "{step}: {ran:?}");
        assert_eq!(unfinished(&own), 0, "{step}");
    }
    let own = Home::new();
    fetch(&own).ends(0);
    Arrived::at(&own, "last").once("last");
    assert_eq!(left(&served.root, "bob"), messages().len());
}

/// What has come of a large message does not come again.
#[test]
fn a_large_message_goes_on_where_it_was_cut() {
    let (home, served) = prepared();
    let proxy = Proxy::to(served.imap);
    let password = home.path().join("pw").display().to_string();
    let url = format!("imap+plain://bob@127.0.0.1:{}/INBOX", proxy.port);
    let lines: String =
        (0..60_000).map(|n| format!("line {n} of a message that is large enough to be cut\n")).collect();
    let text = format!("Subject: large\n\n{lines}");
    let new = served.root.join("bob/new");
    std::fs::create_dir_all(&new).unwrap();
    ["cur", "tmp"].iter().for_each(|dir| std::fs::create_dir_all(served.root.join("bob").join(dir)).unwrap());
    std::fs::write(new.join("1.a.x"), "Subject: small\n\nx\n").unwrap();
    std::fs::write(new.join("2.b.x"), &text).unwrap();
    std::fs::write(new.join("3.c.x"), "Subject: last\n\nx\n").unwrap();
    let wire = text.len() + text.lines().count();
    for how in ["--new", "--mirror"] {
        let own = Home::new();
        let fetch = || own.run("imap-fetch", &[how, &url, "--password-file", &password, "--into", "maildir:M"], b"");
        let halves = || std::fs::read_dir(own.path().join(".local/state/pipepost/half")).unwrap().count();
        let arrived = || [texts(&own.path().join("M/new")), texts(&own.path().join("M/cur"))].concat();
        for cut in [1_500_000, 1_000_000] {
            proxy.next(Line::Cut(Way::ToClient, cut));
            let ran = fetch();
            assert!([67, 75].contains(&ran.status), "{how}: {ran:?}");
            assert_eq!((halves(), arrived().len()), (1, 1), "{how}");
        }
        fetch().ends(0);
        let [_, back] = proxy.counts();
        assert!(back < wire - 2_000_000, "{how}: {back} of {wire} bytes came");
        assert_eq!((halves(), arrived().len()), (0, 3), "{how}");
        assert!(arrived().contains(&text), "{how}");
    }
    // A beginning that is not of this message is not used.
    let own = Home::new();
    let fetch = || own.run("imap-fetch", &["--new", &url, "--password-file", &password, "--into", "maildir:M"], b"");
    proxy.next(Line::Cut(Way::ToClient, 1_500_000));
    fetch();
    let half =
        std::fs::read_dir(own.path().join(".local/state/pipepost/half")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&half).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&half, bytes).unwrap();
    fetch().ends(0);
    assert!(texts(&own.path().join("M/new")).contains(&text) && !half.exists());
    assert_eq!(texts(&own.path().join("M/new")).len(), 3);
}
