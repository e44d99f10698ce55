//! Messages on a terminal, which none of them may drive: [`escape_lines`].

use crate::error::Result;
use crate::store::sink::{About, Receipt, Sink};
use crate::text::escape_lines;

/// A line that is longer than this is shown in pieces.
const LINE: usize = 64 * 1024;

/// stdout as a [`Sink`] that escapes what it gets.
pub(super) struct Shown {
    to: Box<dyn Sink>,
    line: Vec<u8>,
}

impl Shown {
    pub(super) fn new(to: Box<dyn Sink>) -> Shown {
        Shown { to, line: Vec::new() }
    }

    fn show(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        self.to.write(escape_lines(&line).as_bytes())
    }
}

impl Sink for Shown {
    fn begin(&mut self, about: &About) -> Result<()> {
        self.line.clear();
        self.to.begin(about)
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        for piece in file_form.split_inclusive(|b| *b == b'\n').flat_map(|line| line.chunks(LINE)) {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LINE {
                self.show()?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.show()?;
        self.to.end()
    }

    fn abort(&mut self) -> Result<()> {
        self.line.clear();
        self.to.abort()
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        self.to.commit()
    }

    fn stable(&self) -> bool {
        self.to.stable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Memory(Arc<Mutex<Vec<u8>>>);
    impl Sink for Memory {
        fn begin(&mut self, _: &About) -> Result<()> {
            Ok(())
        }
        fn write(&mut self, file_form: &[u8]) -> Result<()> {
            self.0.lock().unwrap().extend_from_slice(file_form);
            Ok(())
        }
        fn end(&mut self) -> Result<()> {
            Ok(())
        }
        fn abort(&mut self) -> Result<()> {
            Ok(())
        }
        fn commit(&mut self) -> Result<Vec<Receipt>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_terminal_is_not_driven_by_mail_however_it_is_cut() {
        let text = "é\x1b[2J\n\u{202e}x\ttab\\\nend\u{85}".as_bytes();
        for cut in 0..=text.len() {
            let out = Arc::new(Mutex::new(Vec::new()));
            let mut shown = Shown::new(Box::new(Memory(out.clone())));
            shown.begin(&About::default()).unwrap();
            shown.write(&text[..cut]).unwrap();
            shown.write(&text[cut..]).unwrap();
            shown.end().unwrap();
            let came = String::from_utf8(out.lock().unwrap().clone()).unwrap();
            assert_eq!(came, "é\\x1B[2J\n\\xE2\\x80\\xAEx\ttab\\\nend\\xC2\\x85");
        }
    }
}
