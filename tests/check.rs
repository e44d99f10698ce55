//! mail-check under TLS: what its rows tell of a certificate, and where a check ends.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[allow(unreachable_pub, dead_code)]
#[path = "tls/peer.rs"]
mod peer;

use common::{Home, Server};
use peer::{Authority, Peer, Step, answers};
use serde_json::Value;

/// A session from its greeting to its goodbye.
const POP3: &[&str] = &["+OK hi\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n", "+OK\r\n", "+OK bye\r\n"];

fn home() -> Home {
    let home = Home::new();
    home.sh("umask 077; echo tulip > pw").ends(0);
    home
}

/// The steps that a check tells as JSON.
fn check(home: &Home, arguments: &[&str], status: i32) -> Vec<Value> {
    let all = [&["--json", "--password-file", "pw", "--timeout", "20s"], arguments].concat();
    let ran = home.run("mail-check", &all, b"").ends(status);
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(steps: &[Value]) -> Vec<String> {
    steps
        .iter()
        .map(|s| format!("{} {}", s["step"].as_str().unwrap(), if s["ok"] == true { "ok" } else { "failed" }))
        .collect()
}

#[test]
fn what_a_handshake_shows() {
    let home = home();
    let ca = Authority::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = |days: u64| {
        let date = chrono::DateTime::from_timestamp(i64::try_from(now).unwrap(), 0).unwrap() + chrono::Days::new(days);
        let part = |form: &str| date.format(form).to_string().parse::<i32>().unwrap();
        rcgen::date_time_ymd(part("%Y"), u8::try_from(part("%m")).unwrap(), u8::try_from(part("%d")).unwrap())
    };
    for (days, warned) in [(90, false), (6, true)] {
        let shown = ca.issue(&["localhost", "127.0.0.1"], |params| params.not_after = day(days));
        for (scheme, trust, verified) in [
            ("pop3s", ["--ca-file", "ca.pem"], "ca-file"),
            ("pop3s", ["--pin", &shown.pin()], "pin"),
            ("pop3+starttls", ["--ca-file", "ca.pem"], "ca-file"),
        ] {
            let mut steps = Vec::new();
            let implicit = scheme == "pop3s";
            if !implicit {
                steps.extend(answers(&["+OK\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK go\r\n"]));
            }
            steps.push(Step::Tls(shown.modern()));
            if implicit {
                steps.extend(answers(POP3));
            } else {
                steps.push(Step::Hear);
                steps.extend(answers(&POP3[1..]));
            }
            let peer = Peer::new(steps);
            let told = check(&home, &[trust[0], trust[1], &format!("{scheme}://bob@localhost:{}", peer.port)], 0);
            peer.heard();
            let expected: &[&str] = if implicit {
                &["name", "connect", "tls", "greeting", "capabilities", "login", "end"]
            } else {
                &["name", "connect", "greeting", "capabilities", "tls", "capabilities", "login", "end"]
            };
            assert_eq!(names(&told), expected.iter().map(|step| format!("{step} ok")).collect::<Vec<_>>());
            assert!(told[1]["text"].as_str().unwrap().ends_with(" (127.0.0.1)"), "{told:?}");
            let step = told.iter().find(|step| step["step"] == "tls").unwrap();
            let tls = &step["tls"];
            assert_eq!((&tls["version"], &tls["verified"]), (&"TLS 1.3".into(), &verified.into()));
            assert_eq!(tls["names"], serde_json::json!(["localhost", "127.0.0.1"]));
            assert_eq!((&tls["issuer"], &tls["pin"]), (&"CN=test authority".into(), &shown.pin().into()));
            let left = tls["days_left"].as_i64().unwrap();
            assert!((left == i64::try_from(days).unwrap() - 1) && step["warning"].is_null() != warned, "{step}");
            let text = step["text"].as_str().unwrap();
            assert!(
                text.contains("TLS 1.3, TLS13_") && text.contains("; for localhost, 127.0.0.1; by CN=test authority")
            );
            assert_eq!(text.starts_with("the certificate expires in 5 days; "), warned, "{text}");
        }
    }
    // The trace of any program says it too.
    let shown = ca.issue(&["localhost"], |params| params.not_after = day(6));
    let mut steps = vec![Step::Tls(shown.modern())];
    steps.extend(answers(&["-ERR [SYS/TEMP] no\r\n"]));
    let peer = Peer::new(steps);
    let url = format!("pop3s://bob@localhost:{}", peer.port);
    let ran =
        home.run("pop3-ls", &["--password-file", "pw", "--trace", "-", "--ca-file", "ca.pem", &url], b"").ends(75);
    assert!(
        ran.err.contains("== tls\n# TLS 1.3, ") && ran.err.contains("verified by the authorities of ca-file\n"),
        "{ran:?}"
    );
    peer.heard();
    // As columns.
    let peer = Peer::new([vec![Step::Tls(shown.modern())], answers(POP3)].into_iter().flatten().collect());
    let url = format!("pop3s://bob@localhost:{}", peer.port);
    let ran = home.run("mail-check", &["--password-file", "pw", "--ca-file", "ca.pem", &url], b"").ends(0);
    assert!(ran.out.lines().nth(2).unwrap().starts_with("pop3\ttls\twarning\t"), "{ran:?}");
    peer.heard();
}

/// The status is that of the first failure, and each protocol is tried.
#[test]
fn where_it_ends() {
    let home = home();
    let ca = Authority::new();
    std::fs::write(home.path().join("ca.pem"), &ca.pem).unwrap();
    let wrong = ca.issue(&["other.example"], |_| {});
    let peer = Peer::new(vec![Step::Tls(wrong.modern())]);
    let told = check(&home, &["--ca-file", "ca.pem", &format!("pop3s://bob@127.0.0.1:{}", peer.port)], 76);
    assert_eq!(names(&told), ["connect ok", "tls failed"]);
    let text = told[1]["text"].as_str().unwrap();
    assert!(text.contains("asked for 127.0.0.1, it is for other.example") && told[1]["tls"].is_null(), "{text}");
    peer.heard();
    // STARTTLS that is not there, or refused.
    for lines in [
        &["220 x\r\n", "250 x\r\n", "221 x\r\n"][..],
        &["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "454 no\r\n", "221 x\r\n"],
    ] {
        let peer = Peer::new(answers(lines));
        let told = check(&home, &[&format!("smtp+starttls://127.0.0.1:{}", peer.port)], 76);
        assert_eq!(names(&told).last().unwrap(), "tls failed", "{told:?}");
        assert!(told.last().unwrap()["text"].as_str().unwrap().contains("STARTTLS"));
        peer.heard();
    }
    let told = check(&home, &["imaps://bob@no.such.host.invalid"], 68);
    assert_eq!(names(&told), ["name failed"]);
    // Of an account with three protocols the first failure's status counts; local: has the fewest steps.
    home.sh("umask 077; mkdir -p .config/pipepost served; echo tulip > served/.password").ends(0);
    let server = Server::start(&home, &["--create", "--login-delay", "0"]);
    let Server { smtp, imap, .. } = server;
    let text = format!(
        "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\npop3 = \"pop3+plain://bob@127.0.0.1:1\"\n\
         imap = \"imaps://bob@127.0.0.1:{imap}\"\npassword.file = \"~/pw\"\n"
    );
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
    let told = check(&home, &["work:"], 75);
    let failed: Vec<_> = told.iter().filter(|step| step["ok"] == false).collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert_eq!((&failed[0]["protocol"], &failed[0]["step"]), (&"pop3".into(), &"connect".into()));
    assert_eq!((&failed[1]["protocol"], &failed[1]["step"]), (&"imap".into(), &"tls".into()));
    assert!(told.iter().all(|step| step["account"] == "work" && step["ms"].is_u64()));
}
