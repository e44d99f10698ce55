//! Real servers of the DNS: Knot with zones that it signs, and Unbound, which validates them, in front of it.

use super::common::{Home, Ran, installed};
use super::mx::{Manner, servers};
use super::peer::Authority;
use super::secure::tlsa;
use super::sts::policies;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A daemon that we have started, and end.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(program: &str, arguments: &[&str], log: &Path) -> Daemon {
    let log = std::fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Daemon(command.spawn().unwrap())
}

/// A port that is free for both kinds.
fn free() -> u16 {
    let both = || {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        TcpListener::bind(udp.local_addr().unwrap()).ok().map(|tcp| tcp.local_addr().unwrap().port())
    };
    (0..50).find_map(|_| both()).unwrap()
}

fn patience<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const KNOT: &str = "server:
    rundir: \"DIR/run\"
    listen: 127.0.0.1@PORT
database:
    storage: \"DIR/run\"
policy:
  - id: p
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: \"DIR\"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: signed.test
    file: signed.zone
    dnssec-signing: on
    dnssec-policy: p
  - domain: bogus.test
    file: bogus.zone
    dnssec-signing: on
    dnssec-policy: p
  - domain: plain.test
    file: plain.zone
";

const UNBOUND: &str = "server:
    interface: 127.0.0.1
    port: PORT
    do-daemonize: no
    use-syslog: no
    logfile: \"\"
    chroot: \"\"
    username: \"\"
    directory: \"DIR\"
    pidfile: \"\"
    do-not-query-localhost: no
    trust-anchor-file: \"DIR/anchors\"
    local-zone: \"test.\" nodefault
    num-threads: 1
remote-control:
    control-enable: no
";

fn zone(of: &str, port: u16, tlsa: &str) -> String {
    format!(
        "$ORIGIN {of}.test.\n$TTL 60\n\
         @ SOA ns.{of}.test. h.{of}.test. 1 3600 600 86400 60\n@ NS ns.{of}.test.\nns A 127.0.0.1\n\
         @ MX 10 mx.{of}.test.\nmx A 127.0.0.2\n_{port}._tcp.mx TLSA {tlsa}\n\
         null MX 0 .\n\
         alias MX 10 name.{of}.test.\nname CNAME mx.{of}.test.\n\
         wrong MX 10 mx.wrong.{of}.test.\nmx.wrong A 127.0.0.2\n_{port}._tcp.mx.wrong TLSA 3 1 1 {}\n\
         sts MX 10 bare.{of}.test.\nbare A 127.0.0.2\n_mta-sts.sts TXT \"v=STSv1; id=1;\"\nmta-sts.sts A 127.0.0.1\n\
         {}",
        "ab".repeat(32),
        (0..200).map(|n| format!("many MX {n} host-with-a-long-name-{n}.{of}.test.\n")).collect::<String>()
            + "host-with-a-long-name-0 A 127.0.0.2\n"
    )
}

#[test]
fn knot_signs_and_unbound_validates() {
    if !["knotd", "keymgr", "unbound"].iter().all(|program| installed(program)) {
        return;
    }
    let ca = Authority::new();
    let issued = ca.issue(&["bare.plain.test", "mta-sts.sts.plain.test"], |_| {});
    let (https, said) = policies(&issued.modern(), "127.0.0.1");
    let (port, heard) = servers(&[("127.0.0.2", Manner::tls(issued.modern()))]);
    let home = Home::new();
    let dir = home.path();
    std::fs::write(dir.join("ca.pem"), &ca.pem).unwrap();
    for of in ["signed", "bogus", "plain"] {
        std::fs::write(dir.join(format!("{of}.zone")), zone(of, port, &tlsa(3, &issued.pem))).unwrap();
    }
    std::fs::create_dir(dir.join("run")).unwrap();
    let fill = |text: &str, port: u16| text.replace("DIR", dir.to_str().unwrap()).replace("PORT", &port.to_string());
    let (knot, unbound) = (free(), free());
    std::fs::write(dir.join("knot.conf"), fill(KNOT, knot)).unwrap();
    let conf = dir.join("knot.conf").display().to_string();
    let _knot = daemon("knotd", &["-c", &conf], &dir.join("knot.log"));
    // The key is there when the zone is signed.
    let ds = patience("knot", || {
        let said = Command::new("keymgr").args(["-c", &conf, "signed.test", "ds"]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).lines().next().map(str::to_owned)
    });
    let wrong = format!("bogus.test. DS 1 13 2 {}", "ab".repeat(32));
    let anchors = [&ds, &wrong].map(|line| line.replacen(" DS ", " IN DS ", 1) + "\n").concat();
    std::fs::write(dir.join("anchors"), anchors).unwrap();
    let stub = |of: &str| format!("stub-zone:\n    name: \"{of}.test\"\n    stub-addr: 127.0.0.1@{knot}\n");
    let stubs: String = ["signed", "bogus", "plain"].map(stub).concat();
    std::fs::write(dir.join("unbound.conf"), fill(UNBOUND, unbound) + &stubs).unwrap();
    let conf = dir.join("unbound.conf").display().to_string();
    let _unbound = daemon("unbound", &["-d", "-c", &conf], &dir.join("unbound.log"));
    let (resolver, ports) = (format!("127.0.0.1:{unbound}"), format!("{port},{https}"));
    let send = |arguments: &[&str]| -> Ran {
        let all = ["-f", "ann@sender.example", "--timeout", "60s", "--direct", "--resolver", &resolver];
        let rest = ["--direct-ports", &ports, "--ca-file", "ca.pem"];
        home.run("smtp-send", &[&all[..], &rest, arguments].concat(), b"Subject: x\n\nhello\n")
    };
    patience("unbound", || {
        let ran = send(&["--explain", "u@signed.test"]);
        (ran.status == 0).then_some(())
    });
    said.policy("enforce", "bare.plain.test");
    for (domain, status, words) in [
        ("signed.test", 0, "mx.signed.test: TLS verified by DANE (3 0 1 "),
        ("alias.signed.test", 0, "name.signed.test: TLS verified by DANE (3 0 1 "),
        ("wrong.signed.test", 75, "no TLSA record of its domain fits"),
        ("null.signed.test", 69, "takes no mail"),
        ("no-such.signed.test", 68, "no such domain"),
        // Too many for a datagram.
        ("many.signed.test", 0, "many.signed.test has 200 MX records, proved by DNSSEC"),
        ("bogus.test", 75, "SERVFAIL"),
        ("plain.test", 0, "mx.plain.test: TLS if it is offered, not verified"),
        ("wrong.plain.test", 0, "mx.wrong.plain.test: TLS if it is offered, not verified"),
        ("sts.plain.test", 0, "bare.plain.test: TLS verified by MTA-STS"),
    ] {
        let ran = send(&["-v", &format!("u@{domain}")]).ends(status);
        assert!(ran.err.contains(words), "{domain}: {ran:?}");
        assert_eq!(heard.recipients().len(), usize::from(status == 0), "{domain}");
    }
}
