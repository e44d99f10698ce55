//! The configuration, accounts and secrets, end to end: what pipepost-config(5) and pipepost(7) promise.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Home, Ran, Server};

const MARKER: &str = "tulip-4711-marker";

/// A home with a server, and a configuration of an account for it.
struct Setting {
    home: Home,
    server: Server,
}

impl Setting {
    fn new() -> Setting {
        let home = Home::new();
        // The server takes the password that is there.
        home.sh(&format!("umask 077; mkdir served .config .config/pipepost; echo {MARKER} > served/.password")).ends(0);
        let server = Server::start(&home, &["--create", "--login-delay", "0"]);
        Setting { home, server }
    }

    /// Writes the configuration: an account `work` with `more` lines, then `rest`.
    fn config(&self, more: &str, rest: &str) {
        let Server { smtp, pop3, imap, .. } = &self.server;
        let text = format!(
            "default = \"work\"\n\n[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\n\
             pop3 = \"pop3+plain://bob@127.0.0.1:{pop3}\"\nimap = \"imap+plain://bob@127.0.0.1:{imap}\"\n{more}\n{rest}\n"
        );
        std::fs::write(self.home.path().join(".config/pipepost/config.toml"), text).unwrap();
        self.home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        self.home.run(program, arguments, b"")
    }
}

#[test]
fn accounts_by_name_everywhere() {
    let s = Setting::new();
    s.config("password = { file = \"../../served/.password\" }\nfrom = \"Bob <bob@example.org>\"\n", "[other]\n");
    s.home.run("smtp-send", &["-s", "hi", "-a", "work", "bob@localhost"], b"x").ends(0);
    s.home.run("smtp-send", &["-s", "hi", "-a", "work:", "bob@localhost"], b"x").ends(0);
    s.home.run("smtp-send", &["-s", "hi", "bob@localhost"], b"x").ends(0);
    s.home.run("smtp-send", &["bob@localhost"], b"From: eve@localhost\nSubject: as it is\n\nx\n").ends(0);
    for arguments in [&["work:"][..], &[]] {
        assert_eq!(s.run("pop3-ls", arguments).ends(0).out.lines().count(), 4);
    }
    let got = s.run("pop3-fetch", &["work:", "1"]).ends(0).out;
    assert!(got.contains("From: \"Bob\" <bob@example.org>") && got.contains("Return-Path: <bob@example.org>"), "{got}");
    // The account's sender is the envelope's; the message stays as it is.
    let got = s.run("pop3-fetch", &["work:", "4"]).ends(0).out;
    assert!(got.contains("From: eve@localhost") && got.contains("Return-Path: <bob@example.org>"), "{got}");
    assert!(s.run("imap-ls", &["work:", "-o", "folder"]).ends(0).out.contains("INBOX"));
    let refs = s.run("imap-ls", &["--refs", "work:INBOX"]).ends(0).out;
    assert!(refs.lines().count() == 4 && refs.lines().all(|line| line.starts_with("work:INBOX#")), "{refs}");
    assert_eq!(s.home.run("imap-fetch", &["-", "--into", "eml:E"], refs.as_bytes()).ends(0).out, "");
    let one = refs.lines().next().unwrap();
    assert!(s.run("imap-fetch", &[one]).ends(0).out.contains("Subject: hi"));
    // local: and URLs are as without a configuration.
    s.run("pop3-ls", &["local:"]).ends(0);
    s.run("pop3-ls", &["wrok:"]).ends(64).complains("did you mean work:?");
    s.run("pop3-ls", &["work"]).ends(64).complains("an account ends with a colon: work:");
    s.run("pop3-ls", &["other:"]).ends(78).complains("no pop3");
    s.home.run("smtp-send", &["-a", "other", "bob@localhost"], b"x").ends(78).complains("no smtp");
    s.run("imap-ls", &["work:IN\nBOX"]).ends(64);
    let with =
        |variable: &str, value: &str| s.home.sh(&format!("export {variable}='{value}'; pop3-ls -o number || exit $?"));
    assert_eq!(with("PIPEPOST_ACCOUNT", "local:").ends(0).out, "");
    assert_eq!(with("PIPEPOST_ACCOUNT", "work").ends(0).out.lines().count(), 4);
    with("PIPEPOST_ACCOUNT", "other").ends(78).complains("$PIPEPOST_ACCOUNT");
}

#[test]
fn which_file_and_whether_it_may_be_believed() {
    let s = Setting::new();
    s.config("password.file = \"../../served/.password\"", "");
    s.run("pop3-ls", &["work:"]).ends(0);
    s.home
        .sh("mkdir x x/pipepost; echo '[xdg]' > x/pipepost/config.toml; echo '[env]' > env; echo '[flag]' > flag")
        .ends(0);
    let names = |script: &str, has: &str| {
        let ran = s.home.sh(&format!("export XDG_CONFIG_HOME=$HOME/x; {script} || exit $?"));
        ran.ends(64).complains(&format!("has {has}"));
    };
    names("pop3-ls none:", "xdg");
    names("PIPEPOST_CONFIG=env pop3-ls none:", "env");
    names("PIPEPOST_CONFIG=env pop3-ls --config flag none:", "flag");
    s.run("pop3-ls", &["--config", "none", "local:"]).ends(78).complains("none: there is no such file");
    s.home.sh("PIPEPOST_CONFIG=none pop3-ls work: || exit $?").ends(78).complains("none: there is no such file");
    s.run("pop3-ls", &["--config", ".", "local:"]).ends(78).complains("not a file");
    let config = ".config/pipepost/config.toml";
    for (mode, status) in [("620", 78), ("602", 78), ("666", 78), ("644", 0), ("600", 0)] {
        s.home.sh(&format!("chmod {mode} {config}")).ends(0);
        let ran = s.run("pop3-ls", &["work:"]).ends(status);
        assert!(status == 0 || ran.err.contains("others may write"), "{ran:?}");
    }
    // Of the file that is open, not of the link.
    s.home.sh(&format!("mv {config} real; ln -s $HOME/real {config}; chmod 666 real")).ends(0);
    s.run("pop3-ls", &["work:"]).ends(78).complains("others may write");
    s.home.sh("rm real; mkfifo -m 600 real").ends(0);
    s.run("pop3-ls", &["work:"]).ends(78).complains("not a file");
    s.home.sh("rm real; printf '[a]\\nb\\377\\n' > real; chmod 600 real").ends(0);
    s.run("pop3-ls", &["work:"]).ends(78).complains("config.toml:2: not UTF-8");
    s.home.sh("head -c 2000000 /dev/zero > real").ends(0);
    s.run("pop3-ls", &["work:"]).ends(78).complains("too long");
    s.home.sh("printf '[work]\\nform = 1\\n' > real").ends(0);
    s.run("pop3-ls", &["work:"]).ends(78).complains("config.toml:2:1: form: unknown key (did you mean from?)");
}

#[test]
fn every_source_of_a_password() {
    let s = Setting::new();
    let pop3 = format!("pop3+plain://bob@127.0.0.1:{}", s.server.pop3);
    s.home.sh(&format!("umask 077; echo {MARKER} > pw; mkdir creds; cp pw creds/mail; echo wrong > wrong")).ends(0);
    s.home.sh(&format!("umask 077; echo 'machine 127.0.0.1 login bob password \"{MARKER}\"' > .netrc")).ends(0);
    let sh =
        |script: &str| s.home.sh(&format!("export PW={MARKER} CREDENTIALS_DIRECTORY=$HOME/creds; {script} || exit $?"));
    for flags in [
        "--password-file pw",
        "--password-command 'cat pw'",
        "--password-env PW",
        "--password-fd 3 3< pw",
        "--password-fd 0 < pw",
    ] {
        sh(&format!("pop3-ls {flags} {pop3}")).ends(0);
        // A flag comes before the configuration.
        s.config("password = { file = \"/no/such\" }", "");
        sh(&format!("pop3-ls {flags} work:")).ends(0);
    }
    for source in [
        "{ file = \"~/pw\" }",
        "{ command = [\"cat\", \"pw\"] }",
        "{ env = \"PW\" }",
        "{ fd = 3 }",
        "{ credential = \"mail\" }",
        "{ netrc = true }",
        "{ netrc = \"~/.netrc\" }",
    ] {
        s.config(&format!("password = {source}"), "");
        sh("pop3-ls work: 3< pw").ends(0);
        let both = format!("password = {{ file = \"/no/such\" }}\n[work2]\npop3 = \"{pop3}\"\npassword = {source}");
        s.config(&both, "");
        sh("pop3-ls work2: 3< pw").ends(0);
        s.config("password = { file = \"~/wrong\" }", "");
        sh("pop3-ls work: 3< pw").ends(77);
    }
    // A pipe gives its first line, and the message follows.
    let smtp = format!("smtp+plain://bob@127.0.0.1:{}", s.server.smtp);
    sh(&format!(
        "{{ cat pw; printf 'Subject: after\\n\\nx\\n'; }} | smtp-send -a {smtp} --password-fd 0 bob@localhost"
    ))
    .ends(0);
    assert!(sh(&format!("pop3-ls -o subject --password-file pw {pop3}")).ends(0).out.contains("after"));
    for (script, status, text) in [
        ("--password-file pw --password-env PW", 64, "cannot be used with"),
        ("--password-file none", 66, "none: No such file"),
        ("--password-env NONE", 78, "$NONE: not set"),
        ("--password-env EMPTY", 78, "empty"),
        ("--password-fd 9", 66, "file descriptor 9"),
        ("--password-fd x", 64, "invalid"),
        ("--password-command 'exit 3'", 77, "ended with status 3"),
        ("--password-command true", 78, "empty"),
        ("--password-file wrong", 77, ""),
        ("", 64, "no password for bob"),
    ] {
        sh(&format!("export EMPTY=; pop3-ls {script} {pop3}")).ends(status).complains(text);
    }
    // What a command says on stderr is for people.
    assert!(
        sh(&format!("pop3-ls --password-command 'echo locked >&2; exit 1' {pop3}"))
            .ends(77)
            .err
            .starts_with("locked\n")
    );
    for (source, status, text) in [
        ("{ credential = \"none\" }", 66, "credential none"),
        ("{ netrc = \"~/wrong\" }", 78, "line 1"),
        ("{ netrc = \"/dev/null\" }", 78, "no password for bob at 127.0.0.1"),
        ("{ command = [\"/no/such\"] }", 78, "/no/such: No such file"),
    ] {
        s.config(&format!("password = {source}"), "");
        sh("pop3-ls work:").ends(status).complains(text).complains("config.toml:7");
    }
    s.config("password = { credential = \"mail\" }", "");
    s.run("pop3-ls", &["work:"]).ends(78).complains("CREDENTIALS_DIRECTORY");
    s.home.sh("chmod 644 .netrc").ends(0);
    s.config("password = { netrc = true }", "");
    s.run("pop3-ls", &["work:"]).ends(78).complains("others may read");
}

#[test]
fn one_protocol_may_differ() {
    let s = Setting::new();
    s.home.sh("umask 077; echo wrong > wrong").ends(0);
    let imap = s.server.imap;
    s.config("password = { file = \"~/wrong\" }", "");
    s.run("pop3-ls", &["work:"]).ends(77);
    let own = format!(
        "[both]\npassword.file = \"~/wrong\"\n[both.imap]\nurl = \"imap+plain://bob@127.0.0.1:{imap}\"\n\
                       password.file = \"~/served/.password\"\n"
    );
    s.config("", &own);
    s.run("imap-ls", &["both:"]).ends(0);
    // In clear to a port that is nobody's in particular, only if the account says so.
    let open = |more: &str| {
        s.config(
            "",
            &format!("[c]\nimap = \"imap://bob@127.0.0.1:{imap}\"\npassword.file = \"~/served/.password\"\n{more}"),
        );
        s.run("imap-ls", &["c:"])
    };
    open("").ends(77).complains("may not be sent");
    open("cleartext-login = false").ends(77);
    open("cleartext-login = true").ends(0);
}

#[test]
fn local_domains() {
    let s = Setting::new();
    s.home.run("smtp-send", &["-a", "local:", "bob@example.org"], b"Subject: s\n\nb\n").ends(69);
    s.config("", "[local]\ndomains = [\"Example.org\"]");
    s.home.run("smtp-send", &["-a", "local:", "bob@example.org"], b"Subject: s\n\nb\n").ends(0);
    assert_eq!(s.run("pop3-ls", &["local://bob"]).ends(0).out.lines().count(), 1);
}

#[test]
fn mail_check_tells_each_step() {
    let s = Setting::new();
    s.config("password.file = \"~/served/.password\"", "");
    let steps = |arguments: &[&str], status: i32| -> Vec<String> {
        let ran = s.run("mail-check", arguments).ends(status);
        let cells = |line: &str| line.split('\t').take(3).collect::<Vec<_>>().join(" ");
        assert!(ran.out.lines().all(|line| line.split('\t').count() == 5), "{ran:?}");
        ran.out.lines().map(cells).collect()
    };
    let of = |protocol: &str| {
        let all = ["connect", "greeting", "capabilities", "login", "end"];
        all.map(|step| format!("{protocol} {step} ok")).to_vec()
    };
    let mut all = [of("smtp"), of("pop3"), of("imap")].concat();
    // Its greeting tells them.
    all.retain(|step| step != "imap capabilities ok");
    assert_eq!(steps(&["work:"], 0), all);
    assert_eq!(steps(&[], 0), all);
    let local = steps(&["local:"], 0);
    assert!(local.len() >= 12 && local.iter().all(|step| step.ends_with(" ok")), "{local:?}");
    // A name is looked up; nobody else's port answers.
    let url = format!("imap+plain://bob@localhost:{}", s.server.imap);
    assert_eq!(steps(&[&url, "--password-file", "served/.password"], 77)[..2], ["imap name ok", "imap connect ok"]);
    s.home.sh("umask 077; echo wrong > wrong").ends(0);
    s.config("password.file = \"~/wrong\"\n[work.x]", "");
    s.run("mail-check", &["work:"]).ends(78).complains("unknown key");
    s.config("password.file = \"~/wrong\"", "");
    let wrong = steps(&["work:"], 77);
    assert_eq!(wrong.iter().filter(|step| step.ends_with("login failed")).count(), 3, "{wrong:?}");
    assert!(!wrong.iter().any(|step| step.contains("end")), "{wrong:?}");
    s.config("password.file = \"~/none\"", "");
    assert_eq!(steps(&["work:"], 66), ["smtp password failed", "pop3 password failed", "imap password failed"]);
    s.config("", "[gone]\nimap = \"imap+plain://127.0.0.1:1\"\npassword.file = \"~/wrong\"");
    s.run("mail-check", &["gone:"]).ends(64);
    s.config("", "[gone]\nimap = \"imap+plain://bob@127.0.0.1:1\"\npassword.file = \"~/wrong\"");
    assert_eq!(steps(&["gone:"], 75), ["imap connect failed"]);
    let json = s.run("mail-check", &["gone:", "--json"]).ends(75).out;
    let step: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&step["account"], &step["ok"], &step["step"]), (&"gone".into(), &false.into(), &"connect".into()));
    s.config("", "[empty]");
    s.run("mail-check", &["empty:"]).ends(78).complains("no smtp");
    s.run("mail-check", &["local:INBOX"]).ends(64).complains("a folder");
    s.run("mail-check", &["wrok:"]).ends(64).complains("did you mean work:?");
}

#[test]
fn mail_check_shows_what_is_set_and_who_set_it() {
    let s = Setting::new();
    s.config("password.env = \"PW\"\nfrom = \"bob@example.org\"", "[other]\nimap = \"imaps://x@h\"");
    let Server { smtp, imap, .. } = s.server;
    let file = s.home.path().join(".config/pipepost/config.toml").display().to_string();
    let shown = s.run("mail-check", &["--show"]).ends(0).out;
    for (setting, value, origin) in [
        ("config", file.as_str(), "default"),
        ("account", "work:", &format!("{file}:1")),
        ("smtp.url", &format!("smtp+plain://bob@127.0.0.1:{smtp}"), &format!("{file}:4")),
        ("smtp.password", "env PW", &format!("{file}:7")),
        ("smtp.from", "bob@example.org", &format!("{file}:8")),
        ("smtp.cleartext-login", "true", "default"),
        ("imap.url", &format!("imap+plain://bob@127.0.0.1:{imap}"), &format!("{file}:6")),
    ] {
        assert!(shown.lines().any(|line| line == format!("{setting}\t{value}\t{origin}")), "{setting}: {shown}");
    }
    let shown = s.run("mail-check", &["--show", "--json", "other:", "--password-fd", "0"]).ends(78);
    assert!(shown.out.is_empty());
    let shown = s.run("mail-check", &["--show", "--json", "other:", "--password-file", "none"]).ends(0).out;
    assert!(shown.contains(r#"{"origin":"--password-file","setting":"imap.password","value":"file none"}"#), "{shown}");
    let shown = s.run("mail-check", &["--show", "other:"]).ends(0).out;
    assert!(shown.contains("account\tother:\targument\n") && shown.contains("asked for on the terminal"), "{shown}");
    let empty = Home::new();
    assert!(empty.run("mail-check", &["--show"], b"").ends(0).out.starts_with("account\tlocal:\tdefault\n"));
}
