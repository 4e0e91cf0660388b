//! The journal of a run: `journal/000001.seg`, … inside the run's directory, one finished sample per line as JSON.
//!
//! Provisional encoding. A line is written whole before the sample counts; durability against power loss is not yet
//! promised.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ph_record::{RecordError, Recorder, RunEvent, SampleRecord};

use crate::run_dir::RunDir;

/// A segment that has reached this size is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Keeps a run in its directory: the manifest in `run.json`, every finished sample in the journal.
pub struct JournalRecorder {
    dir: RunDir,
    segment_bytes_max: u64,
    segment: Option<Segment>,
    segments: u32,
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
        let segments = segment_files(&dir.journal()).map_err(failed(&dir.journal()))?;
        let segments = segments.last().map_or(0, |(number, _)| *number);
        Ok(Self { dir, segment_bytes_max, segment: None, segments })
    }

    fn append(&mut self, record: &SampleRecord) -> Result<(), RecordError> {
        let mut line = serde_json::to_vec(record)
            .map_err(|error| RecordError { place: self.dir.journal().display().to_string(), source: error.into() })?;
        line.push(b'\n');
        if self.segment.as_ref().is_none_or(|segment| segment.bytes >= self.segment_bytes_max) {
            self.segment = Some(self.next_segment()?);
        }
        if let Some(segment) = &mut self.segment {
            segment.file.write_all(&line).and_then(|()| segment.file.flush()).map_err(failed(&segment.path))?;
            segment.bytes += line.len() as u64;
        }
        Ok(())
    }

    fn next_segment(&mut self) -> Result<Segment, RecordError> {
        let path = self.dir.journal().join(format!("{:06}.seg", self.segments + 1));
        let file = OpenOptions::new().create_new(true).append(true).open(&path).map_err(failed(&path))?;
        self.segments += 1;
        Ok(Segment { path, file, bytes: 0 })
    }
}

impl Recorder for JournalRecorder {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        match event {
            RunEvent::RunStarted(manifest) | RunEvent::RunFinished(manifest) => {
                self.dir.write_manifest(manifest).map_err(failed(self.dir.path()))
            }
            RunEvent::RoundStarted { .. } => Ok(()),
            RunEvent::SampleFinished(record) => self.append(record),
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

fn failed(place: &Path) -> impl FnOnce(io::Error) -> RecordError {
    let place = place.display().to_string();
    move |error| RecordError { place, source: error.into() }
}
