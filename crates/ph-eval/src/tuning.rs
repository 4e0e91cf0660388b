//! Other limits for a run that is under way: asked for in a file of its directory, put into effect by the run itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ph_base::{Disk, FileLayer};
use ph_record::RunLimits;

use crate::engine::Tuning;
use crate::run_dir::RunDir;

const LIMITS: &str = "limits.json";
/// More than any such file has.
const BYTES_MAX: u64 = 4 << 10;

/// Asks the run in `dir` for other limits. The run's manifest says when they came into effect.
///
/// # Errors
/// [`io::Error`] where the file cannot be written.
pub fn ask_for_limits(dir: &RunDir, limits: &RunLimits) -> io::Result<()> {
    Disk.replace(&dir.path().join(LIMITS), &serde_json::to_vec(limits)?)
}

/// Looks for limits that somebody asks for.
pub struct LimitsFile {
    path: PathBuf,
    /// What the file held when it was looked at last.
    seen: Vec<u8>,
}

impl LimitsFile {
    /// What is asked of the run in `dir` from now on; what was asked of it earlier is past.
    #[must_use]
    pub fn of(dir: &RunDir) -> Self {
        let path = dir.path().join(LIMITS);
        let seen = content(&path);
        Self { path, seen }
    }
}

/// What the file holds; nothing where it is not there or too long.
fn content(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    if read.is_ok() { bytes } else { Vec::new() }
}

impl Tuning for LimitsFile {
    fn wanted(&mut self) -> Option<RunLimits> {
        let now = content(&self.path);
        if now == self.seen {
            return None;
        }
        let limits = serde_json::from_slice(&now).ok();
        self.seen = now;
        limits
    }
}

#[cfg(test)]
mod tests {
    use ph_base::{RunId, Timestamp};

    use super::*;

    #[test]
    fn limits_are_seen_once_and_nonsense_never() {
        let parent = tempfile::tempdir().unwrap();
        let dir = RunDir::create(parent.path(), &RunId::new(Timestamp(1), [1; 10])).unwrap();
        ask_for_limits(&dir, &RunLimits::connections(3)).unwrap();
        let mut file = LimitsFile::of(&dir);
        assert_eq!(file.wanted(), None, "asked before the run began");
        ask_for_limits(&dir, &RunLimits::connections(5)).unwrap();
        assert_eq!(file.wanted(), Some(RunLimits::connections(5)));
        assert_eq!(file.wanted(), None);
        std::fs::write(dir.path().join(LIMITS), "{\"connections\": \"many\"}").unwrap();
        assert_eq!(file.wanted(), None);
    }
}
