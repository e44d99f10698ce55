//! Any configuration file: what is wrong with it is said in one line, and what is read can be used.

use pipepost::config::Config;
use pipepost::net::endpoint::Service;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

/// Panics if something does not hold.
pub fn check(input: &[u8]) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = dir.path().join("config.toml");
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(input)).unwrap();
    let config = match Config::find(Some(&path)) {
        Ok(config) => config.unwrap(),
        Err(e) => {
            assert_eq!(e.exit().code(), 78, "{e}");
            let said = e.to_string();
            assert!(said.starts_with(&path.display().to_string()), "{said}");
            return;
        }
    };
    if let Some(default) = config.default() {
        assert!(default.value == "local" || config.settings(&default.value, Service::Imap).is_some());
    }
    for domain in config.domains() {
        assert!(!domain.contains(['\r', '\n', '\0']) && !domain.bytes().any(|b| b.is_ascii_uppercase()), "{domain}");
    }
    // Names of accounts are those keys that are one.
    let text = String::from_utf8_lossy(input);
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')));
    for account in words.filter(|word| !word.is_empty()).take(200) {
        for service in [Service::Smtp, Service::Imap, Service::Pop3] {
            match config.endpoint(account, service) {
                Ok(endpoint) => assert_eq!(endpoint.account.as_deref(), Some(account)),
                Err(e) => assert!(matches!(e.exit().code(), 64 | 78), "{e}"),
            }
        }
    }
}
