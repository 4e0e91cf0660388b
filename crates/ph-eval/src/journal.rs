//! The journal of a run: `journal/000001.seg`, … inside the run's directory (`segment` has the format).
//!
//! A finished sample is packed once, as the entry that a log file will hold; when the run has ended its log files are made
//! by copying the entries. An entry is written whole before the sample counts; durability against power loss is not yet
//! promised.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ph_evallog::core::without_events;
use ph_evallog::{PackedEntry, Packer, entry_name, sample_json};
use ph_record::{RecordError, Recorder, RunEvent, SampleRecord};

use crate::log_files::write_logs;
use crate::run_dir::RunDir;
use crate::segment::{MAGIC, encode};

/// A segment that has reached this size is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Keeps a run in its directory: the manifest in `run.json`, every finished sample in the journal, at the end the logs.
pub struct JournalRecorder {
    dir: RunDir,
    segment_bytes_max: u64,
    segment: Option<Segment>,
    segments: u32,
    packer: Packer,
    target: String,
}

struct Segment {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl JournalRecorder {
    /// Writes into this run directory, after the segments that it already has.
    ///
    /// # Errors
    /// [`RecordError`] where the journal cannot be read.
    pub fn new(dir: RunDir) -> Result<Self, RecordError> {
        Self::with_segment_bytes_max(dir, SEGMENT_BYTES_MAX)
    }

    /// The same with segments of another size.
    ///
    /// # Errors
    /// [`RecordError`] where the journal cannot be read.
    pub fn with_segment_bytes_max(dir: RunDir, segment_bytes_max: u64) -> Result<Self, RecordError> {
        let failed = failed(&dir.journal());
        let segments = segment_files(&dir.journal()).map_err(&failed)?;
        let segments = segments.last().map_or(0, |(number, _)| *number);
        let packer = Packer::new().map_err(&failed)?;
        Ok(Self { dir, segment_bytes_max, segment: None, segments, packer, target: String::new() })
    }

    fn append(&mut self, record: &SampleRecord) -> io::Result<()> {
        let document = sample_json(record, &self.target)?;
        let entry = self.packer.pack(&document)?;
        self.store(&without_events(record), &entry)
    }

    /// Appends a sample whose entry is packed already.
    pub(crate) fn store(&mut self, record: &SampleRecord, entry: &PackedEntry<'_>) -> io::Result<()> {
        let name = entry_name(&record.sample, record.epoch);
        let bytes = encode(&name, &serde_json::to_vec(record)?, entry, &mut self.packer)?;
        if self.segment.as_ref().is_none_or(|segment| segment.bytes >= self.segment_bytes_max) {
            self.segment = Some(self.next_segment()?);
        }
        if let Some(segment) = &mut self.segment {
            segment
                .file
                .write_all(&bytes)
                .and_then(|()| segment.file.flush())
                .map_err(|error| named(&segment.path, &error))?;
            segment.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn next_segment(&mut self) -> io::Result<Segment> {
        let path = self.dir.journal().join(format!("{:06}.seg", self.segments + 1));
        let mut file =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(|error| named(&path, &error))?;
        file.write_all(MAGIC)?;
        self.segments += 1;
        Ok(Segment { path, file, bytes: MAGIC.len() as u64 })
    }
}

impl Recorder for JournalRecorder {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        match event {
            RunEvent::RunStarted(manifest) => {
                self.target = manifest.target.to_string();
                self.dir.write_manifest(manifest).map_err(failed(self.dir.path()))
            }
            RunEvent::RunFinished(manifest) => {
                self.dir.write_manifest(manifest).map_err(failed(self.dir.path()))?;
                self.segment = None;
                let logs = write_logs(&self.dir, manifest);
                logs.map_err(|error| RecordError { place: self.dir.path().display().to_string(), source: error.into() })
            }
            RunEvent::RoundStarted { .. } => Ok(()),
            RunEvent::SampleFinished(record) => self.append(record).map_err(failed(&self.dir.journal())),
        }
    }
}

/// The segments of a journal with their numbers, in order.
pub(crate) fn segment_files(journal: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut segments = Vec::new();
    for entry in journal.read_dir()? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (Some(number), Some("seg")) = (number, path.extension().and_then(|extension| extension.to_str())) {
            segments.push((number, path));
        }
    }
    segments.sort();
    Ok(segments)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

fn failed(place: &Path) -> impl Fn(io::Error) -> RecordError + use<> {
    let place = place.display().to_string();
    move |error| RecordError { place: place.clone(), source: error.into() }
}
