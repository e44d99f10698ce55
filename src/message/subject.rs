//! The base subject (RFC 5256 2.1): what a subject is without the marks of replies, forwards and mailing lists, so that a
//! conversation can be found together by it. In linear time for any subject.

use super::decode;

/// A subject without its marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// What is left, decoded, its blanks made single spaces. Compare it by [`super::collate::casemap`].
    pub text: String,
    /// Whether a mark was taken off that replies and forwards have (`Re:`, `Fwd:`, `(fwd)`, `[Fwd: ]`); the blob of a mailing list
    /// is none.
    pub reply: bool,
}

/// The base of a Subject field's value, folded and encoded as it came.
#[must_use]
pub fn base(value: &[u8]) -> Base {
    let decoded = decode::words(value);
    let mut text = String::with_capacity(decoded.len());
    for word in decoded.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    let mut reply = false;
    let mut rest = text.as_str();
    loop {
        rest = without_trailers(rest, &mut reply);
        rest = without_leaders(rest, &mut reply);
        // subj-fwd-hdr and subj-fwd-trl
        match strip_word(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => {
                reply = true;
                rest = inner;
            }
            None => return Base { text: rest.to_owned(), reply },
        }
    }
}

fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// subj-trailer, repeated.
fn without_trailers<'t>(text: &'t str, reply: &mut bool) -> &'t str {
    let mut text = text.trim_end_matches(' ');
    while let Some((before, _)) = text
        .len()
        .checked_sub(5)
        .and_then(|at| text.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case("(fwd)"))
    {
        *reply = true;
        text = before.trim_end_matches(' ');
    }
    text
}

/// subj-leader and subj-blob, repeated: a blob goes only if something is left.
fn without_leaders<'t>(text: &'t str, reply: &mut bool) -> &'t str {
    let mut text = text.trim_start_matches(' ');
    loop {
        let mut last = text;
        let mut after = text;
        while let Some(rest) = blob(after) {
            last = after;
            after = rest;
        }
        if let Some(rest) = refwd(after) {
            *reply = true;
            text = rest.trim_start_matches(' ');
        } else {
            // All blobs go, but for one that is all there is.
            return if after.is_empty() { last } else { after };
        }
    }
}

/// subj-blob with its blanks; what follows it.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let (_, rest) = inner.split_at(inner.find(['[', ']'])?);
    Some(rest.strip_prefix(']')?.trim_start_matches(' '))
}

/// subj-refwd; what follows it.
fn refwd(text: &str) -> Option<&str> {
    let rest = strip_word(text, "re").or_else(|| strip_word(text, "fwd")).or_else(|| strip_word(text, "fw"))?;
    let rest = rest.trim_start_matches(' ');
    blob(rest).unwrap_or(rest).strip_prefix(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_taken_off() {
        for (subject, text, reply) in [
            ("hello", "hello", false),
            ("", "", false),
            ("Re: hello", "hello", true),
            ("RE:hello", "hello", true),
            ("re : hello", "hello", true),
            ("Re: Re:  re: hello", "hello", true),
            ("Fwd: hello", "hello", true),
            ("FW: hello", "hello", true),
            ("Re[2]: hello", "hello", true),
            ("Re [list] : hello", "hello", true),
            ("[list] hello", "hello", false),
            ("[list] Re: hello", "hello", true),
            ("Re: [list] hello", "hello", true),
            ("[a][b] [c] Fw: [d] re: x", "x", true),
            ("[list]", "[list]", false),
            ("[a] [b]", "[b]", false),
            ("Re: [list]", "[list]", true),
            ("[a][b]re:", "", true),
            ("Re:", "", true),
            ("hello (fwd)", "hello", true),
            ("hello (FWD) (fwd) ", "hello", true),
            ("(fwd)", "", true),
            ("[Fwd: hello]", "hello", true),
            ("Re: [fwd: [list] Re: hello (fwd)]", "hello", true),
            ("[fwd: [fwd: hello] ]", "hello", true),
            ("[fwd: hello", "[fwd: hello", false),
            ("fwd hello", "fwd hello", false),
            ("reply: hello", "reply: hello", false),
            ("re[x hello", "re[x hello", false),
            ("[a[b] c", "[a[b] c", false),
            ("Aw: hallo", "Aw: hallo", false),
            (" a\t b\r\n  c ", "a b c", false),
            ("=?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=", "Grüße", true),
            ("=?utf-8?q?re?= : x", "x", true),
            ("é (fwd)", "é", true),
            ("é", "é", false),
        ] {
            assert_eq!(base(subject.as_bytes()), Base { text: text.into(), reply }, "{subject}");
        }
    }

    #[test]
    fn traps_take_linear_time() {
        for trap in ["[a]", "re:", "[", "]", "[fwd:", "(fwd)", "re", "re[", "re[a] ", "[fwd: a] ", " "] {
            let _ = base(trap.repeat(200_000).as_bytes());
        }
        let nested = format!("{}x{}", "[fwd:".repeat(100_000), "]".repeat(100_000));
        assert_eq!(base(nested.as_bytes()).text, "x");
    }

    proptest! {
        #[test]
        fn a_base_is_its_own_base(pieces in proptest::collection::vec(prop_oneof![
            Just("re"), Just(":"), Just("["), Just("]"), Just(" "), Just("fwd"), Just("(fwd)"), Just("[fwd:"), Just("x"), Just("[l]")
        ], 0..20)) {
            let once = base(pieces.concat().as_bytes());
            let again = base(once.text.as_bytes());
            prop_assert_eq!(&again.text, &once.text);
            prop_assert!(!again.reply);
        }
    }
}
