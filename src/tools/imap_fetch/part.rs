//! `--part`: one part of each message, without its transfer encoding.

use crate::body::Body;
use crate::cli::args::PartNumber;
use crate::cli::into::{fill, fill_as_is};
use crate::error::Result;
use crate::message::decode::decoded;
use crate::message::mime::Encoding;
use crate::proto::imap::response::BodyName;
use crate::proto::imap::section::{FetchItem, Of, Section};
use crate::proto::imap::structure::Structure;
use crate::store::sink::{About, Every};

/// Which part, and who decodes it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) numbers: Vec<u32>,
    /// The server does (BINARY, RFC 3516).
    pub(super) binary: bool,
}

impl Part {
    pub(super) fn new(numbers: &PartNumber) -> Part {
        Part { numbers: numbers.0.clone(), binary: false }
    }

    /// The structure first, since it tells how to read the rest.
    pub(super) fn items(&self) -> [FetchItem; 2] {
        let part = self.numbers.clone();
        let item = if self.binary {
            FetchItem::Binary { part, peek: true, partial: None }
        } else {
            FetchItem::Section { section: Section { part, what: Of::Whole }, peek: true, partial: None }
        };
        [FetchItem::BodyStructure, item]
    }

    pub(super) fn is(&self, name: &BodyName) -> bool {
        match name {
            BodyName::Binary(part, None) => self.binary && *part == self.numbers,
            BodyName::Section(section, None) => {
                !self.binary && section.part == self.numbers && section.what == Of::Whole
            }
            _ => false,
        }
    }

    /// Puts it into the targets: text with the line ends of files, everything else byte for byte.
    pub(super) fn fill(
        &self,
        sink: &mut Every,
        about: About,
        structure: &Structure,
        body: &mut dyn Body,
    ) -> Result<()> {
        let encoding = if self.binary { Encoding::Binary } else { Encoding::parse(structure.encoding()) };
        let mut plain = decoded(body, &encoding);
        if structure.is_text() { fill(sink, about, &mut plain) } else { fill_as_is(sink, &about, &mut plain) }
    }
}
