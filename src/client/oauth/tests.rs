//! The ways to a token against a server that answers one request after the other.

use super::*;
use crate::net::Deadline;
use crate::net::dial::Route;
use crate::net::tls::Tls;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers each request with the next of `answers` (a status and JSON), and keeps what was asked.
fn server(answers: Vec<(u16, &'static str)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (all, base) = (asked.clone(), url.clone());
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut io, _) = listener.accept().unwrap();
            let mut got = Vec::new();
            let mut piece = [0; 4096];
            let whole = |got: &[u8]| {
                let text = String::from_utf8_lossy(got).to_ascii_lowercase();
                let length =
                    text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
                text.find("\r\n\r\n").is_some_and(|end| got.len() >= end + 4 + length)
            };
            while !whole(&got) {
                let n = io.read(&mut piece).unwrap();
                got.extend_from_slice(&piece[..n]);
            }
            all.lock().unwrap().push(String::from_utf8(got).unwrap());
            let body = body.replace("BASE", &base);
            let head = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
            io.write_all(format!("HTTP/1.1 {status} x\r\n{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    (url, asked)
}

fn http() -> Http {
    Http::new(Route::default(), Arc::new(Tls::default()))
}

fn asks(url: &str) -> OAuth {
    let at = |path: &str| format!("{url}{path}").parse::<Url>().unwrap();
    let server =
        Server { device: Some(at("/device")), authorization: Some(at("/page")), ..Server::new(url, at("/token")) };
    OAuth::new(http(), server, Client { id: "mail".into(), secret: None })
}

const DEVICE: &str = r#"{"device_code":"tulip","user_code":"A B","verification_url":"https://example.org/d","expires_in":"600","interval":2}"#;
const GRANTED: &str = r#"{"access_token":"a","token_type":"bearer","expires_in":3599.9,"scope":"x","id_token":"y"}"#;

#[test]
fn a_device_waits_as_long_as_the_server_wants() {
    let pending = (400, r#"{"error":"authorization_pending"}"#);
    let slower = (400, r#"{"error":"slow_down"}"#);
    let (url, asked) = server(vec![(200, DEVICE), pending, slower, pending, (503, "{}"), slower, (200, GRANTED)]);
    let asks = asks(&url);
    let device = asks.device("a b").unwrap();
    assert_eq!((device.user_code.as_str(), device.page.as_str(), device.lasts), ("A B", "https://example.org/d", 600));
    let mut pauses = Vec::new();
    let tokens = asks.poll(&device, Deadline::NEVER, &mut |pause: Duration| pauses.push(pause.as_secs())).unwrap();
    assert!(tokens.access.same(b"a") && tokens.refresh.is_none() && tokens.lasts == Some(3599));
    assert_eq!(pauses, [2, 2, 7, 7, 14, 19]);
    let asked = asked.lock().unwrap();
    assert!(asked[0].ends_with("scope=a%20b&client_id=mail"), "{}", asked[0]);
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=tulip&client_id=mail";
    assert!(asked[6].ends_with(grant), "{}", asked[6]);
}

#[test]
fn a_device_that_is_refused_or_never_confirmed() {
    for (answer, exit) in [
        (r#"{"error":"access_denied"}"#, Exit::Auth),
        (r#"{"error":"expired_token"}"#, Exit::TempFail),
        (r#"{"error":"invalid_client"}"#, Exit::Auth),
        (r#"{"error":"something else"}"#, Exit::Refused),
        ("{}", Exit::Protocol),
    ] {
        let (url, _) = server(vec![(200, DEVICE), (400, answer)]);
        let asks = asks(&url);
        let e = asks.poll(&asks.device("").unwrap(), Deadline::NEVER, &mut |_| ()).unwrap_err();
        assert_eq!(e.exit(), exit, "{e}");
        assert!(!e.to_string().contains("tulip"), "{e}");
    }
    let (url, _) = server(vec![(200, DEVICE)]);
    let asks = asks(&url);
    let soon = Deadline::after(Duration::from_secs(1));
    let e = asks.poll(&asks.device("").unwrap(), soon, &mut |_| panic!("waits too long")).unwrap_err();
    assert_eq!(e.exit(), Exit::TempFail);
}

#[test]
fn a_device_code_that_can_not_be_one() {
    for (from, to) in [
        ("\"tulip\"", "\"\""),
        ("\"tulip\"", "\"tu lip\""),
        ("A B", "\\u001b[2J"),
        ("A B", ""),
        ("https://example.org/d", "javascript:alert(1)"),
        ("https://example.org/d", "http://example.org/d"),
        ("\"600\"", "\"soon\""),
    ] {
        let body: &'static str = Box::leak(DEVICE.replacen(from, to, 1).into_boxed_str());
        let (url, _) = server(vec![(200, body)]);
        let e = asks(&url).device("").unwrap_err();
        assert_eq!(e.exit(), Exit::Protocol, "{body}: {e}");
        assert!(!e.to_string().contains("tulip") && !e.to_string().contains('\u{1b}'), "{e}");
    }
}

#[test]
fn what_an_issuer_publishes() {
    let all = r#"{"issuer":"BASE/a/","token_endpoint":"BASE/t","token_endpoint_auth_methods_supported":["client_secret_basic"]}"#;
    let (url, asked) = server(vec![(404, ""), (200, all)]);
    let issuer = format!("{url}/a");
    let found = Server::discover(&http(), &issuer).unwrap();
    assert_eq!((found.issuer, found.token.to_string(), found.secret_in_form), (issuer, format!("{url}/t"), false));
    assert_eq!((found.device, found.authorization, found.revocation), (None, None, None));
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("GET /.well-known/oauth-authorization-server/a HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /a/.well-known/openid-configuration HTTP/1.1\r\n"), "{}", asked[1]);
    for (answers, exit) in [
        (vec![(200, r#"{"issuer":"BASE/b","token_endpoint":"BASE/t"}"#)], Exit::Protocol),
        (vec![(200, r#"{"issuer":"BASE"}"#)], Exit::Protocol),
        (vec![(200, r#"{"issuer":"BASE","token_endpoint":"/t"}"#)], Exit::Protocol),
        (vec![(200, "{}")], Exit::Protocol),
        (vec![(503, "")], Exit::TempFail),
        (vec![(404, ""), (302, "")], Exit::Protocol),
    ] {
        let (url, _) = server(answers);
        assert_eq!(Server::discover(&http(), &url).unwrap_err().exit(), exit);
    }
}

#[test]
fn the_known_ones() {
    let google = Server::gmail().unwrap();
    assert_eq!(google.issuer, "https://accounts.google.com");
    let microsoft = Server::microsoft("example.org").unwrap();
    assert_eq!(microsoft.token.to_string(), "https://login.microsoftonline.com/example.org/oauth2/v2.0/token");
    assert!(microsoft.revocation.is_none() && microsoft.device.is_some());
    assert!(Server::microsoft("a b").is_err());
}

#[test]
fn a_page_has_a_challenge_and_no_verifier() {
    // RFC 7636, appendix B.
    let verifier = Secret::new(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_vec());
    let attempt = Attempt { state: Secret::new(b"s".to_vec()), verifier };
    assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let redirect = Redirect::listen("localhost", 0, "/x").unwrap();
    let page = asks("http://127.0.0.1:1").page(&redirect, &attempt, "", "bob@example.org").unwrap();
    assert!(redirect.uri().starts_with("http://localhost:") && redirect.uri().ends_with("/x"));
    assert!(
        page.contains("&state=s&") && page.contains("login_hint=bob%40example.org") && !page.contains("scope"),
        "{page}"
    );
    assert!(!page.contains("dBjft"), "{page}");
    let two = [Attempt::new().unwrap(), Attempt::new().unwrap()];
    assert!(two[0].state != two[1].state && two[0].verifier != two[1].verifier);
}
