//! The clients: we are the server.
//!
//! ```text
//! # run: pop3-fetch {url} --into maildir:{out}    words are split at blanks, '...' keeps them; {url} brings the password file;
//!                                                 {lmtp} is the same server's in that protocol, {there} is {url} once more
//! # user: bob                                     who is in the URL (pop3 and imap: always somebody)
//! # password: tulip
//! # stdin: a line                                 and so on; \xNN, \n, \\
//! # stdin lines: 1000                             so many more of 68 `x`
//! # exit: 75 | # cut exit: 69 75                  what it ends with; and which others a cut may bring
//! # stdout: a line, # stdout contains: x          all of it, or a part; in cut plays neither
//! # stderr contains: x | # stderr lacks: x
//! # files: 2 | # file: a\nb\n                     messages in {out}, and what one of them is
//! # within: 5000                                  milliseconds (20000)
//! # ways: whole bytes cut
//! == again                                        another connection; with its own # run: another run in the same home
//! ```

use super::*;
use pipepost::net::script::{End, Player, Step};
use pipepost::net::trace::Side;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

/// The statuses of pipepost(7).
const STATUSES: [i32; 16] = [0, 1, 64, 65, 66, 67, 68, 69, 70, 73, 74, 75, 76, 77, 78, 79];

#[test]
fn transcripts_at_clients() {
    play_all(&Transcript::with("run"), Side::Server, &play);
}

/// Nobody knows what becomes of a message in a pipe: `--delete` is refused before anybody is asked.
#[test]
fn what_goes_into_a_pipe_is_not_deleted() {
    let home = scratch();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("pop3+plain://bob@{}", listener.local_addr().unwrap());
    let output = command("pop3-fetch", home.path()).args([&url, "--delete"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.status.code(), accept_now(&listener)), (Some(64), false), "{}", lossy(&output.stderr));
}

fn play(transcript: &Transcript, way: Way) -> Result<(), String> {
    let home = scratch();
    // The same port for every run, as what was fetched is remembered for a server.
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    listener.set_nonblocking(true).map_err(|e| e.to_string())?;
    let mut listener = Some(listener);
    let mut next = 0;
    while next <= way.part {
        let more = transcript.parts[next + 1..].iter().take_while(|part| part.get("run").is_none()).count();
        let group = &transcript.parts[next..next + 1 + more];
        let cut = (way.part < next + group.len()).then_some(way.part - next).filter(|_| way.mode.cut_after.is_some());
        let last = next + group.len() > way.part;
        let ours = if last { listener.take() } else { listener.as_ref().and_then(|l| l.try_clone().ok()) };
        let run = Run { group, home: home.path(), mode: way.mode, cut };
        run.play(ours.ok_or("no listener")?)
            .map_err(|e| if next > 0 { format!("run of part {}: {e}", next + 1) } else { e })?;
        next += group.len();
    }
    Ok(())
}

struct Run<'r> {
    group: &'r [Script],
    home: &'r Path,
    mode: Mode,
    /// Which of the connections is cut.
    cut: Option<usize>,
}

impl Run<'_> {
    fn head(&self) -> &Script {
        &self.group[0]
    }

    fn play(&self, listener: TcpListener) -> Result<(), String> {
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let words = self.words(port);
        let mut command = command(&words[0], self.home);
        let stdin = self.home.join("stdin");
        let mut input = text(self.head(), "stdin").unwrap_or_default();
        let more = self.head().get("stdin lines").map_or(0, |n| n.parse().unwrap());
        input.extend(format!("{:x<68}\n", "").into_bytes().repeat(more));
        std::fs::write(&stdin, input).map_err(|e| e.to_string())?;
        let (out, err) = (self.home.join("stdout"), self.home.join("stderr"));
        let file = |path: &Path| std::fs::File::create(path).map(Stdio::from).map_err(|e| e.to_string());
        command.args(&words[1..]).stdin(std::fs::File::open(&stdin).map_err(|e| e.to_string())?);
        command.stdout(file(&out)?).stderr(file(&err)?);
        let within = self.head().get("within").map_or(20_000, |ms| ms.parse().unwrap());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", words[0]))?;
        let over = AtomicBool::new(false);
        let (played, status) = std::thread::scope(|scope| {
            let server = scope.spawn(|| self.serve(listener, &over));
            let status = wait(&mut child, Duration::from_millis(within));
            over.store(true, Ordering::Release);
            (server.join().unwrap_or_else(|_| Err("the player panicked".into())), status)
        });
        let (out, err) = (std::fs::read(out).unwrap(), lossy(&std::fs::read(err).unwrap()));
        if std::env::var_os("WIRE_LOUD").is_some() {
            eprintln!("---- {words:?} {:?} {:?}: {status:?} {played:?}\n{}{err}", self.mode, self.cut, lossy(&out));
        }
        let told = |why: String| format!("{why}\n      it said: {}", err.trim_end().replace('\n', "\n               "));
        let done = played.map_err(told)?;
        let code = status.map_err(told)?.code();
        self.judge(&words[0], code, done, &out, &err).map_err(told)
    }

    fn words(&self, port: u16) -> Vec<String> {
        let line = self.head().get("run").unwrap();
        let mut words: Vec<String> = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        let family = words[0].split('-').next().unwrap().to_owned();
        let user = self.head().get("user").or((family != "smtp").then_some("bob"));
        let at = user.map(|u| format!("{u}@")).unwrap_or_default();
        let out = self.home.join("out");
        let mut all = Vec::new();
        for word in words.iter().filter(|w| !w.is_empty()) {
            let place = format!("+plain://{at}127.0.0.1:{port}");
            let (url, lmtp) = (format!("{family}{place}"), format!("lmtp{place}"));
            all.push(lossy(&escapes(
                &word
                    .replace("{url}", &url)
                    .replace("{there}", &url)
                    .replace("{lmtp}", &lmtp)
                    .replace("{out}", out.to_str().unwrap()),
            )));
            if word.contains("{url}") && user.is_some() {
                let file = self.home.join("password");
                std::fs::write(&file, format!("{}\n", self.password())).unwrap();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(&file, mode).unwrap();
                all.extend(["--password-file".to_owned(), file.to_str().unwrap().to_owned()]);
            }
        }
        all
    }

    fn password(&self) -> &str {
        self.head().get("password").unwrap_or("tulip")
    }

    /// True: the outcome was decided when it was cut.
    fn serve(&self, listener: TcpListener, over: &AtomicBool) -> Result<bool, String> {
        let ends = self.cut.map_or(self.group.len(), |cut| cut + 1);
        let mut done = false;
        for (n, script) in self.group.iter().enumerate().take(ends) {
            if script.steps.is_empty() {
                continue;
            }
            let Some(mut stream) = accept(&listener, over) else {
                return Err(format!("connection {} never came", n + 1));
            };
            let mode = Mode { cut_after: self.mode.cut_after.filter(|_| self.cut == Some(n)), ..self.mode };
            let end =
                Player::server(script).play(&mut stream, mode).map_err(|e| format!("connection {}: {e}", n + 1))?;
            match end {
                End::Whole => {}
                End::HungUp if script.steps.last() == Some(&Step::Stall) => {}
                End::Cut { done: d } => done = d,
                other => return Err(format!("connection {}: {other:?}", n + 1)),
            }
            leave(stream);
        }
        if self.cut.is_none() && accept_now(&listener) {
            return Err("one connection more than the transcript has".into());
        }
        Ok(done)
    }

    fn judge(&self, program: &str, code: Option<i32>, done: bool, out: &[u8], err: &str) -> Result<(), String> {
        let head = self.head();
        let code = code.ok_or("died by a signal")?;
        if !STATUSES.contains(&code) || code == 70 {
            return Err(format!("status {code}"));
        }
        if err.contains("panicked") || err.contains(self.password()) {
            return Err("a panic or the password on stderr".into());
        }
        let trace = head.get("run").unwrap().contains("--trace -");
        for line in err.split_inclusive('\n') {
            let ours = line.starts_with(&format!("{program}: ")) || trace;
            let clean = line.ends_with('\n') && !line.trim_end_matches('\n').chars().any(char::is_control);
            if !ours || !clean || line.len() > 2000 {
                return Err(format!("a bad line on stderr: {line:?}"));
            }
        }
        let maildir = self.home.join("out");
        if !files(&maildir.join("tmp")).is_empty() {
            return Err("something is left in tmp".into());
        }
        let (found, expected) = (messages(&maildir), head.all("file").map(escapes).collect::<Vec<_>>());
        if let Some(file) = found.iter().find(|file| !expected.is_empty() && !expected.contains(file)) {
            return Err(format!("a file that should not be: {:?}", lossy(file)));
        }
        let most = head.get("files").map_or(expected.len(), |n| n.parse().unwrap());
        if self.cut.is_some() {
            if found.len() > most {
                return Err(format!("{} files", found.len()));
            }
            let mut allowed =
                head.get("cut exit").unwrap_or("67 69 75 76 77 79").split(' ').map(|n| n.parse::<i32>().unwrap());
            if code == 0 || done && code == 1 {
                return if done { Ok(()) } else { Err("status 0".into()) };
            }
            if !allowed.any(|n| n == code) && head.get("exit") != Some(&code.to_string()) {
                return Err(format!("status {code}"));
            }
            return if err.is_empty() { Err("no error was told".into()) } else { Ok(()) };
        }
        let expect = head.get("exit").unwrap_or("0");
        if expect != code.to_string() {
            return Err(format!("status {code}, not {expect}"));
        }
        if code > 1 && err.is_empty() {
            return Err("no error was told".into());
        }
        if let Some(text) = head.all("stderr contains").find(|text| !err.contains(*text)) {
            return Err(format!("stderr lacks {text:?}"));
        }
        if let Some(text) = head.all("stderr lacks").find(|text| err.contains(*text)) {
            return Err(format!("stderr has {text:?}"));
        }
        if let Some(text) = text(head, "stdout").filter(|text| text != out) {
            return Err(format!("stdout is {:?}, not {:?}", lossy(out), lossy(&text)));
        }
        if let Some(text) = head.all("stdout contains").find(|text| !lossy(out).contains(*text)) {
            return Err(format!("stdout lacks {text:?}: {:?}", lossy(out)));
        }
        if found.len() != most || expected.iter().any(|file| !found.contains(file)) {
            return Err(format!("files: {:?}", found.iter().map(|f| lossy(f)).collect::<Vec<_>>()));
        }
        Ok(())
    }
}

fn accept(listener: &TcpListener, over: &AtomicBool) -> Option<TcpStream> {
    loop {
        // Read before accept is tried: a program may connect and end between the two.
        let last = over.load(Ordering::Acquire);
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).ok()?;
            stream.set_nodelay(true).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
            stream.set_write_timeout(Some(Duration::from_secs(30))).ok()?;
            return Some(stream);
        }
        if last {
            return None;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn accept_now(listener: &TcpListener) -> bool {
    listener.accept().is_ok()
}

/// Closes without a reset: what was said must arrive.
fn leave(mut stream: TcpStream) {
    let _ = stream.flush();
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(3)));
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}
