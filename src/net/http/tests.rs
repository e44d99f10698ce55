//! Requests to servers that answer well, badly, slowly, or too much.

use super::*;
use crate::error::Exit;
use crate::net::stream::Socket;
use crate::net::tls::{Certificate, Identity, Roots, self_signed};
use std::io::Write;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

/// A server that answers one connection with `answer` once it has read the request, of which it tells the bytes.
fn server(answer: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut io, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && io.read(&mut byte).unwrap() > 0 {
            asked.push(byte[0]);
        }
        let head = String::from_utf8(asked.clone()).unwrap().to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        io.read_exact(&mut body).unwrap();
        asked.extend(body);
        // Who has had enough hangs up.
        let _ = io.write_all(&answer);
        String::from_utf8(asked).unwrap()
    });
    (url, serving)
}

fn http() -> Http {
    Http::new(Route::default(), Arc::new(Tls::default()))
}

/// GET of what `answer` says.
fn get(answer: impl AsRef<[u8]>) -> Result<Answer> {
    let (url, serving) = server(answer.as_ref().to_vec());
    let got = http().limit(1000).get(&url.parse().unwrap(), "text/plain");
    serving.join().unwrap();
    got
}

#[test]
fn a_form_goes_out_and_an_answer_comes_back() {
    let answer =
        "HTTP/1.1 201 Created\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}rest";
    let (url, serving) = server(answer.into());
    let form = Form::default().with("a b", "x&y=\u{e9}").with_secret("token", b"tu+li/p\r\n");
    let url: Url = format!("{url}/token?x=1").parse().unwrap();
    let answer = http().post(&url, &form, Some(&Secret::new(b"id:pw".to_vec()))).unwrap();
    let asked = serving.join().unwrap();
    assert_eq!((answer.status, answer.kind.as_str(), answer.body.expose()), (201, "application/json", &b"{}"[..]));
    assert!(asked.starts_with("POST /token?x=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\na%20b=x%26y%3D%C3%A9&token=tu%2Bli%2Fp%0D%0A"), "{asked}");
    for field in [
        &format!("host: {}:{}", url.host().0, url.host().1),
        "content-type: application/x-www-form-urlencoded",
        "authorization: Basic aWQ6cHc=",
        "accept: application/json",
    ] {
        assert!(asked.lines().any(|line| line.eq_ignore_ascii_case(field)), "{field}: {asked}");
    }
}

#[test]
fn bodies_by_length_in_chunks_and_to_the_end() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    for (rest, body) in [
        ("Content-Length: 5\r\n\r\nhello", "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello"),
        ("\r\nhello", "hello"),
        ("Content-Length: 0\r\n\r\n", ""),
    ] {
        assert_eq!(get(format!("{head}{rest}")).unwrap().body.expose(), body.as_bytes(), "{rest}");
    }
    // One of more than the buffers hold.
    let long = vec![b'x'; 300_000];
    let (url, serving) = server([b"HTTP/1.0 200 OK\r\n\r\n", long.as_slice()].concat());
    let got = http().get(&url.parse().unwrap(), "*/*").unwrap();
    serving.join().unwrap();
    assert!(got.body.expose() == long);
}

#[test]
fn a_name_that_was_looked_up_is_not_looked_up_again() {
    let (url, serving) = server(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    let answer = http().at(vec![address]).get(&"http://127.0.0.1:1/x".parse().unwrap(), "*/*").unwrap();
    assert_eq!(answer.status, 204);
    assert!(serving.join().unwrap().contains("\r\nhost: 127.0.0.1:1\r\n"));
}

#[test]
fn a_redirect_is_an_answer() {
    let answer = get("HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (302, Some("https://example.org/")));
}

#[test]
fn what_is_wrong_ends_with_a_status() {
    let long = "x".repeat(1001);
    for (answer, exit) in [
        (String::new(), Exit::TempFail),
        ("HTTP/1.1 200 OK\r\nContent-".to_owned(), Exit::TempFail),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_owned(), Exit::TempFail),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello".to_owned(), Exit::TempFail),
        ("220 mx.example.org ESMTP\r\n\r\n".to_owned(), Exit::Protocol),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello".to_owned(), Exit::Protocol),
        (format!("HTTP/1.1 200 OK\r\n\r\n{long}"), Exit::Protocol),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{long}"), Exit::Protocol),
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)), Exit::Protocol),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{}", "x".repeat(500_000)), Exit::Protocol),
        (
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{}", "x: y\r\n".repeat(200_000)),
            Exit::Protocol,
        ),
    ] {
        let e = get(&answer).unwrap_err();
        assert_eq!(e.exit(), exit, "{e}: {:?}", answer.get(..60));
        assert!(e.to_string().contains("127.0.0.1:"), "{e}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let e = http().get(&format!("http://{nobody}/").parse().unwrap(), "*/*").unwrap_err();
    assert_eq!(e.exit(), Exit::TempFail);
}

#[test]
fn who_drips_does_not_push_the_deadline_ahead() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let serving = thread::spawn(move || {
        let (mut io, _) = listener.accept().unwrap();
        let _ = io.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while io.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let e = http().until(Deadline::after(Duration::from_millis(300))).get(&url, "*/*").unwrap_err();
    assert_eq!((e.exit(), e.to_string().contains("in time")), (Exit::TempFail, true), "{e}");
    serving.join().unwrap();
}

#[test]
fn https_asks_for_a_certificate_with_that_name() {
    let made = self_signed(&["127.0.0.1".to_owned()]).unwrap();
    let other = self_signed(&["example.org".to_owned()]).unwrap();
    let ask = |shown: &crate::net::tls::OwnCertificate, cut: bool, trusted: Option<&str>| {
        let (chain, key) = (shown.certificate.as_bytes(), shown.key.as_bytes());
        let identity = Identity::new(Certificate::from_pem(chain, "chain", key, "key").unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("https://{}/x", listener.local_addr().unwrap()).parse().unwrap();
        let serving = thread::spawn(move || {
            let (io, _) = listener.accept().unwrap();
            let raw = io.try_clone().unwrap();
            let mut wire = Wire::over(Socket::new(io).unwrap(), "client").as_server();
            if wire.accept_tls(&identity).is_ok() {
                while wire.line(1000).is_ok_and(|line| !line.is_empty()) {}
                wire.put("HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
                wire.flush().unwrap();
                if cut {
                    raw.shutdown(std::net::Shutdown::Both).unwrap();
                }
            }
        });
        let roots = trusted.map(|pem| Roots::from_pem(pem.as_bytes(), "ca").unwrap());
        let got = Http::new(Route::default(), Arc::new(Tls::new(roots, vec![], None))).get(&url, "*/*");
        serving.join().unwrap();
        got
    };
    assert_eq!(ask(&made, false, Some(&made.certificate)).unwrap().body.expose(), b"hello");
    // Without the end that TLS demands nobody knows that it was the whole body.
    assert_eq!(ask(&made, true, Some(&made.certificate)).unwrap_err().exit(), Exit::TempFail);
    for (shown, trusted) in [(&made, None), (&other, Some(&other.certificate)), (&other, Some(&made.certificate))] {
        let e = ask(shown, false, trusted.map(String::as_str)).unwrap_err();
        assert_eq!(e.exit(), Exit::Protocol, "{e}");
    }
}

#[test]
fn urls() {
    for (text, host, path, shown) in [
        ("https://example.org", ("example.org", 443), "/", "https://example.org/"),
        ("https://example.org:8443/a/b?secret=x", ("example.org", 8443), "/a/b", "https://example.org:8443/a/b"),
        ("http://127.0.0.1:8080/t", ("127.0.0.1", 8080), "/t", "http://127.0.0.1:8080/t"),
        ("http://[::1]/", ("::1", 80), "/", "http://[::1]/"),
    ] {
        let url: Url = text.parse().unwrap();
        assert_eq!((url.host(), url.path(), url.to_string().as_str()), (host, path, shown));
    }
    let url: Url = "https://example.org:1/a?b".parse().unwrap();
    assert_eq!(url.with_path("/.well-known/x").unwrap().to_string(), "https://example.org:1/.well-known/x");
    for bad in [
        "",
        "example.org",
        "ftp://example.org/",
        "http://example.org/",
        "http://localhost/",
        "http://127.0.0.1.example.org/",
        "https:///x",
        "https://example.org:0/",
        "https://bob:tulip@example.org/",
        "http://127.0.0.1@example.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://example.org/#x",
        "https://exam ple.org/",
        &format!("https://example.org/{}", "x".repeat(5000)),
    ] {
        let e = bad.parse::<Url>().unwrap_err();
        assert_eq!(e.exit(), Exit::Usage, "{bad}");
        assert!(!e.to_string().contains("tulip"), "{e}");
    }
}
