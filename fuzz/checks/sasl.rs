//! What holds of any bytes in SASL's messages: of a server's at our client, of a client's at our server, and of the keys in files.

use pipepost::proto::sasl::scram::{ClientFirst, Keys, Offered};
use pipepost::proto::sasl::{CHALLENGES, Client, Hash, Mechanism, Who, base64, cram, read_plain, unbase64};
use pipepost::secret::Secret;
use std::num::NonZeroU32;

/// Panics if something does not hold. The first byte chooses what.
pub fn check(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice {
        b's' => server(rest),
        b'k' => keys(rest),
        b'r' => responses(rest),
        choice => client(*choice, rest),
    }
}

const PASSWORD: &[u8] = b"tulip-and-rose";

/// Challenges, one a line; `choice` is the mechanism.
fn client(choice: u8, challenges: &[u8]) {
    // Many rounds are right, and slow.
    if challenges.windows(7).any(|w| w.starts_with(b"i=") && w[2..].iter().all(u8::is_ascii_digit)) {
        return;
    }
    let password = Secret::new(PASSWORD.to_vec());
    let bindings = [("tls-exporter", b"data".to_vec())];
    let who = Who {
        user: "bob",
        secret: &password,
        nonce: "fyko+d2lbbFgONRv9qkxdawL",
        bindings: &bindings,
        binds: choice.is_ascii_uppercase(),
        server: Some(("localhost", 143)),
    };
    let mechanism = Mechanism::ALL[usize::from(choice) % Mechanism::ALL.len()];
    let Ok(mut client) = Client::new(mechanism, &who) else { return assert_eq!(mechanism, Mechanism::Apop) };
    let shows = |response: &[u8]| response.windows(PASSWORD.len()).any(|w| w == PASSWORD);
    if challenges.len().is_multiple_of(2)
        && let Some(initial) = client.initial()
    {
        assert!(mechanism.shows_secret() || !shows(initial.expose()));
    }
    let mut answered = 0;
    for challenge in challenges.split(|b| *b == b'\n') {
        match client.respond(challenge) {
            Ok(response) => assert!(mechanism.shows_secret() || !shows(response.expose())),
            Err(_) => break,
        }
        answered += 1;
    }
    assert!(answered <= CHALLENGES);
    // Nobody who does not know the password can sign.
    assert!(!matches!(mechanism, Mechanism::Scram { .. }) || client.accepted().is_err());
    assert!(client.told().is_none_or(|told| told.len() < 1000));
}

/// client-first-message and client-final-message, a line each; before them what the connection is like.
fn server(messages: &[u8]) {
    let Some((how, messages)) = messages.split_first() else { return };
    let bindings = [("tls-exporter", b"data".to_vec())];
    let offered = Offered { plus: how & 1 == 1, bindings: if how & 2 == 2 { &bindings } else { &[] } };
    let (first, last) = messages.split_at(messages.iter().position(|b| *b == b'\n').unwrap_or(messages.len()));
    let Ok(first) = ClientFirst::parse(first, offered) else { return };
    assert!(!first.user.is_empty());
    let salt = b"salt";
    let random = Secret::new(b"random".to_vec());
    let keys = Keys::of_nobody(Hash::Sha256, salt, NonZeroU32::new(4096).unwrap(), &random);
    let exchange = first.answer(keys, "3rfcNHYJY1ZVvWVs7j");
    assert!(exchange.first().contains("3rfcNHYJY1ZVvWVs7j,s=c2FsdA==,i=4096"));
    // Nobody knows the password of nobody.
    assert!(!matches!(exchange.last(last.get(1..).unwrap_or_default()), Ok(Some(_))));
}

fn keys(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some(keys) = Keys::parse(text) {
        let line = keys.line();
        assert_eq!(Keys::parse(&line).map(|again| again.line()), Some(line));
    }
}

fn responses(message: &[u8]) {
    if let Some((user, password)) = read_plain(message) {
        assert!(!user.is_empty() && !user.contains('\0') && !password.expose().contains(&0));
    }
    if let Some((user, digits)) = cram::read_cram_md5(message) {
        assert!(!user.is_empty() && digits.expose().len() == 32);
        assert!(!cram::is_cram_md5(&digits, &Secret::new(message.to_vec()), b"<1@x>"));
    }
    if let Some(stamp) = std::str::from_utf8(message).ok().and_then(cram::timestamp) {
        assert!(stamp.is_ascii() && stamp.starts_with('<') && stamp.ends_with('>'));
    }
    if let Some(bytes) = unbase64(message) {
        assert_eq!(base64(&bytes).as_bytes(), message);
    }
}
