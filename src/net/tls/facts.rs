//! What a handshake has shown, for people: version, cipher, whom the certificate is for and by, how long, and who says so.

use super::der;
use super::verify::Pin;
use crate::text::der::{Element, element, elements};
use chrono::NaiveDate;
use rustls::{ClientConnection, ProtocolVersion};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// As many names are told.
const NAMES: usize = 10;
/// The longest name that is told, in characters.
const NAME: usize = 200;

/// Extensions of a certificate, RFC 5280 4.1.
const EXTENSIONS: u8 = 0xa3;
/// subjectAltName, RFC 5280 4.2.1.6.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// X.520's attributes that people know, and their letters.
const ATTRIBUTES: [(&[u8], &str); 4] =
    [(&[0x55, 4, 3], "CN"), (&[0x55, 4, 10], "O"), (&[0x55, 4, 11], "OU"), (&[0x55, 4, 6], "C")];
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Who says that the server is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Nobody: towards this machine itself TLS is used without.
    Not,
    /// A pin of its key.
    Pin,
    /// Mozilla's authorities.
    Mozilla,
    /// The system's authorities.
    System,
    /// Authorities of our own choice.
    File,
    /// The DNS of its domain.
    Dane,
}

impl Verified {
    /// Its word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verified::Not => "not",
            Verified::Pin => "pin",
            Verified::Mozilla => "mozilla",
            Verified::System => "system",
            Verified::File => "ca-file",
            Verified::Dane => "dane",
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verified::Not => "not verified",
            Verified::Pin => "verified by its pin",
            Verified::Mozilla => "verified by Mozilla's authorities",
            Verified::System => "verified by the system's authorities",
            Verified::File => "verified by the authorities of ca-file",
            Verified::Dane => "verified by the DNS of its domain (DANE)",
        })
    }
}

/// See the module. Words of the certificate are as they came: whoever prints them escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `TLS 1.3`.
    pub version: String,
    /// The cipher suite's name.
    pub cipher: String,
    /// Whom the certificate is of: `O=..., CN=...`.
    pub subject: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Who has issued it.
    pub issuer: String,
    /// The end of its life, in seconds since 1970.
    pub not_after: Option<i64>,
    /// The pin of its key.
    pub pin: Option<Pin>,
    /// How it was verified.
    pub verified: Verified,
}

impl Facts {
    pub(super) fn of(connection: &ClientConnection, verified: Verified) -> Facts {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            other => format!("{other:?}"),
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let certificate = connection.peer_certificates().and_then(<[_]>::first).map(AsRef::as_ref);
        Facts {
            version,
            cipher: cipher.unwrap_or_default().to_owned(),
            ..Facts::of_certificate(certificate.unwrap_or_default(), verified)
        }
    }

    fn of_certificate(certificate: &[u8], verified: Verified) -> Facts {
        let parts = der::parts(certificate);
        let parts = parts.as_ref();
        Facts {
            version: String::new(),
            cipher: String::new(),
            subject: parts.map(|parts| name(parts.subject)).unwrap_or_default(),
            names: parts.map(|parts| names(parts.behind)).unwrap_or_default(),
            issuer: parts.map(|parts| name(parts.issuer)).unwrap_or_default(),
            not_after: parts.and_then(|parts| time(elements(parts.validity).nth(1)?)),
            pin: Pin::of(certificate),
            verified,
        }
    }

    /// The whole days that are left at `now` (seconds since 1970), negative if it has ended.
    #[must_use]
    pub fn days_left(&self, now: i64) -> Option<i64> {
        self.not_after.map(|end| end.saturating_sub(now).div_euclid(86400))
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match self.names.as_slice() {
            [] => self.subject.clone(),
            names => names.join(", "),
        };
        write!(f, "{}, {}; for {names}; by {}", self.version, self.cipher, self.issuer)?;
        if let Some(end) = self.not_after.and_then(|end| chrono::DateTime::from_timestamp(end, 0)) {
            write!(f, "; until {}", end.format("%Y-%m-%d"))?;
        }
        write!(f, "; {}", self.verified)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(NAME).collect()
}

/// A distinguished name, of which the attributes that people know are told.
fn name(der: &[u8]) -> String {
    let sets = element(der).map_or(&[][..], |name| name.held);
    let attributes = elements(sets).flat_map(|set| elements(set.held)).filter_map(|attribute| {
        let kind = element(attribute.held)?;
        let value = element(kind.behind)?;
        let (_, letters) = ATTRIBUTES.iter().find(|(oid, _)| *oid == kind.held)?;
        Some(format!("{letters}={}", text(value.held)))
    });
    attributes.take(NAMES).collect::<Vec<_>>().join(", ")
}

/// The names of subjectAltName.
fn names(behind_key: &[u8]) -> Vec<String> {
    let extensions = elements(behind_key).find(|part| part.tag == EXTENSIONS);
    let extensions = extensions.and_then(|part| element(part.held)).map_or(&[][..], |list| list.held);
    let alternative = elements(extensions).find_map(|extension| {
        let mut parts = elements(extension.held);
        let named = parts.next().is_some_and(|oid| oid.held == ALTERNATIVE_NAMES);
        // The value stands behind an optional "critical".
        let value = parts.last().filter(|_| named)?;
        element(value.held)
    });
    let all = elements(alternative.map_or(&[][..], |list| list.held)).filter_map(|name| match name.tag {
        DNS_NAME => Some(text(name.held)),
        IP_ADDRESS => {
            let four = <[u8; 4]>::try_from(name.held).map(|bytes| Ipv4Addr::from(bytes).to_string());
            four.or_else(|_| <[u8; 16]>::try_from(name.held).map(|bytes| Ipv6Addr::from(bytes).to_string())).ok()
        }
        _ => None,
    });
    let mut told: Vec<String> = all.take(NAMES + 1).collect();
    if told.len() > NAMES {
        told.truncate(NAMES);
        told.push("...".to_owned());
    }
    told
}

/// A time, RFC 5280 4.1.2.5: `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(element: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.held).ok()?.strip_suffix('Z')?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |at: usize| rest.get(at..at + 2).and_then(|digits| digits.parse::<u32>().ok());
    let day = NaiveDate::from_ymd_opt(year, number(0)?, number(2)?)?;
    Some(day.and_hms_opt(number(4)?, number(6)?, number(8)?)?.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["a.example", "*.b.example", "192.0.2.7", "2001:db8::7"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Tulips \u{1b}[2J Ltd");
        params.distinguished_name.push(rcgen::DnType::CommonName, "c");
        change(&mut params);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn what_a_certificate_says() {
        let certificate = made(|params| params.not_after = rcgen::date_time_ymd(2027, 2, 3));
        let facts = Facts::of_certificate(&certificate, Verified::Pin);
        assert_eq!(facts.names, ["a.example", "*.b.example", "192.0.2.7", "2001:db8::7"]);
        assert_eq!(facts.subject, "O=Tulips \u{1b}[2J Ltd, CN=c");
        assert_eq!(facts.issuer, facts.subject);
        assert_eq!(facts.not_after, Some(1_801_612_800));
        assert_eq!(facts.days_left(1_801_612_800 - 86400 * 3 - 1), Some(3));
        assert_eq!(facts.days_left(1_801_612_800 + 1), Some(-1));
        let far = Facts::of_certificate(&made(|p| p.not_after = rcgen::date_time_ymd(2999, 2, 3)), Verified::Not);
        assert_eq!(far.not_after, Some(32_474_995_200));
        let many = made(|p| p.subject_alt_names = vec![rcgen::SanType::DnsName("x.example".try_into().unwrap()); 50]);
        assert_eq!(Facts::of_certificate(&many, Verified::Not).names.len(), 11);
        assert!(facts.to_string().contains("; for a.example, *.b.example, "));
        // Cut or changed anywhere it says something else, or nothing.
        for at in 0..certificate.len() {
            let mut changed = certificate.clone();
            changed[at] ^= 0xff;
            let _ = Facts::of_certificate(&changed, Verified::Not).to_string();
            let _ = Facts::of_certificate(&certificate[..at], Verified::Not).to_string();
        }
    }
}
