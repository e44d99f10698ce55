//! What happens to a message before it is sent, with the real programs: composing, mail merge, rewriting, `--run`, copies.

// A test fails by panicking, in its helpers too.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Home, Ran};

fn file(home: &Home, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(home.path().join(name), bytes).unwrap();
}

fn send(home: &Home, arguments: &[&str], text: &[u8]) -> Ran {
    home.run("smtp-send", arguments, text)
}

/// The messages that a local user has.
fn count(home: &Home, user: &str) -> usize {
    home.run("pop3-ls", &[&format!("local://{user}")], b"").ends(0).out.lines().count()
}

/// A message of a local user, in file form.
fn got(home: &Home, user: &str, number: usize) -> String {
    home.run("pop3-fetch", &[&format!("local://{user}"), &number.to_string()], b"").ends(0).out
}

fn tree(home: &Home, message: &str) -> Vec<String> {
    let shown = home.run("mailfmt", &["show", "--tree"], message.as_bytes()).ends(0).out;
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        format!("{} {} {}", cells[0], cells[1], cells.get(5).unwrap_or(&""))
    };
    shown.lines().map(|line| row(line).trim().to_owned()).collect()
}

#[test]
fn text_page_pictures_and_files() {
    let home = Home::new();
    file(&home, "page.html", "<p>Hello <img src=\"cid:lögo 1.png\"> and <b>bye</b></p>\n");
    file(&home, "lögo 1.png", b"\x89PNG\r\n\x1a\n----");
    file(&home, "README", "grüße\n");
    file(&home, "blob", b"\0\xff\x01");
    file(&home, "in.eml", "Subject: inner\n\nhi\n");
    let arguments = "-s x --html page.html --inline|lögo 1.png|--attach README --attach blob:image/gif:a;\"b\".gif --attach in.eml bob@localhost";
    let arguments: Vec<&str> = arguments
        .split('|')
        .flat_map(|part| if part.contains("lögo") { vec![part] } else { part.split(' ').collect() })
        .collect();
    send(&home, &arguments, b"").ends(0);
    let message = got(&home, "bob", 1);
    assert_eq!(
        tree(&home, &message),
        [
            "0 multipart/mixed",
            "1 multipart/alternative",
            "1.1 text/plain",
            "1.2 multipart/related",
            "1.2.1 text/html",
            "1.2.2 image/png lögo 1.png",
            "2 text/plain README",
            "3 image/gif a;\"b\".gif",
            "4 message/rfc822 in.eml",
            "4.1 text/plain"
        ]
    );
    let part = |number: &str| home.run("mailfmt", &["show", "--part", number], message.as_bytes()).ends(0).out;
    assert!(part("1.1").starts_with("Hello") && part("1.1").contains("bye") && !part("1.1").contains('<'));
    let page = part("1.2.1");
    let (_, id) = page.split_once("cid:").unwrap();
    let id = id.split('"').next().unwrap();
    assert!(message.contains(&format!("Content-ID: <{id}>")), "{message}");
    assert_eq!(part("2"), "grüße\n");
    // stdin as a page, and as a file.
    send(&home, &["-s", "x", "--html", "-", "bob@localhost"], b"<h1>Big</h1>").ends(0);
    assert_eq!(tree(&home, &got(&home, "bob", 2)), ["0 multipart/alternative", "1 text/plain", "2 text/html"]);
    send(&home, &["-s", "x", "--attach", "-:text/csv:list.csv", "bob@localhost"], b"a,b\n").ends(0);
    assert_eq!(tree(&home, &got(&home, "bob", 3)), ["0 multipart/mixed", "1 text/csv list.csv"]);
    for (arguments, status, says) in [
        (&["--inline", "README"][..], 64, "no HTML"),
        (&["--attach", "blob:message/rfc822"], 64, "can't be the type"),
        (&["--attach", "blob:multipart/mixed"], 64, "can't be the type"),
        (&["--attach", "README:text/x y"], 64, "not a media type"),
        (&["--attach", "-", "--html", "-"], 64, "once only"),
        (&["--charset", "klingon"], 64, "klingon"),
        (&["--charset", "utf-8"], 65, "not in utf-8"),
        (&["--attach", "none:text/plain"], 66, "none: No such file"),
    ] {
        send(&home, &[&["bob@localhost"], arguments].concat(), b"\xff").ends(status).complains(says);
    }
    assert_eq!(count(&home, "bob"), 3);
}

#[test]
fn texts_of_any_charset() {
    let home = Home::new();
    let shown = |arguments: &[&str], text: &[u8], locale: &str| {
        let mut command = home.command("mailfmt");
        command.arg("new").args(arguments).env("LC_ALL", locale);
        let made = Ran::of(command, text).ends(0).out;
        home.run("mailfmt", &["show", "--part", "1"], made.as_bytes()).ends(0).out.replace('\r', "")
    };
    assert_eq!(shown(&[], b"Gr\xfc\xdfe\n", "de_DE.ISO-8859-1"), "Grüße\n");
    assert_eq!(shown(&[], "Grüße\n".as_bytes(), "de_DE.ISO-8859-1"), "Grüße\n");
    assert_eq!(shown(&["--charset", "koi8-r"], b"\xf0\xd2\n", "C"), "Пр\n");
    assert_eq!(shown(&[], b"\xff\xfeh\0i\0\n\0", "C"), "hi\n");
    assert_eq!(shown(&[], b"\xef\xbb\xbfhi\n", "C"), "hi\n");
}

#[test]
fn nothing_is_no_message() {
    let home = Home::new();
    file(&home, "empty.html", "");
    file(&home, "x.csv", "a\n1\n");
    for arguments in [
        &["bob@localhost"][..],
        &["-t"],
        &["-s", "x", "bob@localhost"],
        &["--html", "-", "bob@localhost"],
        &["--html", "empty.html", "bob@localhost"],
        &["--merge", "x.csv", "bob@localhost"],
    ] {
        send(&home, arguments, b"").ends(64).complains("stdin is empty");
    }
    // A source that fails, and one that is cut: a directory can't be read.
    for arguments in [
        "bob@localhost",
        "-s x bob@localhost",
        "--html - bob@localhost",
        "--attach - bob@localhost",
        "--mbox bob@localhost",
    ] {
        home.sh(&format!("smtp-send {arguments} < . || test $? -eq 74")).ends(0);
        home.sh(&format!("smtp-send {arguments} <&- || test $? -eq 66")).ends(0);
    }
    home.sh("smtp-send bob@localhost < /dev/null; exit $?").ends(64);
    assert_eq!(count(&home, "bob"), 0);
    home.sh("smtp-send -s 'done' bob@localhost < /dev/null").ends(0);
    send(&home, &["-s", "x", "--allow-empty", "bob@localhost"], b"").ends(0);
    assert_eq!(count(&home, "bob"), 2);
}

#[test]
fn a_message_for_each_row() {
    let home = Home::new();
    file(
        &home,
        "people.csv",
        "name,mail,note\n\"Zoë \"\"Z\"\" Smith, jr\",zoe@localhost,<3\nBob,bob@localhost,\"two\nlines\"\n",
    );
    file(&home, "page.html", "<p>{{name}}: {{note}}</p>");
    file(&home, "bill-Bob.txt", "1");
    let arguments =
        ["--merge", "people.csv", "-s", "For {{name}}", "--html", "page.html", "--to", "{{name}} <{{mail}}>"];
    send(&home, &arguments, b"Dear {{name}}, {{{{x}}\n{{note}}\n").ends(0);
    let zoe = got(&home, "zoe", 1);
    let shown = home.run("mailfmt", &["show"], zoe.as_bytes()).ends(0).out;
    assert!(
        shown.contains("Subject: For Zoë \"Z\" Smith, jr\n")
            && shown.contains("\nDear Zoë \"Z\" Smith, jr, {{x}}\n<3\n"),
        "{shown}"
    );
    assert!(home.run("mailfmt", &["show", "--part", "2"], zoe.as_bytes()).out.contains("&lt;3"));
    assert_eq!(home.run("mailfmt", &["head", "to"], zoe.as_bytes()).out, "Zoë \"Z\" Smith, jr <zoe@localhost>\n");
    assert!(got(&home, "bob", 1).contains("two\nlines"));
    // Recipients as arguments, in JSON, with a file for each; the second row's is missing, so the first is not sent.
    file(
        &home,
        "rows.ndjson",
        "{\"name\": \"Bob\", \"mail\": \"bob@localhost\"}\n{\"name\": \"../Bob\", \"mail\": \"amy@localhost\"}\n",
    );
    let arguments = ["--merge", "rows.ndjson", "--attach", "bill-{{name}}.txt", "{{mail}}"];
    send(&home, &arguments, b"x").ends(66).complains("rows.ndjson: row 2: bill-.._Bob.txt");
    assert_eq!((count(&home, "bob"), count(&home, "amy")), (1, 0));
    // Data can't be syntax, and what is missing is named, before anything is sent.
    file(
        &home,
        "evil.csv",
        "name,mail,x\nBob,bob@localhost,1\n\"a\nBcc: eve@localhost\",\"bob@localhost, eve@localhost\",2\n",
    );
    for (arguments, text, says) in [
        (&["{{mail}}"][..], "x", "row 2: recipient"),
        (&["-s", "{{name}}", "bob@localhost"], "x", "row 2: --subject: {{name}}: a line end"),
        (&["--to", "{{name}} <bob@localhost>"], "x", "row 2: --to: {{name}}: a line end"),
        (&["--header", "X: {{name}}", "bob@localhost"], "x", "row 2: X: {{name}}: a line end"),
        (&["--header", "Reply-To: {{mail}}", "bob@localhost"], "x", "row 2: Reply-To"),
        (&["bob@localhost"], "{{nobody}}", "row 1: {{nobody}}: there is no such variable"),
        (&["bob@localhost"], "a\n{{", "the text: line 2"),
    ] {
        let ran = send(&home, &[&["--merge", "evil.csv"], arguments].concat(), text.as_bytes());
        assert_eq!(ran.status, 65, "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
    assert_eq!((count(&home, "bob"), count(&home, "eve")), (1, 0));
    // One refused recipient does not keep the next rows.
    file(&home, "some.csv", "mail\nbob@example.org\nbob@localhost\n");
    let ran = send(&home, &["--merge", "some.csv", "--json", "{{mail}}"], b"x").ends(67);
    assert_eq!((ran.out.lines().count(), count(&home, "bob")), (2, 2));
    // mailfmt makes an mbox of them.
    let mbox =
        home.run("mailfmt", &["new", "--merge", "people.csv", "--to", "{{mail}}"], b"From {{name}}\n").ends(0).out;
    assert_eq!(mbox.matches("\nFrom ").count(), 1);
    assert!(mbox.contains("\n>From Bob\n"));
    // The environment.
    let mut command = home.command("smtp-send");
    command.args(["--template", "-s", "{{WHO}}", "{{WHO}}@localhost"]).env("WHO", "env");
    Ran::of(command, b"{{ WHO }} {{NOBODY}}").ends(65).complains("{{NOBODY}}");
    let mut command = home.command("smtp-send");
    command.args(["--template", "-s", "{{WHO}}", "{{WHO}}@localhost"]).env("WHO", "env");
    Ran::of(command, b"{{ WHO }}").ends(0);
    assert!(got(&home, "env", 1).ends_with("\n\nenv\n"));
    // Without the flags braces are nothing special.
    send(&home, &["-s", "{{x}}", "braces@localhost"], b"{{").ends(0);
}
