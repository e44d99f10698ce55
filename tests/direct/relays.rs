//! A list of servers of an account, tried in order.

use super::common::{Home, Ran};
use super::mx::{Manner, servers};

fn send(home: &Home, smtp: &str, arguments: &[&str]) -> Ran {
    let config = home.path().join("config.toml");
    std::fs::write(&config, format!("[r]\nfrom = \"ann@sender.example\"\nsmtp = {smtp}\n")).unwrap();
    home.sh("chmod 600 config.toml").ends(0);
    let all = ["--config", "config.toml", "-a", "r", "--timeout", "60s"];
    home.run("smtp-send", &[&all[..], arguments].concat(), b"Subject: x\n\nhello\n")
}

#[test]
fn the_next_relay_only_before_mail_and_only_for_now() {
    let refuses = Manner { mail: "451 not now", ..Manner::default() };
    let (port, heard) = servers(&[
        ("127.0.0.2", Manner::greets("421 too busy")),
        ("127.0.0.3", Manner::default()),
        ("127.0.0.4", Manner::greets("554 not you")),
        ("127.0.0.5", refuses),
    ]);
    let home = Home::new();
    let list = |last: &[u8]| {
        let urls: Vec<String> = last.iter().map(|n| format!("\"smtp+plain://127.0.0.{n}:{port}\"")).collect();
        format!("[{}]", urls.join(", "))
    };
    // Nobody is at 9; 2 is busy.
    let ran = send(&home, &list(&[9, 2, 3]), &["-v", "u@x.test"]).ends(0);
    assert!(ran.err.contains(&format!("; 127.0.0.2:{port} is next")), "{ran:?}");
    assert!(ran.err.contains(&format!("421 too busy; 127.0.0.3:{port} is next")), "{ran:?}");
    assert_eq!(heard.recipients(), ["127.0.0.3 <u@x.test>"]);
    // Refused for good is refused; and after MAIL it is this one's answer.
    send(&home, &list(&[4, 3]), &["u@x.test"]).ends(69).complains("554 not you");
    send(&home, &list(&[5, 3]), &["u@x.test"]).ends(75).complains("451 not now");
    send(&home, &list(&[9, 2]), &["u@x.test"]).ends(75).complains("421 too busy");
    assert!(heard.recipients().iter().all(|line| !line.starts_with("127.0.0.3")));
    let ran = send(&home, &list(&[9, 3]), &["--explain", "u@x.test"]).ends(0);
    assert_eq!(ran.out, format!("u@x.test\n  127.0.0.9:{port}\n  127.0.0.3:{port}\n"));
    for wrong in ["[]", "[1]", "[\"imap://x\"]", "[\"smtp://a\", \"b\"]"] {
        send(&home, wrong, &["u@x.test"]).ends(78).complains("config.toml:3:");
    }
    send(&home, "\"smtp://a\"\ndirect = true", &["u@x.test"]).ends(78).complains("only one of smtp, direct");
    for wrong in
        ["direct = 1", "resolver = \"x\"", "direct-ports = [25]", "direct-ports = [0, 1]", "resolver-validates = 2"]
    {
        send(&home, &format!("\"smtp://a\"\n{wrong}"), &["u@x.test"]).ends(78).complains("config.toml:4:");
    }
}

#[test]
fn what_mail_check_shows() {
    let home = Home::new();
    let dns = super::Dns::start("localhost A 127.0.0.1");
    let text = format!(
        "[d]\ndirect = true\nresolver = \"{}\"\ndirect-ports = [2525, 4443]\nresolver-validates = true\n",
        dns.server()
    );
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    home.sh("chmod 600 config.toml").ends(0);
    let ran = home.run("mail-check", &["--config", "config.toml", "--show", "d:"], b"").ends(0);
    for (key, value) in
        [("direct", "true"), ("resolver", &dns.server()), ("direct-ports", "2525 4443"), ("resolver-validates", "true")]
    {
        assert!(ran.out.contains(&format!("smtp.{key}\t{value}\t")), "{key}: {ran:?}");
    }
    let ran = home.run("mail-check", &["--config", "config.toml", "d:"], b"").ends(0);
    assert!(ran.out.starts_with("smtp\tdns\tok\t") && ran.out.contains("its proofs count"), "{ran:?}");
}
