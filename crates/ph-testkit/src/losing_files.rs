//! Files that lose what was not synced: a layer over real files for tests of what outlives a power cut.
//!
//! What is appended stays in memory until it is synced. At the power cut (at the n-th operation, or when a test says
//! so) of each file's unsynced bytes a part of random length reaches the disk, whole, as zeros or as noise; from then on
//! every operation fails. What a test finds in the folder afterwards is what a machine would find after a power cut.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::{AppendFile, FileLayer};

/// The layer. Clones share the machine.
#[derive(Clone)]
pub struct LosingFiles(Arc<Mutex<Machine>>);

struct Machine {
    operations: u64,
    cut_at: Option<u64>,
    is_off: bool,
    unsynced: BTreeMap<PathBuf, Vec<u8>>,
    random: u64,
}

impl LosingFiles {
    /// A machine whose power is cut at operation `cut_at` (from 1), if at any; `seed` decides what remains then.
    #[must_use]
    pub fn new(cut_at: Option<u64>, seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (operations, is_off, unsynced) = Default::default();
        Self(Arc::new(Mutex::new(Machine { operations, cut_at, is_off, unsynced, random })))
    }

    /// Cuts the power now.
    pub fn cut_power(&self) {
        self.machine().lose();
    }

    /// Whether the power was cut.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.machine().is_off
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.machine().operations
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine {
    /// Counts an operation; fails where the power is off, or goes off with it.
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.cut_at == Some(self.operations) {
            self.lose();
        }
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn lose(&mut self) {
        if std::mem::replace(&mut self.is_off, true) {
            return;
        }
        for (path, bytes) in std::mem::take(&mut self.unsynced) {
            let kept = self.below(bytes.len() as u64 + 1);
            let mut part: Vec<u8> = bytes.into_iter().take(usize::try_from(kept).unwrap_or(usize::MAX)).collect();
            // What reached the disk may be less than the length that the file system noted.
            let whole = self.below(kept + 1);
            let noise = self.below(3);
            for (at, byte) in part.iter_mut().enumerate().filter(|(at, _)| *at as u64 >= whole) {
                match noise {
                    0 => {}
                    1 => *byte = 0,
                    _ => *byte = (at as u64).wrapping_mul(167).wrapping_add(whole) as u8,
                }
            }
            // A test whose folder is gone needs no bytes in it.
            let _ = OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(&part));
        }
    }

    /// A number below `bound` (xorshift).
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }
}

impl FileLayer for LosingFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        self.machine().operation()?;
        OpenOptions::new().create_new(true).append(true).open(path)?;
        Ok(Box::new(LosingFile { files: self.clone(), path: path.to_owned() }))
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.machine().operation()?;
        OpenOptions::new().write(true).open(path)?.set_len(bytes)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut machine = self.machine();
        let done = machine.operation();
        // Cut in the middle, the old content is there or the new one.
        if done.is_err() && (machine.cut_at != Some(machine.operations) || machine.below(2) == 0) {
            return done;
        }
        fs::write(path, content)?;
        done
    }
}

struct LosingFile {
    files: LosingFiles,
    path: PathBuf,
}

impl AppendFile for LosingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut machine = self.files.machine();
        if !machine.is_off {
            machine.unsynced.entry(self.path.clone()).or_default().extend(bytes);
        }
        machine.operation()
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut machine = self.files.machine();
        machine.operation()?;
        let bytes = machine.unsynced.remove(&self.path).unwrap_or_default();
        OpenOptions::new().append(true).open(&self.path)?.write_all(&bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_stays_and_the_rest_is_a_part_of_what_was_written() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            let files = LosingFiles::new(Some(5), seed);
            let mut file = files.create(&path).unwrap();
            file.append(b"kept").unwrap();
            file.sync().unwrap();
            file.append(b"lost, perhaps").unwrap();
            assert!(file.sync().is_err() && files.is_off() && file.append(b"x").is_err());
            let found = fs::read(&path).unwrap();
            assert!(found.starts_with(b"kept") && found.len() <= 17, "{found:?}");
            lengths.insert(found.len());
        }
        assert!(lengths.len() > 5, "{lengths:?}");
    }

    #[test]
    fn a_replaced_file_is_the_old_one_or_the_new_one() {
        let mut found = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            let files = LosingFiles::new(Some(2), seed);
            files.replace(&path, b"old").unwrap();
            assert!(files.replace(&path, b"new").is_err() && files.replace(&path, b"later").is_err());
            found.insert(fs::read(&path).unwrap());
        }
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [b"new".to_vec(), b"old".to_vec()]);
    }
}
