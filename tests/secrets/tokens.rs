//! Tokens, codes and client secrets lie in the store alone: no trace, no line on stderr, no argument shows them.

use super::common::Home;
use super::issuer::{Issuer, MARKER, mail};

#[test]
fn tokens_are_in_the_store_and_nowhere_else() {
    let (home, outside, issuer) = (Home::new(), tempfile::tempdir().unwrap(), Issuer::start());
    let [smtp, pop3, imap] = ["smtp", "pop3", "imap"].map(|protocol| mail(&issuer, protocol));
    let secret = outside.path().join("client-secret");
    let (secret, url) = (secret.display(), &issuer.url);
    home.sh(&format!("umask 077; mkdir -p .config/pipepost; echo {MARKER}-secret > {secret}")).ends(0);
    let config = format!(
        "[work]\nsmtp = \"smtp+plain://bob@127.0.0.1:{smtp}\"\npop3 = \"pop3+plain://bob@127.0.0.1:{pop3}\"\n\
         imap = \"imap+plain://bob@127.0.0.1:{imap}\"\n[work.password.oauth]\nissuer = \"{url}\"\nclient-id = \"mail\"\n\
         client-secret.file = \"{secret}\"\n"
    );
    std::fs::write(home.path().join(".config/pipepost/config.toml"), config).unwrap();
    home.sh("chmod 600 .config/pipepost/config.toml").ends(0);
    for (n, line) in [
        "mail-login --check -v --json work:",
        "imap-ls -v work:",
        "pop3-ls -v work:",
        "smtp-send -v -a work -s x bob@example.org < /dev/null",
        "mail-check -v work:",
        "mail-check --show work:",
        "mail-login --list --json",
    ]
    .into_iter()
    .enumerate()
    {
        // Refused once, so that there is a renewal in it.
        issuer.with(|s| s.good.clear());
        let trace = if line.contains("--show") || line.contains("--list") {
            String::new()
        } else {
            format!("--trace {n}.trace")
        };
        home.sh(&format!("set -- ; {} > {n}.out 2> {n}.err", line.replacen(' ', &format!(" {trace} "), 1))).ends(0);
    }
    // In base64 it is in no trace either.
    let encoded = encodify::base64::STANDARD.encode(MARKER);
    let found = home.sh(&format!("grep -rl -e {MARKER} -e {} . || true", &encoded[..encoded.len() - 4])).ends(0).out;
    let elsewhere: Vec<&str> = found.lines().filter(|file| !file.contains("/pipepost/logins.sqlite")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(found.contains("logins.sqlite"), "{found}");
    home.sh("test -s 1.trace; test -s 3.trace; grep -q 'C: .*AUTHENTICATE OAUTHBEARER' 1.trace").ends(0);
    // No refused or broken answer shows what was sent or given.
    for instead in [
        format!("{{\"access_token\":\"{MARKER}\"}}"),
        format!("{{\"access_token\":7,\"refresh_token\":\"{MARKER}\"}}"),
        format!("{{\"error\":\"{MARKER}-secret\",\"error_description\":\"{MARKER}-secret\"}}"),
        MARKER.to_owned(),
    ] {
        let head =
            format!("HTTP/1.1 400 x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", instead.len());
        issuer.with(|s| {
            s.instead = Some([head.as_bytes(), instead.as_bytes()].concat());
            s.good.clear();
        });
        let ran = home.sh("imap-ls -v --trace - work: 2>&1 || true").ends(0);
        assert!(!ran.out.contains(MARKER), "{ran:?}");
    }
}
