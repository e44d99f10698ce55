//! What went wrong in a handshake, in words for people: the reason and the remedy.

use super::verify::{Refused, Why};
use crate::error::Error;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

/// The advice for old servers, which no flag helps.
const OLD: &str = "TLS 1.0, 1.1 and SSL are not safe any more, and not spoken here: the server must be updated";

/// A client's handshake that failed; `asked` is the name of the server.
pub(super) fn of_client(e: &rustls::Error, asked: &str) -> Error {
    match e {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref::<Refused>() {
            Some(refused) => of_refused(refused, asked),
            None => Error::protocol(format!("TLS: the server's certificate is refused: {other}")),
        },
        rustls::Error::InvalidCertificate(why) => Error::protocol(format!("TLS: the server's {}", of_bad(why, asked))),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Error::protocol("TLS: the server has only protocols older than TLS 1.2").advise(OLD),
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) | rustls::Error::PeerIncompatible(_) => {
            Error::protocol(format!("TLS: the handshake is refused: no version, cipher or key in common ({e})"))
                .advise("the server may know nothing but RSA key exchange or other ciphers that are not safe any more")
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => Error::protocol(format!("TLS: the server refuses our certificate ({e})")).advise("see --client-cert"),
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            Error::protocol(format!("TLS: the server does not know the name {asked}"))
        }
        rustls::Error::AlertReceived(alert) => Error::protocol(format!("TLS: the handshake is refused: {alert:?}")),
        rustls::Error::InvalidMessage(_) => Error::protocol("TLS: what the server says is not TLS")
            .advise("is it another port? schemes with s (smtps, pop3s, imaps) are for TLS from the first byte"),
        other => Error::protocol(format!("TLS: {other}")),
    }
}

fn of_refused(refused: &Refused, asked: &str) -> Error {
    let pin = refused.pin.as_ref();
    let key = pin.map(|pin| format!("if that key is the server's: --pin {pin}"));
    let (text, remedy) = match &refused.why {
        Why::Pin => ("key is none of those that are pinned".to_owned(), None),
        Why::Certificate(CertificateError::UnknownIssuer) if refused.own => {
            ("certificate is self-signed, and not known".to_owned(), Some("--ca-file FILE if you have it"))
        }
        Why::Certificate(why @ CertificateError::UnknownIssuer) => {
            (of_bad(why, asked), Some("--ca-file FILE if you know its authority"))
        }
        Why::Certificate(why) => (of_bad(why, asked), None),
    };
    let e = Error::protocol(format!("TLS: the server's {text}"));
    match (key, remedy) {
        (Some(key), Some(remedy)) => e.advise(format!("{key}; or {remedy}")),
        (Some(key), None) => e.advise(key),
        (None, _) => e,
    }
}

/// What is wrong with a certificate that stands alone.
pub(super) fn of_certificate(e: &rustls::Error) -> String {
    match e {
        rustls::Error::InvalidCertificate(why) => of_bad(why, "it"),
        other => other.to_string(),
    }
}

/// `certificate ...`: what is wrong with it.
fn of_bad(why: &CertificateError, asked: &str) -> String {
    match why {
        CertificateError::ExpiredContext { time, not_after } => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86400;
            format!("certificate has expired on {} ({days} days ago)", date(not_after.as_secs()))
        }
        CertificateError::Expired => "certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate is not valid before {}; is the clock right?", date(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let mut names: Vec<String> = presented.iter().take(10).map(|name| plain(name)).collect();
            if presented.len() > names.len() {
                names.push("...".to_owned());
            }
            let offered = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            format!("certificate is for another name: asked for {asked}, it is for {offered}")
        }
        CertificateError::NotValidForName => format!("certificate is for another name than {asked}"),
        CertificateError::UnknownIssuer => "certificate is by an unknown issuer".to_owned(),
        CertificateError::BadEncoding => "certificate can't be read".to_owned(),
        CertificateError::BadSignature => "certificate has a wrong signature".to_owned(),
        CertificateError::Revoked => "certificate is revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not for servers".to_owned()
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => "certificate is that of an authority, not of a server".to_owned(),
            Some(webpki::Error::UnsupportedCertVersion) => "certificate is of an X.509 version before 3".to_owned(),
            _ => format!("certificate is refused: {other}"),
        },
        other => format!("certificate is refused: {other}"),
    }
}

/// `DnsName("a.example")`, as webpki writes it, without its frame.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| "a day beyond all calendars".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}
