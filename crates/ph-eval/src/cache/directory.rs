//! The directory of a cache: a file per reply, `ab/abcd….reply`, named by its key.
//!
//! An entry is written beside its place and moved there whole, so a reader sees the old one, the new one or none. A file's
//! time of change is when the reply was used last. Several processes may write, read and take away at once: whoever
//! finds an entry gone has missed it, nothing more.

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ph_base::{Digest, Timestamp};

use super::entry::{CachedReply, decode, encode};

const EXTENSION: &str = "reply";
/// A file that is being written; one that stays was left behind by a process that ended.
const PART: &str = "part";
/// The most bytes of one entry.
const ENTRY_BYTES_MAX: u64 = 64 << 20;
/// After an eviction so many hundredths of the bound are in use, so that not every reply after it evicts one more.
const EVICT_TO_PERCENT: u64 = 90;
/// A part older than this belongs to nobody any more.
const PART_AGE_MAX: Duration = Duration::from_secs(3_600);

/// A cache's directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the response cache `{}`", path.display())]
pub struct CacheError {
    /// The directory, or the entry in it.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// What to take away; damaged entries and parts that were left behind always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prune {
    /// Replies that were given longer ago than this, in milliseconds.
    pub older_than_ms: Option<u64>,
    /// Those not used for longest, until no more than so many bytes are left.
    pub bytes_max: Option<u64>,
    /// All.
    pub all: bool,
}

/// What was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Pruned {
    /// Entries taken away.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Entries left.
    pub left: u64,
    /// Their bytes.
    pub left_bytes: u64,
}

/// An entry of the directory.
#[derive(Debug)]
pub struct StoredReply {
    /// Its file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was used last.
    pub used_at: Timestamp,
    /// The reply, or what is wrong with it.
    pub reply: Result<CachedReply, String>,
}

/// What stands under a key.
pub(super) enum Found {
    Reply(Box<CachedReply>),
    Nothing,
    /// What is wrong, with the file.
    Damaged(String),
}

pub(super) struct Directory {
    path: PathBuf,
    bytes_max: u64,
    /// Bytes in use as far as this process knows; none before it has looked.
    used: Mutex<Option<u64>>,
    parts: AtomicU64,
}

struct EntryFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Directory {
    pub(super) fn open(path: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        private_dir(path).map_err(|source| CacheError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), bytes_max, used: Mutex::default(), parts: AtomicU64::new(0) })
    }

    fn place(&self, key: &Digest) -> PathBuf {
        let hex = key.hex();
        self.path.join(&hex[..2]).join(format!("{hex}.{EXTENSION}"))
    }

    pub(super) fn read(&self, key: &Digest, now: Timestamp) -> Found {
        let path = self.place(key);
        let reply = match read_entry(&path) {
            Ok(None) => return Found::Nothing,
            Ok(Some(bytes)) => decode(&bytes),
            Err(error) => Err(error.to_string()),
        };
        match reply {
            Ok(reply) if reply.key == *key => {
                touch(&path, now);
                Found::Reply(Box::new(reply))
            }
            Ok(_) => Found::Damaged(format!("the cached reply `{}` is of another call", path.display())),
            Err(problem) => Found::Damaged(format!("the cached reply `{}` is damaged: {problem}", path.display())),
        }
    }

    /// Writes an entry; returns how many others were taken away for it.
    pub(super) fn write(&self, key: &Digest, reply: &CachedReply, now: Timestamp) -> io::Result<u64> {
        let bytes = encode(reply)?;
        if bytes.len() as u64 > ENTRY_BYTES_MAX.min(self.bytes_max) {
            return Err(io::Error::other(format!("it has {} bytes, more than the cache takes", bytes.len())));
        }
        let path = self.place(key);
        let shard = path.parent().unwrap_or(&self.path);
        private_dir(shard)?;
        let (part, mut file) = self.part(shard)?;
        let written = file
            .write_all(&bytes)
            .and_then(|()| file.set_times(FileTimes::new().set_modified(system_time(now))))
            .and_then(|()| fs::rename(&part, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        self.make_room(bytes.len() as u64)
    }

    /// A new file beside an entry's place, readable by its owner alone.
    fn part(&self, shard: &Path) -> io::Result<(PathBuf, File)> {
        loop {
            let number = self.parts.fetch_add(1, Ordering::Relaxed);
            let path = shard.join(format!("{}-{number}.{PART}", std::process::id()));
            match private_file(&path) {
                // Of a process that had this one's number and ended while it wrote.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map(|file| (path, file)),
            }
        }
    }

    /// Counts what was written, and takes away what was not used for longest where that is too much.
    fn make_room(&self, written: u64) -> io::Result<u64> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match *used {
            Some(before) => before + written,
            None => self.files()?.iter().map(|file| file.bytes).sum(),
        };
        *used = Some(total);
        if total <= self.bytes_max {
            return Ok(0);
        }
        // Others may have written and taken away meanwhile: what is there is looked at anew.
        let mut files = self.files()?;
        let kept = self.bytes_max / 100 * EVICT_TO_PERCENT;
        let (removed, left) = remove_least_used(&mut files, kept)?;
        *used = Some(left);
        Ok(removed)
    }

    pub(super) fn entries(&self) -> Result<impl Iterator<Item = StoredReply>, CacheError> {
        Ok(self.listed()?.into_iter().filter_map(stored))
    }

    pub(super) fn prune(&self, what: &Prune, now: Timestamp) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned::default();
        let mut kept = Vec::new();
        for file in self.listed()? {
            let is_kept = !what.all && is_young(&file, what.older_than_ms, now);
            if is_kept {
                kept.push(file);
                continue;
            }
            remove(&file.path).map_err(|source| CacheError { path: file.path.clone(), source })?;
            pruned.removed += 1;
            pruned.removed_bytes += file.bytes;
        }
        let before: u64 = kept.iter().map(|file| file.bytes).sum();
        let count = kept.len() as u64;
        let (removed, left) =
            remove_least_used(&mut kept, what.bytes_max.unwrap_or(u64::MAX)).map_err(self.failed())?;
        pruned.removed += removed;
        pruned.removed_bytes += before - left;
        (pruned.left, pruned.left_bytes) = (count - removed, left);
        self.remove_parts(now).map_err(self.failed())?;
        Ok(pruned)
    }

    fn failed(&self) -> impl Fn(io::Error) -> CacheError {
        |source| CacheError { path: self.path.clone(), source }
    }

    fn listed(&self) -> Result<Vec<EntryFile>, CacheError> {
        self.files().map_err(self.failed())
    }

    /// Every entry file.
    fn files(&self) -> io::Result<Vec<EntryFile>> {
        let mut files = Vec::new();
        self.visit(EXTENSION, |path, metadata| {
            let used = metadata.modified().unwrap_or(UNIX_EPOCH);
            files.push(EntryFile { path, bytes: metadata.len(), used });
            Ok(())
        })?;
        Ok(files)
    }

    fn remove_parts(&self, now: Timestamp) -> io::Result<()> {
        let now = system_time(now);
        self.visit(PART, |path, metadata| {
            let age = metadata.modified().ok().and_then(|written| now.duration_since(written).ok());
            if age.is_some_and(|age| age > PART_AGE_MAX) { remove(&path) } else { Ok(()) }
        })
    }

    /// Visits every file of this extension; one that goes away meanwhile is passed over.
    fn visit(&self, extension: &str, mut what: impl FnMut(PathBuf, fs::Metadata) -> io::Result<()>) -> io::Result<()> {
        for shard in self.path.read_dir()? {
            let shard = shard?.path();
            let Ok(files) = shard.read_dir() else { continue };
            for file in files {
                let path = file?.path();
                if path.extension().is_some_and(|of| of == extension)
                    && let Ok(metadata) = path.symlink_metadata()
                    && metadata.is_file()
                {
                    what(path, metadata)?;
                }
            }
        }
        Ok(())
    }
}

fn stored(file: EntryFile) -> Option<StoredReply> {
    let reply = match read_entry(&file.path) {
        Ok(None) => return None,
        Ok(Some(bytes)) => decode(&bytes),
        Err(error) => Err(error.to_string()),
    };
    Some(StoredReply { bytes: file.bytes, used_at: timestamp(file.used), reply, path: file.path })
}

/// Whether an entry is whole and was given less than `older_than_ms` ago.
fn is_young(file: &EntryFile, older_than_ms: Option<u64>, now: Timestamp) -> bool {
    let reply = read_entry(&file.path).ok().flatten().and_then(|bytes| decode(&bytes).ok());
    reply.is_some_and(|reply| older_than_ms.is_none_or(|age| now.ms_since(reply.asked_at) <= age))
}

/// Takes away what was not used for longest until at most `bytes_max` are left; returns how many and what is left.
fn remove_least_used(files: &mut [EntryFile], bytes_max: u64) -> io::Result<(u64, u64)> {
    files.sort_by(|one, two| (one.used, &one.path).cmp(&(two.used, &two.path)));
    let mut left: u64 = files.iter().map(|file| file.bytes).sum();
    let mut removed = 0;
    for file in files.iter() {
        if left <= bytes_max {
            break;
        }
        remove(&file.path)?;
        left -= file.bytes;
        removed += 1;
    }
    Ok((removed, left))
}

/// The bytes of an entry; none where there is no such file.
fn read_entry(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(ENTRY_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ENTRY_BYTES_MAX {
        return Err(io::Error::other("it is longer than an entry can be"));
    }
    Ok(Some(bytes))
}

/// Takes a file away; one that is gone already is no failure.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Notes that an entry was used. Where it cannot be noted, for instance in a directory that cannot be written, the entry is
/// taken away sooner.
fn touch(path: &Path, now: Timestamp) {
    let noted = OpenOptions::new().append(true).open(path);
    let _ = noted.and_then(|file| file.set_times(FileTimes::new().set_modified(system_time(now))));
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Makes a directory, and those above it, that its owner alone can look into.
fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file that its owner alone can read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
