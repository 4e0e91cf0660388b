//! Files of which one call fails: a layer over the machine's files for tests that let the n-th call fail and walk n upwards.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ph_base::{AppendFile, Disk, FileLayer};

/// The layer. Clones share their count of calls.
#[derive(Clone)]
pub struct FailingFiles(Arc<Failing>);

struct Failing {
    calls: AtomicU64,
    fail_at: u64,
    kind: io::ErrorKind,
    goes_on: bool,
}

impl FailingFiles {
    /// Files of which call `fail_at` (from 1) fails with an error of this kind, and where it `goes_on` all later ones. An append
    /// that fails has written half.
    #[must_use]
    pub fn new(fail_at: u64, kind: io::ErrorKind, goes_on: bool) -> Self {
        Self(Arc::new(Failing { calls: AtomicU64::new(0), fail_at, kind, goes_on }))
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Whether the call failed already.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.calls() >= self.0.fail_at
    }

    fn call(&self) -> io::Result<()> {
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fails = number == self.0.fail_at || (self.0.goes_on && number > self.0.fail_at);
        if fails { Err(self.0.kind.into()) } else { Ok(()) }
    }
}

impl FileLayer for FailingFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        self.call()?;
        Ok(Box::new(FailingFile { files: self.clone(), file: Disk.create(path)? }))
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.call()?;
        Disk.cut(path, bytes)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.call()?;
        Disk.replace(path, content)
    }
}

struct FailingFile {
    files: FailingFiles,
    file: Box<dyn AppendFile>,
}

impl AppendFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.files.call() {
            Ok(()) => self.file.append(bytes),
            Err(error) => {
                self.file.append(&bytes[..bytes.len() / 2])?;
                Err(error)
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.files.call()?;
        self.file.sync()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_call_fails_or_all_from_it_on() {
        for goes_on in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            let files = FailingFiles::new(3, io::ErrorKind::StorageFull, goes_on);
            let mut file = files.create(&path).unwrap();
            file.append(b"whole").unwrap();
            assert_eq!(file.append(b"half").unwrap_err().kind(), io::ErrorKind::StorageFull);
            assert_eq!(file.sync().is_err(), goes_on);
            assert!(files.has_failed() && files.calls() == 4);
            assert_eq!(std::fs::read(&path).unwrap(), b"wholeha");
        }
    }
}
