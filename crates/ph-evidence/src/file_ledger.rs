//! A ledger in a directory: what an assessment keeps its record in.
//!
//! | file | what |
//! |---|---|
//! | `ledger.json` | `{"key","origin","version"}`: the key is the one that it began with |
//! | `entries/*.seg`, `bodies/*.seg` | what is recorded ([`crate::file_entries`], [`crate::file_bodies`]) |
//! | `tile/…`, `checkpoint`, `heads/*.note` | the tree ([`crate::tile_dir`]) |
//! | `salt.key` | 32 secret bytes, from which the salts of parts and samples follow; mode 0600 |
//!
//! One process has it open for writing; others may read.

use std::path::Path;
use std::sync::Arc;

use ph_base::{Clock, Disk, FileLayer, RunId};
use ph_proof::commitment::{Salt, SaltKey};
use ph_proof::entry::OpenEntry;
use ph_proof::event::EventBody;
use ph_proof::note::{NoteSigner, NoteVerifier, SignedNote};
use ph_record::entry_store::{BodyStore, EntryStore, StoredEntry};

use crate::file_bodies::FileBodies;
use crate::file_entries::FileEntries;
use crate::key_rotation::KeyHistory;
use crate::ledger_description as description;
pub use crate::ledger_error::LedgerError;
use crate::recorder::{LedgerRecorder, Random, RecorderSetup};
use crate::salt_file;
use crate::sequencer::Sequencer;
use crate::tile_dir::TileDir;

/// Entries that are read at once.
const ENTRIES_AT_ONCE: u64 = 256;

/// What a ledger is made or gone on with.
#[derive(Clone)]
pub struct LedgerSetup {
    /// The key, named as the ledger's origin.
    pub signer: NoteSigner,
    /// The assessment or run that it is of.
    pub subject: String,
    /// The program with its version.
    pub program: String,
    /// Gives events their times.
    pub clock: Arc<dyn Clock>,
    /// Gives events their salts, and a new ledger its salt key.
    pub random: Random,
    /// The way to files.
    pub files: Arc<dyn FileLayer>,
}

/// A ledger that is open.
pub struct FileLedger {
    origin: String,
    pub(crate) keys: KeyHistory,
    pub(crate) entries: Arc<FileEntries>,
    bodies: Arc<FileBodies>,
    pub(crate) tiles: TileDir,
    salt_key: SaltKey,
    pub(crate) writer: Option<Writer>,
}

pub(crate) struct Writer {
    recorder: LedgerRecorder,
    pub(crate) sequencer: Sequencer,
    signer: NoteSigner,
    /// The key that was replaced and signs the next head too.
    outgoing: Option<NoteSigner>,
}

impl FileLedger {
    /// Makes a ledger in `dir`, whose first entry says that it was opened.
    ///
    /// # Errors
    /// [`LedgerError::AlreadyThere`]; others where it cannot be written.
    pub fn create(dir: &Path, setup: LedgerSetup) -> Result<Self, LedgerError> {
        if description::is_there(dir) {
            return Err(LedgerError::AlreadyThere(dir.display().to_string()));
        }
        ph_base::disk::make_folders(dir).map_err(access("write", dir))?;
        salt_file::make(dir, &setup.random)?;
        description::write(dir, &setup.signer.verifier(), setup.files.as_ref())?;
        Self::open(dir, setup)
    }

    /// Goes on with the ledger in `dir`. What a power cut left half written is cut away; a ledger that was made but not opened
    /// by its first entry is opened now.
    ///
    /// # Errors
    /// [`LedgerError::NotThere`]; [`LedgerError::OtherOrigin`] or [`LedgerError::OtherKey`] where the signer is not the ledger's;
    /// others where it is damaged, rolled back, or another process has it open.
    pub fn open(dir: &Path, setup: LedgerSetup) -> Result<Self, LedgerError> {
        let (origin, first) = description::read(dir)?;
        let signer = setup.signer;
        if signer.name().as_str() != origin {
            return Err(LedgerError::OtherOrigin { ledger: origin, signer: signer.name().as_str().to_owned() });
        }
        let entries = Arc::new(FileEntries::open(&dir.join("entries"), Arc::clone(&setup.files))?);
        let bodies = Arc::new(FileBodies::open(&dir.join("bodies"), Arc::clone(&setup.files))?);
        let tiles = TileDir::new(dir, setup.files);
        let recorder = LedgerRecorder::start(RecorderSetup {
            entries: Arc::clone(&entries) as Arc<dyn EntryStore>,
            bodies: Arc::clone(&bodies) as Arc<dyn BodyStore>,
            clock: setup.clock,
            random: setup.random,
        })?;
        if entries.size()? == 0 && first == signer.verifier() && tiles.checkpoint()?.is_none() {
            let (key, origin) = (first.to_string(), origin.clone());
            let (program, subject) = (setup.program, setup.subject);
            recorder.record(vec![EventBody::LedgerOpened { key, origin, program, subject }])?;
        }
        let store = Arc::clone(&entries) as Arc<dyn EntryStore>;
        let mut ledger = Self::of(dir, (origin, first), (entries, bodies), tiles)?;
        if *ledger.keys.current() != signer.verifier() {
            let (ledger, signer) = (ledger.keys.current().to_string(), signer.verifier().to_string());
            return Err(LedgerError::OtherKey { ledger, signer });
        }
        let sequencer = Sequencer::open(store, ledger.tiles.clone(), signer.clone(), &ledger.keys.keys())?;
        ledger.writer = Some(Writer { recorder, sequencer, signer, outgoing: None });
        Ok(ledger)
    }

    /// Opens the ledger in `dir` for reading, without its key; another process may be writing it.
    ///
    /// # Errors
    /// [`LedgerError`] where it is not there, cannot be read or is damaged.
    pub fn open_read_only(dir: &Path) -> Result<Self, LedgerError> {
        let described = description::read(dir)?;
        // Entries first: whatever entry is seen, its body was kept before it.
        let entries = Arc::new(FileEntries::open_read_only(&dir.join("entries"))?);
        let bodies = Arc::new(FileBodies::open_read_only(&dir.join("bodies"))?);
        Self::of(dir, described, (entries, bodies), TileDir::new(dir, Arc::new(Disk)))
    }

    fn of(
        dir: &Path,
        (origin, first): (String, NoteVerifier),
        (entries, bodies): (Arc<FileEntries>, Arc<FileBodies>),
        tiles: TileDir,
    ) -> Result<Self, LedgerError> {
        let salt_key = salt_file::read(dir)?;
        let keys = KeyHistory::new(first);
        let mut ledger = Self { origin, keys, entries, bodies, tiles, salt_key, writer: None };
        ledger.check_opening()?;
        ledger.keys = ledger.follow_keys()?;
        Ok(ledger)
    }

    /// That entry 0, where there is one, opens this ledger.
    fn check_opening(&self) -> Result<(), LedgerError> {
        if self.size()? == 0 {
            return Ok(());
        }
        match self.entry(0)?.map(|entry| entry.event.body) {
            Some(EventBody::LedgerOpened { key, origin, .. })
                if origin == self.origin && key == self.keys.current().to_string() =>
            {
                Ok(())
            }
            _ => Err(LedgerError::Opening),
        }
    }

    fn follow_keys(&self) -> Result<KeyHistory, LedgerError> {
        let mut keys = self.keys.clone();
        for stored in self.stored() {
            let stored = stored?;
            let body = self.bodies.body(stored.entry.body)?;
            if body.as_ref().is_some_and(|body| KeyHistory::may_be_rotation(body)) {
                let entry = self.open_stored(&stored)?;
                entry.map_or(Ok(()), |entry| keys.take(entry.index, &entry.event.body))?;
            }
        }
        Ok(keys)
    }

    /// Records an event; returns its index once it outlives a power cut. May be called from any thread.
    ///
    /// # Errors
    /// [`LedgerError::Recorder`]: what is not acknowledged does not happen; [`LedgerError::ReadOnly`].
    pub fn record(&self, event: EventBody) -> Result<u64, LedgerError> {
        Ok(self.recorder()?.record(vec![event])?.start)
    }

    /// What records, for calls of several events and for async callers.
    ///
    /// # Errors
    /// [`LedgerError::ReadOnly`].
    pub fn recorder(&self) -> Result<&LedgerRecorder, LedgerError> {
        Ok(&self.writer.as_ref().ok_or(LedgerError::ReadOnly)?.recorder)
    }

    /// Brings everything that is committed into the tree; returns its signed head, which `checkpoint` has then.
    ///
    /// # Errors
    /// [`LedgerError::Sequencer`] where that cannot be, or would contradict an earlier head; [`LedgerError::ReadOnly`].
    pub fn head(&mut self) -> Result<SignedNote, LedgerError> {
        let writer = self.writer.as_mut().ok_or(LedgerError::ReadOnly)?;
        let head = writer.sequencer.integrate_with(writer.outgoing.as_ref())?;
        writer.outgoing = None;
        Ok(head)
    }

    /// How many entries are committed.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn size(&self) -> Result<u64, LedgerError> {
        Ok(self.entries.size()?)
    }

    /// An entry, opened and held against its leaf; none where its body was destroyed.
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`]; [`LedgerError::Entry`] where the body is not what the leaf commits to; [`LedgerError::Store`].
    pub fn entry(&self, index: u64) -> Result<Option<OpenEntry>, LedgerError> {
        let stored = self.entries.read(index, 1)?;
        let stored = stored.first().ok_or(LedgerError::NoEntry { index, size: self.size()? })?;
        self.open_stored(stored)
    }

    /// All entries that are committed now, in order: index, and the entry unless its body was destroyed.
    pub fn entries(&self) -> impl Iterator<Item = Result<(u64, Option<OpenEntry>), LedgerError>> + '_ {
        self.stored().map(|stored| {
            let stored = stored?;
            Ok((stored.index, self.open_stored(&stored)?))
        })
    }

    fn stored(&self) -> impl Iterator<Item = Result<StoredEntry, LedgerError>> + '_ {
        let size = self.size().unwrap_or(0);
        let starts = (0..size).step_by(ENTRIES_AT_ONCE as usize);
        starts.flat_map(move |start| {
            let count = ENTRIES_AT_ONCE.min(size - start) as usize;
            match self.entries.read(start, count) {
                Ok(stored) => stored.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(LedgerError::Store(error))],
            }
        })
    }

    fn open_stored(&self, stored: &StoredEntry) -> Result<Option<OpenEntry>, LedgerError> {
        let index = stored.index;
        let Some(body) = self.bodies.body(stored.entry.body)? else { return Ok(None) };
        let opened = OpenEntry::of_body(index, &body, &stored.entry.leaf);
        opened.map(Some).map_err(|source| LedgerError::Entry { index, source })
    }

    /// The ledger's origin, which is its key's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What verifies heads from here on.
    #[must_use]
    pub fn verifier(&self) -> NoteVerifier {
        self.keys.current().clone()
    }

    /// All keys that the ledger has had, each with what it signed.
    #[must_use]
    pub fn keys(&self) -> &KeyHistory {
        &self.keys
    }

    /// The salt of a part in an edition: HMAC-SHA256(salt key, `part` ‖ 0x0A ‖ edition in decimal ‖ 0x0A ‖ name).
    #[must_use]
    pub fn part_salt(&self, edition: u64, name: &str) -> Salt {
        Salt(self.salt_key.derive(format!("part\n{edition}\n{name}").as_bytes()))
    }

    /// The key of the salts of a run's samples: HMAC-SHA256(salt key, `samples` ‖ 0x0A ‖ run).
    #[must_use]
    pub fn sample_salt_key(&self, run: &RunId) -> [u8; 32] {
        self.salt_key.derive(format!("samples\n{run}").as_bytes())
    }

    /// What signs, for statements.
    ///
    /// # Errors
    /// [`LedgerError::ReadOnly`].
    pub fn signer(&self) -> Result<&NoteSigner, LedgerError> {
        Ok(&self.writer.as_ref().ok_or(LedgerError::ReadOnly)?.signer)
    }

    /// Its stores and tiles, for a check of everything.
    #[must_use]
    pub fn stores(&self) -> (&dyn EntryStore, &dyn BodyStore, &TileDir) {
        (self.entries.as_ref(), self.bodies.as_ref(), &self.tiles)
    }

    /// Goes on with the key of a rotation that was recorded.
    pub(crate) fn take_key(&mut self, index: u64, event: &EventBody, new: NoteSigner) -> Result<(), LedgerError> {
        self.keys.take(index, event)?;
        let writer = self.writer.as_mut().ok_or(LedgerError::ReadOnly)?;
        writer.sequencer.set_signer(new.clone());
        writer.outgoing = Some(std::mem::replace(&mut writer.signer, new));
        Ok(())
    }
}

pub(crate) fn access(verb: &'static str, place: &Path) -> impl Fn(std::io::Error) -> LedgerError + use<> {
    let place = place.display().to_string();
    move |source| LedgerError::Access { verb, place: place.clone(), source }
}
