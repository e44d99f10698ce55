//! What a server offers in its answer to EHLO.

/// The extensions, with what the server says about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 1870; `Some(0)` is offered without a limit.
    pub size: Option<u64>,
    /// RFC 4954: mechanisms, in capitals.
    pub auth: Vec<String>,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2852: the shortest time that it can keep, in seconds; `Some(0)` is offered without a bound.
    pub deliver_by: Option<u64>,
    /// RFC 4865.
    pub future_release: Option<FutureRelease>,
    /// RFC 6710.
    pub mt_priority: bool,
    /// RFC 8689.
    pub require_tls: bool,
    /// RFC 9422.
    pub limits: Limits,
}

/// How long a server holds a message back, RFC 4865 3. A bound that can't be read is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FutureRelease {
    /// The longest HOLDFOR, in seconds.
    pub longest: Option<u64>,
    /// The last HOLDUNTIL, in UTC as RFC 3339 writes it.
    pub last: Option<String>,
}

/// What a server takes, RFC 9422 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// MAILMAX: transactions in a session.
    pub mails: Option<usize>,
    /// RCPTMAX: recipients in a transaction.
    pub recipients: Option<usize>,
    /// RCPTDOMAINMAX: different domains of recipients in a session.
    pub domains: Option<usize>,
}

impl Limits {
    fn read<'w>(words: impl Iterator<Item = &'w str>) -> Limits {
        let mut limits = Limits::default();
        for word in words {
            let Some((name, value)) = word.split_once('=') else { continue };
            // RFC 9422 3: up to six digits. Nothing can be sent under a limit of none, which therefore is none.
            let digits = (1..=6).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
            let value = value.parse().ok().filter(|n| digits && *n > 0);
            match name.to_ascii_uppercase().as_str() {
                "MAILMAX" => limits.mails = value,
                "RCPTMAX" => limits.recipients = value,
                "RCPTDOMAINMAX" => limits.domains = value,
                _ => {}
            }
        }
        limits
    }
}

impl Extensions {
    /// From the lines of the reply, of which the first is the greeting.
    #[must_use]
    pub fn read(lines: &[String]) -> Extensions {
        let mut found = Extensions::default();
        for line in lines.iter().skip(1) {
            let (keyword, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            let mut words = rest.split(' ').filter(|word| !word.is_empty());
            match keyword.to_ascii_uppercase().as_str() {
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "STARTTLS" => found.starttls = true,
                "SIZE" => found.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                // "AUTH=" is an old way to say it that some servers add.
                "AUTH" => {
                    for mechanism in words.flat_map(|word| word.split('=')).map(str::to_ascii_uppercase) {
                        if !mechanism.is_empty() && !found.auth.contains(&mechanism) {
                            found.auth.push(mechanism);
                        }
                    }
                }
                "CHUNKING" => found.chunking = true,
                "DSN" => found.dsn = true,
                "DELIVERBY" => found.deliver_by = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "FUTURERELEASE" => {
                    let longest = words.next().and_then(|n| n.parse().ok());
                    let last = words.next().map(str::to_owned);
                    found.future_release = Some(FutureRelease { longest, last });
                }
                "MT-PRIORITY" => found.mt_priority = true,
                "REQUIRETLS" => found.require_tls = true,
                "LIMITS" => found.limits = Limits::read(words),
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Extensions {
        Extensions::read(&lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_ehlo_list() {
        let e = read(&["x", "SIZE 1000", "auth=PLAIN", "AUTH LOGIN plain", "Pipelining", "8BITMIME", "X-FOO"]);
        assert!(e.pipelining && e.eight_bit_mime && !e.starttls && !e.chunking);
        assert_eq!((e.size, e.auth), (Some(1000), vec!["PLAIN".into(), "LOGIN".into()]));
    }

    #[test]
    fn what_else_there_is() {
        let e = read(&[
            "x",
            "CHUNKING",
            "DSN",
            "DELIVERBY 240",
            "FUTURERELEASE 604800 2026-12-31T00:00:00Z",
            "MT-PRIORITY MIXER",
            "REQUIRETLS",
            "LIMITS MAILMAX=50 rcptmax=100 RCPTDOMAINMAX=1 X=2",
        ]);
        assert!(e.chunking && e.dsn && e.mt_priority && e.require_tls);
        assert_eq!(e.deliver_by, Some(240));
        let release = e.future_release.unwrap();
        assert_eq!((release.longest, release.last.as_deref()), (Some(604_800), Some("2026-12-31T00:00:00Z")));
        assert_eq!(e.limits, Limits { mails: Some(50), recipients: Some(100), domains: Some(1) });
        let e = read(&[
            "x",
            "DELIVERBY",
            "FUTURERELEASE",
            "LIMITS RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX=1234567",
            "DELIVERBYX",
        ]);
        assert_eq!((e.deliver_by, e.limits), (Some(0), Limits::default()));
        assert_eq!(e.future_release, Some(FutureRelease::default()));
    }
}
