//! The tree heads of a ledger in a directory, and the proofs that lead to them.

use ph_base::Digest;
use ph_proof::merkle::{TileTree, leaf_hash};
use ph_proof::note::{SignedNote, TreeHead};
use ph_record::entry_store::EntryStore;

use crate::file_ledger::FileLedger;
use crate::ledger_error::LedgerError;
use crate::tile_dir::TilesAt;

impl FileLedger {
    /// Keeps a head of this ledger's tree with the cosignatures that it has: under `heads/`, and in `checkpoint` where it is
    /// the latest.
    ///
    /// # Errors
    /// [`LedgerError::Head`] where the ledger's key has not signed it, [`LedgerError::OtherHead`] where it is of another tree, others
    /// where it cannot be written; [`LedgerError::ReadOnly`].
    pub fn keep_head(&mut self, note: &SignedNote) -> Result<(), LedgerError> {
        let head = self.verified(note)?;
        let size = head.size();
        let latest = self.latest()?;
        let is_ours = size <= latest.size() && self.tree(size)?.root().bytes() == head.root();
        if !is_ours {
            return Err(LedgerError::OtherHead { size });
        }
        let writer = self.writer.as_mut().ok_or(LedgerError::ReadOnly)?;
        self.tiles.keep_head(size, note)?;
        if size == latest.size() {
            writer.sequencer.set_head(note.clone())?;
        }
        Ok(())
    }

    /// The sizes of the heads that are kept, ascending.
    ///
    /// # Errors
    /// [`LedgerError::Tiles`] where they cannot be listed.
    pub fn kept_sizes(&self) -> Result<Vec<u64>, LedgerError> {
        Ok(self.tiles.head_sizes()?)
    }

    /// A head that is kept, with its cosignatures; its signature by the ledger's key is verified.
    ///
    /// # Errors
    /// [`LedgerError::Head`], [`LedgerError::Tiles`] where it cannot be read.
    pub fn kept_head(&self, size: u64) -> Result<Option<SignedNote>, LedgerError> {
        let Some(note) = self.tiles.head(size)? else { return Ok(None) };
        self.verified(&note)?;
        Ok(Some(note))
    }

    /// The head that `checkpoint` has, with its cosignatures; none before the first.
    ///
    /// # Errors
    /// [`LedgerError::Head`], [`LedgerError::Tiles`] where it cannot be read.
    pub fn latest_head(&self) -> Result<Option<SignedNote>, LedgerError> {
        let Some(note) = self.tiles.checkpoint()? else { return Ok(None) };
        self.verified(&note)?;
        Ok(Some(note))
    }

    /// How many entries the latest signed head covers; 0 before the first.
    ///
    /// # Errors
    /// As [`Self::latest_head`].
    pub fn signed_size(&self) -> Result<u64, LedgerError> {
        match self.latest() {
            Err(LedgerError::NoHead) => Ok(0),
            latest => Ok(latest?.size()),
        }
    }

    /// The hash of an entry's leaf.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn leaf_hash(&self, index: u64) -> Result<Digest, LedgerError> {
        let stored = self.entries.read(index, 1)?;
        let stored = stored.first().ok_or(LedgerError::NoEntry { index, size: self.size()? })?;
        Ok(leaf_hash(&stored.entry.leaf))
    }

    /// The proof that entry `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`LedgerError::Tree`] where there is no such proof or the tiles are not this tree's; [`LedgerError::NoHead`].
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        Ok(self.tree(size)?.inclusion_proof(index)?)
    }

    /// The proof that the tree of the first `size` entries continues that of the first `old`.
    ///
    /// # Errors
    /// As [`Self::inclusion`].
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Digest>, LedgerError> {
        Ok(self.tree(size)?.consistency_proof(old)?)
    }

    fn tree(&self, size: u64) -> Result<TileTree<TilesAt<'_>>, LedgerError> {
        let head = self.latest()?;
        let tiles = self.tiles.at(head.size());
        let whole = TileTree::new(tiles, head.size(), Digest::from_bytes(*head.root()))?;
        if size == head.size() {
            return Ok(whole);
        }
        let root = whole.root_at(size)?;
        Ok(TileTree::new(tiles, size, root)?)
    }

    fn latest(&self) -> Result<TreeHead, LedgerError> {
        self.verified(&self.tiles.checkpoint()?.ok_or(LedgerError::NoHead)?)
    }

    /// The head in a note that the key in force at its size has signed, or, where a machine ended amid a rotation, the one before.
    fn verified(&self, note: &SignedNote) -> Result<TreeHead, LedgerError> {
        let size = TreeHead::parse(note.unverified_text())?.size();
        Ok(TreeHead::open(note, self.keys.at(size))?)
    }
}
