//! CRAM-MD5 (RFC 2195) and POP3's APOP (RFC 1939 7): a hash of the server's words and the password. Whoever listens can try
//! passwords on it as fast as MD5 goes, and the server must have the password itself, so both are for those who ask for them.

use super::hash::{mac_md5, md5};
use crate::secret::Secret;

/// The response to CRAM-MD5's challenge.
#[must_use]
pub fn cram_md5(user: &str, password: &Secret, challenge: &[u8]) -> Secret {
    let mac = mac_md5(password, challenge);
    Secret::new([user.as_bytes(), b" ", mac.expose()].concat())
}

/// Reads that response: the user, and what [`is_cram_md5`] checks.
#[must_use]
pub fn read_cram_md5(response: &[u8]) -> Option<(String, Secret)> {
    // A name may have blanks, the digits have none.
    let at = response.iter().rposition(|b| *b == b' ')?;
    let (user, digits) = response.split_at_checked(at)?;
    let digits = digits.get(1..).filter(|digits| digits.len() == 32)?;
    let user = String::from_utf8(user.to_vec()).ok().filter(|user| !user.is_empty())?;
    Some((user, Secret::new(digits.to_ascii_lowercase())))
}

/// Whether these digits are the password's for this challenge.
#[must_use]
pub fn is_cram_md5(digits: &Secret, password: &Secret, challenge: &[u8]) -> bool {
    mac_md5(password, challenge).same(digits.expose())
}

/// APOP's digest for the timestamp in the server's greeting, angle brackets included.
#[must_use]
pub fn apop(timestamp: &str, password: &Secret) -> Secret {
    md5([timestamp.as_bytes(), password.expose()])
}

/// The timestamp in a greeting, if it is one that may be hashed: RFC 1939 7 has it in the form of a message id (RFC 822), in
/// ASCII. Anything else may be chosen to find collisions with (CVE-2007-1558).
#[must_use]
pub fn timestamp(greeting: &str) -> Option<&str> {
    let from = greeting.find('<')?;
    let rest = greeting.get(from..)?;
    let stamp = rest.get(..rest.find('>')?.checked_add(1)?)?;
    let id = stamp.strip_prefix('<')?.strip_suffix('>')?;
    let (left, right) = id.rsplit_once('@')?;
    let fits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"<>@".contains(&b));
    (fits(left) && fits(right)).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2195_2() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let password = Secret::new(b"tanstaaftanstaaf".to_vec());
        let response = cram_md5("tim", &password, challenge);
        assert_eq!(response.expose(), b"tim b913a602c7eda7a495b4e6e7334d3890");
        let (user, digits) = read_cram_md5(response.expose()).unwrap();
        assert!(user == "tim" && is_cram_md5(&digits, &password, challenge));
        assert!(!is_cram_md5(&digits, &password, b"<1@x>"));
        assert!(!is_cram_md5(&digits, &Secret::new(b"other".to_vec()), challenge));
        for bad in [
            &b""[..],
            b"tim",
            b"tim b913",
            b" b913a602c7eda7a495b4e6e7334d3890",
            b"\xff b913a602c7eda7a495b4e6e7334d3890",
        ] {
            assert!(read_cram_md5(bad).is_none());
        }
        assert_eq!(read_cram_md5(b"a b B913A602C7EDA7A495B4E6E7334D3890").unwrap().0, "a b");
    }

    #[test]
    fn rfc_1939_7() {
        let stamp = timestamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>").unwrap();
        assert_eq!(apop(stamp, &Secret::new(b"tanstaaf".to_vec())).expose(), b"c4c9334bac560ecc979e58001b3e22fb");
        for none in ["ready", "<>", "<a>", "<@b>", "<a@>", "<a b@c>", "<a@b", "<\u{e9}@b>", "<a\u{7f}@b>", "<<a@b>"] {
            assert!(timestamp(none).is_none(), "{none}");
        }
    }
}
