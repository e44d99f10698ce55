//! What imap-ls asks Dovecot for, in one flight where that can be: orders, numbers, and what only some servers know.

use super::folders::dovecot;
use super::run;

#[test]
fn orders_and_numbers() {
    let Some((home, dovecot, url)) = dovecot() else { return };
    let letter = |n: u32| {
        let day = 28 - n % 28;
        let thread = if n.is_multiple_of(3) { String::new() } else { format!("References: <{}@x>\n", n - n % 3) };
        format!(
            "From: Sender {:03} <s@x.org>\nDate: {day} Feb 2024 12:00:00 +0000\nMessage-ID: <{n}@x>\n{thread}Subject: number {n}\n\nthe text of {n}\n",
            n * 7 % 301
        )
    };
    let all: Vec<String> = (0..301).map(letter).collect();
    dovecot.put("bob", &all.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
    let inbox = format!("{url}INBOX");
    let list = |arguments: &[&str]| -> Vec<String> {
        let out = run(&home, "imap-ls", &[arguments, &[&inbox]].concat(), b"").ends(0).out;
        out.lines().map(str::to_owned).collect()
    };
    let uids = |arguments: &[&str]| -> Vec<u32> {
        let rows = list(&[&["-o", "uid,subject"], arguments].concat());
        rows.iter().filter_map(|row| row.split('\t').next()?.parse().ok()).collect()
    };
    let up: Vec<u32> = (1..=301).collect();
    let down: Vec<u32> = up.iter().rev().copied().collect();
    assert_eq!(uids(&[]), up);
    assert_eq!(uids(&["--reverse"]), down);
    assert_eq!(uids(&["--limit", "5"]), up[296..]);
    assert_eq!(uids(&["--limit", "250", "--reverse"]), down[..250]);
    let names = list(&["--sort", "from", "-o", "from"]);
    assert!(names.len() == 301 && names.is_sorted(), "{names:?}");
    let dates = list(&["--sort", "-date,subject", "-o", "date"]);
    assert!(dates.len() == 301 && dates.iter().rev().is_sorted(), "{dates:?}");
    let depths = list(&["--thread", "-o", "depth,subject"]);
    let mut root = 0;
    for row in &depths {
        let number: u32 = row.rsplit(' ').next().unwrap().parse().unwrap();
        match row.strip_prefix("0\t") {
            Some(_) => root = number,
            None => assert_eq!(root, number - number % 3, "{depths:?}"),
        }
    }
    assert_eq!((depths.len(), depths.iter().filter(|row| row.starts_with("0\t")).count()), (301, 101));
    assert_eq!(uids(&["--where", "subject:\"number 30\""]), [31, 301]);
    assert_eq!(uids(&["--where", "subject:\"number 30\"", "-r"]), [301, 31]);
    assert_eq!(list(&["--count"]), ["301"]);
    assert_eq!(list(&["--count", "--where", "subject:\"number 30\""]), ["2"]);
    assert_eq!(run(&home, "imap-ls", &["-o", "uid,size", &inbox, "300:400"], b"").ends(0).out.lines().count(), 2);
    let row = run(&home, "imap-ls", &["-o", "preview,saved,labels", &inbox, "5"], b"").ends(0).out;
    let cells: Vec<&str> = row.trim_end_matches('\n').split('\t').collect();
    assert!(cells[0] == "the text of 4" && cells[1].starts_with("20") && cells[2].is_empty(), "{row}");
    let long = run(&home, "imap-ls", &["-l", &url], b"").ends(0).out;
    let inbox = long.lines().next().unwrap();
    assert!(inbox.starts_with("301\t301\t") && inbox.ends_with("\tINBOX"), "{long}");
}
