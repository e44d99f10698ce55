//! Keys of DKIM in the DNS: `mailfmt verify --dns`.

use super::common::Home;
use super::common::dns::Dns;

const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

#[test]
fn keys_come_from_the_dns_when_it_is_asked() {
    let message = std::fs::read(format!("{}/tests/mailfmt/dkim/rfc8463.eml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let home = Home::new();
    let (brisbane, test) = ("brisbane._domainkey.football.example.com", "test._domainkey.football.example.com");
    let dns = Dns::start(&format!("{brisbane} TXT {ED25519}\n{test} TXT {RSA}\n"));
    let verify = |status| {
        let ran = home.run("mailfmt", &["verify", "--dns", "--resolver", &dns.server()], &message).ends(status);
        ran.out.lines().map(|line| line.split('\t').nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(verify(0), ["pass", "pass"]);
    assert_eq!(dns.asked().len(), 2);
    // One that has no record, and one that nobody can tell of now.
    dns.becomes(&format!("{brisbane} TXT {ED25519}\n"));
    assert_eq!(verify(0), ["pass", "permerror"]);
    dns.becomes(&format!("{brisbane} TXT {ED25519}\n! {test} servfail\n"));
    assert_eq!(verify(75), ["pass", "temperror"]);
    // Several records of a name: the first that is a key for it.
    dns.becomes(&format!("{brisbane} TXT v=spf1 -all\n{brisbane} TXT {ED25519}\n{test} TXT {RSA}\n"));
    assert_eq!(verify(0), ["pass", "pass"]);
}
