//! What tells bytes apart.

use ring::digest::{Context, SHA256};

/// The SHA-256 (FIPS 180-4) of bytes that come in pieces.
pub struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256(Context::new(&SHA256))
    }
}

impl Sha256 {
    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_pieces() {
        let mut digest = Sha256::default();
        [&b"a"[..], b"", b"bc"].into_iter().for_each(|piece| digest.push(piece));
        assert_eq!(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
