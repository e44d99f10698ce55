//! [`Hop`]: where a recipient of the queue goes next, as the queue stores it.

use crate::proto::mailbox::Mailbox;
use std::fmt;
use std::path::PathBuf;

/// The next hop. An account for mail has nothing behind its colon, so nothing else can look like the other two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// `ACCOUNT:`, `local:` or a URL.
    Account(String),
    /// The servers of each recipient's domain, by the settings of that account; before somebody is named.
    Domains(Option<String>),
    /// `direct:DOMAIN` or `direct:DOMAIN/ACCOUNT`: the servers of a domain, by the settings of that account.
    Domain(String, Option<String>),
    /// `tree:/ROOT`: a server's mail directory on this machine.
    Tree(PathBuf),
}

impl Hop {
    /// Reads it.
    #[must_use]
    pub fn of(text: &str) -> Hop {
        match text.split_once(':') {
            Some(("direct", rest)) if !rest.is_empty() => match rest.rsplit_once('/') {
                Some((domain, account)) => Hop::Domain(domain.to_owned(), Some(account.to_owned())),
                None => Hop::Domain(rest.to_owned(), None),
            },
            Some(("tree", root)) if root.starts_with('/') => Hop::Tree(root.into()),
            _ => Hop::Account(text.to_owned()),
        }
    }

    /// The hop of mail to an address.
    #[must_use]
    pub fn towards(&self, to: &Mailbox) -> Hop {
        match self {
            Hop::Domains(account) => Hop::Domain(to.domain().to_lowercase(), account.clone()),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hop::Account(name) => f.write_str(name),
            Hop::Domains(_) => f.write_str("direct:"),
            Hop::Domain(domain, None) => write!(f, "direct:{domain}"),
            Hop::Domain(domain, Some(account)) => write!(f, "direct:{domain}/{account}"),
            Hop::Tree(root) => write!(f, "tree:{}", root.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let domain = |domain: &str, account: Option<&str>| Hop::Domain(domain.into(), account.map(str::to_owned));
        for (text, hop) in [
            ("work:", Hop::Account("work:".into())),
            ("direct:", Hop::Account("direct:".into())),
            ("tree:", Hop::Account("tree:".into())),
            ("smtp+plain://127.0.0.1:25", Hop::Account("smtp+plain://127.0.0.1:25".into())),
            ("direct:example.org", domain("example.org", None)),
            ("direct:[IPv6:::1]/work", domain("[IPv6:::1]", Some("work"))),
            ("tree:/srv/mail", Hop::Tree("/srv/mail".into())),
        ] {
            assert_eq!(Hop::of(text), hop, "{text}");
            assert_eq!(hop.to_string(), text);
        }
    }
}
