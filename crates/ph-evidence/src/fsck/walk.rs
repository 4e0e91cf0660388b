//! The one way through a ledger that a check takes: 256 entries at a time, from the first to the last.

use std::collections::{BTreeMap, BTreeSet};

use ph_base::Digest;
use ph_proof::entry::OpenEntry;
use ph_proof::event::{EventBody, LedgerEvent};
use ph_proof::merkle::{EntryBundle, TILE_WIDTH, Tile, TileBuilder, TileBytes, leaf_hash};
use ph_proof::note::{SignedNote, TreeHead};
use ph_record::entry_store::StoredEntry;

use super::{FsckInput, FsckReport, Part};
use crate::key_rotation::KeyHistory;
use crate::record_file::error_chain;

const WIDTH: u64 = TILE_WIDTH as u64;

pub(super) struct Walk<'a> {
    input: FsckInput<'a>,
    report: FsckReport,
    builder: TileBuilder,
    keys: KeyHistory,
    /// Roots of the tree at the sizes of heads.
    roots: BTreeMap<u64, Option<Digest>>,
    destroyed: BTreeSet<u64>,
    tombstones: BTreeSet<u64>,
    /// Whether some leaf is unknown, so that nothing above it can be derived.
    is_blind: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(input: FsckInput<'a>) -> Self {
        let (report, builder, roots) = Default::default();
        let (destroyed, tombstones) = Default::default();
        let keys = KeyHistory::new(input.key.clone());
        Self { input, report, builder, keys, roots, destroyed, tombstones, is_blind: false }
    }

    pub(super) fn run(mut self) -> FsckReport {
        let checkpoint = self.checkpoint();
        let kept = self.kept_heads();
        let heads: Vec<_> = checkpoint.iter().map(|(note, head)| (Part::Checkpoint, note, head)).collect();
        let heads: Vec<_> =
            heads.into_iter().chain(kept.iter().map(|(part, note, head)| (*part, note, head))).collect();
        self.roots = heads.iter().map(|(_, _, head)| (head.size(), None)).collect();
        let tree = checkpoint.as_ref().map_or(0, |(_, head)| head.size());
        let stored = self.stored_size();
        if stored.is_some_and(|stored| stored < tree) {
            let stored = stored.unwrap_or(0);
            self.report.add(Part::Entry(stored), format!("missing: the store ends here, the signed tree at {tree}"));
        }
        self.note_root();
        let end = stored.unwrap_or(tree).max(tree);
        for from in (0..end).step_by(WIDTH as usize) {
            self.chunk(from, end.min(from + WIDTH), tree);
        }
        self.partial_tiles();
        heads.iter().for_each(|(part, note, head)| self.head(*part, note, head, tree));
        for index in self.destroyed.difference(&self.tombstones) {
            self.report.add(Part::Body(*index), "destroyed, but no event says so");
        }
        self.report.counts.destroyed = self.destroyed.intersection(&self.tombstones).count() as u64;
        self.report
    }

    fn checkpoint(&mut self) -> Option<(SignedNote, TreeHead)> {
        let note = match self.input.tiles.checkpoint() {
            Ok(note) => note?,
            Err(error) => {
                self.report.add(Part::Checkpoint, error_chain(&error));
                return None;
            }
        };
        self.parsed(Part::Checkpoint, note)
    }

    fn parsed(&mut self, part: Part, note: SignedNote) -> Option<(SignedNote, TreeHead)> {
        match TreeHead::parse(note.unverified_text()) {
            Ok(head) => Some((note, head)),
            Err(error) => {
                self.report.add(part, error_chain(&error));
                None
            }
        }
    }

    fn kept_heads(&mut self) -> Vec<(Part, SignedNote, TreeHead)> {
        let sizes = self.input.tiles.head_sizes().unwrap_or_else(|error| {
            self.report.add(Part::Heads, error_chain(&error));
            Vec::new()
        });
        let mut heads = Vec::new();
        for size in sizes {
            let part = Part::Head(size);
            match self.input.tiles.head(size) {
                Err(error) => self.report.add(part, error_chain(&error)),
                Ok(None) => {}
                Ok(Some(note)) => match self.parsed(part, note) {
                    Some((_, head)) if head.size() != size => {
                        self.report.add(part, format!("a head of {} entries", head.size()));
                    }
                    Some((note, head)) => heads.push((part, note, head)),
                    None => {}
                },
            }
        }
        self.report.counts.heads = heads.len() as u64;
        heads
    }

    fn stored_size(&mut self) -> Option<u64> {
        let size = self.input.entries?.size();
        let size = size.map_err(|error| self.report.add(Part::Entries, error_chain(&error))).ok()?;
        self.report.counts.entries = size;
        Some(size)
    }

    /// Checks entries `from` to `to`, of which those below `tree` are in the tree.
    fn chunk(&mut self, from: u64, to: u64, tree: u64) {
        let stored = self.stored(from, to);
        let in_tree = to.min(tree).saturating_sub(from);
        if in_tree > 0
            && let Ok(tile) = Tile::new(0, from / WIDTH, in_tree as u16)
        {
            self.leaves(from, tile, &stored);
        }
        for (index, entry) in (from..to).zip(&stored) {
            if let Some(entry) = entry {
                self.body(index, entry);
            }
        }
    }

    /// The entries, none where there is none or it cannot be read.
    fn stored(&mut self, from: u64, to: u64) -> Vec<Option<StoredEntry>> {
        let mut slots = vec![None; (to - from) as usize];
        let Some(store) = self.input.entries else { return slots };
        let end = to.min(self.report.counts.entries);
        if from >= end {
            return slots;
        }
        let found = store.read(from, (end - from) as usize).unwrap_or_else(|error| {
            self.report.add(Part::Entry(from), error_chain(&error));
            Vec::new()
        });
        let count = found.len();
        for (slot, (index, entry)) in slots.iter_mut().zip((from..end).zip(found)) {
            if entry.index == index {
                *slot = Some(entry);
            } else {
                self.report.add(Part::Entry(index), format!("entry {} stands in its place", entry.index));
            }
        }
        (from + count as u64..end).for_each(|index| self.report.add(Part::Entry(index), "the store does not give it"));
        slots
    }

    /// Holds store, bundle and tile against each other, and takes the leaves into the tree.
    fn leaves(&mut self, from: u64, tile: Tile, stored: &[Option<StoredEntry>]) {
        let bundled = self.bundle(tile);
        let tiled = self.tile_hashes(tile);
        let bundle = EntryBundle::of_tile(tile);
        for at in 0..usize::from(tile.width()) {
            let index = from + at as u64;
            let store = stored.get(at).and_then(Option::as_ref).map(|entry| leaf_hash(&entry.entry.leaf));
            let (bundled, tiled) = (bundled.get(at).copied(), tiled.get(at).copied());
            let Some(leaf) = agreed([store, bundled, tiled]) else {
                self.report.add(Part::Entry(index), "store, bundle and tile have nothing of it, or all differ");
                self.is_blind = true;
                return;
            };
            let differs = |hash: Option<Digest>| hash.is_some_and(|hash| hash != leaf);
            if differs(store) {
                self.report.add(Part::Entry(index), "the store has another leaf than bundle or tile");
            }
            if let (true, Some(bundle)) = (differs(bundled), bundle) {
                self.report.add(Part::Bundle(bundle, Some(index)), "another leaf than store or tile have");
            }
            if differs(tiled) {
                self.report.add(Part::Tile(tile, Some(index)), "not the hash of the leaf");
            }
            self.append(leaf);
        }
    }

    fn append(&mut self, leaf: Digest) {
        if self.is_blind {
            return;
        }
        for full in self.builder.append(leaf) {
            self.compare(&full);
        }
        self.note_root();
    }

    fn note_root(&mut self) {
        if let Some(root) = self.roots.get_mut(&self.builder.size()) {
            *root = Some(self.builder.root());
        }
    }

    fn bundle(&mut self, tile: Tile) -> Vec<Digest> {
        let Some(bundle) = EntryBundle::of_tile(tile) else { return Vec::new() };
        let part = Part::Bundle(bundle, None);
        let full = EntryBundle::of_tile(tile.full()).unwrap_or(bundle);
        let read = |bundle| self.input.tiles.bundle(bundle).map(|bytes| bytes.map(|bytes| (bundle, bytes)));
        let found = read(bundle).and_then(|found| if found.is_none() { read(full) } else { Ok(found) });
        match found {
            Err(error) => self.report.add(part, error_chain(&error)),
            Ok(None) => self.report.add(part, "missing"),
            Ok(Some((bundle, bytes))) => match bundle.decode(&bytes) {
                Err(error) => self.report.add(part, error.to_string()),
                Ok(leaves) => {
                    self.report.counts.bundles += 1;
                    return leaves.into_iter().take(usize::from(tile.width())).map(leaf_hash).collect();
                }
            },
        }
        Vec::new()
    }

    /// The hashes of a tile as it is stored, alone or as the beginning of the full one.
    fn tile_hashes(&mut self, tile: Tile) -> Vec<Digest> {
        let read = |tile| self.input.tiles.tile(tile).map(|bytes| bytes.map(|bytes| (tile, bytes)));
        let found = read(tile).and_then(|found| if found.is_none() { read(tile.full()) } else { Ok(found) });
        match found {
            Err(error) => self.report.add(Part::Tile(tile, None), error_chain(&error)),
            Ok(None) => self.report.add(Part::Tile(tile, None), "missing"),
            Ok(Some((found, bytes))) => match found.decode(&bytes) {
                Err(error) => self.report.add(Part::Tile(tile, None), error.to_string()),
                Ok(mut hashes) => {
                    self.report.counts.tiles += 1;
                    hashes.truncate(usize::from(tile.width()));
                    return hashes;
                }
            },
        }
        Vec::new()
    }

    /// A tile above level 0 against what is derived.
    fn compare(&mut self, derived: &TileBytes) {
        let tile = derived.tile;
        if tile.level() == 0 {
            return;
        }
        let found = self.tile_hashes(tile);
        let wanted = tile.decode(&derived.bytes).unwrap_or_default();
        if !found.is_empty() && found != wanted {
            self.report.add(Part::Tile(tile, None), "its hashes are not those of the subtrees below");
        }
    }

    fn partial_tiles(&mut self) {
        if !self.is_blind {
            self.builder.partial_tiles(0).iter().for_each(|tile| self.compare(tile));
        }
    }

    fn head(&mut self, part: Part, note: &SignedNote, head: &TreeHead, tree: u64) {
        if let Err(error) = TreeHead::open(note, self.keys.at(head.size())) {
            self.report.add(part, error_chain(&error));
        }
        let root = self.roots.get(&head.size()).copied().flatten();
        match root {
            Some(root) if root.bytes() == head.root() => {}
            Some(root) => self.report.add(part, format!("its root is not that of the entries, `{root}`")),
            None if head.size() > tree => self.report.add(part, "larger than the latest tree head"),
            None => self.report.add(part, "its root cannot be derived"),
        }
    }

    fn body(&mut self, index: u64, entry: &StoredEntry) {
        let Some(bodies) = self.input.bodies else { return };
        let body = match bodies.body(entry.entry.body) {
            Ok(Some(body)) => body,
            Ok(None) => {
                self.destroyed.insert(index);
                return;
            }
            Err(error) => return self.report.add(Part::Body(index), error_chain(&error)),
        };
        match OpenEntry::of_body(index, &body, &entry.entry.leaf) {
            Err(error) => self.report.add(Part::Body(index), error_chain(&error)),
            Ok(opened) => {
                self.report.counts.bodies += 1;
                if opened.event.at != entry.entry.at {
                    self.report.add(Part::Entry(index), "its time is not that of its event");
                }
                self.event(index, &opened.event);
            }
        }
    }

    fn event(&mut self, index: u64, event: &LedgerEvent) {
        let part = Part::Event(index);
        match &event.body {
            EventBody::LedgerOpened { key, origin, .. } => {
                if index > 0 {
                    self.report.add(part, "the ledger is opened once more");
                }
                if *key != self.input.key.to_string() || origin != self.input.key.name().as_str() {
                    self.report.add(part, "it opens a ledger of another origin or key");
                }
            }
            _ if index == 0 => self.report.add(part, "the first event does not open the ledger"),
            EventBody::BodyDestroyed { entry, .. } => {
                self.tombstones.insert(*entry);
            }
            rotation @ EventBody::KeyRotated { .. } => match self.keys.take(index, rotation) {
                Ok(()) => self.report.counts.rotations += 1,
                Err(error) => self.report.add(part, error_chain(&error)),
            },
            _ => {}
        }
    }
}

/// What two of three say, or the only ones that say anything.
fn agreed(hashes: [Option<Digest>; 3]) -> Option<Digest> {
    let [store, bundle, tile] = hashes;
    if store.is_some() && (store == bundle || store == tile) {
        return store;
    }
    if bundle.is_some() && bundle == tile {
        return bundle;
    }
    // No two agree: where one of them has nothing to say, the tree that was signed decides above.
    match hashes {
        [Some(_), Some(_), Some(_)] => None,
        _ => tile.or(store).or(bundle),
    }
}
