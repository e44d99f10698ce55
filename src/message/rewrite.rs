//! Addresses that mean nothing elsewhere, such as cron's `From: root (Cron Daemon)`, turned into ones that do: [`Rewrite`]. Only where it
//! was asked for: what it changes is no longer what was signed.
//!
//! A field that holds no such address keeps every byte; of one that does, the original is kept in a field `X-Original-NAME` behind
//! it. Left out: message bodies, fields that are no address lists, encoded words (names stay as they are).

use super::addr::{self, Address, AddressItem};
use super::header::{Entry, Header};
use super::outgoing::or_domain;
use crate::error::{Error, Result};

/// Fields with those who send.
const SENDERS: [&str; 6] = ["From", "Sender", "Reply-To", "Resent-From", "Resent-Sender", "Errors-To"];
/// Fields with those who receive.
const RECIPIENTS: [&str; 4] = ["To", "Cc", "Resent-To", "Resent-Cc"];
/// The longest line that is written, if words allow it (RFC 5322 2.1.1).
const WIDTH: usize = 76;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `bob@example.org`
    One(Vec<u8>, Vec<u8>),
    /// `root`: without a domain, or in one of this machine.
    Local(Vec<u8>),
    /// `*@example.org`
    Domain(Vec<u8>),
    /// `*`
    All,
}

/// One rule: which addresses become what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pattern: Pattern,
    /// The local part `*` keeps what it was.
    target: Address,
    text: String,
}

impl Rule {
    /// Reads `bob@example.org`, `root`, `*@localhost` or `*`, and the address that it becomes: `bob@example.org`,
    /// `Name <bob@example.org>`, `*@example.org`.
    ///
    /// # Errors
    /// 64 with the reason.
    pub fn parse(pattern: &str, target: &str) -> Result<Rule> {
        let text = format!("{pattern} = {target}");
        let wrong = || Error::usage(format!("{pattern}: neither an address, nor *@DOMAIN, NAME or *"));
        let read = addr::parse_strict(pattern).map_err(|_| wrong())?;
        if read.name.is_some() || read.route.is_some() {
            return Err(wrong());
        }
        let (local, domain) = (read.local.to_ascii_lowercase(), read.domain.to_ascii_lowercase());
        let pattern = match (local.as_slice(), domain.is_empty()) {
            (b"*", true) => Pattern::All,
            (b"*", false) => Pattern::Domain(domain),
            (_, true) => Pattern::Local(local),
            (_, false) => Pattern::One(read.local, domain),
        };
        let target = addr::parse_strict(target)?;
        if target.domain.is_empty() || target.route.is_some() {
            return Err(Error::usage(format!(
                "{}: an address with a domain is wanted",
                String::from_utf8_lossy(&target.spec())
            )));
        }
        Ok(Rule { pattern, target, text })
    }

    /// As it was written: `PATTERN = ADDRESS`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How well it fits: the smaller the better.
    fn fits(&self, address: &Address, host: &str) -> Option<u8> {
        let domain = address.domain.to_ascii_lowercase();
        let here = || [&b"localhost"[..], host.as_bytes()].iter().any(|d| d.eq_ignore_ascii_case(&domain));
        let (fits, rank) = match &self.pattern {
            Pattern::One(local, of) => (*local == address.local && *of == domain, 0),
            Pattern::Local(local) => (address.local.eq_ignore_ascii_case(local) && here(), 1),
            Pattern::Domain(of) => (*of == domain, 2),
            Pattern::All => (true, 3),
        };
        fits.then_some(rank)
    }
}

/// What is rewritten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Rules for those who send: From, Sender, Reply-To, Errors-To, the envelope's sender. Of those that fit equally well, the first.
    pub senders: Vec<Rule>,
    /// Rules for those who receive: To, Cc, the envelope's recipients.
    pub recipients: Vec<Rule>,
}

/// A field that was rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub field: String,
    /// What it said, in one line.
    pub from: String,
    /// What it says now.
    pub to: String,
}

/// What an address becomes, if anything: a domain, if it has none, and then what the rule that fits best says.
#[must_use]
pub fn address(address: &Address, rules: &[Rule], host: &str) -> Option<Address> {
    let mut full = address.clone();
    or_domain(&mut full, host);
    let best = rules.iter().filter_map(|rule| Some((rule.fits(&full, host)?, rule))).min_by_key(|(rank, _)| *rank);
    if let Some((_, rule)) = best {
        let local = if rule.target.local == b"*" { full.local } else { rule.target.local.clone() };
        let name = rule.target.name.clone().or(full.name);
        full = Address { name, route: None, local, domain: rule.target.domain.clone() };
    }
    (full != *address).then_some(full)
}

/// Rewrites the fields of a header section, whose bytes these are; and says what was changed.
#[must_use]
pub fn header(section: Vec<u8>, rewrite: &Rewrite, host: &str) -> (Vec<u8>, Vec<Change>) {
    let (mut out, mut changes, mut parsed) = (Vec::with_capacity(section.len()), Vec::new(), 0);
    let section = Header::parse(section);
    for entry in section.entries() {
        parsed += entry.raw().len();
        let Entry::Field(field) = entry else {
            out.extend_from_slice(entry.raw());
            continue;
        };
        let is = |names: &[&str]| names.iter().any(|name| field.is(name));
        let rules = match () {
            () if is(&SENDERS) => Some(&rewrite.senders),
            () if is(&RECIPIENTS) => Some(&rewrite.recipients),
            () => None,
        };
        let items = rules.and_then(|rules| Some((rules, addr::checked(field.value).ok()?)));
        let Some(items) = items.and_then(|(rules, items)| list(items, rules, host)) else {
            out.extend_from_slice(field.raw);
            continue;
        };
        let end: &[u8] = if field.raw.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        let words = words(&items);
        out.extend_from_slice(field.name);
        out.push(b':');
        let mut column = field.name.len() + 1;
        for word in &words {
            if column + 1 + word.len() > WIDTH && column > field.name.len() + 1 {
                out.extend_from_slice(end);
                column = 0;
            }
            out.push(b' ');
            out.extend_from_slice(word);
            column += 1 + word.len();
        }
        out.extend_from_slice(end);
        // The name as it was spelled, the value folded as it was.
        out.extend_from_slice(b"X-Original-");
        out.extend_from_slice(field.raw);
        if !field.raw.ends_with(b"\n") {
            out.extend_from_slice(end);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        changes.push(Change { field: text(field.name), from: text(&field.unfolded()), to: text(&words.join(&b' ')) });
    }
    out.extend_from_slice(section.raw().get(parsed..).unwrap_or_default());
    (out, changes)
}

/// The list with its addresses rewritten; `None`: nothing in it was.
fn list(mut items: Vec<AddressItem>, rules: &[Rule], host: &str) -> Option<Vec<AddressItem>> {
    let mut changed = false;
    let mut change = |one: &mut Address| {
        if let Some(new) = address(one, rules, host) {
            *one = new;
            changed = true;
        }
    };
    for item in &mut items {
        match item {
            AddressItem::Mailbox(one) => change(one),
            AddressItem::Group { members, .. } => members.iter_mut().for_each(&mut change),
        }
    }
    changed.then_some(items)
}

/// A list as it is written, in words between which a line may end.
fn words(items: &[AddressItem]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for (n, item) in items.iter().enumerate() {
        match item {
            AddressItem::Mailbox(one) => words.extend(mailbox(one)),
            AddressItem::Group { name, members } => {
                words.extend(phrase(name));
                append(&mut words, b":");
                for (n, member) in members.iter().enumerate() {
                    words.extend(mailbox(member));
                    if n + 1 < members.len() {
                        append(&mut words, b",");
                    }
                }
                append(&mut words, b";");
            }
        }
        if n + 1 < items.len() {
            append(&mut words, b",");
        }
    }
    words
}

fn append(words: &mut [Vec<u8>], bytes: &[u8]) {
    if let Some(last) = words.last_mut() {
        last.extend_from_slice(bytes);
    }
}

fn mailbox(address: &Address) -> Vec<Vec<u8>> {
    match &address.name {
        Some(name) if !name.is_empty() => {
            let mut words = phrase(name);
            words.push([b"<", address.spec().as_slice(), b">"].concat());
            words
        }
        _ => vec![address.spec()],
    }
}

/// A name: atoms as they are, which encoded words are too; else one quoted string.
fn phrase(name: &[u8]) -> Vec<Vec<u8>> {
    let atom = |b: &u8| b.is_ascii_alphanumeric() || *b == b' ' || b"!#$%&'*+-/=?^_`{|}~".contains(b);
    let plain = name.iter().all(atom) && !name.is_empty() && !name.starts_with(b" ") && !name.ends_with(b" ");
    if plain && !name.windows(2).any(|two| two == b"  ") {
        return name.split(|b| *b == b' ').map(<[u8]>::to_vec).collect();
    }
    let mut out = vec![b'"'];
    for b in name {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
    vec![out]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(all: &[(&str, &str)]) -> Vec<Rule> {
        all.iter().map(|(pattern, target)| Rule::parse(pattern, target).unwrap()).collect()
    }

    fn cron() -> Rewrite {
        Rewrite {
            senders: rules(&[("*@localhost", "*@example.org"), ("root", "Cron <cron@example.org>")]),
            recipients: rules(&[
                ("*", "all@example.org"),
                ("root", "admin@example.org"),
                ("bob@example.com", "amy@example.com"),
            ]),
        }
    }

    fn done(raw: &str) -> String {
        String::from_utf8(header(raw.into(), &cron(), "host.example").0).unwrap()
    }

    #[test]
    fn crons_fields() {
        assert_eq!(
            done("From: root (Cron Daemon)\nTo: root\nSubject: root\n\n"),
            "From: Cron <cron@example.org>\nX-Original-From: root (Cron Daemon)\nTo: admin@example.org\nX-Original-To: root\nSubject: root\n\n"
        );
        assert_eq!(
            done("from :\r\n bob@LOCALHOST,\r\n \"A. B\" <amy@elsewhere.example>\r\n\r\nbody"),
            "from: bob@example.org, \"A. B\" <amy@elsewhere.example>\r\nX-Original-from :\r\n bob@LOCALHOST,\r\n \"A. B\" <amy@elsewhere.example>\r\n\r\nbody"
        );
        assert_eq!(
            done("To: G: bob@example.com, root@host.example;, x@y"),
            "To: G: amy@example.com, admin@example.org;, all@example.org\nX-Original-To: G: bob@example.com, root@host.example;, x@y\n"
        );
        // Nothing to change, and nothing that is understood.
        for same in [
            "From: a@b (c)\n\n",
            "From: root root <x\nReply-To: a@b,\n b@c\n\n",
            "X-To: root\n\n",
            "Bcc: root\n\n",
            "junk\n",
        ] {
            assert_eq!(done(same), same);
        }
        assert_eq!(done("Sender: root\n\n"), "Sender: Cron <cron@example.org>\nX-Original-Sender: root\n\n");
        let none = Rewrite::default();
        let (out, changes) = header(b"To: root, a@b\n\n".to_vec(), &none, "h");
        assert_eq!(out, b"To: root@h, a@b\nX-Original-To: root, a@b\n\n");
        assert_eq!(changes, [Change { field: "To".into(), from: "root, a@b".into(), to: "root@h, a@b".into() }]);
    }

    #[test]
    fn names_stay_and_lines_are_short() {
        let many: Vec<String> = (0..30).map(|n| format!("=?utf-8?Q?B=C3=B6b?= n{n} <user{n}@localhost>")).collect();
        let out = done(&format!("From: {}\n\n", many.join(", ")));
        let new = out.split("X-Original-").next().unwrap();
        assert!(new.lines().all(|line| line.len() <= 78), "{new}");
        let items = addr::checked(Header::parse(new.into()).get("From").unwrap()).unwrap();
        let all: Vec<&Address> = addr::mailboxes(&items).collect();
        assert!(all.len() == 30 && all.iter().all(|a| a.domain == b"example.org"));
        assert_eq!(all[7].name.as_deref(), Some(&b"=?utf-8?Q?B=C3=B6b?= n7"[..]));
    }

    #[test]
    fn the_best_rule_counts() {
        let of = |text: &str, rules: &[Rule]| {
            let got = address(&addr::parse_strict(text).unwrap(), rules, "h.example");
            got.map(|a| String::from_utf8(a.spec()).unwrap()).unwrap_or_default()
        };
        let all = rules(&[
            ("*", "a@x"),
            ("*@b.example", "b@x"),
            ("c", "c@x"),
            ("c@b.example", "d@x"),
            ("*@b.example", "z@x"),
        ]);
        for (from, to) in
            [("c@B.example", "d@x"), ("C", "c@x"), ("c@h.example", "c@x"), ("C@b.example", "b@x"), ("c@y", "a@x")]
        {
            assert_eq!(of(from, &all), to, "{from}");
        }
        assert_eq!(of("c", &[]), "c@h.example");
        assert_eq!(of("c@d", &[]), "");
        assert_eq!(of("a@x", &all), "");
        for (pattern, target) in
            [("", "a@b"), ("a b", "a@b"), ("a", "b"), ("a", ""), ("N <a@b>", "a@b"), ("a\n", "b@c"), ("a@b", "c@d\n")]
        {
            assert_eq!(Rule::parse(pattern, target).unwrap_err().exit().code(), 64, "{pattern} {target}");
        }
    }

    proptest! {
        #[test]
        fn what_is_no_address_field_keeps_every_byte(names in proptest::collection::vec("[A-Za-z-]{1,8}", 0..5), value in "[ -~\t]{0,40}", from in "[ -~]{0,60}") {
            let mut raw = String::new();
            for name in &names {
                if !SENDERS.iter().chain(&RECIPIENTS).any(|own| own.eq_ignore_ascii_case(name)) {
                    raw.push_str(&format!("{name}: {value}\r\n"));
                }
            }
            let with = format!("{raw}From: {from}\r\n\r\n");
            let (out, changes) = header(with.clone().into_bytes(), &cron(), "h");
            prop_assert!(out.starts_with(raw.as_bytes()));
            if changes.is_empty() {
                prop_assert_eq!(out, with.into_bytes());
            } else {
                let original = format!("X-Original-From: {from}\r\n\r\n");
                prop_assert!(out.ends_with(original.as_bytes()));
                // Again, and nothing is left to be done.
                prop_assert!(header(out, &cron(), "h").1.is_empty());
            }
        }
    }
}
