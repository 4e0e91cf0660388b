//! What a witness has cosigned, on disk: a small file per log, named by the digest of its origin.
//!
//! A file that is there and cannot be read is never taken for one that is not there: its log is refused until a person has
//! looked. The directory is locked, so that no second witness of the same key can cosign beside this one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::{Digest, FileLayer};
use ph_proof::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use ph_proof::note::{NoteError, NoteVerifier, SignedNote, TreeHead, TreeHeadError};
use serde::{Deserialize, Serialize};

use super::decision::Submission;

/// The most logs of one witness; a further one is refused.
pub const ORIGINS_MAX: usize = 100_000;
/// Two logs may share a lock, one log never has two.
const LOCKS: usize = 64;
const VERSION: u32 = 1;
/// Larger than any file that is written here.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory cannot be made or opened.
    #[error("cannot use the directory `{}`", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another witness has it.
    #[error("another witness uses the directory `{}`", .path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was written there.
    #[error("`{}` is damaged: nothing of its log is cosigned until a person has looked", .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: DamageError,
    },
    /// A head that cannot be written as a file.
    #[error("the tree head cannot be kept")]
    Encode(#[from] CanonicalJsonError),
    /// More logs than [`ORIGINS_MAX`].
    #[error("the witness knows {ORIGINS_MAX} logs already")]
    TooManyLogs,
}

/// What is wrong with a file of the state.
#[derive(Debug, thiserror::Error)]
pub enum DamageError {
    /// Not the JSON that was written.
    #[error(transparent)]
    Json(#[from] CanonicalJsonError),
    /// Its note is none.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its note is no tree head.
    #[error(transparent)]
    TreeHead(#[from] TreeHeadError),
    /// Its parts do not agree with each other or with the file's name.
    #[error("the file's `{0}` is not that of its note or name")]
    Disagrees(&'static str),
    /// Larger than any that was written.
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
}

/// The last head of a log that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestHead {
    /// Which log.
    pub origin: String,
    /// The size of its tree.
    pub size: u64,
    /// The root of that tree.
    pub root: Digest,
    /// The log's key that signed it, as it was named in the head.
    pub key: String,
    /// The time of the cosignature, in seconds since 1970. A later one is never earlier, whatever the clock does.
    pub seconds: u64,
    /// The note as the log signed it.
    pub note: String,
}

/// Its file. Sizes may be larger than every reader of JSON has exactly, so they are text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadFile {
    key: String,
    note: String,
    origin: String,
    root: Digest,
    seconds: u64,
    size: String,
    version: u32,
}

impl LatestHead {
    /// What is kept of a submission that is cosigned at `seconds`.
    #[must_use]
    pub fn of(submission: &Submission, seconds: u64) -> Self {
        Self {
            origin: submission.head.origin().to_owned(),
            size: submission.head.size(),
            root: Digest::from_bytes(*submission.head.root()),
            key: submission.key.to_string(),
            seconds,
            note: submission.note.to_string(),
        }
    }

    fn encode(&self) -> Result<Vec<u8>, CanonicalJsonError> {
        let Self { origin, size, root, key, seconds, note } = self.clone();
        let size = size.to_string();
        to_canonical_exact(&HeadFile { key, note, origin, root, seconds, size, version: VERSION })
    }

    /// Reads a file's content, all of which must hang together: the note's signature by the key, and the head in it.
    fn decode(bytes: &[u8], wanted_origin: &str) -> Result<Self, DamageError> {
        let HeadFile { key, note, origin, root, seconds, size, version } = parse_canonical_exact(bytes)?;
        let verifier: NoteVerifier = key.parse().map_err(|_| DamageError::Disagrees("key"))?;
        let head = TreeHead::open(&SignedNote::parse(note.as_bytes())?, &verifier)?;
        let agrees = [
            ("version", version == VERSION),
            ("origin", origin == wanted_origin && head.origin() == origin),
            ("root", head.root() == root.bytes()),
            ("size", head.size().to_string() == size),
        ];
        match agrees.iter().find(|(_, is_so)| !is_so) {
            Some((what, _)) => Err(DamageError::Disagrees(what)),
            None => Ok(Self { origin, size: head.size(), root, key, seconds, note }),
        }
    }
}

/// The directory of a witness. It is this process's until dropped.
pub struct WitnessState {
    directory: PathBuf,
    files: Arc<dyn FileLayer>,
    locks: Vec<Mutex<()>>,
    logs: AtomicUsize,
    _lock: File,
}

impl WitnessState {
    /// Opens the directory, which is made if it is not there. `files` is what the heads are written through.
    ///
    /// # Errors
    /// [`StateError::InUse`] where another witness has it; [`StateError::Directory`].
    pub fn open(directory: &Path, files: Arc<dyn FileLayer>) -> Result<Self, StateError> {
        let failed = |source| StateError::Directory { path: directory.to_owned(), source };
        for part in [heads_in(directory), conflicts_in(directory)] {
            std::fs::create_dir_all(part).map_err(failed)?;
        }
        let lock = File::open(directory).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StateError::InUse { path: directory.to_owned() });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The names of the directories must outlive a power cut as the files in them do.
        lock.sync_all().map_err(failed)?;
        if let Some(parent) = directory.canonicalize().map_err(failed)?.parent() {
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
        }
        let logs = AtomicUsize::new(json_files(&heads_in(directory), "").map_err(failed)?.len());
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        Ok(Self { directory: directory.to_owned(), files, locks, logs, _lock: lock })
    }

    /// Takes hold of a log: nobody else reads or writes its head until what is returned is dropped.
    #[must_use]
    pub fn hold(&self, origin: &str) -> HeldLog<'_> {
        let digest = Digest::of(origin.as_bytes());
        let at = usize::from(digest.bytes()[0]) % LOCKS;
        let guard = self.locks.get(at).map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        HeldLog { state: self, origin: origin.to_owned(), digest, _guard: guard }
    }
}

/// A log of the state, held by one thread.
pub struct HeldLog<'s> {
    state: &'s WitnessState,
    origin: String,
    digest: Digest,
    _guard: Option<MutexGuard<'s, ()>>,
}

impl HeldLog<'_> {
    /// The head that was cosigned last; `None`: none ever was.
    ///
    /// The file is read every time: after a write that failed only the disk can say what is there.
    ///
    /// # Errors
    /// [`StateError::Read`], [`StateError::Damaged`]: the log must be refused.
    pub fn latest(&self) -> Result<Option<LatestHead>, StateError> {
        let path = self.head_path();
        let bytes = match read_limited(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(StateError::Damaged { path, source: DamageError::TooLarge }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        match LatestHead::decode(&bytes, &self.origin) {
            Ok(head) => Ok(Some(head)),
            Err(source) => Err(StateError::Damaged { path, source }),
        }
    }

    /// Puts `head` in the place of `latest`; once this returns it outlives a power cut.
    ///
    /// # Errors
    /// [`StateError`]: the head may be there or not, and must not be cosigned.
    pub fn advance(&self, latest: Option<&LatestHead>, head: &LatestHead) -> Result<(), StateError> {
        let is_new = latest.is_none();
        if is_new && self.state.logs.load(Ordering::Relaxed) >= ORIGINS_MAX {
            return Err(StateError::TooManyLogs);
        }
        self.write(&self.head_path(), &head.encode()?)?;
        if is_new {
            self.state.logs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<(), StateError> {
        self.state.files.replace(path, content).map_err(|source| StateError::Write { path: path.to_owned(), source })
    }

    /// The directory of conflicts, and what names of this log's begin with.
    pub(super) fn conflicts(&self) -> (PathBuf, String) {
        (conflicts_in(&self.state.directory), format!("{}.", self.digest.hex()))
    }

    fn head_path(&self) -> PathBuf {
        heads_in(&self.state.directory).join(format!("{}.json", self.digest.hex()))
    }
}

fn heads_in(directory: &Path) -> PathBuf {
    directory.join("heads")
}

fn conflicts_in(directory: &Path) -> PathBuf {
    directory.join("evidence")
}

/// The JSON files of a directory whose names begin with `prefix`.
pub(super) fn json_files(directory: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_one = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(".json"));
        found.extend(is_one.then(|| directory.join(name)));
    }
    Ok(found)
}

/// A file's content; `None` where it is larger than any that is written here.
fn read_limited(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= FILE_BYTES_MAX).then_some(bytes))
}
