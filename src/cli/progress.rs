//! The progress bar: on stderr, for people, and only there.

use crate::body::Body;
use crate::error::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar over bytes, or nothing where nobody looks.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Starts one of `total` bytes, if stderr is a terminal and `quiet` is not asked for.
    #[must_use]
    pub fn bytes(total: u64, quiet: bool) -> Progress {
        if quiet || !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = ProgressBar::new(total);
        let style = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Progress(Some(bar))
    }

    /// Says which item is at hand.
    pub fn item(&self, n: usize, of: usize) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("{n}/{of}"));
        }
    }

    /// Shows what goes by.
    pub fn watch<'a>(&'a self, body: &'a mut dyn Body) -> Watched<'a> {
        Watched { body, bar: self.0.as_ref() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A body that moves the bar.
pub struct Watched<'a> {
    body: &'a mut dyn Body,
    bar: Option<&'a ProgressBar>,
}

impl Body for Watched<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let piece = self.body.chunk()?;
        if let Some(bar) = self.bar {
            bar.inc(piece.len() as u64);
        }
        Ok(piece)
    }
}
