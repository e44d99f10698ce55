//! The history of what was fetched: damaged, from the future, taken by another program. In doubt nothing is deleted.

use crate::common::Home;
use crate::maildrop::{Arrived, fill, left, messages};
use crate::served::Served;

const STATE: &str = ".local/state/pipepost/state.sqlite";

fn prepared() -> (Home, Served) {
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    let served = Served::start(&home);
    fill(&served.root, "bob");
    (home, served)
}

fn delete(home: &Home, served: &Served, more: &[&str]) -> crate::common::Ran {
    let url = served.url("pop3", "bob");
    home.run("pop3-fetch", &[&["--delete", &url, "--into", "maildir:M", "--password-file", "pw"], more].concat(), b"")
}

#[test]
fn a_damaged_history_deletes_nothing_and_says_what_to_do() {
    let (home, served) = prepared();
    delete(&home, &served, &["--json"]).ends(0);
    let whole = std::fs::read(home.path().join(STATE)).unwrap();
    fill(&served.root, "bob");
    let write = |bytes: &[u8]| {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(home.path().join(format!("{STATE}{end}")));
        }
        std::fs::write(home.path().join(STATE), bytes).unwrap();
    };
    let mut newer = whole.clone();
    // user_version, the SQLite file format 1.3.
    newer[60..64].copy_from_slice(&99u32.to_be_bytes());
    let torn: Vec<u8> = whole.iter().enumerate().map(|(i, b)| if i < 4096 { *b } else { 0x5a }).collect();
    let rubbish = b"rubbish and more rubbish ".repeat(400);
    let half = &whole[..whole.len() / 2];
    for (what, bytes, status) in [
        ("empty", &[][..], 74),
        ("half", half, 74),
        ("torn", &torn, 74),
        ("rubbish", &rubbish, 74),
        ("newer", &newer, 78),
    ] {
        write(bytes);
        let ran = delete(&home, &served, &[]);
        assert_eq!(ran.status, status, "{what}: {ran:?}");
        assert!(ran.err.contains("state.sqlite") && ran.err.lines().count() == 2, "{what}: {ran:?}");
        assert_eq!(left(&served.root, "bob"), messages().len(), "{what}");
    }
    write(&whole);
    delete(&home, &served, &[]).ends(0);
    assert_eq!(left(&served.root, "bob"), 0);
}

#[test]
fn of_two_programs_one_waits_and_gives_up_with_75() {
    let (home, served) = prepared();
    delete(&home, &served, &["-e"]).ends(0);
    fill(&served.root, "bob");
    let lock = std::fs::File::open(home.path().join(".local/state/pipepost/locks/fetch-1.lock")).unwrap();
    lock.lock().unwrap();
    delete(&home, &served, &["--timeout", "1s"]).ends(75).complains("another process");
    assert_eq!(left(&served.root, "bob"), messages().len());
    drop(lock);
    std::fs::remove_dir_all(home.path().join("M")).unwrap();
    // Both at once: one after the other, and nothing twice.
    std::thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| delete(&home, &served, &[]).ends(0));
        }
    });
    Arrived::at(&home, "three at once").once("three at once");
    assert_eq!(left(&served.root, "bob"), 0);
}

#[test]
fn messages_that_share_a_unique_id_are_not_taken_for_each_other() {
    // A server whose ids are all the same: stored first, and only what this run has stored is deleted.
    let home = Home::new();
    home.sh("umask 077; echo x > pw").ends(0);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let mut deleted = Vec::new();
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            stream.write_all(b"+OK\r\n").unwrap();
            let mut retrieved = 0;
            while let Some(Ok(line)) = lines.next() {
                let answer = match line.split(' ').next().unwrap() {
                    "CAPA" => "-ERR\r\n",
                    "LIST" => "+OK\r\n1 9\r\n2 9\r\n.\r\n",
                    "UIDL" => "+OK\r\n1 same\r\n2 same\r\n.\r\n",
                    "RETR" if retrieved == 1 && deleted.is_empty() => break,
                    "RETR" => {
                        retrieved += 1;
                        "+OK\r\nA: 1\r\n\r\n.\r\n"
                    }
                    "DELE" => {
                        deleted.push(line.clone());
                        "+OK\r\n"
                    }
                    _ => "+OK\r\n",
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
            // The first run has stored one of them; the second one may delete what it stores itself.
            deleted.push("--".into());
        }
        deleted
    });
    let url = format!("pop3+plain://bob@127.0.0.1:{port}");
    let run = || home.run("pop3-fetch", &["--delete", &url, "--into", "maildir:M", "--password-file", "pw"], b"");
    assert_eq!(run().status, 67);
    run().ends(0);
    assert_eq!(server.join().unwrap(), ["--", "DELE 1", "DELE 2", "--"]);
    assert_eq!(crate::served::texts(&home.path().join("M/new")).len(), 3);
}
