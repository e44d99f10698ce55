//! each and thread.

use super::mailfmt;
use std::time::{Duration, Instant};

const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

fn mbox(subjects: &[&str]) -> String {
    subjects.iter().map(|s| format!("{F}Subject: {s}\n\n>From {s}\n\n")).collect()
}

fn each(arguments: &[&str], command: &[&str], input: &[u8]) -> super::Ran {
    mailfmt(&[&["each"], arguments, &["--"], command].concat(), input)
}

#[test]
fn a_command_gets_each_message() {
    let input = mbox(&["1", "2", "3"]);
    let ran = each(&[], &["sh", "-c", "echo $MAILFMT_NUMBER; cat"], input.as_bytes());
    let one = |n: u32| format!("{n}\nSubject: {n}\n\nFrom {n}\n");
    assert_eq!((ran.status, ran.text(), ran.err.as_str()), (0, [1, 2, 3].map(one).concat().as_str(), ""));
    // Names are no options, and no shell reads the arguments.
    assert_eq!(each(&[], &["printf", "%s.", "$HOME;*"], b"A: b\n\n").text(), "$HOME;*.");
    // A command that does not read is no failure, however long the message is.
    let long = [&b"A: b\n\n"[..], &b"x".repeat(1 << 20)].concat();
    assert_eq!(each(&[], &["true"], &long).status, 0);
    assert_eq!(each(&[], &["wc", "-c"], &long).text().trim(), (long.len()).to_string());
    // What has failed is told; the others go on.
    let ran = each(&[], &["sh", "-c", "test $MAILFMT_NUMBER != 2 && echo x"], input.as_bytes());
    assert_eq!((ran.status, ran.text()), (67, "x\nx\n"));
    assert_eq!(ran.err, "mailfmt: message 2: sh ended with status 1\n");
    let ran = each(&[], &["sh", "-c", "kill -9 $$"], b"A: b\n");
    assert_eq!((ran.status, ran.err.as_str()), (75, "mailfmt: message 1: sh was ended by signal 9\n"));
    assert_eq!(each(&[], &["false"], input.as_bytes()).status, 69);
    assert_eq!(each(&[], &["sh", "-c", "exit 75"], input.as_bytes()).status, 75);
    let ran = each(&[], &["/no/such/program"], input.as_bytes());
    assert_eq!((ran.status, ran.err.lines().count()), (64, 1), "{}", ran.err);
    assert_eq!(each(&[], &["cat"], b"").status, 65);
    assert_eq!(mailfmt(&["each"], b"A: b\n").status, 64);
    assert_eq!(each(&["--mbox"], &["cat"], b"A: b\n").status, 64);
}

#[test]
fn several_at_a_time_and_in_order() {
    let input = mbox(&["1", "2", "3", "4", "5", "6"]);
    // The first one is the last to end.
    let command = ["sh", "-c", "if test $MAILFMT_NUMBER = 1; then sleep 1; else sleep 0.2; fi; echo $MAILFMT_NUMBER"];
    let start = Instant::now();
    let ran = each(&["--jobs", "3"], &command, input.as_bytes());
    assert_eq!((ran.status, ran.text()), (0, "1\n2\n3\n4\n5\n6\n"));
    assert!(start.elapsed() < Duration::from_millis(1950), "{:?}", start.elapsed());
    assert_eq!(each(&["--jobs", "0"], &command, input.as_bytes()).status, 64);
    let many: String = (0..300).map(|n| format!("{F}A: {n}\n\n\n")).collect();
    let ran = each(&["--jobs", "8"], &["sed", "-n", "s/^A: //p"], many.as_bytes());
    let expect: String = (0..300).map(|n| format!("{n}\n")).collect();
    assert_eq!((ran.status, ran.text()), (0, expect.as_str()));
}

#[test]
fn messages_go_through_a_command() {
    let input = mbox(&["1", "2", "3"]);
    let ran = each(&["--through", "--jobs", "2"], &["sed", "s/^Subject: 2/Subject: two/"], input.as_bytes());
    assert_eq!((ran.status, ran.text()), (0, input.replace("t: 2", "t: two").as_str()));
    // No message is lost by a command that fails, or prints nothing.
    for fails in ["exit 1", "kill -9 $$", "true", "echo x; exit 2"] {
        let script = format!("if test $MAILFMT_NUMBER = 2; then {fails}; else sed s/Subject/X/; fi");
        let ran = each(&["--through", "--mbox"], &["sh", "-c", &script], input.as_bytes());
        let expect = input.replace("Subject: 1", "X: 1").replace("Subject: 3", "X: 3");
        assert_eq!((ran.status, ran.text()), (67, expect.as_str()), "{fails}");
        assert!(ran.err.starts_with("mailfmt: message 2: sh "), "{fails}: {}", ran.err);
    }
    let one = b"A: b\r\n\r\nno end \xff\0";
    assert_eq!(each(&["--through"], &["cat"], one).out, one);
}

#[test]
fn a_command_selects() {
    let input = mbox(&["1", "2", "3"]);
    let select = |command: &str| each(&["--select", "-e"], &["sh", "-c", command], input.as_bytes());
    let ran = select("grep -q 'From [13]' && echo not seen");
    assert_eq!((ran.status, ran.text(), ran.err.as_str()), (0, mbox(&["1", "3"]).as_str(), ""));
    let ran = select("exit 1");
    assert_eq!((ran.status, ran.out.len(), ran.err.as_str()), (1, 0, ""));
    // Neither yes nor no: it stays.
    let ran = select("test $MAILFMT_NUMBER = 1 || exit 2");
    assert_eq!((ran.status, ran.text(), ran.err.lines().count()), (67, input.as_str(), 2));
    assert_eq!(each(&["--select", "--through"], &["cat"], input.as_bytes()).status, 64);
    assert_eq!(each(&["-e"], &["cat"], input.as_bytes()).status, 64);
}

/// A message of the 1st of January 2020, so many minutes after midnight.
fn sent(id: &str, fields: &str, subject: &str, minute: u32) -> String {
    format!(
        "{F}Message-ID: <{id}@x>\n{fields}Date: Wed, 01 Jan 2020 00:{minute:02}:00 +0000\nFrom: {id}@x\nSubject: {subject}\n\n{id}\n\n"
    )
}

#[test]
fn conversations() {
    let all = [
        sent("b", "References: <a@x>\n", "Re: one", 5),
        sent("z", "", "other", 2),
        sent("a", "", "one", 1),
        sent("c", "In-Reply-To: <b@x>\n", "Re: one", 9),
        sent("d", "", "Re: other", 8),
        sent("e", "References: <gone@x>\n", "lost", 20),
        sent("f", "References: <gone@x>\n", "lost", 21),
    ];
    let input = all.concat();
    let tree = mailfmt(&["thread", "-o", "thread,depth,number,subject"], input.as_bytes());
    let expect = "1\t0\t3\tone\n1\t1\t1\t  Re: one\n1\t2\t4\t    Re: one\n2\t0\t2\tother\n2\t1\t5\t  Re: other\n\
        3\t0\t\t[not here]\n3\t1\t6\t  lost\n3\t1\t7\t  lost\n";
    assert_eq!((tree.status, tree.text()), (0, expect), "{}", tree.err);
    let plain = mailfmt(&["thread", "--reverse"], input.as_bytes());
    let numbers: Vec<&str> = plain.text().lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(numbers, ["", "6", "7", "2", "5", "3", "1", "4"]);
    let json = mailfmt(&["thread", "--json"], input.as_bytes());
    let rows: Vec<serde_json::Value> = json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[2]["number"], &rows[2]["parent"], &rows[2]["thread"]), (&4.into(), &1.into(), &1.into()));
    assert_eq!((&rows[5]["number"], &rows[5]["subject"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!((&rows[0]["size"], rows[0].as_object().unwrap().len()), (&(all[2].len() - F.len() - 1).into(), 13));
    // The messages themselves, every byte.
    let order = [2, 0, 3, 1, 4, 5, 6].map(|n: usize| all[n].as_str()).concat();
    assert_eq!(mailfmt(&["thread", "--mbox"], input.as_bytes()).text(), order);
    assert_eq!(mailfmt(&["thread", "--mbox", "--json"], input.as_bytes()).status, 64);
    assert_eq!(mailfmt(&["thread"], b"").status, 65);
    // However deep it goes.
    let chain: String = (1..3000)
        .map(|n| sent(&format!("m{n}"), &format!("In-Reply-To: <m{}@x>\n", n - 1), &format!("s{n}"), n % 60))
        .collect();
    let deep = mailfmt(&["thread", "-o", "number,depth"], chain.as_bytes());
    assert!(deep.text().ends_with("2999\t2998\n"), "{}", deep.err);
}
