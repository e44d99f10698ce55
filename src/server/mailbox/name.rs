//! Folder names: UTF-8 with `/` between the levels for people and sessions, one directory `.A.B` in the tree's root on
//! disk (Maildir++).
//!
//! Dots, percent signs and control characters of a level are percent-encoded, everything else stays readable, so that
//! `decode(encode(name)) = name` and no name from outside reaches another path. Directories that other programs made
//! with names that we would write differently are shown as well, and found again by that ([`shown`]).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The longest directory name.
const MAX: usize = 255;

/// The folder that every tree has.
pub(super) const INBOX: &str = "INBOX";

/// The name with INBOX (in any case, RFC 3501 5.1) spelt as such in the first level. `None`: no folder can have it, as one with a
/// line break in it, which every list of folders would show as two.
pub(super) fn canonical(name: &str) -> Option<String> {
    let mut levels: Vec<&str> = name.split('/').collect();
    if levels.iter().any(|l| l.is_empty()) || crate::text::breaks_line(name) {
        return None;
    }
    if let Some(first) = levels.first_mut()
        && first.eq_ignore_ascii_case(INBOX)
    {
        *first = INBOX;
    }
    Some(levels.join("/"))
}

/// The name in one line without dots and controls, levels joined by dots: `Lists.rust`.
pub(super) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match c {
            '/' => out.push('.'),
            '.' | '%' => hex(&mut out, c),
            c if c.is_control() => hex(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

fn hex(out: &mut String, c: char) {
    for b in c.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(out, "%{b:02X}");
    }
}

/// The directory of a canonical name that is not INBOX.
pub(super) fn directory(name: &str) -> Result<String, &'static str> {
    let dir = format!(".{}", encode(name));
    if dir.len() > MAX { Err("name too long") } else { Ok(dir) }
}

/// Where the folder of that name is in a tree; `/` between the levels. `None`: no folder can have that name.
#[must_use]
pub fn place(root: &Path, name: &str) -> Option<PathBuf> {
    match canonical(name)?.as_str() {
        INBOX => Some(root.to_owned()),
        name => directory(name).ok().map(|dir| root.join(dir)),
    }
}

/// The name behind [`encode`]'s text. Total: what is no escape stands for itself, what is no UTF-8 becomes U+FFFD.
pub(super) fn decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        match b {
            b'.' => out.push(b'/'),
            b'%' => match after.split_at_checked(2).and_then(|(two, tail)| Some((byte(two)?, tail))) {
                Some((value, tail)) => {
                    out.push(value);
                    rest = tail;
                }
                None => out.push(b),
            },
            b => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn byte(two: &[u8]) -> Option<u8> {
    if !two.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()
}

/// The folder name that a directory of the root is shown as, and whether it is the very directory that we would make
/// for that name. `None`: it can't be a folder.
pub(super) fn shown(dir: &[u8]) -> Option<(String, bool)> {
    let text = dir.strip_prefix(b".")?;
    let name = canonical(&decode(text))?;
    if name == INBOX {
        return None;
    }
    let ours = directory(&name).is_ok_and(|d| d.as_bytes() == dir);
    Some((name, ours))
}

/// The names above this one, the nearest last.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples() {
        assert_eq!(directory("Lists/rust").unwrap(), ".Lists.rust");
        assert_eq!(directory("Entwürfe/v1.0 100%").unwrap(), ".Entwürfe.v1%2E0 100%25");
        assert_eq!(directory("../../etc").unwrap(), ".%2E%2E.%2E%2E.etc");
        assert_eq!(canonical("inBox/a/Inbox").unwrap(), "INBOX/a/Inbox");
        for bad in ["", "/", "/a", "a/", "a//b", "a\0b", "a\nb", "\rb"] {
            assert_eq!(canonical(bad), None, "{bad:?}");
        }
        assert_eq!(directory(&"x".repeat(255)), Err("name too long"));
        assert!(directory(&"x".repeat(254)).is_ok());
        assert_eq!(shown(b".100%").unwrap(), ("100%".to_owned(), false));
        assert_eq!(shown(b".a%2e").unwrap(), ("a.".to_owned(), false));
        assert_eq!(shown(b".\xff").unwrap(), ("\u{fffd}".to_owned(), false));
        for no in [&b"."[..], b"..", b".a..b", b".a.", b"cur", b".inbox", b".a%00"] {
            assert_eq!(shown(no), None);
        }
        assert_eq!(above("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
    }

    proptest! {
        #[test]
        fn any_name_comes_back_and_stays_in_its_place(name in "[a-c.%/~ é:\u{1}\u{7f}\u{85}\n\\\\2E]{1,12}|\\PC{1,20}") {
            let Some(name) = canonical(&name) else { return Ok(()) };
            prop_assert_eq!(decode(encode(&name).as_bytes()), name.clone());
            if name == INBOX { return Ok(()) }
            let dir = directory(&name).unwrap();
            prop_assert_eq!(shown(dir.as_bytes()), Some((name, true)));
            prop_assert!(!dir.contains('/') && !dir.contains("..") && !dir.ends_with('.') && dir.len() > 1);
            prop_assert!(!dir.chars().any(char::is_control));
        }

        #[test]
        fn two_names_never_share_a_directory(a in "[a.%/2E]{1,6}", b in "[a.%/2E]{1,6}") {
            let (Some(a), Some(b)) = (canonical(&a), canonical(&b)) else { return Ok(()) };
            prop_assert_eq!(a == b, directory(&a) == directory(&b));
        }
    }
}
