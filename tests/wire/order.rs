//! What happens in which order, and what happens on a full disk: by `strace`, which shows what a power failure would have left,
//! and in a mount of our own. Both are skipped, in one line, where the machine can't do that; with `CI=true` that is a failure.

use super::server::Serve;
use super::*;
use pipepost::net::script::Player;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

/// Whether `command` works here.
pub(super) fn can(command: &[&str]) -> bool {
    let tried = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} does not work here", command[0]);
        eprintln!("skipped: {} does not work here", command[0]);
    }
    can
}

const STRACE: [&str; 6] = [
    "strace",
    "-f",
    "-y",
    "-s100",
    "-e",
    "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,write,sendto",
];

fn strace(home: &Path, name: &str) -> (Command, PathBuf) {
    let log = home.join("strace");
    let mut command = Command::new(STRACE[0]);
    command.args(&STRACE[1..]).arg("-o").arg(&log).arg(program(name));
    isolate(&mut command, home);
    (command, log)
}

/// Where the first line after `from` that `is` one is.
fn find(lines: &[&str], from: usize, what: &str, is: impl Fn(&str) -> bool) -> usize {
    let found = lines.iter().skip(from).position(|line| is(line));
    from + found.unwrap_or_else(|| panic!("no {what} after line {from} of\n{}", lines.join("\n")))
}

fn syncs(line: &str) -> bool {
    ["fsync(", "fdatasync(", "syncfs("].iter().any(|call| line.contains(call))
}

/// RFC 5321 6.1: with the 250 the message is ours. File, name and directory are on the disk before it is said.
#[test]
fn the_250_comes_after_the_disk() {
    if !can(&["strace", "-V"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (mut command, log) = strace(home.path(), "mail-serve");
    let root = home.path().join("mail");
    command.arg("--root").arg(&root);
    {
        let serve = Serve::run(command, &["--create", "--any-password"], root);
        let mut stream = serve.connect("smtp");
        stream.write_all(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\n").unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream.try_clone().unwrap()));
        assert!(lines.any(|line| line.unwrap().starts_with("354")));
        stream.write_all(b"A: b\r\n.\r\nQUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.ends_with("bye\r\n"), "{said}");
    }
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let start = find(&lines, 0, "354", |l| l.contains("354 "));
    let file = find(&lines, start, "sync of the file", |l| syncs(l) && l.contains("/bob/tmp/"));
    let name = find(&lines, file, "its name", |l| l.contains("/bob/") && (l.contains("link") || l.contains("rename")));
    let directory = find(&lines, name, "sync of the directory", |l| syncs(l) && l.contains("/bob/new>"));
    let reply = find(&lines, start + 1, "250", |l| l.contains("\"250 2.0.0 stored"));
    assert!(directory < reply, "the 250 comes first:\n{log}");
}

/// The same on the way out: file, directory, history, and only then DELE and QUIT.
#[test]
fn dele_comes_after_the_disk() {
    if !can(&["strace", "-V"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let (command, log) = strace(home.path(), "pop3-fetch");
    let status = fetch(command, home.path(), &out, "+OK\r\n");
    assert_eq!(status, Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let file = find(&lines, 0, "sync of the file", |l| syncs(l) && l.contains("/out/tmp/"));
    let name = find(&lines, file, "its name", |l| l.contains("/out/") && (l.contains("link") || l.contains("rename")));
    let directory = find(&lines, name, "sync of the directory", |l| syncs(l) && l.contains("/out/new>"));
    let state = find(&lines, directory, "sync of the history", |l| syncs(l) && l.contains("state.sqlite"));
    let dele = find(&lines, 0, "DELE", |l| l.contains("\"DELE 1"));
    let quit = find(&lines, 0, "QUIT", |l| l.contains("\"QUIT"));
    assert!(state < dele && dele < quit, "the order is another:\n{log}");
}

const DIALOGUE: &str = "S: +OK\nC: CAPA\nS: -ERR\nC: USER bob\nS: +OK\nC: PASS x\nS: +OK\nC: LIST\nS: +OK\nS: 1 20\nS: .\nC: UIDL\n\
     S: +OK\nS: 1 u1\nS: .\nC: RETR 1\nS: +OK\nS: A: b\nS:\nS: == 700000 bytes\nS: .\n";

/// Runs `pop3-fetch --delete` against one long message; with `DELE` in the dialogue if `dele` has an answer for it.
fn fetch(mut command: Command, home: &Path, out: &Path, dele: &str) -> Option<i32> {
    let end = if dele.is_empty() { "== hangup\n".to_owned() } else { format!("C: DELE 1\nS: {dele}C: QUIT\nS: +OK\n") };
    let script = Script::parse(&format!("{DIALOGUE}{}", end.replace('\r', ""))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3+plain://bob@{}", listener.local_addr().unwrap());
    let password = home.join("password");
    std::fs::write(&password, "x\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    command.arg(&url).arg("--password-file").arg(&password).arg("--delete");
    command.arg("--into").arg(format!("maildir:{}", out.display()));
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let end = Player::server(&script).play(&mut stream, Mode::default());
        assert_eq!(end.unwrap(), pipepost::net::script::End::Whole);
    });
    let status = wait(&mut child, Duration::from_secs(30)).unwrap();
    server.join().unwrap();
    status.code()
}

/// A shell in a mount namespace with a small file system at `at`, which ends with `exec "$@"`.
fn small_disk(at: &Path, size: &str, home: &Path) -> Command {
    let mut command = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o mode=700,size={size} none \"$0\" && exec \"$@\"");
    command.args(["-rm", "sh", "-c", &mount]).arg(at);
    isolate(&mut command, home);
    command
}

const NAMESPACE: [&str; 5] = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"];

/// 74, nothing deleted, and no part of a message under a final name.
#[test]
fn a_full_disk_deletes_nothing() {
    if !can(&NAMESPACE) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // The mount goes away with the program, so the listing is made in it, behind it.
    let mut command = small_disk(&disk, "256k", home.path());
    command.args(["sh", "-c", "\"$@\"; code=$?; find \"$0\" -type f -path '*/new/*' > files; find \"$0\" -type f -path '*/tmp/*' >> files; exit $code"]);
    command.arg(&disk).arg(program("pop3-fetch"));
    let status = fetch(command, home.path(), &disk.join("out"), "");
    assert_eq!(status, Some(74));
    assert_eq!(std::fs::read_to_string(home.path().join("files")).unwrap(), "", "what is left");
}

/// 452, and nothing in new; the next message, which fits, is stored.
#[test]
fn a_full_disk_is_452() {
    if !can(&NAMESPACE) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mut command = small_disk(&disk, "512k", home.path());
    command.arg(program("mail-serve")).arg("--root").arg(disk.join("mail"));
    let serve = Serve::run(command, &["--create", "--any-password"], disk.join("mail"));
    // exec keeps the process, so its mount can be looked into.
    let maildir = PathBuf::from(format!("/proc/{}/root{}/mail/bob", serve.child.id(), disk.display()));
    for (size, reply) in [(4_000_000, "452 "), (10, "250 ")] {
        let mut stream = serve.connect("smtp");
        let mut data = b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nDATA\r\nA: b\r\n\r\n".to_vec();
        data.extend(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(size / 40));
        data.extend_from_slice(b".\r\nQUIT\r\n");
        let mut writer = stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || writer.write_all(&data).is_ok());
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(sending.join().unwrap());
        let last: Vec<&str> = said.lines().rev().take(2).collect();
        assert!(last[0].starts_with("221") && last[1].starts_with(reply), "{said}");
        assert!(files(&maildir.join("tmp")).is_empty(), "left in tmp");
    }
    assert_eq!(messages(&maildir).len(), 1);
}
