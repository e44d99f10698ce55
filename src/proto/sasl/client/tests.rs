use super::super::mechanism::Hash;
use super::super::unbase64;
use super::*;

static NONE: &Bindings = &[];

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn who<'w>(user: &'w str, secret: &'w Secret) -> Who<'w> {
    Who { user, secret, nonce: "fyko+d2lbbFgONRv9qkxdawL", bindings: NONE, binds: false, server: None }
}

fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.expose()).unwrap()
}

const SCRAM: Mechanism = Mechanism::Scram { hash: Hash::Sha1, plus: false };

#[test]
fn messages_and_ends() {
    let password = secret("tulip");
    let mut plain = Client::new(Mechanism::Plain, &who("bob", &password)).unwrap();
    assert!(plain.accepted().is_err());
    assert_eq!(text(&plain.initial().unwrap()), "\0bob\0tulip");
    assert!(plain.accepted().is_ok() && plain.respond(b"").is_err());
    let mut login = Client::new(Mechanism::Login, &who("bob", &password)).unwrap();
    assert!(login.initial().is_none() && login.accepted().is_err());
    assert_eq!(text(&login.respond(b"any").unwrap()), "bob");
    assert!(login.accepted().is_err());
    assert_eq!(text(&login.respond(b"").unwrap()), "tulip");
    assert!(login.accepted().is_ok() && login.respond(b"more").is_err());
    let mut external = Client::new(Mechanism::External, &who("bob", &secret(""))).unwrap();
    assert_eq!(text(&external.respond(b"").unwrap()), "bob");
    let mut cram = Client::new(Mechanism::CramMd5, &who("bob", &password)).unwrap();
    assert!(matches!(cram.respond(b""), Err(Failure::Server(_))));
    for mechanism in Mechanism::ALL {
        assert!(Client::new(mechanism, &who("b\0b", &password)).is_err());
        assert!(Client::new(mechanism, &who("bob", &secret("a\0b"))).is_err());
    }
    // What separates the fields of these.
    assert!(Client::new(Mechanism::Xoauth2, &who("bob", &secret("a\x01b"))).is_err());
}

#[test]
fn a_token_that_is_refused() {
    for (mechanism, dummy) in [(Mechanism::OauthBearer, "\x01"), (Mechanism::Xoauth2, "")] {
        let token = secret("t");
        let mut client = Client::new(mechanism, &who("bob", &token)).unwrap();
        assert!(client.respond(b"").unwrap().expose().ends_with(b"auth=Bearer t\x01\x01"));
        assert_eq!(text(&client.respond(br#"{"status":"401"}"#).unwrap()), dummy);
        assert_eq!(client.told(), Some("the token is refused: status 401"));
        assert!(client.respond(b"{}").is_err());
    }
}

/// RFC 5802 5.
#[test]
fn scram_by_the_book() {
    let password = secret("pencil");
    let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
    assert_eq!(text(&client.initial().unwrap()), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
    assert_eq!(
        text(&client.respond(first).unwrap()),
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    );
    assert!(client.accepted().is_err());
    assert!(client.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap().expose().is_empty());
    assert!(client.accepted().is_ok());
}

/// RFC 7677 3.
#[test]
fn scram_sha_256_by_the_book() {
    let password = secret("pencil");
    let scram = Mechanism::Scram { hash: Hash::Sha256, plus: false };
    let who = Who { nonce: "rOprNGfwEbeRWgbNEkqO", ..who("user", &password) };
    let mut client = Client::new(scram, &who).unwrap();
    assert_eq!(text(&client.initial().unwrap()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(
        text(&client.respond(first).unwrap()),
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert!(client.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_ok() && client.accepted().is_ok());
}

#[test]
fn a_server_that_lies() {
    let password = secret("pencil");
    let nonce = "r=fyko+d2lbbFgONRv9qkxdawL3rfc";
    for (first, why) in [
        ("r=other,s=QSXCR+Q6sek8bf92,i=4096".to_owned(), "begin with ours"),
        ("r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096".to_owned(), "begin with ours"),
        (format!("{nonce}\u{e9},s=QSXCR+Q6sek8bf92,i=4096"), "begin with ours"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=4095"), "too easy"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=0"), "too easy"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=1500001"), "more than 1500000"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=4294967295"), "more than 1500000"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=99999999999999999999"), "none"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=+4096"), "none"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92"), "without a count"),
        (format!("{nonce},s=,i=4096"), "a salt that is none"),
        (format!("{nonce},s=***,i=4096"), "a salt that is none"),
        (format!("{nonce},i=4096"), "without a salt"),
        (format!("m=x,{nonce},s=QSXCR+Q6sek8bf92,i=4096"), "without a nonce"),
        (format!("{nonce},s=QSXCR+Q6sek8bf92,i=4096,m=x"), "demands an extension"),
        (String::new(), "without a nonce"),
    ] {
        let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
        client.initial().unwrap();
        match client.respond(first.as_bytes()) {
            Err(Failure::Server(said)) => assert!(said.contains(why), "{first}: {said}"),
            other => panic!("{first}: {other:?}"),
        }
    }
    let first = format!("{nonce},s=QSXCR+Q6sek8bf92,i=4096,x=1");
    for (last, refused) in
        [("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", false), ("v=", false), ("", false), ("e=invalid-proof", true)]
    {
        let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
        client.initial().unwrap();
        client.respond(first.as_bytes()).unwrap();
        let failure = client.respond(last.as_bytes()).unwrap_err();
        assert_eq!(matches!(failure, Failure::Refused(_)), refused, "{last}: {failure}");
    }
    let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
    client.initial().unwrap();
    assert!(client.respond(b"nothing").is_err() && client.accepted().is_err());
    let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
    client.initial().unwrap();
    assert_eq!(client.respond(b"e=unknown-user").unwrap_err(), Failure::Refused("SCRAM: unknown-user".into()));
}

#[test]
fn names_are_escaped_and_prepared() {
    let password = secret("x");
    let first = |user| text(&Client::new(SCRAM, &who(user, &password)).unwrap().initial().unwrap()).to_owned();
    assert!(first("a,b=c").starts_with("n,,n=a=2Cb=3Dc,r="));
    assert!(first("\u{2168}").starts_with("n,,n=IX,r="));
    // The same password in another form.
    let proofs: Vec<String> = ["\u{2168}\u{ad}", "IX"]
        .map(|password| {
            let password = secret(password);
            let mut client = Client::new(SCRAM, &who("user", &password)).unwrap();
            client.initial().unwrap();
            let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096";
            text(&client.respond(first).unwrap()).to_owned()
        })
        .to_vec();
    assert_eq!(proofs[0], proofs[1]);
}

/// What is said of channel binding, RFC 5802 6: that it could be, if nobody seems to offer it.
#[test]
fn the_head_tells_what_could_be() {
    let (password, bindings) =
        (secret("pencil"), vec![("tls-exporter", b"data".to_vec()), ("tls-server-end-point", vec![])]);
    let first = |plus, binds, bindings: &Bindings| {
        let scram = Mechanism::Scram { hash: Hash::Sha256, plus };
        let client = Client::new(scram, &Who { bindings, binds, ..who("user", &password) });
        client.map(|mut client| text(&client.initial().unwrap()).split_once("n=").unwrap().0.to_owned())
    };
    assert_eq!(first(true, true, &bindings).unwrap(), "p=tls-exporter,,");
    assert_eq!(first(false, false, &bindings).unwrap(), "y,,");
    assert_eq!(first(false, true, &bindings).unwrap(), "n,,");
    assert_eq!(first(false, true, NONE).unwrap(), "n,,");
    assert!(first(true, true, NONE).is_err());
    let scram = Mechanism::Scram { hash: Hash::Sha256, plus: true };
    let mut client = Client::new(scram, &Who { bindings: &bindings, binds: true, ..who("user", &password) }).unwrap();
    client.initial().unwrap();
    let last = client.respond(b"r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096").unwrap();
    let bound = text(&last).strip_prefix("c=").unwrap().split(',').next().unwrap();
    assert_eq!(unbase64(bound.as_bytes()).unwrap(), b"p=tls-exporter,,data");
}

#[test]
fn the_strongest_is_taken() {
    let all = known(["PLAIN", "LOGIN", "CRAM-MD5", "NTLM", "scram-sha-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"]);
    assert_eq!(all.len(), 6);
    let with_password = |mechanism: Mechanism| mechanism.takes_password();
    let name = |found: Option<Mechanism>| found.map(Mechanism::name);
    assert_eq!(name(choose(&all, &[], with_password)), Some("SCRAM-SHA-1-PLUS"));
    let unbound = |m: Mechanism| !matches!(m, Mechanism::Scram { plus: true, .. });
    assert_eq!(name(choose(&all, &[], unbound)), Some("SCRAM-SHA-256"));
    assert_eq!(name(choose(&known(["LOGIN", "PLAIN", "CRAM-MD5"]), &[], with_password)), Some("PLAIN"));
    assert_eq!(name(choose(&known(["CRAM-MD5"]), &[], with_password)), None);
    assert_eq!(name(choose(&all, &[Mechanism::CramMd5, Mechanism::Plain], with_password)), Some("CRAM-MD5"));
    assert_eq!(name(choose(&all, &[Mechanism::Xoauth2, Mechanism::Login], with_password)), Some("LOGIN"));
    assert_eq!(
        name(choose(&known(["XOAUTH2", "OAUTHBEARER", "PLAIN"]), &[], Mechanism::takes_token)),
        Some("OAUTHBEARER")
    );
}
