//! The beginnings of large messages whose rest did not come: the next run asks for that alone (`BODY[]<n>`, RFC 9051 6.4.5).
//!
//! They are kept in wire form beside the history. The last bytes of a beginning are asked for again, so that only the same message goes on.

use crate::body::{Body, FileBody};
use crate::error::{Local, Result};
use crate::store::disk;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A message that is smaller is fetched again, whole.
pub(super) const LARGE: u64 = 1 << 20;
/// So many bytes must come the same again.
const OVERLAP: u64 = 512;

/// Where one folder's beginnings are.
#[derive(Clone, Debug)]
pub(super) struct Halves {
    dir: PathBuf,
    /// The history's number and the folder's UIDVALIDITY.
    prefix: String,
}

/// The beginning of a message.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) uid: u32,
    path: PathBuf,
    len: u64,
    /// Its last bytes.
    tail: Vec<u8>,
}

impl Halves {
    pub(super) fn new(state_home: &Path, history: i64, validity: u32) -> Halves {
        Halves { dir: state_home.join("half"), prefix: format!("{history}-{validity}-") }
    }

    fn path(&self, uid: u32) -> PathBuf {
        self.dir.join(format!("{}{uid}", self.prefix))
    }

    /// The beginnings that are there of messages that are wanted; all others of this history go.
    pub(super) fn wanted(&self, is_wanted: &dyn Fn(u32) -> bool) -> Vec<Half> {
        let Ok(list) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let mut found = Vec::new();
        let Some((history, _)) = self.prefix.split_once('-') else { return found };
        for entry in list.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.split('-').next() != Some(history) {
                continue;
            }
            let uid = name.strip_prefix(&self.prefix).and_then(|uid| uid.parse().ok()).filter(|uid| is_wanted(*uid));
            match uid.and_then(|uid| Half::open(uid, entry.path())) {
                Some(half) => found.push(half),
                None => drop(std::fs::remove_file(entry.path())),
            }
        }
        found.sort_by_key(|half| half.uid);
        found
    }

    /// The message is here.
    pub(super) fn done(&self, uid: u32) {
        let _ = std::fs::remove_file(self.path(uid));
    }

    /// Keeps what passes of a message that is [`LARGE`]. Where that can't be kept, nothing is.
    pub(super) fn keep<'b>(&self, uid: u32, body: &'b mut dyn Body) -> Keeping<'b> {
        let file = || -> std::io::Result<File> {
            disk::make_dirs(&self.dir)?;
            let file = disk::open_or_create(&self.path(uid))?;
            file.set_len(0).map(|()| file)
        };
        Keeping { body, file: file().ok() }
    }
}

impl Half {
    fn open(uid: u32, path: PathBuf) -> Option<Half> {
        let mut file = File::open(&path).ok()?;
        let len = file.metadata().ok()?.len();
        let from = len.checked_sub(OVERLAP)?;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(from)).ok()?;
        file.read_to_end(&mut tail).ok()?;
        (tail.len() as u64 == OVERLAP).then_some(Half { uid, path, len, tail })
    }

    /// The first byte that is asked for.
    pub(super) fn start(&self) -> u64 {
        self.len.saturating_sub(OVERLAP)
    }

    /// The whole message, of which `rest` begins at [`Half::start`]; `None`: that is another one.
    pub(super) fn with<'b>(&self, rest: &'b mut dyn Body) -> Result<Option<Joined<'b>>> {
        let mut again = Vec::new();
        while again.len() < self.tail.len() {
            let piece = rest.chunk()?;
            if piece.is_empty() {
                break;
            }
            again.extend_from_slice(piece);
        }
        let Some(more) = again.strip_prefix(self.tail.as_slice()) else {
            self.remove();
            return Ok(None);
        };
        let mut file = File::options().read(true).append(true).open(&self.path).local(self.path.display())?;
        let more = more.to_vec();
        let kept = file.try_clone().ok();
        file.seek(SeekFrom::Start(0)).local(self.path.display())?;
        let first = FileBody::new(file.take(self.len), "the beginning of a message");
        Ok(Some(Joined {
            first: Some(first),
            more: Some(more),
            rest: Keeping { body: rest, file: kept },
            piece: Vec::new(),
        }))
    }

    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A body that is kept as it passes.
pub(super) struct Keeping<'b> {
    body: &'b mut dyn Body,
    file: Option<File>,
}

/// Where nothing more can be written, what is there is the beginning all the same.
fn append(file: &mut Option<File>, piece: &[u8]) {
    if file.as_mut().is_some_and(|file| file.write_all(piece).is_err()) {
        *file = None;
    }
}

impl Body for Keeping<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        let piece = self.body.chunk()?;
        append(&mut self.file, piece);
        Ok(piece)
    }
}

/// A beginning and its rest.
pub(super) struct Joined<'b> {
    first: Option<FileBody<std::io::Take<File>>>,
    /// Of the rest, what has been read already.
    more: Option<Vec<u8>>,
    rest: Keeping<'b>,
    piece: Vec<u8>,
}

impl Body for Joined<'_> {
    fn chunk(&mut self) -> Result<&[u8]> {
        if let Some(first) = &mut self.first {
            let piece = first.chunk()?;
            if !piece.is_empty() {
                self.piece.clear();
                self.piece.extend_from_slice(piece);
                return Ok(&self.piece);
            }
            self.first = None;
        }
        if let Some(more) = self.more.take()
            && !more.is_empty()
        {
            append(&mut self.rest.file, &more);
            self.piece = more;
            return Ok(&self.piece);
        }
        self.rest.chunk()
    }
}
