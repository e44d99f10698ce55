//! What fuzzing once found, and the fuzz targets' seeds, checked again: `fuzz/run.sh` finds, this keeps it found.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::path::Path;

#[path = "../fuzz/checks/address.rs"]
mod address;
#[path = "../fuzz/checks/config.rs"]
mod config;
#[path = "../fuzz/checks/date.rs"]
mod date;
#[path = "../fuzz/checks/encoded_word.rs"]
mod encoded_word;
#[path = "../fuzz/checks/header.rs"]
mod header;
#[path = "../fuzz/checks/imap_client.rs"]
mod imap_client;
#[path = "../fuzz/checks/imap_grammar.rs"]
mod imap_grammar;
#[path = "../fuzz/checks/kit.rs"]
mod kit;
#[path = "../fuzz/checks/maildir.rs"]
mod maildir;
#[path = "../fuzz/checks/message.rs"]
mod message;
#[path = "../fuzz/checks/mime_walk.rs"]
mod mime_walk;
#[path = "../fuzz/checks/parameter.rs"]
mod parameter;
#[path = "../fuzz/checks/pop3_client.rs"]
mod pop3_client;
#[path = "../fuzz/checks/sasl.rs"]
mod sasl;
#[path = "../fuzz/checks/sessions.rs"]
mod sessions;
#[path = "../fuzz/checks/wire_grammar.rs"]
mod wire_grammar;

/// Each file is one input.
fn replay(target: &str, check: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = Vec::new();
    for directory in [root.join("fuzz/corpus").join(target), root.join("tests/regressions").join(target)] {
        let Ok(files) = std::fs::read_dir(directory) else { continue };
        inputs.extend(files.map(|file| file.unwrap().path()));
    }
    assert!(!inputs.is_empty());
    for input in inputs {
        // Shown when the check panics.
        println!("{}", input.display());
        check(&std::fs::read(&input).unwrap());
    }
}

#[test]
fn wire_grammar_holds() {
    replay("wire_grammar", wire_grammar::check);
}

#[test]
fn imap_grammar_holds() {
    replay("imap_grammar", imap_grammar::check);
}

#[test]
fn pop3_clients_hold() {
    replay("pop3_client", pop3_client::check);
}

#[test]
fn logins_hold() {
    replay("sasl", sasl::check);
}

#[test]
fn messages_hold() {
    replay("message", message::check);
}

#[test]
fn sessions_hold() {
    replay("sessions", sessions::check);
}

#[test]
fn imap_clients_hold() {
    replay("imap_client", imap_client::check);
}

#[test]
fn configurations_hold() {
    replay("config", config::check);
}

#[test]
fn maildirs_hold() {
    replay("maildir", maildir::check);
}

#[test]
fn headers_hold() {
    replay("header", header::check);
}

#[test]
fn addresses_hold() {
    replay("address", address::check);
}

#[test]
fn dates_hold() {
    replay("date", date::check);
}

#[test]
fn encoded_words_hold() {
    replay("encoded_word", encoded_word::check);
}

#[test]
fn parameters_hold() {
    replay("parameter", parameter::check);
}

#[test]
fn walks_hold() {
    replay("mime_walk", mime_walk::check);
}
