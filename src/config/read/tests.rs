use super::*;
use crate::net::endpoint::Place;

fn good(text: &str) -> Config {
    read(Path::new("/etc/c.toml"), text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn settings_of_an_account_and_of_its_protocols() {
    let config = good(
        r#"default = "work"
[local]
domains = ["Example.ORG", "example.com"]

[work]
from = "Bob Smith <bob@example.org>"
hostname = "mail.example.org"
smtp = "smtps://bob@smtp.example.org"
pop3 = "pop3s://bob@pop.example.org"
password = { command = ["pass", "show", "mail/work"] }

[work.imap]
url = "imap+plain://carol@127.0.0.1:1143"
password.file = "imap.pw"
cleartext-login = true

[a_b-1]
pop3 = "pop3://x@h"
password = { netrc = "/n" }
"#,
    );
    assert_eq!(config.default(), Some(&Set { value: "work".into(), line: 1 }));
    assert_eq!(config.domains(), ["example.org", "example.com"]);
    let smtp = config.settings("work", Service::Smtp).unwrap();
    assert_eq!(smtp.url.as_ref().unwrap().line, 8);
    assert_eq!(smtp.password.unwrap().value.to_string(), "command pass show mail/work");
    assert_eq!(config.settings("work", Service::Lmtp).unwrap().hostname.unwrap().value, "mail.example.org");
    let imap = config.settings("work", Service::Imap).unwrap();
    assert_eq!(imap.password, Some(Set { value: Source::File("/etc/imap.pw".into()), line: 14 }));
    assert_eq!(imap.from.unwrap().line, 6);
    assert_eq!(imap.cleartext_login, Some(Set { value: true, line: 15 }));
    let at = config.endpoint("work", Service::Imap).unwrap();
    assert_eq!((at.account.as_deref(), at.user.as_deref()), (Some("work"), Some("carol")));
    assert_eq!(at.place, Place::Host("127.0.0.1".into(), 1143));
    let e = config.endpoint("a_b-1", Service::Imap).unwrap_err();
    assert_eq!((e.exit().code(), e.to_string().as_str()), (78, "a_b-1: this account has no imap (see /etc/c.toml:17)"));
    let e = config.endpoint("wrok", Service::Imap).unwrap_err();
    assert_eq!((e.exit().code(), e.to_string().as_str()), (64, "wrok: no such account"));
    assert_eq!(e.advice(), Some("did you mean work:? /etc/c.toml has a_b-1, work"));
    assert!(good("").settings("work", Service::Imap).is_none());
}

#[test]
fn every_source() {
    for (text, source) in [
        ("{ command = [\"a b\", \"\", \"c\\nd\"] }", Source::Command(vec!["a b".into(), String::new(), "c\nd".into()])),
        ("{ file = \"/x\" }", Source::File("/x".into())),
        ("{ file = \"x/y\" }", Source::File("/etc/x/y".into())),
        ("{ env = \"PW\" }", Source::Env("PW".into())),
        ("{ credential = \"mail.pw\" }", Source::Credential("mail.pw".into())),
        ("{ fd = 0x3 }", Source::Fd(3)),
        ("{ netrc = \"n\" }", Source::Netrc("/etc/n".into())),
    ] {
        let config = good(&format!("[a]\nimap = \"imap://b@h\"\npassword = {text}\n"));
        assert_eq!(config.settings("a", Service::Imap).unwrap().password, Some(Set { value: source, line: 3 }));
    }
    let config = good("[a]\npassword.env = 'A'\n[a.imap]\npassword.env = 'B'\n[b]\npassword.env = 'C'\n");
    assert_eq!(config.secret_variables().collect::<Vec<_>>(), ["B", "A", "C"]);
}

#[test]
fn the_queue_has_a_table_and_accounts_may_use_it() {
    let config = good(
        "[work]\nsmtp = \"smtps://b@h\"\nqueue = true\n\
         [queue]\nretry-min = \"1s\"\nexpire-after = \"2d\"\nconnections-per-destination = 3\nhook = [\"a\", \"b\"]\n",
    );
    assert_eq!(config.settings("work", Service::Smtp).unwrap().queue, Some(Set { value: true, line: 3 }));
    let queue = config.queue().unwrap();
    assert_eq!((queue.retry_min.as_secs(), queue.retry_max.as_secs()), (1, 66 * 60));
    assert_eq!((queue.expire_after.as_secs(), queue.per_destination), (2 * 86400, 3));
    assert_eq!(queue.hook.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
}

#[test]
fn how_servers_are_reached_and_trusted() {
    let pin = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let config = good(&format!(
        "[work]\nca-file = \"ca.pem\"\nverify = true\nclient-cert = \"/me.pem\"\nproxy = \"socks5://bob@[::1]:1080\"\n\
         proxy-password = {{ env = \"PP\" }}\nsource-address = \"::1\"\nimap = \"imaps://b@h\"\n\
         [work.smtp]\nurl = \"smtps://b@h\"\npin = [\"{pin}\", \"{pin}\"]\ntunnel = [\"nc\", \"h\", \"465\"]\n\
         [work.pop3]\nurl = \"pop3s://b@h\"\npin = \"{pin}\"\nproxy = \"none\"\nca = \"system\"\n"
    )
    .replace(&format!("pin = \"{pin}\"\nproxy"), "proxy"));
    let of = |service| config.settings("work", service).unwrap();
    let imap = of(Service::Imap);
    assert_eq!(imap.trust, Some(Set { value: Trust::File("/etc/ca.pem".into()), line: 2 }));
    assert_eq!(imap.verify, Some(Set { value: true, line: 3 }));
    assert_eq!(imap.client_cert, Some(Set { value: "/me.pem".into(), line: 4 }));
    let through = imap.through.unwrap();
    assert_eq!((through.value.key(), through.value.to_string().as_str()), ("proxy", "socks5://[::1]:1080"));
    assert_eq!(imap.proxy_password, Some(Set { value: Source::Env("PP".into()), line: 6 }));
    assert_eq!(imap.source_address, Some(Set { value: "::1".parse().unwrap(), line: 7 }));
    let smtp = of(Service::Smtp);
    assert_eq!(smtp.trust.as_ref().map(|set| set.value.key()), Some("pin"));
    assert_eq!(smtp.trust.unwrap().value.to_string(), format!("{pin} {pin}"));
    assert_eq!(
        smtp.through,
        Some(Set { value: Through::Tunnel(vec!["nc".into(), "h".into(), "465".into()]), line: 12 })
    );
    assert_eq!(smtp.verify.unwrap().line, 3);
    let pop3 = of(Service::Pop3);
    assert_eq!((pop3.through.unwrap().value, pop3.trust.unwrap().value), (Through::Nothing, Trust::System));
    assert_eq!(config.secret_variables().collect::<Vec<_>>(), ["PP"]);
    // A tunnel needs no URL. Alone it leads to an IMAP server.
    let config =
        good("[a]\ntunnel = [\"x\"]\n[b.smtp]\ntunnel = [\"x\"]\n[c]\ntunnel = [\"x\"]\npop3 = \"pop3s://b@h\"\n");
    for (name, service, place) in [
        ("a", Service::Imap, Some(Place::Tunnel)),
        ("a", Service::Pop3, None),
        ("b", Service::Smtp, Some(Place::Tunnel)),
        ("b", Service::Imap, None),
        ("c", Service::Pop3, Some(Place::Host("h".into(), 995))),
        ("c", Service::Imap, None),
    ] {
        assert_eq!(config.endpoint(name, service).ok().map(|at| at.place), place, "{name}");
    }
}

#[test]
fn what_is_wrong_is_told_by_line_and_column() {
    for (text, said) in [
        ("colour = 1", "1:1: colour: unknown key"),
        ("defualt = \"work\"", "1:1: defualt: unknown key (did you mean default?)"),
        ("default = \"wrok\"\n[work]", "1:11: default = \"wrok\": no such account (did you mean work?)"),
        ("default = 7", "1:11: default: must be a string, and is an integer"),
        ("[work]\nform = \"a@b\"", "2:1: form: unknown key (did you mean from?)"),
        ("[work]\n\n  pasword = { file = \"x\" }", "3:3: pasword: unknown key (did you mean password?)"),
        ("[work]\nfrom = 1", "2:8: from: must be a string, and is an integer"),
        ("[work]\nfrom = [\"x\"]", "2:8: from: must be a string, and is an array"),
        ("[work]\nfrom = \"a@@b\"", "2:8: from: "),
        ("[work]\nfrom = \"a@b\\nBcc: x\"", "2:8: from: a line break or NUL"),
        ("[work]\nfrom = \"a@b\\u0000\"", "2:8: from: a line break or NUL"),
        ("[work]\nfrom = \"\"", "2:8: from: is empty"),
        ("[work]\nhostname = \"a b\"", "2:12: hostname: a b: not a domain"),
        ("[work]\nhostname = \"a\\r\\nDATA\"", "2:12: hostname: a line break or NUL"),
        ("[work]\ncleartext-login = \"yes\"", "2:19: cleartext-login: must be true or false, and is a string"),
        ("[work]\nimap = 1", "2:8: imap: must be a URL or a table, and is an integer"),
        ("[work]\nimap = \"imap.example.org\"", "2:8: imap: imap.example.org: "),
        ("[work]\nimap = \"pop3://h\"", "2:8: imap: pop3://h: this program speaks imap"),
        ("[work]\nimap = \"imaps://b@h/INBOX\"", "2:8: imap: a folder"),
        ("[work]\nimap = \"imaps://b:tulip@h\"", "2:8: imap: a password inside a URL"),
        ("[work]\nimap = \"imaps://b@h\\r\\nx\"", "2:8: imap: a line break or NUL"),
        ("[work.imap]\nulr = \"imaps://b@h\"", "2:1: ulr: unknown key (did you mean url?)"),
        ("[work.imap]\nurl = \"smtps://b@h\"", "2:7: url: smtps://b@h: this program speaks imap"),
        ("[work.imap]\nsmtp = \"smtps://b@h\"", "2:1: smtp: unknown key"),
        ("[work.impa]\nurl = \"imaps://b@h\"", "1:7: impa: unknown key (did you mean imap?)"),
        ("[work]\npassword = \"tulip\"", "2:12: password: a password does not belong into this file"),
        ("[work]\npassword = 1234", "2:12: password: must be a table like { command = [...] }, and is an integer"),
        ("[work]\npassword = {}", "2:12: password: must have one of command, file, "),
        ("[work]\npassword = { file = \"a\", env = \"b\" }", "2:12: password: must have one of "),
        ("[work]\npassword = { comand = [\"a\"] }", "2:14: comand: unknown key (did you mean command?)"),
        ("[work]\npassword = { oauht = \"gmail\" }", "2:14: oauht: unknown key (did you mean oauth?)"),
        ("[work]\nproxy-password = { oauth = \"gmail\" }", "2:20: oauth: unknown key"),
        ("[work]\npassword = { oauth = 7 }", "2:22: oauth: must be gmail, microsoft, an issuer's URL, or a table"),
        ("[work]\npassword = { oauth = \"gmial\" }", "2:22: oauth: gmial: neither gmail nor microsoft nor an issuer's"),
        ("[work]\npassword = { oauth = \"http://h/\" }", "2:22: oauth: http://h/: not https://"),
        ("[work]\npassword = { oauth = \"https://b:tulip@h/\" }", "2:22: oauth: a URL with a user"),
        ("[work]\npassword = { oauth = {} }", "2:22: oauth: must have one of provider, issuer, token-endpoint"),
        ("[work]\n[work.password.oauth]\nissuer = \"https://h\"\nprovider = \"gmail\"", "2:1: oauth: must have one of"),
        ("[work.password.oauth]\nisuer = \"https://h\"", "2:1: isuer: unknown key (did you mean issuer?)"),
        ("[work.password.oauth]\nprovider = \"https://h\"", "2:12: provider: https://h: neither gmail nor microsoft"),
        ("[work.password.oauth]\nprovider = \"gmail\"\ntenant = \"a\"", "3:1: tenant: only microsoft"),
        ("[work.password.oauth]\nprovider = \"microsoft\"\ntenant = \"a/b\"", "3:10: tenant: neither"),
        (
            "[work.password.oauth]\nprovider = \"gmail\"\nflow = \"devise\"",
            "3:8: flow: devise: none of device, browser",
        ),
        ("[work.password.oauth]\nprovider = \"gmail\"\nflow = \"client-credentials\"", "1:1: flow = "),
        ("[work.password.oauth]\nprovider = \"gmail\"\nscope = [\"a b\"]", "3:9: scope: one word in each string"),
        ("[work.password.oauth]\nprovider = \"gmail\"\nscope = \"a\"", "3:9: scope: must be a list"),
        (
            "[work.password.oauth]\nprovider = \"gmail\"\nclient-secret = \"tulip\"",
            "3:17: client-secret: a password does",
        ),
        (
            "[work.password.oauth]\nissuer = \"https://h\"\ndevice-endpoint = \"https://h/d\"",
            "3:1: device-endpoint: belongs",
        ),
        (
            "[work.password.oauth]\nissuer = \"https://h\"\nredirect-uri = \"https://h\"",
            "3:16: redirect-uri: https://h: not http",
        ),
        (
            "[work.password.oauth]\nissuer = \"https://h\"\nca = \"system\"\nca-file = \"x\"",
            "4:1: ca-file: there can be only one",
        ),
        ("[work]\npassword = { command = \"pass show\" }", "2:24: command: must be a list of strings, and is a string"),
        ("[work]\npassword = { command = [] }", "2:24: command: must have 1 to "),
        ("[work]\npassword = { command = [\"a\", 1] }", "2:30: command: must be a list of strings, and is an integer"),
        ("[work]\npassword = { command = [\"a\\u0000\"] }", "2:25: command: a NUL"),
        ("[work]\npassword = { fd = -1 }", "2:19: fd: must be the number"),
        ("[work]\npassword = { fd = 99999999999 }", "2:19: fd: must be the number"),
        ("[work]\npassword = { env = \"A=B\" }", "2:20: env: not the name"),
        ("[work]\npassword = { credential = \"../x\" }", "2:27: credential: a name"),
        ("[work]\npassword = { netrc = false }", "2:22: netrc: must be a string, and is a boolean"),
        ("[work]\ncafile = \"x\"", "2:1: cafile: unknown key (did you mean ca-file?)"),
        ("[work]\nspool = true", "2:1: spool: unknown key"),
        ("[work]\nqueue = 1", "2:9: queue: must be true or false"),
        ("[queue]\nretry = \"1s\"", "2:1: retry: unknown key"),
        ("[queue]\nretry-min = \"1y\"", "2:13: retry-min: 1y: not a duration"),
        ("[queue]\nretry-min = 5", "2:13: retry-min: must be a string"),
        ("[queue]\nconnections = 0", "2:15: connections: must be a number from 1 to 1000"),
        ("[queue]\nhook = \"x\"", "2:8: hook: must be a list of strings"),
        ("[work]\nca = \"sytem\"", "2:6: ca: sytem: neither mozilla nor system (did you mean system?)"),
        ("[work]\nca = \"system\"\nca-file = \"x\"", "3:11: ca-file: there can be only one of ca-file, ca, pin"),
        ("[work]\npin = \"md5:x\"", "2:7: pin: md5:x: not a pin like sha256:BASE64"),
        ("[work]\npin = []", "2:7: pin: must have 1 to "),
        ("[work]\npin = 1", "2:7: pin: must be a string, and is an integer"),
        ("[work]\nverify = false", "2:10: verify: can only be true"),
        ("[work]\nverify = \"true\"", "2:10: verify: can only be true"),
        ("[work]\nauth = \"ntlm\"", "2:8: auth: ntlm: not a login mechanism that is known: external, "),
        ("[work]\nauth = []", "2:8: auth: must have 1 to 1000 words"),
        ("[work]\nclient-cert = true", "2:15: client-cert: must be a string, and is a boolean"),
        ("[work]\nproxy = \"socks4://h:1\"", "2:9: proxy: socks4://h:1: a proxy is socks5:// or http://"),
        ("[work]\nproxy = \"http://h\"", "2:9: proxy: http://h: no port"),
        ("[work]\nproxy = \"socks5://b:tulip@h\"", "2:9: proxy: a password inside"),
        ("[work]\nproxy = \"socks5://a b\"", "2:9: proxy: socks5://a b: no host"),
        ("[work]\nproxy = \"none\"\ntunnel = [\"x\"]", "3:10: tunnel: there can be only one of proxy, tunnel"),
        ("[work]\nproxy-password = \"tulip\"", "2:18: proxy-password: a password does not belong"),
        ("[work]\ntunnel = \"ssh host\"", "2:10: tunnel: must be a list of strings, and is a string"),
        ("[work]\nsource-address = \"eth0\"", "2:18: source-address: eth0: no address"),
        ("[work.imap]\ntunel = [\"x\"]", "2:1: tunel: unknown key (did you mean tunnel?)"),
        ("[Work]", "1:2: Work: an account's name has a-z 0-9 _ - only"),
        ("[\"a b\"]", "1:2: a b: an account's name"),
        ("[\"\"]", "1:2: : an account's name"),
        ("[imaps]", "1:2: imaps: this name is reserved"),
        ("[mbox]", "1:2: mbox: this name is reserved"),
        ("[local]\nfrom = \"a@b\"", "2:1: from: unknown key"),
        ("[local]\ndomains = \"a\"", "2:11: domains: must be a list of strings, and is a string"),
        ("[local]\ndomains = [\"a b\"]", "2:11: domains: a b: not a domain"),
        ("[a]\nfrom = \"é\u{202e}\"\nfrom = \"b@c\"", "3:1: "),
        ("[a]\n[a]", "2:2: "),
        ("[a]\nimap = \"imap://h\"\n[a.imap]\nurl = \"imap://h\"", "3:4: "),
        ("[a]\nhostname = tulip", "2:12: "),
        ("[a", "1:3: "),
        ("é = 1", "1:1: "),
        ("\"é\" = 1\n", "1:1: é: unknown key"),
        ("[a]\n\"é\" = 1\n", "2:1: é: unknown key"),
    ] {
        let e = read(Path::new("/etc/c.toml"), text).expect_err(text);
        assert_eq!(e.exit().code(), 78, "{text}: {e}");
        let expected = format!("/etc/c.toml:{said}");
        assert!(e.to_string().starts_with(&expected), "{text}\n  {e}\n  {expected}");
        let shown = format!("{e} {:?}", e.advice());
        assert!(!shown.contains("tulip") && !shown.contains('\n'), "{text}: {shown}");
    }
}

#[test]
fn any_text_is_read_or_refused() {
    use proptest::prelude::*;
    let piece = prop_oneof![
        Just("[work]\n"),
        Just("[work.imap]\n"),
        Just("imap = "),
        Just("password = "),
        Just("{ file = "),
        Just("}"),
        Just("\"x\""),
        Just("\"imaps://b@h\""),
        Just("\n"),
        Just("= "),
        Just("["),
        Just("]"),
        Just("é"),
        Just("default"),
    ];
    proptest!(|(pieces in prop::collection::vec(piece, 0..12))| {
        let _ = read(Path::new("c"), &pieces.concat());
    });
    proptest!(|(text in ".{0,40}")| {
        if let Err(e) = read(Path::new("c"), &text) {
            prop_assert_eq!(e.exit().code(), 78);
        }
    });
}

#[test]
fn mechanisms_to_log_in_by() {
    let names = |text: &str| {
        let config = good(&format!("[a]\nimap = \"imap://b@h\"\nauth = {text}\n"));
        let Some(Set { value, line: 3 }) = config.settings("a", Service::Imap).unwrap().auth else { panic!("{text}") };
        value.into_iter().map(crate::proto::sasl::Mechanism::name).collect::<Vec<_>>()
    };
    assert_eq!(names("\"cram-md5\""), ["CRAM-MD5"]);
    assert_eq!(names("[\"scram-sha-256-plus\", \"PLAIN\"]"), ["SCRAM-SHA-256-PLUS", "PLAIN"]);
}

#[test]
fn whose_tokens_log_in() {
    use crate::config::oauth::{Flow, Provider, Redirect};
    let oauth = |text: &str| {
        let config = read(Path::new("/etc/c.toml"), &format!("[a]\nimap = \"imaps://b@h\"\n{text}")).unwrap();
        let variables: Vec<String> = config.secret_variables().map(str::to_owned).collect();
        match config.settings("a", Service::Imap).unwrap().password.unwrap().value {
            Source::OAuth(oauth) => (*oauth, variables),
            other => panic!("{other}"),
        }
    };
    let (gmail, _) = oauth("password.oauth = \"gmail\"");
    assert_eq!((gmail.provider.clone(), gmail.issuer().as_str()), (Provider::Gmail, "https://accounts.google.com"));
    assert_eq!(
        (gmail.scope(Flow::Browser).as_str(), gmail.to_string().as_str()),
        ("https://mail.google.com/", "gmail")
    );
    let (microsoft, variables) = oauth(
        "[a.password.oauth]\nprovider = \"microsoft\"\ntenant = \"example.org\"\nclient-id = \"id\"\n\
         client-secret = { env = \"CS\" }\nflow = \"device\"\nca-file = \"ca.pem\"",
    );
    assert_eq!(microsoft.issuer(), "https://login.microsoftonline.com/example.org/v2.0");
    assert_eq!((microsoft.flow, microsoft.redirect().host.as_str()), (Some(Flow::Device), "localhost"));
    assert_eq!((variables, microsoft.trust.clone()), (vec!["CS".to_owned()], Some(Trust::File("/etc/ca.pem".into()))));
    assert!(microsoft.scope(Flow::Device).ends_with("SMTP.Send offline_access"));
    assert_eq!(microsoft.scope(Flow::ClientCredentials), "https://outlook.office365.com/.default");
    let shown = "microsoft example.org client-id id client-secret env CS flow device ca-file /etc/ca.pem";
    assert_eq!(microsoft.to_string(), shown);
    let (issuer, _) = oauth("password.oauth = { issuer = \"https://id.example.org/x\", scope = [\"a\", \"b\"] }");
    assert_eq!((issuer.issuer().as_str(), issuer.scope(Flow::Device).as_str()), ("https://id.example.org/x", "a b"));
    let (known, _) = oauth("password.oauth = { token-endpoint = \"https://h/t\", device-endpoint = \"https://h/d\" }");
    assert_eq!(known.issuer(), "https://h/t");
    for (text, host, port, path) in [
        ("http://127.0.0.1", "127.0.0.1", 0, "/"),
        ("http://localhost:8484/mail", "localhost", 8484, "/mail"),
        ("http://[::1]:80/", "::1", 80, "/"),
    ] {
        assert_eq!(text.parse(), Ok(Redirect { host: host.into(), port, path: path.into() }), "{text}");
    }
    for bad in [
        "http://127.0.0.1.evil.example/",
        "http://localhost@evil.example/",
        "https://localhost/",
        "http://localhost/?x",
        "x",
    ] {
        assert!(bad.parse::<Redirect>().is_err(), "{bad}");
    }
}
