//! The directory of one run: `run.json` and `journal/*.seg`.
//!
//! The recorder writes it while the run goes on; whoever analyses or shows a run reads it here. A line that a kill cut
//! short is left out and reported; any other damage is an error with file and line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use ph_base::RunId;
use ph_record::{RunManifest, SampleRecord};

use crate::journal::segment_files;

const MANIFEST: &str = "run.json";
const JOURNAL: &str = "journal";

/// The most bytes of one record.
const RECORD_BYTES_MAX: u64 = 1 << 30;

/// The directory of one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

/// A run directory cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// It cannot be made.
    #[error("cannot make the run directory `{}`", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it is malformed.
    #[error("`{}` line {line} column {column} is malformed: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
}

/// A journal ends in the middle of a record: the writer was stopped while it wrote. That sample never counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// How many bytes of the record are there.
    pub bytes: u64,
}

impl RunDir {
    /// Makes the directory of a new run inside `parent`, which is made too where it does not exist.
    ///
    /// # Errors
    /// [`RunDirError`] where it exists already or cannot be made.
    pub fn create(parent: &Path, run: &RunId) -> Result<Self, RunDirError> {
        let path = parent.join(run.to_string());
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RunDirError::Create { path, source }
        };
        fs::create_dir_all(parent).map_err(failed(parent))?;
        fs::create_dir(&path).map_err(failed(&path))?;
        fs::create_dir(path.join(JOURNAL)).map_err(failed(&path))?;
        Ok(Self { path })
    }

    /// Opens the directory of a run.
    ///
    /// # Errors
    /// [`RunDirError`] where it has no journal.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RunDirError> {
        let path = path.into();
        let journal = path.join(JOURNAL);
        match journal.read_dir() {
            Ok(_) => Ok(Self { path }),
            Err(source) => Err(RunDirError::Read { path: journal, source }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// The run's manifest as last written.
    ///
    /// # Errors
    /// [`RunDirError`] where `run.json` cannot be read.
    pub fn manifest(&self) -> Result<RunManifest, RunDirError> {
        let path = self.path.join(MANIFEST);
        let bytes = fs::read(&path).map_err(|source| RunDirError::Read { path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|error| malformed(path, error.line() as u64, &error))
    }

    /// Writes the manifest: readers see the old one or the new one, never half of it.
    pub(crate) fn write_manifest(&self, manifest: &RunManifest) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(manifest)?;
        bytes.push(b'\n');
        let new = self.path.join("run.json.tmp");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(MANIFEST))
    }

    /// The records in the order in which the samples finished.
    ///
    /// # Errors
    /// [`RunDirError`] where the journal cannot be listed.
    pub fn records(&self) -> Result<Records, RunDirError> {
        let path = self.journal();
        let mut segments = segment_files(&path).map_err(|source| RunDirError::Read { path, source })?;
        segments.reverse();
        let segments = segments.into_iter().map(|(_, path)| path).collect();
        Ok(Records { segments, present: None, torn_tail: None, is_over: false })
    }
}

fn malformed(path: PathBuf, line: u64, error: &serde_json::Error) -> RunDirError {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
    RunDirError::Malformed { path, line, column: error.column(), problem }
}

/// Reads a journal record by record. After an error it ends.
pub struct Records {
    /// Those still to come, last first.
    segments: Vec<PathBuf>,
    present: Option<Segment>,
    torn_tail: Option<TornTail>,
    is_over: bool,
}

struct Segment {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl Records {
    /// The record that was cut short at the journal's end, where there is one; known once all records are read.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn_tail.as_ref()
    }

    fn next_record(&mut self) -> Result<Option<SampleRecord>, RunDirError> {
        loop {
            let Some(mut segment) = self.present.take().map(Ok).or_else(|| self.open_next()).transpose()? else {
                return Ok(None);
            };
            let Some(line) = segment.next_line()? else { continue };
            if !line.ends_with(b"\n") && self.segments.is_empty() {
                let bytes = line.len() as u64;
                self.torn_tail = Some(TornTail { path: segment.path, line: segment.line, bytes });
                return Ok(None);
            }
            let record =
                serde_json::from_slice(&line).map_err(|error| malformed(segment.path.clone(), segment.line, &error))?;
            self.present = Some(segment);
            return Ok(Some(record));
        }
    }

    fn open_next(&mut self) -> Option<Result<Segment, RunDirError>> {
        let path = self.segments.pop()?;
        Some(match File::open(&path) {
            Ok(file) => Ok(Segment { path, reader: BufReader::new(file), line: 0 }),
            Err(source) => Err(RunDirError::Read { path, source }),
        })
    }
}

impl Segment {
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, RunDirError> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(RECORD_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|source| RunDirError::Read { path: self.path.clone(), source })?;
        self.line += 1;
        Ok((read > 0).then_some(line))
    }
}

impl Iterator for Records {
    type Item = Result<SampleRecord, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let record = self.next_record();
        self.is_over = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}
