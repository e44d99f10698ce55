//! What holds of any bytes that are taken for a list of addresses.

use pipepost::message::addr::{self, Address, AddressItem};
use pipepost::message::decode;

fn again(address: &Address) {
    let spec = address.spec();
    let items = addr::list(&spec);
    let [AddressItem::Mailbox(read)] = items.as_slice() else { panic!("{address:?} {items:?}") };
    assert_eq!((&read.local, &read.domain), (&address.local, &address.domain), "{}", spec.escape_ascii());
}

/// Panics if something does not hold.
pub fn check(text: &[u8]) {
    let items = addr::list(text);
    let strict = addr::checked(text);
    if let Ok(strict) = &strict {
        assert_eq!(strict, &items);
        addr::mailboxes(strict).for_each(again);
    }
    if let Some(Ok(address)) = std::str::from_utf8(text).ok().map(addr::parse_strict) {
        assert!(!address.spec().iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        again(&address);
    }
    addr::mailboxes(&items).for_each(|address| assert!(address.spec().len() <= 2 * text.len() + 3));
    let _ = decode::people(text);
}
