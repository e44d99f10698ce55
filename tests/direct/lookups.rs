//! Questions and answers of the DNS alone, from servers that are slow, wrong or hostile.

use super::common::dns::Dns;
use pipepost::error::Exit;
use pipepost::net::Deadline;
use pipepost::net::dns::{Kind, Record, Resolver};
use std::time::Duration;

fn resolver(dns: &Dns) -> Resolver {
    Resolver::at(dns.server().parse().unwrap()).waiting(Duration::from_millis(300))
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

#[test]
fn what_is_there_and_what_is_not() {
    let dns = Dns::start(
        "a.test A 127.0.0.2
         a.test MX 10 A.Test
         c.test CNAME d.test
         d.test CNAME a.test
         round.test CNAME round2.test
         round2.test CNAME round.test
         sub.none.test A 127.0.0.3
         t.test TXT v=STSv1; id=1
         _25._tcp.a.test TLSA 3 1 1 0102ff",
    );
    let at = |name: &str, kind| resolver(&dns).look_up(name, kind, soon()).unwrap();
    let address = Record::Address("127.0.0.2".parse().unwrap());
    assert_eq!(at("A.test.", Kind::A).records, std::slice::from_ref(&address));
    assert_eq!(at("a.test", Kind::Mx).records, [Record::Mx(10, "a.test".into())]);
    let found = at("c.test", Kind::A);
    assert_eq!((found.records, found.aliases), (vec![address], vec!["d.test".to_owned(), "a.test".to_owned()]));
    assert_eq!(at("t.test", Kind::Txt).records, [Record::Text(b"v=STSv1; id=1".to_vec())]);
    match at("_25._tcp.a.test", Kind::Tlsa).records.as_slice() {
        [Record::Tlsa(tlsa)] => assert_eq!((tlsa.usage, tlsa.selector, tlsa.data.as_slice()), (3, 1, &[1, 2, 255][..])),
        other => panic!("{other:?}"),
    }
    for (name, kind, exists) in [
        ("a.test", Kind::Txt, true),
        ("none.test", Kind::A, true),
        ("gone.test", Kind::A, false),
        ("round.test", Kind::A, true),
    ] {
        let found = at(name, kind);
        assert_eq!((found.exists, found.records.len()), (exists, 0), "{name}");
    }
    for bad in ["", "a..test", &"a".repeat(64), &"a.".repeat(200)] {
        assert!(resolver(&dns).look_up(bad, Kind::A, soon()).is_err() || bad.is_empty(), "{bad}");
    }
}

#[test]
fn whom_the_ad_bit_is_believed() {
    let dns = Dns::start("a.test A 127.0.0.2\n ! a.test secure\nb.test CNAME a.test");
    assert!(resolver(&dns).look_up("a.test", Kind::A, soon()).unwrap().secure);
    // The absence too; but not what an alias outside leads to.
    assert!(resolver(&dns).look_up("a.test", Kind::Mx, soon()).unwrap().secure);
    assert!(!resolver(&dns).look_up("b.test", Kind::A, soon()).unwrap().secure);
    let far = Resolver::at("192.0.2.1:53".parse().unwrap());
    assert!(!far.may_be_secure() && far.validating().may_be_secure());
}

#[test]
fn failures_are_not_absences() {
    let dns = Dns::start(
        "silent.test A 127.0.0.2
         ! silent.test silent
         fails.test A 127.0.0.2
         ! fails.test servfail
         garbage.test A 127.0.0.2
         ! garbage.test garbage
         loop.test MX 10 a.test
         ! loop.test loop
         cut.test A 127.0.0.2
         ! cut.test cut",
    );
    for (name, words) in [
        ("silent.test", "does not answer in time"),
        ("fails.test", "SERVFAIL"),
        ("garbage.test", "in time"),
        ("loop.test", "can't be read"),
        ("cut.test", "can't be read"),
    ] {
        let kind = if name == "loop.test" { Kind::Mx } else { Kind::A };
        let e = resolver(&dns).look_up(name, kind, soon()).unwrap_err();
        assert!(e.exit() == Exit::TempFail && e.to_string().contains(words), "{name}: {e}");
    }
    // Nobody there at all; a deadline that has passed.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let e = Resolver::at(closed).look_up("a.test", Kind::A, soon()).unwrap_err();
    assert_eq!(e.exit(), Exit::TempFail);
    let e = resolver(&dns).look_up("a.test", Kind::A, Deadline::after(Duration::ZERO)).unwrap_err();
    assert_eq!(e.exit(), Exit::TempFail);
}

#[test]
fn forged_answers_are_passed_over() {
    let dns = Dns::start(
        "id.test A 127.0.0.2
         ! id.test strange-id
         question.test A 127.0.0.3
         ! question.test strange-question",
    );
    for name in ["id.test", "question.test"] {
        assert_eq!(resolver(&dns).look_up(name, Kind::A, soon()).unwrap().records.len(), 1, "{name}");
    }
    assert_eq!(dns.asked().len(), 2);
}

#[test]
fn what_is_too_long_for_a_datagram_comes_by_tcp() {
    let many: String = (0..400).map(|n| format!("many.test MX {} host{n}.many.test\n", n % 7)).collect();
    let dns =
        Dns::start(&format!("t.test A 127.0.0.2\n! t.test truncated\nlong.test TXT {}\n{many}", "x".repeat(20_000)));
    assert_eq!(resolver(&dns).look_up("t.test", Kind::A, soon()).unwrap().records.len(), 1);
    assert_eq!(dns.asked(), ["t.test A", "t.test A tcp"]);
    assert_eq!(resolver(&dns).look_up("many.test", Kind::Mx, soon()).unwrap().records.len(), 400);
    // Of a text that nobody can mean the beginning is enough.
    match resolver(&dns).look_up("long.test", Kind::Txt, soon()).unwrap().records.as_slice() {
        [Record::Text(text)] => assert!(text.len() >= 4096 && text.len() < 5000),
        other => panic!("{}", other.len()),
    }
}
