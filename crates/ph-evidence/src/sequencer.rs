//! The sequencer: brings committed entries in their order into the tree, and signs its head.
//!
//! Tiles and entry bundles outlive a power cut before the head over them is signed, and the head is in `checkpoint` before
//! anybody is given it. After a crash it goes on from `checkpoint` and writes the same tiles again. It signs no head that does not
//! continue the one before: where store, tiles and head disagree it refuses by name. There is one for each log at a time.

use std::sync::Arc;

use ph_base::Digest;
use ph_proof::merkle::{
    ENTRY_BYTES_MAX, EntryBundle, EntryBundleError, TILE_WIDTH, TileBuilder, TileTreeError, leaf_hash,
};
use ph_proof::note::{NoteSigner, NoteVerifier, SignedNote, TreeHead, TreeHeadError};
use ph_record::entry_store::{EntryStore, EntryStoreError};

use crate::tile_dir::{TileDir, TileDirError};

const WIDTH: u64 = TILE_WIDTH as u64;
/// Entries that are read at once: bundles of 256, each within a tile's width.
const ENTRIES_AT_ONCE: u64 = 4 * WIDTH;

/// Why no tree head is signed.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// The store has fewer entries than were signed for.
    #[error("the store has {entries} entries, but a tree head over {head} was signed: the store was rolled back")]
    RolledBack {
        /// How many it has.
        entries: u64,
        /// The size of the signed head.
        head: u64,
    },
    /// `checkpoint` is older than a tree head that was kept.
    #[error("`checkpoint` is of {checkpoint} entries, but the tree head of {kept} is kept: it was rolled back")]
    OldCheckpoint {
        /// Its size; 0 where it is missing.
        checkpoint: u64,
        /// The size of the largest head that is kept.
        kept: u64,
    },
    /// An entry is not the one that was signed for.
    #[error("entry {index} is not the one that the tree has")]
    OtherLeaf {
        /// Which.
        index: u64,
    },
    /// The store gives entries that do not follow one another.
    #[error("the store gives no entry {index}, though it says that it has {size}")]
    Gap {
        /// Which is missing.
        index: u64,
        /// How many it says it has.
        size: u64,
    },
    /// The latest tree head is not this log's, or not by its key.
    #[error("`checkpoint` is not a tree head of this log by its key")]
    Foreign(#[source] TreeHeadError),
    /// A head cannot be signed.
    #[error("the tree head cannot be signed")]
    Sign(#[source] TreeHeadError),
    /// An entry that belongs in no bundle.
    #[error(transparent)]
    Bundle(#[from] EntryBundleError),
    /// The store.
    #[error(transparent)]
    Store(#[from] EntryStoreError),
    /// The tiles cannot be written, or are there with other content.
    #[error(transparent)]
    Tiles(#[from] TileDirError),
    /// The tiles do not lead to the signed root.
    #[error("the tiles are not those of the signed tree head")]
    Tree(#[source] Box<TileTreeError<TileDirError>>),
}

/// Brings entries into one log's tree.
pub struct Sequencer {
    entries: Arc<dyn EntryStore>,
    tiles: TileDir,
    signer: NoteSigner,
    builder: TileBuilder,
    /// The leaves of the unfinished bundle.
    unfinished: Vec<Vec<u8>>,
    head: Option<SignedNote>,
}

impl Sequencer {
    /// Goes on from the latest tree head, which `signer` or one of `earlier` (the keys before it) has signed.
    ///
    /// # Errors
    /// [`SequencerError`] where store, tiles and head disagree.
    pub fn open(
        entries: Arc<dyn EntryStore>,
        tiles: TileDir,
        signer: NoteSigner,
        earlier: &[NoteVerifier],
    ) -> Result<Self, SequencerError> {
        let (builder, unfinished, head) = Default::default();
        let mut sequencer = Self { entries, tiles, signer, builder, unfinished, head };
        let note = sequencer.tiles.checkpoint()?;
        let size = match note {
            Some(note) => sequencer.go_on(note, earlier)?,
            None => 0,
        };
        match sequencer.tiles.head_sizes()?.last() {
            Some(kept) if *kept > size => Err(SequencerError::OldCheckpoint { checkpoint: size, kept: *kept }),
            _ => Ok(sequencer),
        }
    }

    fn go_on(&mut self, note: SignedNote, earlier: &[NoteVerifier]) -> Result<u64, SequencerError> {
        let own = self.signer.verifier();
        let opened = TreeHead::open(&note, &own);
        let head = earlier.iter().rev().fold(opened, |opened, key| opened.or_else(|_| TreeHead::open(&note, key)));
        let head = head.map_err(SequencerError::Foreign)?;
        let size = head.size();
        let entries = self.entries.size()?;
        if entries < size {
            return Err(SequencerError::RolledBack { entries, head: size });
        }
        let root = Digest::from_bytes(*head.root());
        let resumed = TileBuilder::resume(&self.tiles, size, root);
        self.builder = resumed.map_err(|error| SequencerError::Tree(Box::new(error)))?;
        self.unfinished = self.signed_leaves(size)?;
        self.head = Some(note);
        Ok(size)
    }

    /// The leaves of the unfinished bundle, out of the store, held against the tile.
    fn signed_leaves(&self, size: u64) -> Result<Vec<Vec<u8>>, SequencerError> {
        let first = size / WIDTH * WIDTH;
        let leaves = self.leaves(first, size, size)?;
        let held: Vec<Digest> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let tiles = self.builder.partial_tiles(first);
        let tile = tiles.iter().find(|tile| tile.tile.level() == 0);
        let wanted = tile
            .map(|tile| tile.tile.decode(&tile.bytes))
            .transpose()
            .map_err(|error| SequencerError::Tree(Box::new(TileTreeError::Malformed(error))))?;
        let differs = held.iter().zip(wanted.unwrap_or_default()).position(|(held, wanted)| *held != wanted);
        match differs {
            Some(at) => Err(SequencerError::OtherLeaf { index: first + at as u64 }),
            None => Ok(leaves),
        }
    }

    /// The leaves of these entries.
    fn leaves(&self, from: u64, to: u64, size: u64) -> Result<Vec<Vec<u8>>, SequencerError> {
        let stored = self.entries.read(from, (to - from) as usize)?;
        let mut leaves = Vec::with_capacity(stored.len());
        for (index, stored) in (from..to).zip(stored) {
            if stored.index != index {
                return Err(SequencerError::Gap { index, size });
            }
            leaves.push(stored.entry.leaf);
        }
        let missing = from + leaves.len() as u64;
        if missing < to { Err(SequencerError::Gap { index: missing, size }) } else { Ok(leaves) }
    }

    /// How many entries the latest signed head covers.
    #[must_use]
    pub fn signed_size(&self) -> u64 {
        self.builder.size()
    }

    /// The root of the tree at the latest signed head.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.builder.root()
    }

    /// The tiles that it writes.
    #[must_use]
    pub fn tiles(&self) -> &TileDir {
        &self.tiles
    }

    /// The latest signed head with the cosignatures that came to it, if there is one.
    #[must_use]
    pub fn head(&self) -> Option<&SignedNote> {
        self.head.as_ref()
    }

    /// Signs later heads by another key.
    pub fn set_signer(&mut self, signer: NoteSigner) {
        self.signer = signer;
    }

    /// Takes the head of [`Self::signed_size`] with further signatures for the latest.
    ///
    /// # Errors
    /// [`SequencerError::Tiles`] where it cannot be written.
    pub fn set_head(&mut self, note: SignedNote) -> Result<(), SequencerError> {
        self.tiles.write_checkpoint(&note)?;
        self.head = Some(note);
        Ok(())
    }

    /// Brings everything that is committed into the tree, and signs its head. Where nothing came since, the latest head.
    ///
    /// # Errors
    /// [`SequencerError`]; nothing that was signed is changed, and the next call tries again.
    pub fn integrate(&mut self) -> Result<SignedNote, SequencerError> {
        self.integrate_with(None)
    }

    /// The same; a head that is signed then is signed by this key too.
    ///
    /// # Errors
    /// As [`Self::integrate`].
    pub fn integrate_with(&mut self, further: Option<&NoteSigner>) -> Result<SignedNote, SequencerError> {
        let size = self.entries.size()?;
        let signed = self.signed_size();
        if size < signed {
            return Err(SequencerError::RolledBack { entries: size, head: signed });
        }
        if let (Some(head), true) = (&self.head, size == signed) {
            return Ok(head.clone());
        }
        let (builder, unfinished) = self.grow(size)?;
        let head = TreeHead::new(self.signer.name().as_str(), size, *builder.root().bytes());
        let text = head.map_err(SequencerError::Sign)?.to_string();
        let signers: Vec<&NoteSigner> = further.into_iter().chain([&self.signer]).collect();
        let note = SignedNote::sign(&text, &signers).map_err(|error| SequencerError::Sign(error.into()))?;
        self.tiles.write_checkpoint(&note)?;
        (self.builder, self.unfinished, self.head) = (builder, unfinished, Some(note.clone()));
        Ok(note)
    }

    /// The tree of `size` entries, all of it stored.
    fn grow(&self, size: u64) -> Result<(TileBuilder, Vec<Vec<u8>>), SequencerError> {
        let signed = self.signed_size();
        let (mut builder, mut bundle) = (self.builder.clone(), self.unfinished.clone());
        let mut from = signed;
        while from < size {
            let to = size.min((from / WIDTH * WIDTH) + ENTRIES_AT_ONCE);
            for leaf in self.leaves(from, to, size)? {
                let full = builder.append(leaf_hash(&leaf));
                bundle.push(leaf);
                if bundle.len() == usize::from(TILE_WIDTH) {
                    self.write_bundle(builder.size() / WIDTH - 1, &bundle)?;
                    bundle.clear();
                }
                full.iter().try_for_each(|tile| self.tiles.write_tile(tile))?;
            }
            from = to;
        }
        if !bundle.is_empty() && size > signed {
            self.write_bundle(size / WIDTH, &bundle)?;
        }
        builder.partial_tiles(signed).iter().try_for_each(|tile| self.tiles.write_tile(tile))?;
        Ok((builder, bundle))
    }

    fn write_bundle(&self, index: u64, leaves: &[Vec<u8>]) -> Result<(), SequencerError> {
        let bundle = EntryBundle::new(index, u16::try_from(leaves.len()).unwrap_or(u16::MAX))?;
        Ok(self.tiles.write_bundle(bundle, &bundle.encode(leaves)?)?)
    }
}

// What a store takes is what a bundle holds.
const _: () = assert!(ph_record::entry_store::LEAF_BYTES_MAX == ENTRY_BYTES_MAX);
