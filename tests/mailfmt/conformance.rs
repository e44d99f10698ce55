//! Messages, addresses, dates and media types that nobody here wrote: the resources of the crate mail-parser (MIT OR Apache-2.0, with what it took from
//! others), which lie where cargo keeps its sources; the table of is_email (BSD, isemail.LICENSE); and the data of Python's own tests of its package email
//! (PSF licence), where they are installed. Where we say something else, DIFFERENCES.md says why, one by one.

use super::mailfmt;
use pipepost::body::Body;
use pipepost::message::addr::{self, AddressItem};
use pipepost::message::date::Date;
use pipepost::message::decode::{decoded, file_name, text, words};
use pipepost::message::mime::{ContentType, Part, walk};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sources of mail-parser, at the version that Cargo.lock has.
fn resources() -> Option<PathBuf> {
    let lock = include_str!("../../Cargo.lock");
    let version = lock.split("name = \"mail-parser\"\nversion = \"").nth(1)?.split('"').next()?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let found = std::fs::read_dir(home.join("registry/src")).ok()?.filter_map(Result::ok).find_map(|entry| {
        let path = entry.path().join(format!("mail-parser-{version}/resources"));
        path.is_dir().then_some(path)
    });
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "the sources of mail-parser are not there");
        eprintln!("skipped: the sources of mail-parser are not where cargo keeps them");
    }
    found
}

/// What differs, as it is listed: each once.
struct Differences(BTreeSet<String>);

impl Differences {
    fn note(&mut self, place: &str, what: &str, theirs: &impl std::fmt::Debug, ours: &impl std::fmt::Debug) {
        eprintln!("{place}: {what}\n  theirs {theirs:?}\n  ours   {ours:?}");
        self.0.insert(format!("{place}: {what}"));
    }

    /// Only what the page tells differs, and all of that does.
    fn are_those_of(&self, section: &str, is_there: impl Fn(&str) -> bool) {
        let page = include_str!("DIFFERENCES.md");
        let part = page.split("\n## ").find_map(|part| part.strip_prefix(section)).unwrap();
        let listed: BTreeSet<String> =
            part.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next()).map(str::to_owned).collect();
        let new: Vec<_> = self.0.difference(&listed).collect();
        let read = |difference: &&String| is_there(difference.split(':').next().unwrap_or_default());
        let gone: Vec<_> = listed.difference(&self.0).filter(read).collect();
        assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}\nno more: {gone:#?}");
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Name and address of each, groups dissolved.
fn theirs(value: &Value) -> Vec<(Option<String>, String)> {
    let one = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        (text("name").filter(|name| !name.is_empty()), text("address").unwrap_or_default())
    };
    let address = if value["Address"].is_null() { value } else { &value["Address"] };
    match &address["Group"] {
        Value::Null => array(&address["List"]).iter().map(one).collect(),
        groups => array(groups).iter().flat_map(|group| array(&group["addresses"]).iter().map(one)).collect(),
    }
}

fn ours(value: &[u8]) -> Vec<(Option<String>, String)> {
    let items: Vec<AddressItem> = addr::list(value);
    let one = |address: &addr::Address| {
        let name = address.name.as_deref().map(words).map(|name| name.trim().to_owned());
        (name.filter(|name| !name.is_empty()), String::from_utf8_lossy(&address.spec()).into_owned())
    };
    addr::mailboxes(&items).map(one).collect()
}

fn instant(value: &Value) -> Option<i64> {
    let n = |name: &str| value[name].as_i64();
    let sign = if value["tz_before_gmt"].as_bool()? { 1 } else { -1 };
    let day = chrono::NaiveDate::from_ymd_opt(
        i32::try_from(n("year")?).ok()?,
        u32::try_from(n("month")?).ok()?,
        u32::try_from(n("day")?).ok()?,
    )?;
    let seconds = n("hour")? * 3600 + n("minute")? * 60 + n("second")?;
    let zone = sign * (n("tz_hour")? * 3600 + n("tz_minute")? * 60);
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp() + seconds + zone)
}

#[test]
fn addresses() {
    let Some(resources) = resources() else { return };
    let mut differences = Differences(BTreeSet::new());
    for (n, vector) in array(&read(&resources.join("address.json"))).iter().enumerate() {
        let (theirs, ours) = (theirs(&vector["expected"]), ours(vector["header"].as_str().unwrap().as_bytes()));
        if theirs != ours {
            differences.note(&format!("address {n}"), "list", &theirs, &ours);
        }
    }
    differences.are_those_of("Addresses", |_| true);
}

/// The table says which are addresses; ours are those that an envelope can have.
#[test]
fn isemail() {
    let mut differences = Differences(BTreeSet::new());
    let rows: Vec<Vec<&str>> = include_str!("isemail.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.strip_suffix('$').unwrap().splitn(4, '\t').collect())
        .collect();
    assert_eq!(rows.len(), 164);
    for row in rows {
        let control = |c: char| match u32::from(c) {
            0x2421 => '\x7f',
            code @ 0x2400..=0x2420 => char::from(u8::try_from(code - 0x2400).unwrap()),
            _ => c,
        };
        let address: String = row[3].chars().map(control).collect();
        let ours = addr::parse_strict(&address).is_ok();
        if (row[1] != "ERR") != ours {
            differences.note(&format!("is_email {}", row[0]), row[2], &row[3], &ours);
        }
    }
    differences.are_those_of("Addresses of is_email", |_| true);
}

#[test]
fn dates() {
    let Some(resources) = resources() else { return };
    let mut differences = Differences(BTreeSet::new());
    for (n, vector) in array(&read(&resources.join("date.json"))).iter().enumerate() {
        let theirs = instant(&vector["expected"]);
        let ours = Date::parse(vector["header"].as_str().unwrap().as_bytes()).map(|date| date.seconds);
        if theirs != ours {
            differences.note(&format!("date {n}"), "instant", &theirs, &ours);
        }
    }
    differences.are_those_of("Dates", |_| true);
}

#[test]
fn media_types() {
    let Some(resources) = resources() else { return };
    let mut differences = Differences(BTreeSet::new());
    for (n, vector) in array(&read(&resources.join("content_type.json"))).iter().enumerate() {
        let expected = &vector["expected"];
        let kind = |name: &str| expected[name].as_str().unwrap_or_default().to_ascii_lowercase();
        let pair = |pair: &Value| {
            let (name, value) = if pair.is_array() { (&pair[0], &pair[1]) } else { (&pair["name"], &pair["value"]) };
            (name.as_str().unwrap_or_default().to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned())
        };
        let theirs = (
            kind("c_type"),
            kind("c_subtype"),
            array(&expected["attributes"]).iter().map(pair).collect::<BTreeSet<_>>(),
        );
        let ours = ContentType::parse(vector["header"].as_str().unwrap().as_bytes()).map(|found| {
            let one = |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
            (found.kind.clone(), found.subtype.clone(), found.parameters.iter().map(one).collect())
        });
        if Some(&theirs) != ours.as_ref() {
            differences.note(&format!("type {n}"), "value", &theirs, &ours);
        }
    }
    differences.are_those_of("Media types", |_| true);
}

/// Contents in the order of the message.
fn their_leaves<'v>(message: &'v Value, all: &mut Vec<(&'v str, &'v Value)>) {
    for part in array(&message["parts"]) {
        let Some((kind, body)) = part["body"].as_object().and_then(|body| body.iter().next()) else { continue };
        match kind.as_str() {
            "Multipart" => {}
            "Message" => their_leaves(body, all),
            kind => all.push((kind, body)),
        }
    }
}

fn our_leaves<'p>(part: &'p Part, all: &mut Vec<&'p Part>) {
    if part.parts.is_empty() && !part.is_multipart() {
        all.push(part);
    }
    part.parts.iter().for_each(|part| our_leaves(part, all));
}

fn messages(at: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            messages(&path, all);
        } else if path.extension().is_some_and(|end| end == "eml") {
            all.push(path);
        }
    }
    all.sort();
}

#[test]
fn whole_messages() {
    let Some(resources) = resources() else { return };
    let mut differences = Differences(BTreeSet::new());
    let mut paths = Vec::new();
    messages(&resources.join("eml"), &mut paths);
    assert!(paths.len() > 100);
    for path in &paths {
        let place = path.strip_prefix(resources.join("eml")).unwrap().display().to_string();
        // They are in wire form, and what is expected is for the other; that of wire form says the same.
        let mut bytes = std::fs::read(path).unwrap();
        let crlf: Vec<usize> = memchr::memmem::find_iter(&bytes, b"\r\n").collect();
        let mut at = 0..;
        bytes.retain(|_| crlf.binary_search(&at.next().unwrap()).is_err());
        let expected = read(&path.with_extension("json"));
        let message = walk(&mut bytes.as_slice()).unwrap();
        for header in array(&expected["parts"][0]["headers"]) {
            let (name, value) = (header["name"].as_str().unwrap_or_default(), &header["value"]);
            let field = name.replace('_', "-");
            // Of several theirs is the last.
            let Some(raw) = message.header.all(&field).last() else { continue };
            match name {
                "subject" => {
                    let (theirs, ours) = (value["Text"].as_str().map(str::to_owned), words(raw).trim().to_owned());
                    if theirs.as_ref() != Some(&ours) {
                        differences.note(&place, name, &theirs, &ours);
                    }
                }
                "date" => {
                    let (theirs, ours) = (instant(&value["DateTime"]), Date::parse(raw).map(|date| date.seconds));
                    if theirs != ours {
                        differences.note(&place, name, &theirs, &ours);
                    }
                }
                "from" | "to" | "cc" => {
                    let (theirs, ours) = (theirs(value), ours(raw));
                    if theirs != ours {
                        differences.note(&place, name, &theirs, &ours);
                    }
                }
                _ => {}
            }
        }
        let (mut their, mut our) = (Vec::new(), Vec::new());
        their_leaves(&expected, &mut their);
        our_leaves(&message, &mut our);
        if their.len() != our.len() {
            let kinds: Vec<_> = their.iter().map(|(kind, _)| *kind).collect();
            let types: Vec<_> = our.iter().map(|part| &part.content_type.subtype).collect();
            differences.note(&place, "parts", &kinds, &types);
            continue;
        }
        for (n, ((kind, body), part)) in their.iter().zip(our).enumerate() {
            let at = &bytes[part.body_at.start as usize..part.body_at.end as usize];
            let what = format!("content {n}");
            if kind.ends_with("Binary") {
                let theirs: Vec<u8> = array(body).iter().map(|b| b.as_u64().unwrap() as u8).collect();
                let ours = decoded(at, &part.encoding).whole(usize::MAX / 2).unwrap().unwrap();
                if theirs != ours {
                    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
                    differences.note(&place, &what, &(theirs.len(), shown(&theirs)), &(ours.len(), shown(&ours)));
                }
            } else {
                let ours = text(at, part).whole(usize::MAX / 2).unwrap().unwrap();
                let ours = String::from_utf8(ours).unwrap();
                if body.as_str() != Some(&ours) {
                    differences.note(&place, &what, &body, &ours);
                }
            }
        }
    }
    differences.are_those_of("Messages", |_| true);
}

#[test]
fn every_verb_has_a_result_and_json_is_lossless() {
    let Some(resources) = resources() else { return };
    let (mut paths, mut lossless) = (Vec::new(), 0);
    messages(&resources.join("eml"), &mut paths);
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let json = mailfmt(&["json", "--one"], &bytes);
        if json.status == 0 {
            let back = mailfmt(&["unjson", "--raw"], &json.out);
            assert!(back.status == 0 && back.out == bytes, "{}", path.display());
            lossless += 1;
        }
        for verb in
            [&["tree"][..], &["list"], &["show"], &["text"], &["lint"], &["repair"], &["extract", "--tar", "--all"]]
        {
            let status = mailfmt(&[verb, &["--one"]].concat(), &bytes).status;
            assert!(matches!(status, 0 | 65), "{}: {verb:?} {status}", path.display());
        }
    }
    assert_eq!(lossless, paths.len());
}

/// What Python's package email says of the messages of its own tests: of each part the type, the name of its file and the content.
const PYTHON: &str = r#"
import email, email.policy, glob, json, os, sys
try:
    import test.test_email
except ImportError:
    sys.exit()
for path in sorted(glob.glob(os.path.join(os.path.dirname(test.test_email.__file__), "data", "*.txt"))):
    with open(path, "rb") as file:
        raw = file.read()
    message = email.message_from_bytes(raw)
    parts = []
    for part in message.walk():
        content = None if part.is_multipart() else part.get_payload(decode=True)
        content = None if content is None else content.decode("latin-1")
        parts.append({"type": part.get_content_type(), "name": part.get_filename(), "content": content})
    print(json.dumps({"name": os.path.basename(path), "raw": raw.decode("latin-1"), "parts": parts,
        "fields": [name for name, _ in message.items()]}))
"#;

#[test]
fn python_reads_its_messages_so() {
    // Where there are several, one may have its tests.
    let said = ["python3", "/usr/bin/python3"].iter().find_map(|python| {
        let run = std::process::Command::new(python).args(["-c", PYTHON]).output().ok()?;
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        Some(String::from_utf8(run.stdout).unwrap()).filter(|said| !said.is_empty())
    });
    let Some(said) = said else {
        assert!(std::env::var_os("CI").is_none(), "Python's test.test_email is not installed");
        eprintln!("skipped: Python's test.test_email is not installed");
        return;
    };
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let mut differences = Differences(BTreeSet::new());
    let mut messages = 0;
    for line in said.lines() {
        let theirs: Value = serde_json::from_str(line).unwrap();
        let (place, raw) = (theirs["name"].as_str().unwrap(), latin(theirs["raw"].as_str().unwrap()));
        let message = walk(&mut raw.as_slice()).unwrap();
        messages += 1;
        let fields: Vec<String> =
            message.header.fields().map(|field| String::from_utf8_lossy(field.name).into_owned()).collect();
        let their_fields: Vec<&str> = array(&theirs["fields"]).iter().filter_map(Value::as_str).collect();
        if fields != their_fields {
            differences.note(place, "fields", &their_fields, &fields);
        }
        let mut ours = Vec::new();
        let mut waiting = vec![&message];
        while let Some(part) = waiting.pop() {
            ours.push(part);
            waiting.extend(part.parts.iter().rev());
        }
        let their_parts = array(&theirs["parts"]);
        let kinds: Vec<String> =
            ours.iter().map(|part| format!("{}/{}", part.content_type.kind, part.content_type.subtype)).collect();
        let their_kinds: Vec<&str> = their_parts.iter().filter_map(|part| part["type"].as_str()).collect();
        if kinds != their_kinds {
            differences.note(place, "types", &their_kinds, &kinds);
            continue;
        }
        for (n, (part, theirs)) in ours.into_iter().zip(their_parts).enumerate() {
            let name = file_name(part);
            if name.as_deref() != theirs["name"].as_str() {
                differences.note(place, &format!("name {n}"), &theirs["name"], &name);
            }
            let Some(content) = theirs["content"].as_str().map(latin) else { continue };
            let at = &raw[part.body_at.start as usize..part.body_at.end as usize];
            let our = decoded(at, &part.encoding).whole(usize::MAX / 2).unwrap().unwrap();
            if our != content {
                let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                differences.note(place, &format!("content {n}"), &shown(&content), &shown(&our));
            }
        }
    }
    assert!(messages > 40);
    // Older ones do not have all of them.
    differences.are_those_of("Python's messages", |place| said.contains(&format!("{{\"name\": \"{place}\"")));
}
