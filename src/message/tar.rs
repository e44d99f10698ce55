//! Writing a tar archive (POSIX.1-2017 pax, ustar blocks): regular files, streamed. A file's size has to be known before its bytes.
//!
//! Left out: everything else that tar can hold, and reading.

/// Archives are made of these.
const BLOCK: usize = 512;
/// What 11 octal digits can say.
const MAX_OCTAL: u64 = (1 << 33) - 1;

/// The blocks before a file of this name, size in bytes and time in seconds since 1970.
#[must_use]
pub fn head(name: &str, size: u64, time: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let plain = name.len() <= 100 && name.is_ascii();
    if !plain || size > MAX_OCTAL {
        let mut records = record("path", name);
        if size > MAX_OCTAL {
            records.push_str(&record("size", &size.to_string()));
        }
        out.extend(block("pax", records.len() as u64, time, b'x'));
        let len = records.len() as u64;
        out.extend_from_slice(records.as_bytes());
        out.extend(padding(len));
    }
    out.extend(block(if plain { name } else { "file" }, if size > MAX_OCTAL { 0 } else { size }, time, b'0'));
    out
}

/// What follows a file of this size.
#[must_use]
pub fn padding(size: u64) -> Vec<u8> {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    vec![0; if over == 0 { 0 } else { BLOCK - over }]
}

/// The end of the archive.
#[must_use]
pub fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// A record of a pax header, whose length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut digits = 1;
    while (rest + digits).to_string().len() > digits {
        digits += 1;
    }
    format!("{} {key}={value}\n", rest + digits)
}

fn block(name: &str, size: u64, time: u64, kind: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(BLOCK);
    let mut put = |bytes: &[u8], width: usize| {
        out.extend(bytes.iter().copied().chain(std::iter::repeat(0)).take(width));
    };
    put(name.as_bytes(), 100);
    put(b"0000644", 8);
    put(b"0000000", 8);
    put(b"0000000", 8);
    put(format!("{size:011o}").as_bytes(), 12);
    put(format!("{:011o}", time.min(MAX_OCTAL)).as_bytes(), 12);
    // The checksum, as if it were blanks.
    put(b"        ", 8);
    put(&[kind], 1);
    put(b"", 100);
    put(b"ustar\x0000", 8);
    put(b"", BLOCK - 265);
    let sum: u64 = out.iter().map(|b| u64::from(*b)).sum();
    if let Some(field) = out.get_mut(148..156) {
        field.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_records() {
        assert_eq!(record("path", "x"), "9 path=x\n");
        let long = record("path", &"x".repeat(90));
        assert_eq!(long.len().to_string(), long.split(' ').next().unwrap());
        assert_eq!(head("a", 3, 1).len(), 512);
        assert_eq!(head("é", 3, 1).len(), 3 * 512);
        assert_eq!(head("a", 1 << 40, 1).len(), 3 * 512);
        assert_eq!((padding(0).len(), padding(1).len(), padding(512).len()), (0, 511, 0));
    }
}
