//! The public side of a ledger on a directory, in the layout of C2SP `tlog-tiles`: `tile/…`, `tile/entries/…`, `checkpoint`; and
//! beside it `heads/<size, 10 digits>.note`, the tree heads that are kept with their cosignatures.
//!
//! A tile is written once: one that is there with other bytes is an error and stays as it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{FileLayer, disk};
use ph_proof::merkle::{EntryBundle, TILE_WIDTH, Tile, TileBytes, TileReader};
use ph_proof::note::{NoteError, SignedNote};

const CHECKPOINT: &str = "checkpoint";
const HEADS: &str = "heads";

/// A tile, an entry bundle or a tree head cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TileDirError {
    /// The file cannot be read or written.
    #[error("cannot {verb} `{place}`")]
    Access {
        /// What was to be done: `read`, `write`.
        verb: &'static str,
        /// Which file.
        place: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A tile or entry bundle that was written with other content, which is not overwritten.
    #[error("`{place}` is there already with other content")]
    OtherContent {
        /// Which file.
        place: String,
    },
    /// A file that is no signed note.
    #[error("`{place}` is no signed note")]
    Note {
        /// Which file.
        place: String,
        /// What is wrong.
        #[source]
        source: NoteError,
    },
    /// A name that belongs to no kept tree head.
    #[error("`{place}` is not the name of a tree head (`<size, 10 digits>.note`)")]
    HeadName {
        /// Which file.
        place: String,
    },
}

/// The directory.
#[derive(Clone)]
pub struct TileDir {
    dir: PathBuf,
    files: Arc<dyn FileLayer>,
}

impl TileDir {
    /// The tiles below this directory.
    #[must_use]
    pub fn new(dir: &Path, files: Arc<dyn FileLayer>) -> Self {
        Self { dir: dir.to_owned(), files }
    }

    /// Writes a tile; once this returns it outlives a power cut.
    ///
    /// # Errors
    /// [`TileDirError::OtherContent`] where it is there and differs; [`TileDirError::Access`].
    pub fn write_tile(&self, tile: &TileBytes) -> Result<(), TileDirError> {
        self.write_once(&tile.tile.to_string(), &tile.bytes)
    }

    /// Writes an entry bundle; once this returns it outlives a power cut.
    ///
    /// # Errors
    /// As [`Self::write_tile`].
    pub fn write_bundle(&self, bundle: EntryBundle, bytes: &[u8]) -> Result<(), TileDirError> {
        self.write_once(&bundle.to_string(), bytes)
    }

    /// The entry bundle, if it is there.
    ///
    /// # Errors
    /// [`TileDirError::Access`] where it cannot be read.
    pub fn bundle(&self, bundle: EntryBundle) -> Result<Option<Vec<u8>>, TileDirError> {
        self.read_if_there(&self.dir.join(bundle.to_string()))
    }

    /// The tile, if it is there.
    ///
    /// # Errors
    /// [`TileDirError::Access`] where it cannot be read.
    pub fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, TileDirError> {
        self.read_if_there(&self.dir.join(tile.to_string()))
    }

    fn write_once(&self, name: &str, bytes: &[u8]) -> Result<(), TileDirError> {
        let path = self.dir.join(name);
        match self.read_if_there(&path)? {
            Some(found) if found != bytes => Err(TileDirError::OtherContent { place: path.display().to_string() }),
            // The same again: whether what is there outlives a power cut is known only once it is written.
            _ => self.write(&path, bytes),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TileDirError> {
        let folders = path.parent().map_or(Ok(()), disk::make_folders);
        folders.and_then(|()| self.files.replace(path, bytes)).map_err(access("write", path))
    }

    fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>, TileDirError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(access("read", path)(error)),
        }
    }

    fn read_note(&self, path: &Path) -> Result<Option<SignedNote>, TileDirError> {
        let Some(bytes) = self.read_if_there(path)? else { return Ok(None) };
        let note = SignedNote::parse(&bytes);
        note.map(Some).map_err(|source| TileDirError::Note { place: path.display().to_string(), source })
    }

    /// The latest tree head, of which no signature is verified; none before the first.
    ///
    /// # Errors
    /// [`TileDirError`] where it cannot be read or is no note.
    pub fn checkpoint(&self) -> Result<Option<SignedNote>, TileDirError> {
        self.read_note(&self.dir.join(CHECKPOINT))
    }

    /// Puts another tree head in the place of the latest; once this returns it outlives a power cut.
    ///
    /// # Errors
    /// [`TileDirError::Access`].
    pub fn write_checkpoint(&self, note: &SignedNote) -> Result<(), TileDirError> {
        self.write(&self.dir.join(CHECKPOINT), note.to_string().as_bytes())
    }

    /// The sizes of the tree heads that are kept, ascending.
    ///
    /// # Errors
    /// [`TileDirError`] where they cannot be listed, or a file has no name of one.
    pub fn head_sizes(&self) -> Result<Vec<u64>, TileDirError> {
        let folder = self.dir.join(HEADS);
        let listed = match folder.read_dir() {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(access("read", &folder)(error)),
        };
        let mut sizes = Vec::new();
        for entry in listed {
            let path = entry.map_err(access("read", &folder))?.path();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                continue;
            }
            let size = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            match size {
                Some(size) if path == self.head_path(size) => sizes.push(size),
                _ => return Err(TileDirError::HeadName { place: path.display().to_string() }),
            }
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// A tree head that is kept, of which no signature is verified.
    ///
    /// # Errors
    /// [`TileDirError`] where it cannot be read or is no note.
    pub fn head(&self, size: u64) -> Result<Option<SignedNote>, TileDirError> {
        self.read_note(&self.head_path(size))
    }

    /// Keeps a tree head with its cosignatures, in the place of one of the same size.
    ///
    /// # Errors
    /// [`TileDirError::Access`].
    pub fn keep_head(&self, size: u64, note: &SignedNote) -> Result<(), TileDirError> {
        self.write(&self.head_path(size), note.to_string().as_bytes())
    }

    fn head_path(&self, size: u64) -> PathBuf {
        self.dir.join(HEADS).join(format!("{size:010}.note"))
    }

    /// The tiles of the tree as it was at any size up to `size`, which is that of a tree head: a partial tile that was never
    /// written is the beginning of the one that was.
    #[must_use]
    pub fn at(&self, size: u64) -> TilesAt<'_> {
        TilesAt { dir: self, size }
    }
}

impl TileReader for TileDir {
    type Error = TileDirError;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, TileDirError> {
        let path = self.dir.join(tile.to_string());
        fs::read(&path).map_err(access("read", &path))
    }
}

/// The tiles of a tree and of all smaller ones ([`TileDir::at`]).
#[derive(Clone, Copy)]
pub struct TilesAt<'a> {
    dir: &'a TileDir,
    size: u64,
}

impl TileReader for TilesAt<'_> {
    type Error = TileDirError;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, TileDirError> {
        let unread = match self.dir.read(tile) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        let hashes = self.size.checked_shr(u32::from(tile.level()) * 8).unwrap_or(0);
        let width = hashes.saturating_sub(tile.index() * u64::from(TILE_WIDTH)).min(u64::from(TILE_WIDTH)) as u16;
        let Ok(wider) = Tile::new(tile.level(), tile.index(), width) else { return Err(unread) };
        let mut bytes = if width > tile.width() { self.dir.read(wider)? } else { return Err(unread) };
        bytes.truncate(tile.bytes());
        Ok(bytes)
    }
}

fn access(verb: &'static str, place: &Path) -> impl Fn(io::Error) -> TileDirError + use<> {
    let place = place.display().to_string();
    move |source| TileDirError::Access { verb, place: place.clone(), source }
}
