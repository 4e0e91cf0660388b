//! The directory of one run: `run.json`, `journal/*.seg`, `log-000.eval`, ….
//!
//! The recorder writes it while the run goes on; whoever analyses or shows a run reads it here. An entry that a kill cut
//! short is left out and reported; any other damage is an error with file and place.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ph_base::{Digest, Disk, FileLayer, RunId};
use ph_evallog::{ReadLimits, SampleContext, lenient, sample_in};
use ph_record::{RunManifest, SampleRecord};
use serde_json::Value;

use crate::journal::segment_files;
use crate::key_sort::KeySort;
use crate::segment::{Next, SegmentError, SegmentReader, StoredSample};

const MANIFEST: &str = "run.json";
const JOURNAL: &str = "journal";
/// The header of the log from which a run was imported, as it was there.
const IMPORTED: &str = "imported.json";

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
    /// An entry of its journal is damaged.
    #[error("`{}` is damaged at entry {entry} (byte {offset}): {problem}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The entry, from 1.
        entry: u64,
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
}

/// A journal ends in the middle of an entry: the writer was stopped while it wrote. That sample never counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub path: PathBuf,
    /// The entry, from 1.
    pub entry: u64,
    /// How many bytes of it are there.
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
        // What is synced in it later is of no use without its name.
        for folder in [&path, parent] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        }
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
        self.write_manifest_through(&Disk, manifest)
    }

    pub(crate) fn write_manifest_through(&self, files: &dyn FileLayer, manifest: &RunManifest) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(manifest)?;
        bytes.push(b'\n');
        files.replace(&self.path.join(MANIFEST), &bytes)
    }

    /// The header of the log from which the run was imported, where it was.
    pub(crate) fn imported_header(&self) -> Result<Option<Value>, RunDirError> {
        let path = self.path.join(IMPORTED);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| malformed(path, error.line() as u64, &error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunDirError::Read { path, source }),
        }
    }

    pub(crate) fn write_imported_header(&self, header: &Value) -> io::Result<()> {
        fs::write(self.path.join(IMPORTED), serde_json::to_vec(header)?)
    }

    /// The records in the order in which the samples finished.
    ///
    /// # Errors
    /// [`RunDirError`] where the journal cannot be listed.
    pub fn records(&self) -> Result<Records, RunDirError> {
        Ok(Records { stored: self.stored()? })
    }

    /// The same without transcripts: what an analysis reads, in a fraction of the time.
    ///
    /// # Errors
    /// [`RunDirError`] where the journal cannot be listed.
    pub fn records_without_events(&self) -> Result<RecordsWithoutEvents, RunDirError> {
        let mut stored = self.stored()?;
        stored.with_payload = false;
        Ok(RecordsWithoutEvents { stored })
    }

    /// The samples as they are stored, in the order in which they finished.
    ///
    /// # Errors
    /// [`RunDirError`] where the journal cannot be listed.
    pub fn stored(&self) -> Result<StoredSamples, RunDirError> {
        let path = self.journal();
        let mut segments = segment_files(&path).map_err(|source| RunDirError::Read { path, source })?;
        segments.reverse();
        let segments: Vec<PathBuf> = segments.into_iter().map(|(_, path)| path).collect();
        // Only a run that was gone on with can have asked a sample again.
        let has_replaced = self.manifest().is_ok_and(|manifest| !manifest.resumed.is_empty());
        let replaced = if has_replaced { repeated_names(&segments)? } else { HashMap::new() };
        Ok(StoredSamples { segments, present: None, torn_tail: None, with_payload: true, is_over: false, replaced })
    }
}

fn malformed(path: PathBuf, line: u64, error: &serde_json::Error) -> RunDirError {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
    RunDirError::Malformed { path, line, column: error.column(), problem }
}

/// The names that a journal has more than once, with their number. What cannot be read shows when it is read.
fn repeated_names(segments: &[PathBuf]) -> Result<HashMap<NameKey, u32>, RunDirError> {
    let mut names = KeySort::new();
    for path in segments {
        let read = |source| RunDirError::Read { path: path.clone(), source };
        let mut segment = SegmentReader::open(path).map_err(read)?;
        while let Ok(Some(name)) = segment.next_name() {
            names.push(name_key(&name));
        }
    }
    repeated_keys(names).map_err(|source| RunDirError::Read { path: std::env::temp_dir(), source })
}

fn repeated_keys(names: KeySort<{ size_of::<NameKey>() }>) -> io::Result<HashMap<NameKey, u32>> {
    let mut repeated = HashMap::new();
    let mut before = None;
    for key in names.finish()? {
        let key = key?;
        if before == Some(key) {
            *repeated.entry(key).or_insert(1) += 1;
        }
        before = Some(key);
    }
    Ok(repeated)
}

/// Reads a journal entry by entry; of a sample that was asked again only the last record. After an error it ends.
pub struct StoredSamples {
    /// Those still to come, last first.
    segments: Vec<PathBuf>,
    present: Option<SegmentReader>,
    torn_tail: Option<TornTail>,
    with_payload: bool,
    is_over: bool,
    /// How many more records there are of a sample that was asked again.
    replaced: HashMap<NameKey, u32>,
}

/// An entry's name, in 16 bytes: a journal may have a million of them.
type NameKey = [u8; 16];

fn name_key(name: &str) -> NameKey {
    let digest = Digest::of(name.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest.bytes()[..16]);
    key
}

impl StoredSamples {
    /// The entry that was cut short at the journal's end, where there is one; known once all are read.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn_tail.as_ref()
    }

    fn next_sample(&mut self) -> Result<Option<StoredSample>, RunDirError> {
        loop {
            let Some(mut segment) = self.present.take().map(Ok).or_else(|| self.open_next()).transpose()? else {
                return Ok(None);
            };
            match segment.next_entry(self.with_payload) {
                Ok(Next::End) => {}
                Ok(Next::Sample(sample)) => {
                    self.present = Some(segment);
                    match self.replaced_left(&sample.name) {
                        Some(left) if *left > 1 => *left -= 1,
                        _ => return Ok(Some(*sample)),
                    }
                }
                Ok(Next::Torn(bytes)) if self.segments.is_empty() => {
                    self.torn_tail = Some(TornTail { path: segment.path, entry: segment.number, bytes });
                    return Ok(None);
                }
                Ok(Next::Torn(_)) => return Err(damaged(&segment, "it is cut off, and is not the journal's last")),
                Err(SegmentError::Damaged(problem)) => return Err(damaged(&segment, problem)),
                Err(SegmentError::Read(source)) => return Err(RunDirError::Read { path: segment.path, source }),
            }
        }
    }

    /// How many records of this name are still to come, this one included; none where it stands alone.
    fn replaced_left(&mut self, name: &str) -> Option<&mut u32> {
        if self.replaced.is_empty() { None } else { self.replaced.get_mut(&name_key(name)) }
    }

    fn open_next(&mut self) -> Option<Result<SegmentReader, RunDirError>> {
        let path = self.segments.pop()?;
        Some(SegmentReader::open(&path).map_err(|source| RunDirError::Read { path, source }))
    }

    /// An error at the entry that was read last.
    fn unreadable(&self, problem: String) -> RunDirError {
        match &self.present {
            Some(segment) => RunDirError::Damaged {
                path: segment.path.clone(),
                entry: segment.number.saturating_sub(1),
                offset: segment.offset,
                problem,
            },
            None => RunDirError::Damaged { path: PathBuf::new(), entry: 0, offset: 0, problem },
        }
    }
}

pub(crate) fn damaged(segment: &SegmentReader, problem: impl Into<String>) -> RunDirError {
    RunDirError::Damaged {
        path: segment.path.clone(),
        entry: segment.number,
        offset: segment.offset,
        problem: problem.into(),
    }
}

impl Iterator for StoredSamples {
    type Item = Result<StoredSample, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let sample = self.next_sample();
        self.is_over = !matches!(sample, Ok(Some(_)));
        sample.transpose()
    }
}

/// Reads a journal record by record, transcripts included. After an error it ends.
pub struct Records {
    stored: StoredSamples,
}

impl Records {
    /// See [`StoredSamples::torn_tail`].
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.stored.torn_tail()
    }

    fn whole(&mut self, stored: StoredSample) -> Result<SampleRecord, RunDirError> {
        let record = whole_record(stored).map_err(|problem| self.stored.unreadable(problem));
        self.stored.is_over |= record.is_err();
        record
    }
}

/// A stored sample's record with its transcript.
pub(crate) fn whole_record(stored: StoredSample) -> Result<SampleRecord, String> {
    let document = stored.entry.unpack(&ReadLimits::default()).map_err(|error| error.to_string())?;
    let sample = lenient::parse(&document).map_err(|error| error.to_string())?;
    let context = SampleContext { run: stored.record.run, task: stored.record.task.clone() };
    let whole = sample_in(sample, &context)?;
    Ok(SampleRecord { events: whole.events, earlier_attempts: whole.earlier_attempts, ..stored.record })
}

impl Iterator for Records {
    type Item = Result<SampleRecord, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stored = self.stored.next()?;
        Some(stored.and_then(|stored| self.whole(stored)))
    }
}

/// Reads a journal record by record, without transcripts. After an error it ends.
pub struct RecordsWithoutEvents {
    stored: StoredSamples,
}

impl RecordsWithoutEvents {
    /// See [`StoredSamples::torn_tail`].
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.stored.torn_tail()
    }
}

impl Iterator for RecordsWithoutEvents {
    type Item = Result<SampleRecord, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.stored.next()?.map(|stored| stored.record))
    }
}
