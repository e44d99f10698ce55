//! A maildrop, and the check that all of it has arrived once.

use crate::common::Home;
use crate::served::texts;
use std::path::Path;

/// The messages: small ones, one of several pages, lines that need quoting.
pub(crate) fn messages() -> Vec<String> {
    let bodies =
        ["one\n".to_owned(), "a line of some length\n".repeat(700), "From here\n.\n..\n".to_owned(), String::new()];
    let number = |(n, body)| format!("Subject: m{n}\nMessage-ID: <m{n}@example.org>\n\n{body}");
    bodies.into_iter().enumerate().map(number).collect()
}

/// Puts them into the mailbox of `user`.
pub(crate) fn fill(root: &Path, user: &str) {
    for sub in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(root.join(user).join(sub)).unwrap();
    }
    for (n, text) in messages().into_iter().enumerate() {
        std::fs::write(root.join(user).join("new").join(format!("100{n}.m{n}.example")), text).unwrap();
    }
}

/// How many are in the mailbox.
pub(crate) fn left(root: &Path, user: &str) -> usize {
    texts(&root.join(user).join("new")).len() + texts(&root.join(user).join("cur")).len()
}

/// What has arrived in `M`, `E` and `b` of this home, those which are there: whole messages only, and all sorts of them.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// For each target that is there: how often each message is in it.
    pub(crate) times: Vec<(&'static str, Vec<usize>)>,
}

impl Arrived {
    pub(crate) fn at(home: &Home, step: &str) -> Arrived {
        let mut arrived = Arrived::default();
        let all = messages();
        let count = |texts: &[String]| -> Vec<usize> {
            for text in texts {
                assert!(all.contains(text), "{step}: not a whole message: {text:?}");
            }
            all.iter().map(|message| texts.iter().filter(|text| *text == message).count()).collect()
        };
        if home.path().join("M").exists() {
            let found = [texts(&home.path().join("M/new")), texts(&home.path().join("M/cur"))].concat();
            arrived.times.push(("maildir", count(&found)));
        }
        if home.path().join("E").exists() {
            let names = std::fs::read_dir(home.path().join("E")).unwrap().map(|e| e.unwrap().path());
            let named = names.filter(|path| path.extension().is_some_and(|e| e == "eml"));
            let found: Vec<String> = named.map(|path| std::fs::read_to_string(path).unwrap()).collect();
            arrived.times.push(("eml", count(&found)));
        }
        arrived
    }

    /// The mbox has nothing but whole messages; how often each is in it.
    pub(crate) fn and_mbox(mut self, home: &Home, step: &str) -> Arrived {
        let mbox = std::fs::read_to_string(home.path().join("b")).unwrap_or_default();
        let whole: Vec<String> = messages().iter().map(|m| m.replace("\nFrom ", "\n>From ") + "\n").collect();
        let mut times = vec![0; whole.len()];
        for part in mbox.split("From MAILER-DAEMON ").skip(1) {
            let text = part.split_once('\n').unwrap().1;
            let known = whole.iter().position(|message| message == text);
            times[known.unwrap_or_else(|| panic!("{step}: not a whole message: {part:?}"))] += 1;
        }
        self.times.push(("mbox", times));
        self
    }

    /// Every message is everywhere, and once.
    pub(crate) fn once(&self, step: &str) {
        for (target, times) in &self.times {
            assert!(times.iter().all(|n| *n == 1), "{step}: {target}: {times:?}");
        }
    }
}

/// The temporary files that are left.
pub(crate) fn unfinished(home: &Home) -> usize {
    let eml = std::fs::read_dir(home.path().join("E")).into_iter().flatten();
    let eml = eml.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".pipepost-")).count();
    texts(&home.path().join("M/tmp")).len() + eml
}
