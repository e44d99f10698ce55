//! The server sessions: we are the client of a real `mail-serve`.
//!
//! ```text
//! # server: smtp                  the service (lmtp too); every play has a user of its own, $user
//! # auth: password                of the server that checks passwords ($password, $plain and $user64, $password64 are bound);
//!                                 and creates nobody; else of the one that takes
//!                                 any password and creates whoever comes
//! # mail: A: b\n\nhello\n         is in $user's mailbox beforehand; \xNN, \n, \\
//! # stored: 1                     messages in $user's mailbox in the end; without it as many as there were
//! # stored contains: x            the newest one, with its line ends as \n
//! # stored lacks: x
//! ```
//!
//! Of a reply the code counts (and `-` or the blank), of a status line +OK or -ERR with its code; with `S!` every byte. Each part
//! (`== again`) is another connection of the same user.

use super::*;
use pipepost::net::script::{End, Player};
use pipepost::net::trace::Side;
use pipepost::proto::sasl;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running `mail-serve`, which is ended when it is dropped.
pub(super) struct Serve {
    pub(super) child: Child,
    ports: BTreeMap<String, u16>,
    pub(super) root: PathBuf,
    pub(super) password: String,
    pub(super) pin: String,
    _home: Option<tempfile::TempDir>,
}

impl Serve {
    /// Starts one on a root of its own.
    pub(super) fn start(arguments: &[&str]) -> Serve {
        let home = scratch();
        let root = home.path().join("mail");
        let mut command = command("mail-serve", home.path());
        command.arg("--root").arg(&root);
        let mut serve = Serve::run(command, arguments, root);
        serve._home = Some(home);
        serve
    }

    /// Starts it by a command that has all but the ports and `arguments`.
    pub(super) fn run(mut command: Command, arguments: &[&str], root: PathBuf) -> Serve {
        command.args(["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let (mut ports, mut password, mut pin) = (BTreeMap::new(), String::new(), String::new());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Ports in clear and under TLS, and the pin.
        let has = |flag: &str| usize::from(arguments.contains(&flag));
        let made = 1 - (has("--any-password") + has("--passwd-file")).min(1);
        let wanted = 7 + made + has("--lmtp-port") + has("--lmtp-socket");
        for line in lines.by_ref().take(wanted) {
            let line = line.unwrap();
            match line.split_once(' ').unwrap() {
                ("password-file", file) => std::fs::read_to_string(file).unwrap().trim().clone_into(&mut password),
                ("pin", value) => value.clone_into(&mut pin),
                ("lmtp+unix", _) => {}
                (service, at) => {
                    ports.insert(service.to_owned(), at.rsplit_once(':').unwrap().1.parse().unwrap());
                }
            }
        }
        assert_eq!(ports.len(), 6 + has("--lmtp-port"), "mail-serve did not start");
        Serve { child, ports, root, password, pin, _home: None }
    }

    pub(super) fn port(&self, service: &str) -> u16 {
        self.ports[service]
    }

    pub(super) fn connect(&self, service: &str) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.ports[service])).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // strace passes no signal on: what it watches is its child.
        let own = self.child.id();
        let below = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let watched = below.split(' ').next().and_then(|pid| pid.parse().ok());
        let pid = rustix::process::Pid::from_raw(watched.unwrap_or(own.cast_signed()));
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let ended = wait(&mut self.child, Duration::from_secs(12));
        if !std::thread::panicking() {
            assert_eq!(ended.unwrap().code(), Some(0), "mail-serve");
        }
    }
}

#[test]
fn transcripts_at_server_sessions() {
    let open = Serve::start(&["--create", "--any-password", "--lmtp-port", "0", "--connections-per-address", "1000"]);
    let closed = Serve::start(&[]);
    let count = AtomicUsize::new(0);
    play_all(&Transcript::with("server"), Side::Client, &|transcript, way| {
        let serve = if transcript.head().get("auth").is_some() { &closed } else { &open };
        let user = format!("u{}", count.fetch_add(1, Ordering::Relaxed));
        let played = play(transcript, way, serve, &user);
        // Whatever was done to it, it goes on.
        let mut next = serve.connect("smtp");
        let mut greeting = [0; 3];
        next.read_exact(&mut greeting).map_err(|e| format!("the server is gone: {e}"))?;
        played
    });
}

fn play(transcript: &Transcript, way: Way, serve: &Serve, user: &str) -> Result<(), String> {
    let head = transcript.head();
    let maildir = serve.root.join(user);
    let mails: Vec<Vec<u8>> = head.all("mail").map(escapes).collect();
    if !mails.is_empty() || head.get("auth").is_some() {
        for sub in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(maildir.join(sub)).unwrap();
        }
        for (n, mail) in mails.iter().enumerate() {
            std::fs::write(maildir.join(format!("new/{}.{n}.test", 1000 + n)), mail).unwrap();
        }
    }
    let mut cut = None;
    for (n, script) in transcript.parts.iter().enumerate().take(way.part + 1) {
        let mut stream = serve.connect(head.get("server").unwrap());
        let mut player = Player::client(script, agrees);
        let base64 = |text: &str| sasl::base64(text.as_bytes());
        for (name, value) in [
            ("user", user.to_owned()),
            ("password", serve.password.clone()),
            ("user64", base64(user)),
            ("password64", base64(&serve.password)),
            ("plain", base64(&format!("\0{user}\0{}", serve.password))),
        ] {
            player.bind(name, value.as_bytes());
        }
        let mode = Mode { cut_after: way.mode.cut_after.filter(|_| n == way.part), ..way.mode };
        match player.play(&mut stream, mode).map_err(|e| format!("connection {}: {e}", n + 1))? {
            End::Whole => {}
            End::Cut { done } => cut = Some(done),
            other => return Err(format!("connection {}: {other:?}", n + 1)),
        }
        leave(stream)?;
    }
    let found = messages(&maildir);
    if !files(&maildir.join("tmp")).is_empty() {
        return Err("something is left in tmp".into());
    }
    let stored = head.get("stored").map_or(mails.len(), |n| n.parse().unwrap());
    match cut {
        Some(false) if found.len() != mails.len() => return Err(format!("{} messages after a cut", found.len())),
        Some(_) => return Ok(()),
        None if found.len() != stored => return Err(format!("{} messages, not {stored}", found.len())),
        None => {}
    }
    let newest = found.iter().find(|m| !mails.contains(m)).map(|m| lossy(m)).unwrap_or_default();
    let text = |line: &str| lossy(&escapes(line)).replace("$user", user);
    if let Some(line) = head.all("stored contains").map(text).find(|line| !newest.contains(line)) {
        return Err(format!("what was stored lacks {line:?}: {newest:?}"));
    }
    if let Some(line) = head.all("stored lacks").map(text).find(|line| newest.contains(line)) {
        return Err(format!("what was stored has {line:?}: {newest:?}"));
    }
    Ok(())
}

/// Whether a line is as good as the expected one: the code of a reply counts, not its text.
fn agrees(expected: &[u8], came: &[u8]) -> bool {
    let code = expected.get(..3).is_some_and(|code| code.iter().all(u8::is_ascii_digit));
    if code && expected.get(3) == Some(&b'-') {
        return came.get(..4) == expected.get(..4);
    }
    if code {
        return came.get(..3) == expected.get(..3) && matches!(came.get(3), Some(b' ' | b'\r'));
    }
    let word = if expected.starts_with(b"+OK") { 3 } else { 4 };
    let (status, text) = expected.split_at(word.min(expected.len()));
    if status != b"+OK" && status != b"-ERR" {
        return false;
    }
    let has_code = text.starts_with(b" [");
    let until = if has_code { text.iter().position(|b| *b == b']').map_or(0, |at| at + 1) } else { 0 };
    came.strip_prefix(status)
        .is_some_and(|came| came.starts_with(&text[..until]) && came.starts_with(b" [") == has_code)
}

/// Says nothing more, and reads until the server has closed, so that its session is over. A message is stored by then, or not.
fn leave(mut stream: TcpStream) -> Result<(), String> {
    let _ = stream.flush();
    let _ = stream.shutdown(Shutdown::Write);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(1..) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Err("the session did not end".into()),
            _ => return Ok(()),
        }
    }
}

#[test]
fn one_session_has_the_maildrop() {
    let serve = Serve::start(&["--create", "--any-password"]);
    let log_in = || {
        let mut stream = serve.connect("pop3");
        stream.write_all(b"USER bob\r\nPASS x\r\nNOOP\r\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let answers: Vec<String> = lines.by_ref().take(4).collect();
        (stream, answers)
    };
    let (first, answers) = log_in();
    assert!(answers[2].starts_with("+OK") && answers[3].starts_with("+OK"), "{answers:?}");
    let (_second, answers) = log_in();
    assert!(answers[2].starts_with("-ERR [IN-USE]") && answers[3].starts_with("-ERR"), "{answers:?}");
    leave(first).unwrap();
    let (_third, answers) = log_in();
    assert!(answers[2].starts_with("+OK"), "{answers:?}");
}

/// Each look-alike of the end of the data, after and before each kind of line end, must neither end it nor be stored
/// (CVE-2023-51764): 550 and the end of the session, and what is smuggled behind is not run.
#[test]
fn look_alikes_of_the_end_are_refused() {
    let serve = Serve::start(&["--create", "--any-password"]);
    let ends = ["\n", "\r", "\r\n"];
    let mut tried = 0;
    for (n, (before, after)) in ends.iter().flat_map(|a| ends.iter().map(move |b| (a, b))).enumerate() {
        if (*before, *after) == ("\r\n", "\r\n") {
            continue;
        }
        for split in [1, 7, 4096] {
            let user = format!("l{n}x{split}");
            let mut stream = serve.connect("smtp");
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut reply = || {
                let mut line = String::new();
                reader.read_line(&mut line).map(|_| line).unwrap_or_default()
            };
            reply();
            for command in ["HELO x", "MAIL FROM:<a@example.org>", &format!("RCPT TO:<{user}@localhost>"), "DATA"] {
                stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
                assert!(reply().starts_with(['2', '3']), "{command}");
            }
            let smuggled = format!("MAIL FROM:<b@x>\r\nRCPT TO:<{user}@localhost>\r\nDATA\r\nevil\r\n.\r\n");
            let data = format!("A: b\r\n\r\nhello{before}.{after}{smuggled}.\r\nQUIT\r\n");
            for piece in data.as_bytes().chunks(split) {
                if stream.write_all(piece).is_err() {
                    break;
                }
            }
            let said = reply();
            assert!(said.starts_with("550 "), "{before:?}.{after:?} in pieces of {split}: {said:?}");
            assert_eq!(reply(), "", "{before:?}.{after:?}: it goes on");
            assert_eq!(messages(&serve.root.join(&user)), Vec::<Vec<u8>>::new(), "{before:?}.{after:?}");
            tried += 1;
        }
    }
    assert_eq!(tried, 24);
}

/// Only its owner can use the socket; its name goes with the server, and one that was left by a server that was killed is no
/// obstacle.
#[test]
fn lmtp_over_a_unix_socket() {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    let home = scratch();
    let path = home.path().join("lmtp");
    drop(UnixListener::bind(&path).unwrap());
    let serve = Serve::start(&["--create", "--any-password", "--lmtp-socket", path.to_str().unwrap()]);
    let meta = std::fs::metadata(&path).unwrap();
    assert!(meta.file_type().is_socket() && meta.mode() & 0o077 == 0, "{:o}", meta.mode());
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let said =
        "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@localhost>\r\nRCPT TO:<eve@localhost>\r\nDATA\r\nA: b\r\n.\r\nQUIT\r\n";
    stream.write_all(said.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.contains("\r\n354 end") && answers.matches("\r\n250 2.0.0 stored").count() == 2, "{answers}");
    for user in ["bob", "eve"] {
        let stored = lossy(&messages(&serve.root.join(user))[0]);
        let uid = rustix::process::getuid().as_raw();
        let received = format!("\nReceived: from x (local, uid {uid})\n\tby localhost with LMTP;\n");
        assert!(stored.contains(&received), "{stored}");
    }
    // Another one would take it from this one.
    let mut second = command("mail-serve", home.path());
    second
        .args(["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0", "--root", "other", "--lmtp-socket"])
        .arg(&path);
    assert_eq!(second.output().unwrap().status.code(), Some(73));
    drop(serve);
    assert!(!path.exists());
}
