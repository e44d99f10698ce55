//! What is quoted in a text: shown in colours by its depth, or not shown below some.

/// Colours of the depths from 1 on, again and again: green, yellow, magenta, blue.
const COLOURS: [u8; 4] = [32, 33, 35, 34];
/// Deeper is as deep: so much of a line's beginning is looked at.
const LOOKED_AT: usize = 200;

/// Text that passes, line by line.
#[derive(Debug)]
pub(super) struct Quotes {
    /// Lines quoted more often are counted instead.
    deepest: usize,
    colours: bool,
    /// The beginning of a line, as long as it is all marks and blanks.
    begun: String,
    depth: usize,
    state: State,
    /// Lines that were not shown, one behind the other.
    hidden: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Beginning,
    Shown { coloured: bool },
    Hidden,
}

impl Quotes {
    /// None where all is shown as it is.
    pub(super) fn new(deepest: Option<usize>, colours: bool) -> Option<Quotes> {
        let asked = deepest.is_some() || colours;
        let deepest = deepest.unwrap_or(usize::MAX);
        let (begun, state) = (String::new(), State::Beginning);
        asked.then_some(Quotes { deepest, colours, begun, depth: 0, state, hidden: 0 })
    }

    /// A piece of text that is safe to show.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        for part in piece.split_inclusive('\n') {
            self.part(part, out);
        }
    }

    /// The end of the text.
    pub(super) fn end(&mut self, out: &mut String) {
        if self.state != State::Beginning || !self.begun.is_empty() {
            self.begin(out);
            self.end_line(out);
        }
        self.tell_hidden(out);
    }

    /// A line, or a part of one.
    fn part(&mut self, part: &str, out: &mut String) {
        let mut rest = part;
        if self.state == State::Beginning {
            for (at, c) in part.char_indices() {
                if !matches!(c, '>' | ' ') || self.begun.len() >= LOOKED_AT {
                    rest = part.get(at..).unwrap_or_default();
                    self.begin(out);
                    break;
                }
                self.depth += usize::from(c == '>');
                self.begun.push(c);
            }
            if self.state == State::Beginning {
                return;
            }
        }
        let (text, ended) = rest.strip_suffix('\n').map_or((rest, false), |text| (text, true));
        if self.state != State::Hidden {
            out.push_str(text);
        }
        if ended {
            let shown = self.state != State::Hidden;
            self.end_line(out);
            if shown {
                out.push('\n');
            }
        }
    }

    /// Its depth is known.
    fn begin(&mut self, out: &mut String) {
        if self.state != State::Beginning {
            return;
        }
        let begun = std::mem::take(&mut self.begun);
        if self.depth > self.deepest {
            self.state = State::Hidden;
            self.hidden += 1;
            return;
        }
        self.tell_hidden(out);
        let coloured = self.colours && self.depth > 0;
        if coloured {
            let colour = COLOURS.get((self.depth - 1) % COLOURS.len()).copied().unwrap_or_default();
            out.push_str(&format!("\x1b[{colour}m"));
        }
        out.push_str(&begun);
        self.state = State::Shown { coloured };
    }

    fn end_line(&mut self, out: &mut String) {
        if self.state == (State::Shown { coloured: true }) {
            out.push_str("\x1b[m");
        }
        (self.state, self.depth) = (State::Beginning, 0);
    }

    fn tell_hidden(&mut self, out: &mut String) {
        match std::mem::take(&mut self.hidden) {
            0 => {}
            1 => out.push_str("[a quoted line]\n"),
            n => out.push_str(&format!("[{n} quoted lines]\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(deepest: Option<usize>, colours: bool, text: &str, step: usize) -> String {
        let (mut quotes, mut out) = (Quotes::new(deepest, colours).unwrap(), String::new());
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(step) {
            quotes.push(&piece.iter().collect::<String>(), &mut out);
        }
        quotes.end(&mut out);
        out
    }

    #[test]
    fn depths_are_hidden_and_coloured() {
        let text = "a > b\n> one\n>> two\n> > two\n>\n\nend\n>>> three";
        for step in [1, 3, 100] {
            assert_eq!(
                shown(Some(1), false, text, step),
                "a > b\n> one\n[2 quoted lines]\n>\n\nend\n[a quoted line]\n"
            );
            assert_eq!(shown(Some(0), false, "> x\n>> y\nz\n", step), "[2 quoted lines]\nz\n");
            assert_eq!(shown(None, true, "> x\n>> y\nz", step), "\x1b[32m> x\x1b[m\n\x1b[33m>> y\x1b[m\nz");
            assert_eq!(shown(Some(9), false, text, step), text);
        }
        assert!(Quotes::new(None, false).is_none());
    }
}
