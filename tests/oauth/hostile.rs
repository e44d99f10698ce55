//! Token servers that are down, slow, or say what no token server should.

use super::*;
use std::io::ErrorKind;
use std::net::TcpListener;

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn json(body: &str) -> Vec<u8> {
    answer("200 OK\r\nContent-Type: application/json", body)
}

#[test]
fn what_it_should_not_say_ends_with_a_status_and_changes_nothing() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1");
    let secret = format!("{MARKER}-refresh-1");
    let long = "x".repeat(2 << 20);
    let error = |status: &str, body: &str| answer(&format!("{status} x\r\nContent-Type: application/json"), body);
    for (said, status, why) in [
        (json(&format!(r#"{{"access_token":"{long}","token_type":"bearer"}}"#)), 76, "more than 1048576 bytes"),
        (json(&format!(r#"{{"access_token":"{}","token_type":"bearer"}}"#, &long[..70_000])), 76, "access_token"),
        (json("hello"), 76, "not the JSON expected"),
        (json(""), 76, "not the JSON expected"),
        (json("[]"), 76, "not the JSON expected"),
        (json(&"[".repeat(100_000)), 76, "not the JSON expected"),
        (json("{}"), 76, "without access_token"),
        (json(&format!(r#"{{"access_token":["{secret}"]}}"#)), 76, "not the JSON expected"),
        (json(r#"{"access_token":"a\r\nb","token_type":"bearer"}"#), 76, "access_token can't be one"),
        (json(r#"{"access_token":"a b","token_type":"bearer"}"#), 76, "access_token can't be one"),
        (json(r#"{"access_token":"","token_type":"bearer"}"#), 76, "access_token can't be one"),
        (json(r#"{"access_token":"a\u0001","token_type":"bearer"}"#), 76, "access_token can't be one"),
        (json(r#"{"access_token":"a","refresh_token":"b\n","token_type":"bearer"}"#), 76, "refresh_token can't be one"),
        (json(r#"{"access_token":"a","token_type":"mac"}"#), 76, "token_type"),
        (json(r#"{"access_token":"a"}"#), 76, "token_type"),
        (
            answer("200 OK\r\nContent-Type: text/html", r#"{"access_token":"a","token_type":"bearer"}"#),
            76,
            "not JSON, but text/html",
        ),
        (answer("200 OK", r#"{"access_token":"a","token_type":"bearer"}"#), 76, "not JSON"),
        (answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""), 76, "redirect (302)"),
        (answer("404 Not Found\r\nContent-Type: text/html", "x"), 76, "status 404"),
        (answer("503 Busy\r\nContent-Type: text/html", "x"), 75, "status 503"),
        (answer("429 Slowly", ""), 75, "status 429"),
        (b"220 mx ESMTP\r\n".to_vec(), 76, "no HTTP"),
        (Vec::new(), 75, "connection lost"),
        (error("400", r#"{"error":"invalid_client"}"#), 77, "client-id"),
        (error("400", r#"{"error":"invalid_scope"}"#), 69, "invalid_scope"),
        (error("503", r#"{"error":"temporarily_unavailable"}"#), 75, "temporarily_unavailable"),
        (error("500", r#"{"error":"x"}"#), 75, "says x"),
        (
            error(
                "400",
                &format!(r#"{{"error":"invalid_grant","error_description":"{secret} \u001b[2J{}"}}"#, &long[..999]),
            ),
            77,
            "(*** \\x1B[2Jxxx",
        ),
    ] {
        s.issuer.with(|s| s.instead = Some(said));
        let ran = s.imap_ls().ends(status).complains(why);
        assert!(ran.err.len() < 700, "{ran:?}");
    }
    s.issuer.with(|s| s.instead = None);
    s.imap_ls().ends(0);
    assert_eq!(s.issuer.with(|s| s.granted), 2);
}

#[test]
fn nobody_there_or_nobody_in_time() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1");
    // One that drips.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
            while !matches!(
                socket.write_all(b" ").map_err(|e| e.kind()),
                Err(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
            ) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    s.sql(&format!("UPDATE token SET endpoint = 'http://127.0.0.1:{port}/token'"));
    s.run("imap-ls", &["--timeout", "1s", "work:"]).ends(75).complains("in time");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    s.sql(&format!("UPDATE token SET endpoint = 'http://{closed}/token'"));
    s.imap_ls().ends(75).complains("refused");
}

#[test]
fn who_has_the_lock_and_does_not_end_is_waited_for_until_the_deadline() {
    let s = Setting::new();
    s.login(&["work:"]).ends(0);
    s.sql("UPDATE token SET expires = 1");
    s.issuer.with(|s| s.thinks = Duration::from_secs(60));
    let mut child = s.start("imap-ls", &["work:"]);
    while s.issuer.asked("refresh_token") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    s.run("imap-ls", &["--timeout", "1s", "work:"]).ends(75).complains("another program renews the token");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn discovery_that_is_another_issuers_or_none() {
    let s = Setting::new();
    let published = |name: &'static str, value: &str| {
        s.issuer.with(|s| {
            s.published.clear();
            s.published.insert(name, value.into());
        });
    };
    published("issuer", "https://evil.example");
    s.login(&["work:"]).ends(76).complains("another issuer says: https://evil.example");
    published("token_endpoint", "http://evil.example/token");
    s.login(&["work:"]).ends(76).complains("token_endpoint: http://evil.example/token: not https://");
    published("token_endpoint", "https://bob:pw@evil.example/token");
    s.login(&["work:"]).ends(76);
    s.issuer.with(|s| s.published.clear());
    s.config("client-id = \"mail\", flow = \"client-credentials\", client-secret.env = \"NOT_SET\"");
    s.imap_ls().ends(78).complains("NOT_SET");
    // Not an issuer at all.
    s.password(&format!("password = {{ oauth = {{ issuer = \"{}/x\", client-id = \"mail\" }} }}", s.issuer.url));
    s.login(&["work:"]).ends(76).complains("is it the issuer's URL?");
    // By addresses, without discovery.
    let url = &s.issuer.url;
    s.password(&format!(
        "password = {{ oauth = {{ token-endpoint = \"{url}/token\", device-endpoint = \"{url}/device\", client-id = \"mail\" }} }}"
    ));
    s.login(&["--browser", "work:"]).ends(78).complains("knows no login in a browser");
    s.login(&["work:"]).ends(0);
    s.imap_ls().ends(0);
}
