//! The fields of a header section as signatures take them: by name, the last one first (RFC 6376 5.4.2).

use super::canonical::Canon;
use super::tags::without_b;
use crate::message::header::{Field, Header};
use std::collections::HashMap;

/// The fields, by name.
pub(super) struct Fields<'h> {
    pub(super) all: Vec<Field<'h>>,
    by_name: HashMap<Vec<u8>, Vec<usize>>,
}

impl<'h> Fields<'h> {
    pub(super) fn of(header: &'h Header) -> Fields<'h> {
        let all: Vec<Field<'h>> = header.fields().collect();
        let mut by_name: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (n, field) in all.iter().enumerate() {
            by_name.entry(field.name.to_ascii_lowercase()).or_default().push(n);
        }
        Fields { all, by_name }
    }

    /// Which have this name, in small letters.
    pub(super) fn named(&self, name: &str) -> &[usize] {
        self.by_name.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// What a signature over the fields `names` signs, RFC 6376 3.7: `own` is its field; a name that is there more often than the
    /// field stands for nothing.
    pub(super) fn signed(&self, names: &[String], canon: Canon, own: &Field<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut taken: HashMap<&str, usize> = HashMap::new();
        // It never signs itself, whatever it says.
        let is_own = |n: usize| self.all.get(n).is_some_and(|field| std::ptr::eq(field.raw, own.raw));
        for name in names {
            let all = self.named(name);
            let taken = taken.entry(name).or_insert(0);
            let next = loop {
                *taken += 1;
                match all.len().checked_sub(*taken).and_then(|n| all.get(n)) {
                    Some(n) if is_own(*n) => {}
                    other => break other,
                }
            };
            if let Some(field) = next.and_then(|n| self.all.get(*n)) {
                canon.field(field, &mut out);
                out.extend_from_slice(b"\r\n");
            }
        }
        push_without_b(own.raw, canon, &mut out);
        out
    }
}

/// A signature's own field, without the value of `b=` and the line end.
pub(super) fn push_without_b(raw: &[u8], canon: Canon, out: &mut Vec<u8>) {
    let own = Header::parse(without_b(raw));
    if let Some(field) = own.fields().next() {
        canon.field(&field, out);
    }
}
