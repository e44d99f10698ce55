//! What a server calls the message that it has taken: no RFC says how it tells, so this reads what servers say.

/// The queue's name for a message, out of the text of the reply to its end (with or without the enhanced status code).
///
/// Postfix and its relatives say `queued as ID` (of a proxy's answer the last one counts), Exim `id=ID`, Sendmail and
/// OpenSMTPD `ID Message accepted`, Dovecot `<to> ID Saved`, qmail `ok TIME qp NUMBER`, Exchange `<ID> ... Queued mail`,
/// Google `OK TIME ID - gsmtp`, Amazon `Ok ID`.
#[must_use]
pub fn queue_id(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let at = |n: usize| words.get(n).copied();
    let lower = |n: usize| at(n).unwrap_or_default().to_ascii_lowercase();
    let found = (0..words.len()).rev().find_map(|n| match lower(n).as_str() {
        "queued" if lower(n + 1) == "as" => at(n + 2),
        "message" if lower(n + 1) == "accepted" => n.checked_sub(1).and_then(at),
        "saved" => n.checked_sub(1).and_then(at).filter(|_| n >= 2),
        "qp" if n >= 2 && lower(n - 2) == "ok" => at(n + 1),
        "queued" if lower(n + 1) == "mail" => words.iter().copied().find(|word| word.starts_with('<')),
        word if word.starts_with("id=") => at(n).and_then(|word| word.get(3..)),
        "gsmtp" => n.checked_sub(2).and_then(at),
        // Nothing but the name.
        "ok" if n + 2 == words.len() => at(n + 1).filter(|word| word.len() >= 16),
        _ => None,
    })?;
    let id = found.trim_matches(|c: char| matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | '.'));
    let fits = (4..=200).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    // "2.0.0 Message accepted" has none.
    let is_status = id.split('.').count() == 3 && id.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (fits && !is_status && id.bytes().any(|b| b.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::queue_id;

    #[test]
    fn what_servers_say() {
        for (text, id) in [
            ("2.0.0 Ok: queued as 4Zx1Wq5LZyz1234", "4Zx1Wq5LZyz1234"),
            ("2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 1A2B3C4D5E", "1A2B3C4D5E"),
            ("OK id=1qXyZa-0001Bc-2D", "1qXyZa-0001Bc-2D"),
            ("2.0.0 5AN1x2Y3012345 Message accepted for delivery", "5AN1x2Y3012345"),
            ("2.0.0 a1b2c3d4 Message accepted for delivery", "a1b2c3d4"),
            ("2.0.0 <bob@example.org> nTVbM2Zk2mU3BAAAqCYxJw Saved", "nTVbM2Zk2mU3BAAAqCYxJw"),
            ("ok 1700000000 qp 12345", "12345"),
            (
                "2.6.0 <a1@b.example> [InternalId=42, Hostname=x] 1 bytes in 0.1, 2 KB/sec Queued mail for delivery",
                "a1@b.example",
            ),
            ("2.0.0 OK  1700000000 a1-20020a170906b78100b009e5si12 - gsmtp", "a1-20020a170906b78100b009e5si12"),
            (
                "Ok 010001890abcdef0-12345678-1234-1234-1234-123456789abc-000000",
                "010001890abcdef0-12345678-1234-1234-1234-123456789abc-000000",
            ),
        ] {
            assert_eq!(queue_id(text), Some(id), "{text}");
        }
        for none in [
            "",
            "2.0.0 stored",
            "2.0.0 Message accepted",
            "ok",
            "Great success",
            "queued as",
            "id=",
            "Saved",
            "2.0.0 1234 octets received",
            "Message accepted for delivery",
        ] {
            assert_eq!(queue_id(none), None, "{none}");
        }
    }
}
