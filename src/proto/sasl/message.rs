//! The words of SCRAM's messages, RFC 5802 7: attributes, names in which `,` and `=` are escaped, and the head that GS2 (RFC 5801 4) has before them.

/// A name as it stands in a message.
#[must_use]
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name out of a message; `None`: an `=` that escapes nothing, or no name at all.
#[must_use]
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (c, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(c);
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// The value of the next attribute, which must be `name`, and what stands behind its comma.
pub(super) fn attribute(text: &str, name: char) -> Option<(&str, Option<&str>)> {
    let rest = text.strip_prefix(name)?.strip_prefix('=')?;
    Some(rest.split_once(',').map_or((rest, None), |(value, rest)| (value, Some(rest))))
}

/// Whether it can be a nonce, RFC 5802 7: printable ASCII without a comma.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.len() <= NONCE && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// The longest nonce.
const NONCE: usize = 1024;

/// Whether what follows are further attributes, as RFC 5802 5.1 allows: `m` would be one that must be understood.
pub(super) fn may_follow(rest: Option<&str>) -> bool {
    rest.is_none_or(|rest| {
        rest.split(',').all(|one| {
            let mut chars = one.chars();
            chars.next().is_some_and(|c| c.is_ascii_alphabetic() && c != 'm') && chars.next() == Some('=')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_ways() {
        for name in ["bob", "a,b=c", "=2C", ",", "jürgen"] {
            assert_eq!(unescaped(&escaped(name)).as_deref(), Some(name));
            assert!(!escaped(name).contains(','));
        }
        for bad in ["", "a=", "a=2", "=2c", "a=41", "a\0b"] {
            assert!(unescaped(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn attributes() {
        assert_eq!(attribute("r=a=b,s=c", 'r'), Some(("a=b", Some("s=c"))));
        assert_eq!(attribute("r=", 'r'), Some(("", None)));
        assert!(attribute("s=x", 'r').is_none() && attribute("r", 'r').is_none() && attribute("", 'r').is_none());
        assert!(may_follow(None) && may_follow(Some("x=1,y=")));
        assert!(!may_follow(Some("m=1")) && !may_follow(Some("x=1,m=1")) && !may_follow(Some("")));
    }
}
