//! The ways to a server: proxies, tunnels, Unix sockets, addresses; and who is trusted there, flag or configuration.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;
#[allow(unreachable_pub)]
#[path = "connect/ways.rs"]
mod ways;

use common::{Home, Ran, Server};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use ways::{forward_unix, proxy, proxy_with};

const IMAP: &str = "echo '* PREAUTH [CAPABILITY IMAP4rev1] hi'; while read -r tag command rest; do \
    case $command in LIST*) echo '* LIST () \"/\" through';; LOGOUT*) echo '* BYE';; esac; echo \"$tag OK\"; \
    case $command in LOGOUT*) exit;; esac; done";

/// A home with a server, whose password is in `pw`.
fn setting(arguments: &[&str]) -> (Home, Server) {
    let home = Home::new();
    home.sh(
        "umask 077; mkdir served .config .config/pipepost; echo tulip | tee pw > served/.password; echo the proxy password > proxy.pw",
    )
    .ends(0);
    let server = Server::start(&home, &[&["--create", "--login-delay", "0"], arguments].concat());
    (home, server)
}

fn config(home: &Home, text: &str) {
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
}

fn pop3_ls(home: &Home, arguments: &[&str]) -> Ran {
    home.run("pop3-ls", &[&["--password-file", "pw", "--timeout", "20s"], arguments].concat(), b"")
}

#[test]
fn through_proxies() {
    let (home, server) = setting(&[]);
    home.run(
        "smtp-send",
        &["-a", &format!("smtp+plain://127.0.0.1:{}", server.smtp), "-s", "x", "bob@localhost"],
        b"x",
    )
    .ends(0);
    let name = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    for scheme in ["socks5", "http"] {
        let (at, heard) = proxy(scheme, None);
        let way = format!("{scheme}://127.0.0.1:{at}");
        let ran = pop3_ls(&home, &["--proxy", &way, "--trace", "-", &name]).ends(0);
        assert!(ran.out.lines().count() > 0);
        assert!(ran.err.starts_with(&format!("# 127.0.0.1:{} through {way}\n", server.pop3)), "{ran:?}");
        assert_eq!(heard.lock().unwrap().as_slice(), [format!("127.0.0.1:{}", server.pop3)]);
        // A name is the proxy's to resolve. It is not a loopback address, whatever it leads to.
        heard.lock().unwrap().clear();
        let url = format!("imap+plain://bob@no.such.example:{}", server.imap);
        let ran = home.run("imap-ls", &["--password-file", "pw", "--proxy", &way, &url], b"");
        ran.ends(77).complains("may not be sent without verified TLS");
        let url = format!("smtp+plain://no.such.example:{}", server.smtp);
        home.run(
            "smtp-send",
            &["-a", &url, "--proxy", &way, "-s", "hi", "--from", "a@example.org", "bob@localhost"],
            b"x",
        )
        .ends(0);
        let asked = [server.imap, server.smtp].map(|port| format!("no.such.example:{port}"));
        assert_eq!(heard.lock().unwrap().as_slice(), asked);
        // And so it is demanded as if there were no proxy.
        let url = format!("smtp://no.such.example:{}", server.smtp);
        let ran = home.run(
            "smtp-send",
            &["-a", &url, "--proxy", &way, "-s", "hi", "--from", "a@example.org", "bob@localhost"],
            b"x",
        );
        ran.ends(76).complains("self-signed");
        // With a login of its own; the flag comes before the account.
        let (with, heard) = proxy(scheme, Some(("al b", "the proxy password")));
        let account = |more: &str| {
            let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
            config(&home, &format!("[work]\npop3 = \"{url}\"\npassword.file = \"~/pw\"\n{more}\n"));
        };
        account(&format!("proxy = \"{scheme}://al%20b@127.0.0.1:{with}\"\nproxy-password.file = \"~/proxy.pw\""));
        let ran = home.run("pop3-ls", &["work:", "--trace", "-"], b"").ends(0);
        assert!(!ran.err.contains("the proxy password") && heard.lock().unwrap().len() == 1, "{ran:?}");
        home.run("pop3-ls", &["work:", "--proxy", "none"], b"").ends(0);
        home.run("pop3-ls", &["work:", "--proxy", &format!("{scheme}://127.0.0.1:{with}")], b"").ends(77);
        account(&format!("proxy = \"{scheme}://al%20b@127.0.0.1:{with}\"\nproxy-password.file = \"~/pw\""));
        home.run("pop3-ls", &["work:"], b"").ends(77).complains("through");
        account(&format!("proxy = \"{scheme}://al%20b@127.0.0.1:{with}\""));
        home.run("pop3-ls", &["work:"], b"").ends(64).complains("no password for al b");
        account(&format!("proxy = \"{scheme}://b@proxy.example:{with}\"\nproxy-password.file = \"~/proxy.pw\""));
        home.run("pop3-ls", &["work:"], b"").ends(77).complains("the proxy's password may not be sent without TLS");
        // Nobody there.
        home.run("smtp-send", &["-a", "smtp+plain://127.0.0.1:1", "--proxy", &way, "-s", "x", "b@localhost"], b"x")
            .ends(75)
            .complains("through");
        let gone = format!("{scheme}://127.0.0.1:1");
        pop3_ls(&home, &["--proxy", &gone, &name]).ends(75).complains("through");
    }
}

#[test]
fn proxies_that_mean_no_good() {
    let (home, server) = setting(&[]);
    let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    let long = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(200));
    let endless = "x".repeat(100_000);
    for (scheme, answers, status) in [
        ("socks5", &[&b"\x05\xff"[..]][..], 77),
        ("socks5", &[b"\x05\x02"], 76),
        ("socks5", &[b"HTTP/1.1 400 no\r\n\r\n"], 76),
        ("socks5", &[b"\x04\x00"], 76),
        ("socks5", &[b"\x05\x00", b"\x05\x02\x00\x01\0\0\0\0\0\0"], 69),
        ("socks5", &[b"\x05\x00", b"\x05\x05\x00\x01\0\0\0\0\0\0"], 75),
        ("socks5", &[b"\x05\x00", b"\x05\x63\x00\x01\0\0\0\0\0\0"], 75),
        ("socks5", &[b"\x05\x00", b"\x05\x00\x00\x09"], 76),
        ("socks5", &[b"\x05\x00", b"\x05\x00\x00\x01\0\0"], 75),
        ("socks5", &[b"\x05"], 75),
        ("socks5", &[b""], 75),
        ("http", &[b"SSH-2.0-x\r\n"], 76),
        ("http", &[b"HTTP/1.1 abc\r\n\r\n"], 76),
        ("http", &[b"HTTP/1.1 407 login\r\n\r\n"], 77),
        ("http", &[b"HTTP/1.1 403 \x1b[2Jno\r\n\r\n"], 69),
        ("http", &[b"HTTP/1.1 503 busy\r\n\r\n"], 75),
        ("http", &[b"HTTP/1.1 100 wait\r\n\r\nHTTP/1.1 502 no\r\n\r\n"], 75),
        ("http", &[long.as_bytes()], 76),
        ("http", &[endless.as_bytes()], 76),
        ("http", &[b"HTTP/1.1 200"], 75),
    ] {
        let answers: Vec<Vec<u8>> = answers.iter().map(|a| a.to_vec()).collect();
        let at = proxy_with(answers.clone());
        let ran = pop3_ls(&home, &["--proxy", &format!("{scheme}://127.0.0.1:{at}"), &url]);
        let shown = String::from_utf8_lossy(&answers[0]).chars().take(40).collect::<String>();
        assert_eq!(ran.status, status, "{shown:?}: {ran:?}");
        ran.complains(&format!("127.0.0.1:{}", server.pop3)).complains(&format!("{scheme}://127.0.0.1:{at}"));
    }
    // One that never ends, byte by byte, or says nothing: the deadline is for all of it.
    for drip in [&b""[..], b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            for byte in drip.iter().cycle().take_while(|_| !drip.is_empty()) {
                std::thread::sleep(Duration::from_millis(50));
                if socket.write_all(&[*byte]).is_err() {
                    return;
                }
            }
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let began = Instant::now();
        let way = format!("http://127.0.0.1:{at}");
        home.run("pop3-ls", &["--password-file", "pw", "--timeout", "2s", "--proxy", &way, &url], b"").ends(75);
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    // The server's greeting may come with the proxy's answer.
    for (scheme, answers) in [
        ("http", vec![&b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n+OK hi\r\n"[..]]),
        ("socks5", vec![b"\x05\x00", b"\x05\x00\x00\x03\x01x\0\0+OK hi\r\n"]),
        ("socks5", vec![b"\x05\x00", &[&b"\x05\x00\x00\x04"[..], &[0; 18], b"+OK hi\r\n"].concat()]),
    ] {
        let at = proxy_with(answers.iter().map(|a| a.to_vec()).collect());
        let trace = ["--trace", "-", "--proxy", &format!("{scheme}://127.0.0.1:{at}"), &url];
        let ran = pop3_ls(&home, &trace).ends(75);
        assert!(ran.err.contains("S: +OK hi\n"), "{ran:?}");
    }
    for bad in ["socks4://h:1", "http://h", "h:1080", "socks5://a:tulip@h", "socks5://h:0", "socks5://a%0ab@h"] {
        let ran = home.run("pop3-ls", &["--proxy", bad, &url], b"").ends(64);
        assert!(!ran.err.contains("tulip"), "{ran:?}");
    }
}

#[test]
fn through_a_program() {
    let (home, server) = setting(&[]);
    std::fs::write(home.path().join("imapd"), IMAP).unwrap();
    config(
        &home,
        "[shell]\ntunnel = [\"sh\", \"imapd\"]\n[err]\ntunnel = [\"sh\", \"-c\", \"echo no such host >&2; exit 3\"]\n\
         [none]\ntunnel = [\"/no/such\"]\n[env]\ntunnel = [\"sh\", \"-c\", \"env > seen; exec sh imapd\"]\n\
         password.env = \"PW\"\n[login]\ntunnel = [\"sh\", \"-c\", \"sed s/PREAUTH/OK/ imapd > imapd2; exec sh imapd2\"]\n",
    );
    // PREAUTH is believed there.
    let ran = home.run("imap-ls", &["shell:", "--trace", "-"], b"").ends(0);
    assert!(ran.out.contains("through") && ran.err.starts_with("# tunnel through tunnel sh\n"), "{ran:?}");
    let ran = home.run("imap-ls", &["err:"], b"").ends(75);
    assert!(ran.err.starts_with("no such host\n"), "{ran:?}");
    home.run("imap-ls", &["none:"], b"").ends(78).complains("tunnel /no/such: No such file");
    home.run("pop3-ls", &["shell:"], b"").ends(78).complains("no pop3");
    home.sh("PW=crocus imap-ls env:").ends(0);
    let seen = std::fs::read_to_string(home.path().join("seen")).unwrap();
    assert!(seen.contains("HOME=") && !seen.contains("crocus"), "{seen}");
    home.run("imap-ls", &["login:"], b"").ends(77).complains("no user is named");
    let steps = home.run("mail-check", &["shell:"], b"").ends(0).out;
    assert!(steps.starts_with("imap\tconnect\tok\t"), "{steps}");
    // Before a URL's server: its rules are those of the URL.
    let Server { pop3, .. } = server;
    let through = "[\"python3\", \"-c\", \"\"\"import socket,sys,os,threading\ns=socket.create_connection(('127.0.0.1',PORT))\n\
        def up():\n  while b:=os.read(0,9999): s.sendall(b)\n  s.shutdown(1)\nthreading.Thread(target=up,daemon=True).start()\n\
        while b:=s.recv(9999): os.write(1,b)\"\"\"]"
        .replace("PORT", &pop3.to_string())
        .replace("\"\"\"", "'''");
    if common::installed("python3") {
        let url = |url: &str| {
            let text = format!("[work]\npassword.file = \"~/pw\"\npop3 = \"{url}\"\ntunnel = {through}\n");
            config(&home, &text.replace("('127.0.0.1'", "(\"127.0.0.1\""));
        };
        url("pop3+plain://bob@127.0.0.1:1");
        home.run("pop3-ls", &["work:"], b"").ends(0);
        url("pop3+plain://bob@pop.example.org");
        home.run("pop3-ls", &["work:"], b"").ends(77).complains("may not be sent");
        url("pop3://bob@pop.example.org");
        home.run("pop3-ls", &["work:"], b"").ends(76).complains("self-signed");
    }
}

#[test]
fn through_a_unix_socket() {
    let (home, server) = setting(&[]);
    let at = |name: &str, port| forward_unix(&home.path().join(name), port);
    at("imap:s", server.imap);
    at("pop3.s", server.pop3);
    at("smtp.s", server.smtp);
    let dir = home.path().display();
    home.run("smtp-send", &["-a", &format!("smtp+unix:{dir}/smtp.s"), "-s", "unix", "bob@localhost"], b"x").ends(0);
    let ran = pop3_ls(&home, &["-o", "subject", &format!("pop3+unix://bob@{dir}/pop3.s")]).ends(0);
    assert_eq!(ran.out, "unix\n");
    let imap = |url: &str| home.run("imap-ls", &["--password-file", "pw", "--refs", url], b"");
    let refs = imap(&format!("imap+unix://bob@{dir}/imap%3As:INBOX")).ends(0).out;
    assert!(refs.starts_with(&format!("imap+unix://bob@{dir}/imap%3As:INBOX#")), "{refs}");
    let got = home.run("imap-fetch", &["--password-file", "pw", "-"], refs.as_bytes()).ends(0).out;
    assert!(got.contains("Subject: unix"), "{got}");
    imap(&format!("imap+unix:{dir}/imap%3As:INBOX")).ends(77).complains("no user is named");
    imap(&format!("imap+unix:{dir}/none:INBOX")).ends(75).complains("No such file");
    imap(&format!("imap+unix:{dir}/{}:INBOX", "x".repeat(200))).ends(64).complains("too long");
    pop3_ls(&home, &[&format!("pop3+unix:{dir}/pop3.s")]).ends(64).complains("no user");
}

#[test]
fn which_addresses() {
    let (home, server) = setting(&[]);
    let url = format!("smtp+plain://localhost:{}", server.smtp);
    let send = |more: &[&str]| {
        home.run(
            "smtp-send",
            &[&["-a", &url, "-s", "x", "--from", "a@example.org", "bob@localhost", "--timeout", "20s"], more].concat(),
            b"x",
        )
    };
    // The server is at 127.0.0.1 alone; localhost may have ::1 first, which refuses.
    send(&[]).ends(0);
    send(&["-4"]).ends(0);
    send(&["--source-address", "127.0.0.9"]).ends(0);
    send(&["-4", "-6"]).ends(64);
    send(&["--source-address", "lo"]).ends(64);
    send(&["--source-address", "192.0.2.1"]).ends(75).complains("is the source address one of this machine's?");
    let url = format!("pop3+plain://bob@127.0.0.1:{}", server.pop3);
    let got = home.run("pop3-fetch", &["--password-file", "pw", &url], b"").ends(0).out;
    assert_eq!((got.matches("\nReceived: ").count(), got.matches("[127.0.0.9]").count() > 0), (3, true), "{got}");
    pop3_ls(&home, &["-6", &url]).ends(68).complains("no IPv6 address");
    pop3_ls(&home, &["--source-address", "::1", &url]).ends(68).complains("no address that ::1 can connect to");
    // The same as a key, and the flag before it.
    let text = format!("[work]\npop3 = \"{url}\"\nsource-address = \"::1\"\npassword.file = \"~/pw\"\n");
    config(&home, &text);
    home.run("pop3-ls", &["work:"], b"").ends(68);
    home.run("pop3-ls", &["work:", "--source-address", "127.0.0.1"], b"").ends(0);
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.write_all(b"-ERR [SYS/TEMP] six\r\n");
        });
        let url = format!("pop3+plain://bob@[::1]:{port}");
        pop3_ls(&home, &["-6", &url]).ends(75).complains("six");
    }
}

/// `ca-file`, `ca`, `pin` and `verify` as keys, flags before them, and `--show`.
#[test]
fn whom_an_account_trusts() {
    let (home, server) = setting(&[]);
    let certificate = home.path().join("served/.tls.pem").display().to_string();
    let file = home.path().join(".config/pipepost/config.toml").display().to_string();
    let pem = std::fs::read(&certificate).unwrap();
    let pin = pipepost::net::tls::Certificate::from_pem(&pem, "", &pem, "").unwrap().pin().unwrap().to_string();
    let other = format!("sha256:{}", "0".repeat(64));
    let account = |keys: &str| {
        let url = format!("pop3://bob@127.0.0.1:{}", server.pop3);
        config(&home, &format!("[work]\npop3 = \"{url}\"\npassword.file = \"~/pw\"\n{keys}\n"));
        home.run("pop3-ls", &["work:"], b"")
    };
    // On this machine nothing is verified unless somebody says so, and then no password leaves.
    account("").ends(77).complains("without verified TLS");
    account(&format!("ca-file = \"{certificate}\"")).ends(0);
    account(&format!("pin = \"{pin}\"")).ends(0);
    account(&format!("pin = [\"{other}\", \"{pin}\"]")).ends(0);
    for (keys, why) in [
        ("verify = true", "self-signed"),
        ("ca = \"mozilla\"", "self-signed"),
        (&format!("pin = \"{other}\""), "key is none of those"),
    ] {
        account(keys).ends(76).complains(why);
        home.run("pop3-ls", &["work:", "--pin", &pin], b"").ends(0);
        home.run("pop3-ls", &["work:", "--ca-file", &certificate], b"").ends(0);
    }
    account("ca-file = \"none.pem\"").ends(66).complains("config.toml:4: ");
    account("client-cert = \"none.pem\"").ends(66).complains("config.toml:4: ");
    // Two accounts on one connection's host do not share what they trust.
    account(&format!(
        "pin = \"{pin}\"\n[work.imap]\nurl = \"imap://bob@127.0.0.1:{}\"\npin = \"{other}\"\nproxy = \"none\"\n",
        server.imap
    ))
    .ends(0);
    let steps = home.run("mail-check", &["work:"], b"").ends(76);
    assert!(steps.out.contains("pop3\tlogin\tok") && !steps.out.contains("imap\tlogin"), "{steps:?}");
    let shown = home.run("mail-check", &["--show", "work:", "--source-address", "::1"], b"").ends(0).out;
    for row in [
        format!("pop3.pin\t{pin}\t{file}:4"),
        format!("imap.pin\t{}\t{file}:7", other.parse::<pipepost::net::tls::Pin>().unwrap()),
        format!("imap.proxy\tnone\t{file}:8"),
        "imap.source-address\t::1\t--source-address".to_owned(),
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}: {shown}");
    }
    let shown = home.run("mail-check", &["--show", "work:", "--ca", "system"], b"").ends(0).out;
    assert!(shown.contains("imap.ca\tsystem\t--ca\n"), "{shown}");
}

/// Domains of `[local]` are those of mail-serve too.
#[test]
fn domains_of_the_configuration() {
    let home = Home::new();
    home.sh("umask 077; mkdir -p .config/pipepost served; echo tulip > served/.password").ends(0);
    config(&home, "[local]\ndomains = [\"example.org\"]\n");
    let server = Server::start(&home, &["--create", "--login-delay", "0"]);
    let url = format!("smtp+plain://127.0.0.1:{}", server.smtp);
    home.run("smtp-send", &["-a", &url, "-s", "x", "bob@example.org"], b"x").ends(0);
    home.run("smtp-send", &["-a", &url, "-s", "x", "bob@example.com"], b"x").ends(69);
}

/// What one account may do counts for no other at the same host and port: each has a connection of its own.
#[test]
fn accounts_share_no_connection() {
    let (home, server) = setting(&[]);
    let Server { smtp, imap, .. } = server;
    home.run("smtp-send", &["-a", &format!("smtp+plain://127.0.0.1:{smtp}"), "-s", "x", "bob@localhost"], b"x").ends(0);
    let other = format!("sha256:{}", "0".repeat(64));
    config(
        &home,
        &format!(
            "[a]\nimap = \"imap+plain://bob@127.0.0.1:{imap}\"\npassword.file = \"~/pw\"\n\
             [b]\nimap = \"imap+starttls://bob@127.0.0.1:{imap}\"\npassword.file = \"~/pw\"\npin = \"{other}\"\n"
        ),
    );
    let reference = home.run("imap-ls", &["--refs", "a:INBOX"], b"").ends(0).out;
    let reference = reference.trim_end();
    let both = [reference, &reference.replace("a:", "b:")];
    home.run("imap-fetch", &["--into", "eml:A", both[0]], b"").ends(0);
    let ran = home.run("imap-fetch", &["--into", "eml:B", "--trace", "t", both[0], both[1]], b"");
    assert!([67, 76].contains(&ran.status) && ran.err.contains("key is none of those"), "{ran:?}");
    let trace = std::fs::read_to_string(home.path().join("t")).unwrap();
    let second = trace.rsplit("\n# ").next().unwrap();
    let said: Vec<&str> = second.lines().filter(|line| line.starts_with("C: ")).collect();
    assert!(said.len() == 1 && said[0].ends_with(" STARTTLS"), "{trace}");
}

/// netrc names the user too, where the URL does not.
#[test]
fn a_user_from_netrc() {
    let (home, server) = setting(&[]);
    let Server { pop3, imap, smtp, .. } = server;
    let account = |netrc: &str| {
        std::fs::write(home.path().join(".netrc"), netrc).unwrap();
        home.sh("chmod 600 .netrc").ends(0);
        config(
            &home,
            &format!(
                "[work]\npop3 = \"pop3+plain://127.0.0.1:{pop3}\"\nimap = \"imap+plain://127.0.0.1:{imap}\"\n\
                 smtp = \"smtp+plain://127.0.0.1:{smtp}\"\npassword.netrc = true\n"
            ),
        );
        home.run("mail-check", &["work:"], b"")
    };
    let ran = account("machine 127.0.0.1 login bob password tulip").ends(0);
    assert_eq!(ran.out.matches("\tlogin\tok\t").count(), 3, "{ran:?}");
    home.run("pop3-ls", &["work:"], b"").ends(0);
    // default is for nobody in particular, so it is not told to a server that did not ask for a user.
    let ran = account("default login bob password tulip").ends(64);
    assert!(ran.out.contains("smtp\tend\tok") && ran.out.contains("no user"), "{ran:?}");
    assert!(account("machine 127.0.0.1 password tulip").ends(78).out.contains("no login that can be one"));
}
