//! A server that strangers reach: in a network of its own, with an address that is none of the loopback interface's. That takes root;
//! where that can't be had it is skipped, in one line, and with `CI=true` that is a failure.

use super::order::can;
use super::server::Serve;
use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const ADDRESS: &str = "192.0.2.1";
const NETWORK: &str = "ip link set lo up && ip address add 192.0.2.1/32 dev lo && exec \"$@\"";

#[test]
fn strangers() {
    // Whoever is not root can't become another user either.
    if !can(&["unshare", "-n", "sh", "-c", NETWORK, "sh", "true"]) {
        return;
    }
    let mut inside = Command::new("unshare");
    inside.args(["-n", "sh", "-c", NETWORK, "sh"]).arg(std::env::current_exe().unwrap());
    let ran = inside.args(["--exact", "strangers::inside", "--ignored", "--nocapture"]).output().unwrap();
    let said = lossy(&ran.stdout) + &lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// Says all of it, and reads until the other side closes.
fn talk(serve: &Serve, service: &str, says: &str) -> Vec<String> {
    let mut stream = TcpStream::connect((ADDRESS, serve.port(service))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(says.as_bytes()).unwrap();
    BufReader::new(stream).lines().map_while(Result::ok).collect()
}

#[test]
#[ignore = "needs the network that its parent makes"]
fn inside() {
    let home = scratch();
    let open = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(home.path(), open(0o755)).unwrap();
    let root = home.path().join("mail");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, open(0o700)).unwrap();
    std::os::unix::fs::chown(&root, Some(65534), Some(65534)).unwrap();
    let start = |arguments: &[&str]| {
        let mut serve = command("mail-serve", home.path());
        serve.args(["--listen", ADDRESS, "--root"]).arg(&root).args(arguments);
        serve
    };
    let refused = |arguments: &[&str], status: i32, why: &str| {
        let out = start(arguments).output().unwrap();
        let said = lossy(&out.stderr);
        assert!(out.status.code() == Some(status) && said.contains(why), "{arguments:?}: {said}");
    };
    refused(&[], 78, "root does not listen to strangers");
    refused(&["--user", "root"], 78, "is root");
    refused(&["--user", "no-such-user"], 78, "no such user");
    refused(&["--user", "nobody", "--any-password"], 64, "loopback");
    let serve = Serve::run(start(&["--user", "nobody"]), &[], root.clone());
    not_root(&serve);
    relays(&serve);
    passwords(&serve, home.path());
}

/// Before the first byte from the net: another user, no groups, and what it makes is its own alone.
fn not_root(serve: &Serve) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.child.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(field("Uid:"), "65534 65534 65534 65534");
    assert_eq!(field("Gid:"), "65534 65534 65534 65534");
    assert_eq!((field("Groups:"), field("Umask:")), (String::new(), "0077".into()));
    assert!(field("CapEff:").bytes().all(|b| b == b'0'));
}

/// Whom a stranger may write to: the users here, and nobody else, however it is written.
fn relays(serve: &Serve) {
    for to in [
        "bob@example.org",
        "bob@EXAMPLE.org",
        "bob@localhost.example.org",
        "bob@example.org.localhost",
        "bob@sub.localhost",
        "bob@192.0.2.1",
        "bob@[192.0.2.1]",
        "bob@[192.0.2.2]",
        "bob@[IPv6:::2]",
        "bob@[IPv6:::ffff:192.0.2.1]",
        "bob@xn--localhost-x",
        "bob%example.org@localhost",
        "example.org!bob@localhost",
        "\"bob@example.org\"@localhost",
        "\"bob\"@example.org",
        "bob@example.org@localhost",
        "\"bob@localhost\"@example.org",
        "bob%localhost@example.org",
        "localhost!bob@example.org",
        "@localhost:bob@example.org",
        "@localhost,@x:bob@example.org",
        "@example.org:nobody@localhost",
        "bob@",
        "@localhost",
        "bob",
        "bob@localhost.",
        "bob@.localhost",
        "bob@local host",
        "bob@localhost\\@example.org",
        "bob@localhost%00.example.org",
        "<bob@example.org>",
        "bob@example.org,nobody@localhost",
        "bob @localhost",
        "bob@localhost;nobody@localhost",
        "",
    ] {
        let said =
            talk(serve, "smtp", &format!("EHLO x\r\nMAIL FROM:<a@localhost>\r\nRCPT TO:<{to}>\r\nDATA\r\nQUIT\r\n"));
        let last: Vec<&str> = said.iter().rev().take(4).map(|line| line.get(..3).unwrap_or_default()).collect();
        assert!(matches!(last[..], ["221", "554", "550" | "553" | "501", "250"]), "{to}: {said:?}");
    }
    let said = talk(
        serve,
        "smtp",
        "EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<nobody@localhost>\r\nRCPT TO:<Postmaster>\r\nBDAT 6 LAST\r\nA: b\r\nQUIT\r\n",
    );
    assert!(said.iter().rev().skip(1).take(4).all(|line| line.starts_with("250 ")), "{said:?}");
    let stored = lossy(&messages(&serve.root.join("nobody"))[0]);
    assert!(stored.contains("\nReceived: from x ([192.0.2.1])\n"), "{stored}");
}

/// No password in clear: neither asked for nor taken.
fn passwords(serve: &Serve, home: &Path) {
    let plain = pipepost::proto::sasl::base64(format!("\0nobody\0{}", serve.password).as_bytes());
    let said = talk(serve, "smtp", &format!("EHLO x\r\nAUTH PLAIN {plain}\r\nQUIT\r\n"));
    assert!(said.contains(&"250-STARTTLS".to_owned()) && !said.iter().any(|line| line.contains("AUTH")), "{said:?}");
    assert!(said[said.len() - 2].starts_with("538 5.7.11 "), "{said:?}");
    let said = talk(
        serve,
        "pop3",
        &format!("CAPA\r\nUSER nobody\r\nPASS {0}\r\nAUTH PLAIN {plain}\r\nQUIT\r\n", serve.password),
    );
    assert!(
        said.contains(&"STLS".to_owned()) && !said.iter().any(|line| line == "USER" || line.starts_with("SASL")),
        "{said:?}"
    );
    assert_eq!(said.iter().filter(|line| line.starts_with("-ERR TLS first")).count(), 3, "{said:?}");
    let said = talk(
        serve,
        "imap",
        &format!("a LOGIN nobody {}\r\nb AUTHENTICATE PLAIN {plain}\r\nc LOGOUT\r\n", serve.password),
    );
    assert!(said[0].contains(" LOGINDISABLED") && !said[0].contains("AUTH="), "{said:?}");
    assert_eq!(said.iter().filter(|line| line.contains(" NO [PRIVACYREQUIRED] ")).count(), 2, "{said:?}");
    // Under TLS they are.
    let file = home.join("password");
    std::fs::write(&file, &serve.password).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for (tool, url) in [
        ("pop3-ls", format!("pop3s://nobody@{ADDRESS}:{}", serve.port("pop3s"))),
        ("imap-ls", format!("imap+starttls://nobody@{ADDRESS}:{}", serve.port("imap"))),
    ] {
        let mut ls = command(tool, home);
        ls.arg(&url).arg("--password-file").arg(&file).arg("--pin").arg(&serve.pin);
        let out = ls.output().unwrap();
        assert!(out.status.success(), "{url}: {}", lossy(&out.stderr));
    }
}
