//! Content-Length, of mboxcl and mboxcl2: how many bytes the body has as it lies in the file.

use super::{At, Body, Error, MAX_LINE, Mbox, Result, Variant, undecided};
use crate::text::chomp;
use memchr::memchr;

/// What is known of a message's length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Nothing, and nothing will be: the next `From ` line ends it.
    Unsaid,
    /// We are in the header, which has said so, or not yet.
    Header(Option<u64>),
    /// We are in the body, of which so much is left.
    Left(u64),
    /// It can't be known.
    Wrong(&'static str),
}

impl Length {
    pub(super) fn begin(variant: Variant) -> Length {
        match variant {
            Variant::Rd | Variant::O => Length::Unsaid,
            Variant::Cl | Variant::Cl2 => Length::Header(None),
        }
    }
}

impl<B: Body> Mbox<B> {
    /// Moves one line of the header, or what is here of a body's line, to the output; `false`: more input is needed.
    pub(super) fn counted(&mut self) -> bool {
        let rest = self.input.get(self.start..).unwrap_or_default();
        match self.length {
            Length::Unsaid => true,
            Length::Wrong(_) => false,
            Length::Left(0) => {
                self.message = At::Behind;
                true
            }
            Length::Left(left) => {
                let here = usize::try_from(left).map_or(rest, |left| rest.get(..left).unwrap_or(rest));
                let lf = memchr(b'\n', here).map(|lf| lf + 1);
                let line = here.get(..lf.unwrap_or(here.len())).unwrap_or(here);
                let all = line.len() as u64 == left;
                if self.line_start && lf.is_none() && !all && !self.ended && undecided(line) {
                    return false;
                }
                let quoted = self.line_start && self.variant.is_quoted(line);
                self.out.extend_from_slice(if quoted { line.get(1..).unwrap_or_default() } else { line });
                self.line_start = lf.is_some();
                self.length = Length::Left(left.saturating_sub(line.len() as u64));
                self.start += line.len();
                true
            }
            Length::Header(said) => {
                let lf = memchr(b'\n', rest).map(|lf| lf + 1);
                if lf.is_none() && !self.ended && rest.len() <= MAX_LINE {
                    return false;
                }
                let line = rest.get(..lf.unwrap_or(rest.len())).unwrap_or(rest);
                if self.line_start && chomp(line).is_empty() {
                    self.length = match (said, self.variant) {
                        (Some(said), _) => Length::Left(said),
                        (None, Variant::Cl2) => Length::Wrong("it has no Content-Length"),
                        // The empty line may be the one before the next message.
                        (None, _) => Length::Unsaid,
                    };
                    if self.length == Length::Unsaid {
                        return true;
                    }
                } else if self.line_start {
                    self.length = match (of(line), said) {
                        (None, _) => self.length,
                        (Some(None), _) => Length::Wrong("its Content-Length is no number"),
                        (Some(Some(now)), Some(before)) if now != before => {
                            Length::Wrong("it has two that differ of Content-Length")
                        }
                        (Some(now), _) => Length::Header(now),
                    };
                }
                self.out.extend_from_slice(line);
                self.line_start = lf.is_some();
                self.start += line.len();
                true
            }
        }
    }

    /// There is no more input, and what there was is given out.
    ///
    /// # Errors
    /// 65: the message should be longer, or its length can't be known.
    pub(super) fn no_more(&mut self) -> Result<()> {
        match self.length {
            Length::Left(1..) => self.wrong("it ends before its Content-Length"),
            Length::Left(0) => {
                self.message = At::Behind;
                Ok(())
            }
            // A header without a body.
            Length::Header(None | Some(0)) | Length::Unsaid | Length::Wrong(_) => Ok(()),
            Length::Header(Some(_)) => self.wrong("it ends before its Content-Length"),
        }
    }

    /// Behind a body of known length come empty lines, and the next `From ` line or the end.
    ///
    /// # Errors
    /// 65: something else does.
    pub(super) fn behind(&mut self) -> Result<()> {
        loop {
            let rest = self.input.get(self.start..).unwrap_or_default();
            let empty = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
            if empty > 0 {
                self.start += empty;
                continue;
            }
            let end = memchr(b'\n', rest).map(|lf| lf + 1);
            if end.is_none() && rest.len() <= MAX_LINE && self.more()? {
                continue;
            }
            let rest = self.input.get(self.start..).unwrap_or_default();
            if rest.is_empty() {
                self.message = At::End;
                return Ok(());
            }
            let end = end.unwrap_or(rest.len());
            if !rest.starts_with(b"From ") || end > MAX_LINE {
                return self.wrong("its Content-Length does not lead to a From line");
            }
            self.begin(end);
            return Ok(());
        }
    }

    /// What follows is nobody's.
    ///
    /// # Errors
    /// 65, always.
    pub(super) fn wrong(&mut self, why: &str) -> Result<()> {
        self.message = At::End;
        Err(Error::data(format!("a message of the mbox: {why}; it and all behind it are left out")))
    }
}

/// The value, if this is a line of that field: a number, or none that makes sense.
pub(super) fn of(line: &[u8]) -> Option<Option<u64>> {
    const NAME: &[u8] = b"content-length";
    let (name, value) = line.split_at(memchr(b':', line)?);
    if !name.trim_ascii_end().eq_ignore_ascii_case(NAME) {
        return None;
    }
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    Some(std::str::from_utf8(value).ok().filter(|_| digits).and_then(|digits| digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Steps<'a>(&'a [u8], usize);
    impl Body for Steps<'_> {
        fn chunk(&mut self) -> Result<&[u8]> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(now)
        }
    }

    fn messages(text: &str, variant: Variant, step: usize) -> Result<Vec<String>> {
        let mut mbox = Mbox::of(Steps(text.as_bytes(), step), variant);
        let mut all = Vec::new();
        while mbox.next_message()? {
            all.push(String::from_utf8(mbox.whole(10_000_000)?.unwrap()).unwrap());
        }
        assert!(!mbox.next_message().unwrap());
        Ok(all)
    }

    const F: &str = "From a@b Sun Nov 22 22:16:00 2026\n";

    #[test]
    fn the_kinds_of_mbox() {
        use Variant::{Cl, Cl2, O, Rd};
        let quoted = format!("{F}A: b\n\n>From x\n>>From y\n\n{F}A: c\n\n");
        // A From line in a body, of which only the length tells that it is one.
        let counted = format!(
            "{F}Content-Length: 42\nA: b\n\n{F}>From x\n\n{F}content-length: 0\n\n\n{F}A: c\nContent-Length:2\n\ny"
        );
        let second = format!("{F}>From x\n");
        assert_eq!(second.len(), 42);
        for step in [1, 2, 7, 1000] {
            let got = |text: &str, variant| messages(text, variant, step);
            assert_eq!(got(&quoted, Rd).unwrap(), ["A: b\n\nFrom x\n>From y\n", "A: c\n"]);
            assert_eq!(got(&quoted, O).unwrap(), ["A: b\n\nFrom x\n>>From y\n", "A: c\n"]);
            // Without a length, mboxcl is mboxo; mboxcl2 is nothing.
            assert_eq!(got(&quoted, Cl).unwrap(), got(&quoted, O).unwrap());
            assert!(got(&quoted, Cl2).unwrap_err().to_string().contains("no Content-Length"));
            let text = format!("{counted}\n");
            let head = "Content-Length: 42\nA: b\n\n";
            let rest = ["content-length: 0\n\n".to_owned(), "A: c\nContent-Length:2\n\ny\n".to_owned()];
            let all = |first: String| [vec![first], rest.to_vec()].concat();
            assert_eq!(got(&text, Cl2).unwrap(), all(format!("{head}{second}")), "{step}");
            assert_eq!(got(&text, Cl).unwrap(), all(format!("{head}{F}From x\n")), "{step}");
            // CRLF, and a length that leaves the last line end out.
            let crlf = format!("{F}Content-Length: 1\n\nx\n\n{F}").replace('\n', "\r\n");
            assert_eq!(got(&crlf, Cl2).unwrap(), ["Content-Length: 1\r\n\r\nx", ""]);
            for (wrong, why) in [
                (counted.clone(), "ends before"),
                (format!("{F}Content-Length: 5\n\nlonger than that\n"), "does not lead"),
                (format!("{F}Content-Length: 5\nContent-Length: 6\n\n12345\n"), "two that differ"),
                (format!("{F}Content-Length: -5\n\n12345\n"), "no number"),
                (format!("{F}Content-Length: 99999999999999999999\n\n12345\n"), "no number"),
                (format!("{F}Content-Length: 18446744073709551615\n\n12345\n"), "ends before"),
                (format!("{F}Content-Length: 3\n"), "ends before"),
            ] {
                let e = got(&wrong, Cl2).unwrap_err();
                assert!(e.exit().code() == 65 && e.to_string().contains(why), "{wrong:?}: {e}");
            }
        }
    }

    #[test]
    fn after_a_wrong_length_nothing_is_read() {
        let text = format!("{F}Content-Length: 5\n\nlonger than that\n\n{F}Content-Length: 2\n\nx\n\n");
        let mut mbox = Mbox::of(text.as_bytes(), Variant::Cl2);
        assert!(mbox.next_message().unwrap() && mbox.whole(1000).is_err() && !mbox.next_message().unwrap());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bodies in proptest::collection::vec(proptest::collection::vec(prop_oneof![
            Just("From x Sun Nov 22 22:16:00 2026"), Just(">From y"), Just(""), Just("text"), Just("From"),
        ], 0..6), 1..4), step in 1usize..40) {
            let mut text = String::new();
            let mut expect = Vec::new();
            for body in &bodies {
                let body: String = body.iter().map(|line| format!("{line}\n")).collect();
                let message = format!("Content-Length: {}\n\n{body}", body.len());
                text.push_str(&format!("{F}{message}\n"));
                expect.push(message);
            }
            prop_assert_eq!(messages(&text, Variant::Cl2, step).unwrap(), expect);
        }

        #[test]
        fn anything_ends(text in "(From |Content-Length: 5\n|\n|x){0,30}", step in 1usize..9) {
            for variant in [Variant::Rd, Variant::O, Variant::Cl, Variant::Cl2] {
                let _ = messages(&text, variant, step);
            }
        }
    }
}
