//! Domain names beyond ASCII (IDNA, RFC 5890; in the way that browsers have it, UTS 46): to A-labels, which the DNS, certificates and
//! servers without SMTPUTF8 know, and back for people.

/// The domain with A-labels: `b\u{fc}cher.example` is `xn--bcher-kva.example`. ASCII stays as it is, in its case too, and so does an
/// address literal. `None`: it is no name of a host.
#[must_use]
pub fn to_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_owned());
    }
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    (!ascii.is_empty()).then_some(ascii)
}

/// The domain for people: A-labels that IDNA knows become what they stand for, everything else stays.
#[must_use]
pub fn to_unicode(domain: &str) -> String {
    let encoded = |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    if !domain.split('.').any(encoded) {
        return domain.to_owned();
    }
    match idna::domain_to_unicode(domain) {
        (unicode, Ok(())) if !unicode.chars().any(crate::text::is_unsafe) => unicode,
        _ => domain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_both_ways() {
        for (unicode, ascii) in [
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("\u{4f8b}\u{3048}.\u{30c6}\u{30b9}\u{30c8}", "xn--r8jz45g.xn--zckzah"),
            ("example.org", "example.org"),
        ] {
            assert_eq!(to_ascii(unicode).as_deref(), Some(ascii));
            assert_eq!(to_unicode(ascii), unicode);
        }
        assert_eq!(to_ascii("B\u{dc}CHER.Example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(to_ascii("Example_1.ORG").as_deref(), Some("Example_1.ORG"));
        assert_eq!(to_ascii("[192.0.2.1]").as_deref(), Some("[192.0.2.1]"));
        assert_eq!(to_unicode("xn--a"), "xn--a");
        for bad in ["a\u{202e}.example", "\u{fc} x.example", "-\u{fc}.example", "\u{fc}..example"] {
            assert_eq!(to_ascii(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_ascii_and_stays(text in "\\PC{0,40}") {
            if let Some(ascii) = to_ascii(&text) {
                prop_assert!(ascii.is_ascii());
                prop_assert_eq!(to_ascii(&ascii), Some(ascii.clone()));
                prop_assert!(!to_unicode(&ascii).chars().any(crate::text::is_unsafe) || ascii == text);
            }
        }
    }
}
