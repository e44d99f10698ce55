//! resolv.conf(5), as far as it matters for names that are whole.

use super::{PORT, ROUNDS, Resolver, WAIT};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// As many servers are asked, as in glibc.
const SERVERS: usize = 3;

pub(super) fn read(text: &str) -> Resolver {
    let mut found = Resolver { servers: Vec::new(), validates: false, wait: WAIT, rounds: ROUNDS };
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                // A zone behind % names an interface, which std reads as a part of no address.
                let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                if found.servers.len() < SERVERS {
                    found.servers.extend(address.map(|address| SocketAddr::new(address, PORT)));
                }
            }
            Some("options") => {
                for option in words {
                    let number = |name: &str| option.strip_prefix(name)?.parse::<u32>().ok();
                    if option == "trust-ad" {
                        found.validates = true;
                    } else if let Some(seconds) = number("timeout:") {
                        found.wait = Duration::from_secs(u64::from(seconds.clamp(1, 30)));
                    } else if let Some(attempts) = number("attempts:") {
                        found.rounds = attempts.clamp(1, 5);
                    }
                }
            }
            _ => {}
        }
    }
    if found.servers.is_empty() {
        found.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file() {
        let found = read(
            "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1\nnameserver  ::1 \nnameserver x\n\
             options ndots:5 timeout:2 attempts:99 trust-ad\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
        );
        let servers: Vec<SocketAddr> =
            ["192.0.2.1:53", "[::1]:53", "192.0.2.3:53"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(found, Resolver { servers, validates: true, wait: Duration::from_secs(2), rounds: 5 });
        assert!(found.may_be_secure());
    }

    #[test]
    fn nothing_in_it_is_this_machine() {
        let found = read("options timeout:x attempts:\n");
        assert_eq!(found.servers(), ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((found.validates, found.wait, found.rounds), (false, WAIT, ROUNDS));
        assert!(!read("nameserver 192.0.2.1").may_be_secure());
    }
}
