//! File names out of messages, made harmless: [`safe`]. And what selects them: [`matches`].
//!
//! A name keeps what a file system takes, blanks and letters of all scripts too. What goes is what leaves the directory, hides a
//! file, looks like an option, drives a terminal, or names a device elsewhere.

use crate::text::is_unsafe;

/// The longest name in bytes: file systems take 255, and a number may have to go in.
const MAX: usize = 200;
/// The longest extension that is kept when a name is cut.
const MAX_EXTENSION: usize = 16;

/// Names of devices where Windows reads the file.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name that a file gets that wants to be called `wanted`; empty if nothing of it is left. What stands before the last slash
/// or backslash is dropped.
#[must_use]
pub fn safe(wanted: &str) -> String {
    let last = wanted.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().map(|c| if is_unsafe(c) || c == '\u{fffd}' { '_' } else { c }).collect();
    // Windows drops dots and blanks at the end, and `a.exe.` becomes `a.exe`.
    let clean = trimmed(&clean);
    let stem = clean.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let device = DEVICES.contains(&stem.as_str())
        || port.is_some_and(|n| matches!(n.as_bytes(), [b'0'..=b'9']) || matches!(n, "¹" | "²" | "³"));
    let name = match clean.strip_prefix(['.', '-', '~']) {
        Some(rest) => format!("_{rest}"),
        None if device => format!("_{clean}"),
        None => clean.to_owned(),
    };
    let name = shortened(&name, MAX);
    let name = trimmed(&name);
    if name.chars().all(|c| matches!(c, '_' | '.' | '-' | '~') || c.is_whitespace()) {
        String::new()
    } else {
        name.to_owned()
    }
}

/// Without blanks around it, and dots at its end.
fn trimmed(name: &str) -> &str {
    name.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// `name` with a number before its extension: `a-2.pdf`.
#[must_use]
pub fn numbered(name: &str, n: u64) -> String {
    let (stem, extension) = split(name);
    format!("{stem}-{n}{extension}")
}

/// The name before its extension, and that with its dot; of `.tar.gz` both.
fn split(name: &str) -> (&str, &str) {
    let at = name.rfind('.').filter(|at| *at > 0 && name.len() - at <= MAX_EXTENSION).unwrap_or(name.len());
    let (stem, extension) = name.split_at(at);
    if stem.len() > 4 && stem.ends_with(".tar") {
        return name.split_at(at - 4);
    }
    (stem, extension)
}

fn shortened(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let room = max.saturating_sub(extension.len());
    let cut = (0..=room).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{extension}", stem.get(..cut).unwrap_or_default())
}

/// The extension that files of this type have, for parts without a name.
#[must_use]
pub fn extension(kind: &str, subtype: &str) -> &'static str {
    match (kind, subtype) {
        ("text", "plain") => "txt",
        ("text", "html") => "html",
        ("text", "calendar") => "ics",
        ("text", "csv") => "csv",
        ("text", "vcard" | "x-vcard") => "vcf",
        ("text", "x-diff" | "x-patch") => "patch",
        ("text", _) | ("message", "delivery-status" | "disposition-notification") => "txt",
        ("message", _) => "eml",
        ("image", "jpeg") => "jpg",
        ("image", "png") => "png",
        ("image", "gif") => "gif",
        ("image", "webp") => "webp",
        ("image", "svg+xml") => "svg",
        ("image", "tiff") => "tif",
        ("audio", "mpeg") => "mp3",
        ("video", "mp4") => "mp4",
        ("application", "pdf") => "pdf",
        ("application", "zip") => "zip",
        ("application", "gzip") => "gz",
        ("application", "json") => "json",
        ("application", "xml") => "xml",
        ("application", "pgp-signature" | "pgp-encrypted" | "pgp-keys") => "asc",
        ("application", "pkcs7-signature" | "x-pkcs7-signature") => "p7s",
        ("application", "pkcs7-mime" | "x-pkcs7-mime") => "p7m",
        _ => "bin",
    }
}

/// Whether `text` fits `pattern`, in any case: `*` is any characters, `?` is one. Takes the product of their lengths at most.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (pattern, text) = (lower(pattern), lower(text));
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit.
    let mut again: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match (pattern.get(p), again) {
            (Some('*'), _) => {
                again = Some((p + 1, t));
                p += 1;
            }
            (Some(same), _) if same == c || *same == '?' => {
                p += 1;
                t += 1;
            }
            (_, Some((behind, from))) => {
                again = Some((behind, from + 1));
                (p, t) = (behind, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for (wanted, got) in [
            ("report.pdf", "report.pdf"),
            ("größe 1 (2).txt", "größe 1 (2).txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.doc", "y.doc"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("~root", "_root"),
            ("..", ""),
            ("a/..", ""),
            ("a/", ""),
            ("", ""),
            ("...", ""),
            ("a\u{1b}[2J\n.txt", "a_[2J_.txt"),
            ("a\u{202e}fdp.exe. .", "a_fdp.exe"),
            ("NUL.txt", "_NUL.txt"),
            ("com1", "_com1"),
            ("com10", "com10"),
            ("con tact", "con tact"),
        ] {
            assert_eq!(safe(wanted), got, "{wanted:?}");
        }
        let long = safe(&format!("{}.tar.gz", "é".repeat(300)));
        assert!(long.len() <= MAX && long.ends_with("é.tar.gz"), "{long}");
        assert_eq!(numbered("a.tar.gz", 2), "a-2.tar.gz");
        assert_eq!((numbered("a", 1), numbered("a.b", 1)), ("a-1".into(), "a-1.b".into()));
    }

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*.PDF", "a.b.pdf", true),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("image/*", "text/plain", false),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxabc", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(100), &"a".repeat(99).repeat(20).replace('a', "b")));
    }

    proptest! {
        #[test]
        fn no_name_does_harm(wanted in any::<String>(), n in any::<u64>()) {
            let name = safe(&wanted);
            for name in [numbered(&name, n), name] {
                prop_assert!(name.len() <= 255 && !name.contains(['/', '\\', '\0']) && !name.chars().any(is_unsafe));
                prop_assert!(name.starts_with(|c| c != '.') || name.is_empty());
                prop_assert!(!name.starts_with('-') || name.len() < 24);
            }
        }
    }
}
