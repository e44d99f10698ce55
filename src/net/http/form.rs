//! [`Form`]: the body of a POST, `application/x-www-form-urlencoded` (WHATWG URL 5.2), with secrets in it.

use crate::secret::Secret;

/// Names and values on their way to a server.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<Secret>);

impl Form {
    /// Adds a field.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Form {
        self.with_secret(name, value.as_bytes())
    }

    /// Adds a field whose value nobody may see.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &[u8]) -> Form {
        let name = encoded(name.as_bytes());
        // Reserved at once, so that no part of it stays behind.
        let mut field = Vec::with_capacity(name.expose().len() + 1 + 3 * value.len());
        field.extend_from_slice(name.expose());
        field.push(b'=');
        field.extend_from_slice(encoded(value).expose());
        self.0.push(Secret::new(field));
        self
    }

    /// A value as it stands in a form.
    #[must_use]
    pub fn value(bytes: &[u8]) -> Secret {
        encoded(bytes)
    }

    /// As it is sent.
    pub(super) fn bytes(&self) -> Secret {
        Secret::new(self.0.iter().map(Secret::expose).collect::<Vec<_>>().join(&b'&'))
    }
}

/// Percent-encoding of all but RFC 3986's unreserved characters, which every decoder of forms reads.
fn encoded(text: &[u8]) -> Secret {
    let mut out = Vec::with_capacity(3 * text.len());
    for b in text {
        if b.is_ascii_alphanumeric() || b"-._~".contains(b) {
            out.push(*b);
        } else {
            let digit = |n: u8| char::from_digit(u32::from(n), 16).map_or(b'0', |c| c.to_ascii_uppercase() as u8);
            out.extend([b'%', digit(b >> 4), digit(b & 15)]);
        }
    }
    Secret::new(out)
}
