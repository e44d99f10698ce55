use super::*;
use proptest::prelude::*;

fn again(message: &[u8]) -> Vec<u8> {
    let line = serde_json::to_string(&write(message).unwrap()).unwrap();
    read(&serde_json::from_str(&line).unwrap()).unwrap()
}

const MIXED: &str = "From: a@b\r\nSubject: =?utf-8?Q?gr=C3=BCn?=\r\nX  :  odd \r\n folded\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    before\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nca=\r\nf=e9\r\n\
    --b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n--b \r\n\r\nlast\r\n--b--\r\nafter\r\n";

#[test]
fn nothing_is_lost() {
    let deep: String = (0..60).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    let long = format!("A: {}\n\nx", "a".repeat(2 << 20));
    for message in [
        MIXED,
        "",
        "\n",
        "A: b",
        "junk\nA: b\n\r\nx",
        &deep,
        &long,
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b--",
    ] {
        assert!(again(message.as_bytes()) == message.as_bytes(), "{}", message.get(..200).unwrap_or(message));
    }
    assert_eq!(again(b"A: \xff\n\n\xfe\0"), b"A: \xff\n\n\xfe\0");
}

#[test]
fn an_edit_changes_what_it_says() {
    let edited = |change: &dyn Fn(&mut Value)| {
        let mut value = write(MIXED.as_bytes()).unwrap();
        change(&mut value);
        read(&value).map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let subject = edited(&|v| v["headers"][1]["decoded"] = "néw".into()).unwrap();
    assert_eq!(subject, MIXED.replace("=?utf-8?Q?gr=C3=BCn?=", "=?utf-8?Q?n=C3=A9w?="));
    let name = edited(&|v| v["headers"][2]["name"] = "Y".into()).unwrap();
    assert_eq!(name, MIXED.replace("X  :", "Y  :"));
    let text = edited(&|v| v["parts"][0]["text"] = "thé".into()).unwrap();
    assert_eq!(text, MIXED.replace("ca=\r\nf=e9", "th=E9"));
    let gone = edited(&|v| drop(v["parts"].as_array_mut().unwrap().remove(1))).unwrap();
    assert_eq!(
        gone,
        MIXED.replace(
            "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n--b \r\n\r\nlast",
            "\r\n--b\r\n\r\nlast"
        )
    );
    let inner = edited(&|v| v["parts"][1]["parts"][0]["headers"][0]["decoded"] = "c".into());
    assert_eq!(inner.unwrap(), MIXED.replace("A: b", "A: c"));
    let more = edited(&|v| v["headers"].as_array_mut().unwrap().push(json!({"name": "Z", "decoded": "z"}))).unwrap();
    assert_eq!(more, MIXED.replace("boundary=b\r\n", "boundary=b\r\nZ: z\r\n"));
    for wrong in [
        &|v: &mut Value| v["parts"][0]["text"] = "€".into(),
        &|v: &mut Value| v["headers"][1]["decoded"] = "a\nBcc: x".into(),
        &|v: &mut Value| v["headers"][1]["name"] = "a b".into(),
        &|v: &mut Value| v["headers"] = 3.into(),
        &|v: &mut Value| v["separators"] = json!([]),
        &|v: &mut Value| v["preamble64"] = "x".into(),
    ] as [&dyn Fn(&mut Value); 6]
    {
        assert_eq!(edited(wrong).unwrap_err().exit().code(), 65);
    }
}

#[test]
fn a_message_made_of_nothing_else() {
    let value = json!({"headers": [{"name": "Subject", "decoded": "é"}], "body": "x\n"});
    assert_eq!(read(&value).unwrap(), b"Subject: =?utf-8?B?w6k=?=\n\nx\n");
}

/// As much of JSON Schema as the schema uses.
fn valid(value: &Value, schema: &Value, root: &Value) -> bool {
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().trim_start_matches('#');
        return valid(value, root.pointer(pointer).unwrap(), root);
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "integer" => value.is_u64(),
        _ => false,
    };
    let right = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        _ => true,
    };
    let has = |key: &Value| value.get(key.as_str().unwrap()).is_some();
    right
        && schema["required"].as_array().is_none_or(|keys| keys.iter().all(has))
        && value.as_array().is_none_or(|all| all.iter().all(|one| valid(one, &schema["items"], root)))
        && value.as_object().is_none_or(|map| {
            map.iter().all(|(key, one)| match schema["properties"].get(key) {
                Some(schema) => valid(one, schema, root),
                None => schema["additionalProperties"] != false,
            })
        })
}

#[test]
fn the_schema_describes_it() {
    let schema = schema();
    for message in [MIXED.as_bytes(), b"", b"A: \xff\n\n\xfe"] {
        assert!(valid(&write(message).unwrap(), &schema, &schema));
    }
    let mut wrong = write(MIXED.as_bytes()).unwrap();
    wrong["parts"][0]["more"] = 1.into();
    assert!(!valid(&wrong, &schema, &schema));
}

const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"A: b\n",
    b"--b\n",
    b"--b--\n",
    b"--c\r\n",
    b"--c--",
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"Content-Type: multipart/digest; boundary=c\r\n",
    b"Content-Type: message/rfc822\n",
    b"text",
    b"\xff\xe9",
    b"\r",
    b" x\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: text/plain; charset=shift_jis\n",
];

proptest! {
    #[test]
    fn any_bytes(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let message = pieces.concat();
        prop_assert_eq!(again(&message), message);
    }
}
