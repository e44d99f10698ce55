use super::*;
use crate::proto::sasl::mechanism::Hash;
use crate::proto::sasl::mechanism::Mechanism;
use crate::proto::sasl::{Client, Who};
use crate::secret::Secret;
use std::num::NonZeroU32;

const FEW: NonZeroU32 = NonZeroU32::new(4096).unwrap();

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn keys(hash: Hash) -> Keys {
    Keys::of(hash, &secret("pencil"), b"salt", FEW)
}

/// RFC 7677 3, from the other side.
#[test]
fn a_server_by_the_book() {
    let salt = crate::proto::sasl::unbase64(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = Keys::of(Hash::Sha256, &secret("pencil"), &salt, FEW);
    let none = Vec::new();
    let offered = Offered { plus: false, bindings: &none };
    let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", offered).unwrap();
    assert_eq!(first.user, "user");
    let exchange = first.answer(keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(
        exchange.first(),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let verifier = exchange.last(last.as_bytes()).unwrap();
    assert_eq!(verifier.as_deref(), Some("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    assert_eq!(exchange.last(last.replace("p=dH", "p=dI").as_bytes()), Ok(None));
    for bad in [
        "",
        "c=biws",
        &last.replace("c=biws", "c=eSws"),
        &last.replace("r=rO", "r=rX"),
        &last.replace(",p=", ",m=x,p="),
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAA",
    ] {
        assert!(exchange.last(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn what_is_said_of_binding_must_be_what_was_offered() {
    let (some, none) = (vec![("tls-exporter", vec![1])], Vec::new());
    let plain = Offered { plus: false, bindings: &none };
    let could = Offered { plus: false, bindings: &some };
    let plus = Offered { plus: true, bindings: &some };
    for (head, offered, good) in [
        ("n,,", plain, true),
        ("y,,", plain, true),
        ("p=tls-exporter,,", plain, false),
        ("n,,", could, true),
        ("y,,", could, false),
        ("p=tls-exporter,,", could, false),
        ("n,,", plus, false),
        ("y,,", plus, false),
        ("p=tls-exporter,,", plus, true),
        ("p=tls-unique,,", plus, false),
        ("n,a=bob,", plain, true),
        ("n,a=eve,", plain, false),
        ("x,,", plain, false),
        ("n", plain, false),
    ] {
        let message = format!("{head}n=bob,r=abc");
        assert_eq!(ClientFirst::parse(message.as_bytes(), offered).is_ok(), good, "{head} {offered:?}");
    }
    for bad in
        ["n,,", "n,,n=,r=a", "n,,n=b=ob,r=a", "n,,n=bob", "n,,n=bob,r=", "n,,n=bob,r=a b", "n,,m=x,n=bob,r=a", "\u{e9}"]
    {
        assert!(ClientFirst::parse(bad.as_bytes(), plain).is_err(), "{bad}");
    }
    assert!(ClientFirst::parse(b"n,,n=\xff,r=a", plain).is_err());
}

/// Our client against our server: with both hashes, bound and not.
#[test]
fn both_sides() {
    let (ours, theirs) = (vec![("tls-exporter", b"one".to_vec())], vec![("tls-exporter", b"two".to_vec())]);
    for (hash, plus, bindings, password, proven) in [
        (Hash::Sha1, false, &ours, "pencil", true),
        (Hash::Sha256, true, &ours, "pencil", true),
        (Hash::Sha1, true, &ours, "pencil", true),
        (Hash::Sha256, true, &ours, "pencils", false),
        // Somebody in the middle has another TLS connection with each.
        (Hash::Sha256, true, &theirs, "pencil", false),
    ] {
        let password = secret(password);
        let who = Who { user: "a,b", secret: &password, nonce: "abc", bindings: &ours, binds: true, server: None };
        let mut client = Client::new(Mechanism::Scram { hash, plus }, &who).unwrap();
        let first = ClientFirst::parse(client.initial().unwrap().expose(), Offered { plus, bindings }).unwrap();
        assert_eq!(first.user, "a,b");
        let exchange = first.answer(keys(hash), "def");
        let last = client.respond(exchange.first().as_bytes()).unwrap();
        let verifier = exchange.last(last.expose()).ok().flatten();
        assert_eq!(verifier.is_some(), proven);
        if let Some(verifier) = verifier {
            client.respond(verifier.as_bytes()).unwrap();
            client.accepted().unwrap();
        }
    }
}

#[test]
fn keys_both_ways() {
    for hash in [Hash::Sha1, Hash::Sha256] {
        let keys = keys(hash);
        let line = keys.line();
        let read = Keys::parse(&line).unwrap();
        assert_eq!(read.line(), line);
        assert!(read.are_of(&secret("pencil")) && !read.are_of(&secret("pencils")) && !line.contains("pencil"));
        let postgres = line.replacen('}', "$", 1).replace('{', "");
        let mut fields = postgres.split(',');
        let mut next = || fields.next().unwrap();
        let postgres = format!("{}:{}${}:{}", next(), next(), next(), next());
        assert_eq!(Keys::parse(&postgres).unwrap().line(), line);
        for bad in [
            line.replace("4096", "0"),
            line.replace("4096", "4294967295"),
            line.replace("c2FsdA==", ""),
            line.replace("c2FsdA==", "c2FsdA"),
            line.replace("SCRAM-SHA-1}", "SCRAM-SHA-256}").replace("{SCRAM-SHA-256}", "{SCRAM-SHA-1}"),
            line.replace("{SCRAM", "{CRAM"),
            line.clone() + ",x",
            line.rsplit_once(',').unwrap().0.to_owned(),
            String::new(),
        ] {
            assert!(Keys::parse(&bad).is_none() || bad == line, "{bad}");
        }
    }
    let nobody = Keys::of_nobody(Hash::Sha256, b"salt", FEW, &secret("random"));
    assert!(!nobody.are_of(&secret("random")) && nobody.line().len() == keys(Hash::Sha256).line().len());
}
