//! The queue, straight to domains: by its runner and by mail-serve.

use super::common::dns::Dns;
use super::common::{Home, Server};
use super::mx::{Manner, servers};
use super::peer::hopeless;
use super::secure::tlsa;
use super::send;
use std::time::{Duration, Instant};

const MESSAGE: &[u8] = b"Subject: x\n\nhello\n";

fn configure(home: &Home, dns: &Dns, port: u16) {
    let route = format!("direct = true\nresolver = \"{}\"\ndirect-ports = [{port}, 1]\n", dns.server());
    std::fs::create_dir_all(home.path().join(".config/pipepost")).unwrap();
    let text = format!("[work]\nfrom = \"a@sender.example\"\n{route}[local]\ndomains = [\"sender.example\"]\n{route}");
    std::fs::write(home.path().join(".config/pipepost/config.toml"), text).unwrap();
}

fn states(home: &Home) -> Vec<String> {
    let listed = home.run("smtp-queue", &["ls", "-o", "to,status,via"], b"").ends(0).out;
    listed.lines().map(|line| line.replace('\t', " ")).collect()
}

fn inbox(home: &Home, user: &str) -> Vec<String> {
    let new = home.path().join(".local/share/pipepost/mail").join(user).join("new");
    let Ok(entries) = std::fs::read_dir(new) else { return Vec::new() };
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn what_is_due_goes_to_each_domain_over_one_connection() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default()), ("127.0.0.3", Manner::default())]);
    let dns = Dns::start(
        "one.test MX 10 mx.one.test
         mx.one.test A 127.0.0.2
         two.test A 127.0.0.3
         xn--bcher-kva.test A 127.0.0.3
         null.test MX 0 .
         fails.test A 127.0.0.2
         ! fails.test servfail
         closed.test A 127.0.0.9",
    );
    let home = Home::new();
    configure(&home, &dns, port);
    let queue = |to: &[&str]| home.run("smtp-send", &[&["--queue", "-a", "work"], to].concat(), MESSAGE).ends(0);
    queue(&["u@one.test", "v@two.test", "w@ONE.test", "no@one.test"]);
    queue(&["x@one.test", "y@null.test", "z@fails.test", "z@gone.test", "z@closed.test"]);
    queue(&["u@bücher.test"]);
    assert!(states(&home).contains(&"w@ONE.test waiting direct:one.test/work".to_owned()), "{:?}", states(&home));
    home.run("smtp-queue", &["run"], b"").ends(0);
    let lines = heard.all();
    let connections = lines.iter().filter(|line| line.contains(" from ")).count();
    assert_eq!(connections, 3, "one for each domain: {lines:?}");
    let mut to: Vec<&str> = lines.iter().filter_map(|line| line.split("RCPT TO:").nth(1)).collect();
    to.sort_unstable();
    let expected =
        ["<no@one.test>", "<u@one.test>", "<u@xn--bcher-kva.test>", "<v@two.test>", "<w@ONE.test>", "<x@one.test>"];
    assert_eq!(to, expected);
    let states = states(&home);
    let of = |to: &str| states.iter().find(|row| row.starts_with(to)).unwrap().split(' ').nth(1).unwrap().to_owned();
    assert_eq!(
        [of("x@one"), of("y@null"), of("z@fails"), of("z@gone"), of("z@closed")],
        ["done", "refused", "waiting", "refused", "waiting"]
    );
    let told = inbox(&home, "a").concat();
    for status in ["no@one.test\nAction: failed\nStatus: 5.1.1\n", "y@null.test\nAction: failed\nStatus: 5.1.10\n"] {
        assert!(told.contains(status), "{status}: {told}");
    }
    assert!(told.contains("z@gone.test\nAction: failed\nStatus: 5.1.2\n"), "{told}");
    // No server of others pauses anything of ours.
    home.run("smtp-queue", &["check"], b"").ends(0);
    // What can't be kept is said when there is somebody to hear it.
    let more = ["--queue", "-a", "work", "--resolver", "127.0.0.1", "u@one.test"];
    home.run("smtp-send", &more, MESSAGE).ends(64).complains("the queue keeps no --resolver");
}

/// A message that is due at many hops is in the hands of one worker at a time; the others wait for it, and none forgets it.
#[test]
fn a_message_for_many_domains_goes_to_all_of_them_in_one_run() {
    let zone: String = (0..8).map(|n| format!("null{n}.test MX 0 .\n")).collect();
    let dns = Dns::start(&zone);
    let to: Vec<String> = (0..8).map(|n| format!("u@null{n}.test")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for _ in 0..10 {
        let home = Home::new();
        configure(&home, &dns, 1);
        home.run("smtp-send", &[&["--queue", "-a", "work"], &to[..]].concat(), MESSAGE).ends(0);
        home.run("smtp-queue", &["run"], b"").ends(0);
        assert!(!states(&home).iter().any(|row| row.contains("waiting")), "{:?}", states(&home));
    }
}

#[test]
fn what_can_not_go_straight_now_waits() {
    let (port, heard) = servers(&[("127.0.0.2", Manner { mail: "451 4.7.1 later", ..Manner::default() })]);
    let dns = Dns::start("x.test A 127.0.0.2\nnull.test MX 0 .");
    let home = Home::new();
    configure(&home, &dns, port);
    home.run("smtp-send", &["--queue-on-tempfail", "-a", "work", "u@x.test", "v@null.test"], MESSAGE).ends(67);
    assert_eq!(states(&home), ["u@x.test waiting direct:x.test/work"]);
    assert_eq!(heard.all().iter().filter(|line| line.contains("MAIL")).count(), 1);
}

#[test]
fn local_and_a_server_send_straight_on() {
    let (port, heard) = servers(&[("127.0.0.2", Manner::default())]);
    let dns = Dns::start("x.test A 127.0.0.2");
    let home = Home::new();
    configure(&home, &dns, port);
    home.run("smtp-send", &["-a", "local:", "-f", "a@localhost", "u@x.test"], MESSAGE).ends(0);
    assert_eq!(states(&home), ["u@x.test waiting direct:x.test/local"]);
    let server = Server::start(&home, &["--create"]);
    let url = format!("smtp+plain://bob@127.0.0.1:{}", server.smtp);
    let arguments = ["-a", &url, "--password-file", &server.password_file(), "-f", "bob@localhost", "v@x.test"];
    home.run("smtp-send", &arguments, MESSAGE).ends(0);
    let begin = Instant::now();
    while !states(&home).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", states(&home));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut to = heard.recipients();
    to.sort();
    assert_eq!(to, ["127.0.0.2 <u@x.test>", "127.0.0.2 <v@x.test>"]);
}

/// RFC 8689: over TLS that is verified, to a server that promises the same for the rest of the way.
#[test]
fn tls_all_the_way() {
    let own = hopeless();
    let promises = Manner { offers: "REQUIRETLS", ..Manner::tls(own.modern()) };
    let (port, heard) = servers(&[
        ("127.0.0.2", promises.clone()),
        ("127.0.0.3", Manner::tls(own.modern())),
        ("127.0.0.4", Manner { tls: None, ..promises }),
    ]);
    let record = tlsa(3, &own.pem);
    let dns = Dns::start(&format!(
        "yes.test A 127.0.0.2
         _{port}._tcp.yes.test TLSA {record}
         ! yes.test secure
         no.test A 127.0.0.3
         _{port}._tcp.no.test TLSA {record}
         ! no.test secure
         anybody.test A 127.0.0.2
         plain.test A 127.0.0.4"
    ));
    let home = Home::new();
    let to = |domain: &str| send(&home, &dns, port, &["--require-tls", &format!("u@{domain}")]);
    let mails = || heard.all().into_iter().filter(|line| line.contains("MAIL FROM")).collect::<Vec<_>>();
    to("yes.test").ends(0);
    let said = mails();
    assert!(said.len() == 1 && said[0].starts_with("127.0.0.2 tls ") && said[0].ends_with(" REQUIRETLS"), "{said:?}");
    to("no.test").ends(69).complains("does not offer REQUIRETLS");
    to("anybody.test").ends(76).complains("TLS is required");
    to("plain.test").ends(76).complains("TLS is required");
    assert!(mails().is_empty());
    // And by the queue.
    configure(&home, &dns, port);
    for domain in ["yes.test", "no.test", "anybody.test"] {
        let to = format!("u@{domain}");
        home.run("smtp-send", &["--queue", "-a", "work", "--require-tls", &to], MESSAGE).ends(0);
    }
    home.run("smtp-queue", &["run"], b"").ends(0);
    let said = mails();
    assert!(said.len() == 1 && said[0].ends_with(" REQUIRETLS"), "{said:?}");
    assert_eq!(states(&home), ["u@anybody.test waiting direct:anybody.test/work"]);
    let told = inbox(&home, "a").concat();
    assert!(told.contains("u@no.test\nAction: failed\nStatus: 5.7.30\n"), "{told}");
}
