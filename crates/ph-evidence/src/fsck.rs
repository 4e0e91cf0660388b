//! Checks all of a ledger: derives everything again and names every part that differs.
//!
//! Of each entry there are three witnesses: the store, the entry bundle and the tile of level 0. The one that differs from the
//! other two is named, and the tree above is derived from what two of them say, so that one changed entry is one finding.
//! Memory does not grow with the number of entries, but with that of findings ([`FINDINGS_MAX`]), kept heads and destroyed bodies.

mod walk;

use std::fmt;
use std::path::Path;

use ph_proof::merkle::{EntryBundle, Tile};
use ph_proof::note::NoteVerifier;
use ph_record::entry_store::{BodyStore, EntryStore};

use crate::file_bodies::FileBodies;
use crate::file_entries::FileEntries;
use crate::file_ledger::LedgerError;
use crate::ledger_description as description;
use crate::record_file::error_chain;
use crate::tile_dir::TileDir;

/// Findings that are kept; further ones are counted.
pub const FINDINGS_MAX: usize = 10_000;

/// A part of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The store of entries as a whole.
    Entries,
    /// The store of bodies as a whole.
    Bodies,
    /// The latest tree head.
    Checkpoint,
    /// The folder of heads that are kept.
    Heads,
    /// The head of this size that is kept.
    Head(u64),
    /// An entry in its store, by its index.
    Entry(u64),
    /// The body of the entry with this index.
    Body(u64),
    /// The event of the entry with this index.
    Event(u64),
    /// An entry bundle; with the index of the entry in question, if it is one alone.
    Bundle(EntryBundle, Option<u64>),
    /// A tile; with the index of the leaf in question, if it is one alone.
    Tile(Tile, Option<u64>),
}

impl fmt::Display for Part {
    /// The file or the kind of thing, and its index.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Entries => f.write_str("entries"),
            Part::Bodies => f.write_str("bodies"),
            Part::Checkpoint => f.write_str("checkpoint"),
            Part::Heads => f.write_str("heads"),
            Part::Head(size) => write!(f, "heads/{size:010}.note"),
            Part::Entry(index) => write!(f, "entry {index}"),
            Part::Body(index) => write!(f, "body of entry {index}"),
            Part::Event(index) => write!(f, "event of entry {index}"),
            Part::Bundle(bundle, None) => write!(f, "{bundle}"),
            Part::Bundle(bundle, Some(index)) => write!(f, "{bundle}, entry {index}"),
            Part::Tile(tile, None) => write!(f, "{tile}"),
            Part::Tile(tile, Some(index)) => write!(f, "{tile}, leaf {index}"),
        }
    }
}

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which part.
    pub part: Part,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.problem)
    }
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsckCounts {
    /// Entries in the store.
    pub entries: u64,
    /// Bodies that open their leaf.
    pub bodies: u64,
    /// Bodies that were destroyed, with an event that says so.
    pub destroyed: u64,
    /// Tiles.
    pub tiles: u64,
    /// Entry bundles.
    pub bundles: u64,
    /// Heads that are kept.
    pub heads: u64,
    /// Rotations of the key.
    pub rotations: u64,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// The findings, the first [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub left_out: u64,
    /// How much was checked.
    pub counts: FsckCounts,
}

impl FsckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, part: Part, problem: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { part, problem: problem.into() });
        } else {
            self.left_out += 1;
        }
    }
}

/// What is checked.
#[derive(Clone, Copy)]
pub struct FsckInput<'a> {
    /// The entries; none where their store cannot be opened, and bundles stand in for it.
    pub entries: Option<&'a dyn EntryStore>,
    /// The bodies; none where their store cannot be opened.
    pub bodies: Option<&'a dyn BodyStore>,
    /// Tiles and heads.
    pub tiles: &'a TileDir,
    /// The key with which the ledger began, named as its origin.
    pub key: &'a NoteVerifier,
}

/// Checks all of a ledger. What cannot be read is a finding like what is wrong; it never stops at the first.
#[must_use]
pub fn fsck(input: FsckInput<'_>) -> FsckReport {
    walk::Walk::new(input).run()
}

/// Checks the ledger in a directory, whose `ledger.json` says what key it began with.
///
/// # Errors
/// [`LedgerError`] where `ledger.json` cannot be read: there is nothing then to hold the rest against.
pub fn fsck_dir(dir: &Path) -> Result<FsckReport, LedgerError> {
    let (_, key) = description::read(dir)?;
    let entries = FileEntries::open_read_only(&dir.join("entries"));
    let bodies = FileBodies::open_read_only(&dir.join("bodies"));
    let tiles = TileDir::new(dir, std::sync::Arc::new(ph_base::Disk));
    let mut report = FsckReport::default();
    if let Err(error) = &entries {
        report.add(Part::Entries, error_chain(error));
    }
    if let Err(error) = &bodies {
        report.add(Part::Bodies, error_chain(error));
    }
    let found = fsck(FsckInput {
        entries: entries.as_ref().ok().map(|store| store as &dyn EntryStore),
        bodies: bodies.as_ref().ok().map(|store| store as &dyn BodyStore),
        tiles: &tiles,
        key: &key,
    });
    found.findings.into_iter().for_each(|finding| report.add(finding.part, finding.problem));
    report.left_out += found.left_out;
    report.counts = found.counts;
    Ok(report)
}
