//! The journal of a run: `journal/000001.seg`, … inside the run's directory (`segment` has the format).
//!
//! A finished sample is packed once, as the entry that a log file will hold; when the run has ended its log files are made
//! by copying the entries. Entries are gathered and committed in groups: written with one call and synced once. What is
//! committed outlives a power cut; what is not never counted. After a failed write the journal takes nothing more: what
//! lies on the disk then is known only to whoever reads it back.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{AppendFile, Disk, FileLayer};
use ph_evallog::core::{record_json, without_events};
use ph_evallog::{PackedEntry, Packer, entry_name, sample_json};
use ph_record::{RecordError, Recorder, RunEvent, RunManifest, SampleRecord};

use crate::log_files::write_logs;
use crate::run_dir::{RunDir, TornTail, damaged};
use crate::segment::{MAGIC, Next, SegmentError, SegmentReader, encode, has_later_entry};

/// A segment that has reached this size is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Gathered bytes that are written before they are committed.
const GATHERED_BYTES_MAX: usize = 4 << 20;

/// Keeps a run in its directory: the manifest in `run.json`, every finished sample in the journal, at the end the logs.
/// While it lives no other process can write the journal.
pub struct JournalRecorder {
    dir: RunDir,
    files: Arc<dyn FileLayer>,
    segment_bytes_max: u64,
    segment: Option<Segment>,
    segments: u32,
    packer: Packer,
    target: String,
    /// Why nothing can be written any more.
    broken: Option<String>,
    _lock: File,
}

struct Segment {
    path: PathBuf,
    file: Box<dyn AppendFile>,
    bytes: u64,
    /// Entries that are not written yet.
    gathered: Vec<u8>,
    is_committed: bool,
}

impl Segment {
    fn write(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.is_committed = false;
        let written = self.file.append(&self.gathered);
        self.gathered.clear();
        written.map_err(|error| named(&self.path, &error))
    }

    fn commit(&mut self) -> io::Result<()> {
        self.write()?;
        if !self.is_committed {
            self.file.sync().map_err(|error| named(&self.path, &error))?;
            self.is_committed = true;
        }
        Ok(())
    }
}

impl JournalRecorder {
    /// Writes into this run directory, after the segments that it already has.
    ///
    /// # Errors
    /// [`RecordError`] where the journal cannot be read, or another process writes it.
    pub fn new(dir: RunDir) -> Result<Self, RecordError> {
        Self::with_files(dir, Arc::new(Disk), SEGMENT_BYTES_MAX)
    }

    /// The same through another way to files, with segments of another size.
    ///
    /// # Errors
    /// [`RecordError`] where the journal cannot be read, or another process writes it.
    pub fn with_files(dir: RunDir, files: Arc<dyn FileLayer>, segment_bytes_max: u64) -> Result<Self, RecordError> {
        let failed = failed(&dir.journal());
        let lock = lock(&dir.journal()).map_err(&failed)?;
        let segments = segment_files(&dir.journal()).map_err(&failed)?;
        let segments = segments.last().map_or(0, |(number, _)| *number);
        let packer = Packer::new().map_err(&failed)?;
        let (segment, target, broken) = Default::default();
        Ok(Self { dir, files, segment_bytes_max, segment, segments, packer, target, broken, _lock: lock })
    }

    /// Goes on with a journal that was cut off: what a power cut left half written at its end is cut away, and returned.
    ///
    /// # Errors
    /// [`RecordError`] where the journal cannot be read or mended, is damaged elsewhere, or another process writes it.
    pub fn going_on(dir: RunDir, files: Arc<dyn FileLayer>) -> Result<(Self, Option<TornTail>), RecordError> {
        let journal = Self::with_files(dir, files, SEGMENT_BYTES_MAX)?;
        let place = journal.dir.journal();
        let torn = journal.mend().map_err(|error| RecordError { place: place.display().to_string(), source: error })?;
        Ok((journal, torn))
    }

    fn mend(&self) -> Result<Option<TornTail>, Box<dyn std::error::Error + Send + Sync>> {
        let segments = segment_files(&self.dir.journal())?;
        let Some((_, last)) = segments.last() else { return Ok(None) };
        let mut reader = SegmentReader::open(last)?;
        loop {
            match reader.next_entry(true) {
                Ok(Next::End) => return Ok(None),
                Ok(Next::Sample(_)) => {}
                Ok(Next::Torn(_)) => break,
                Err(SegmentError::Read(error)) => return Err(error.into()),
                Err(SegmentError::Damaged(problem)) => {
                    let bytes = fs::read(last)?;
                    let rest = usize::try_from(reader.offset).ok().and_then(|offset| bytes.get(offset..));
                    if rest.is_some_and(has_later_entry) {
                        return Err(damaged(&reader, problem).into());
                    }
                    break;
                }
            }
        }
        let bytes = fs::metadata(last)?.len() - reader.offset;
        self.files.cut(last, reader.offset)?;
        Ok(Some(TornTail { path: last.clone(), entry: reader.number, bytes }))
    }

    fn append(&mut self, record: &SampleRecord) -> io::Result<()> {
        let document = sample_json(record, &self.target)?;
        let entry = self.packer.pack(&document)?;
        self.store(&without_events(record), &entry)
    }

    /// Appends a sample whose entry is packed already. It is kept once it is committed.
    pub(crate) fn store(&mut self, record: &SampleRecord, entry: &PackedEntry<'_>) -> io::Result<()> {
        self.unless_broken()?;
        let name = entry_name(&record.sample, record.epoch);
        let bytes = encode(&name, &record_json(record)?, entry, &mut self.packer)?;
        let stored = self.gather(&bytes);
        self.note(stored)
    }

    fn gather(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.segment.as_ref().is_none_or(|segment| segment.bytes >= self.segment_bytes_max) {
            if let Some(full) = &mut self.segment {
                full.commit()?;
            }
            self.segment = Some(self.next_segment()?);
        }
        let Some(segment) = &mut self.segment else { return Ok(()) };
        segment.gathered.extend(bytes);
        segment.bytes += bytes.len() as u64;
        if segment.gathered.len() >= GATHERED_BYTES_MAX { segment.write() } else { Ok(()) }
    }

    /// Makes everything that was stored outlive a power cut.
    ///
    /// # Errors
    /// [`io::Error`] where that cannot be done; the journal takes nothing more then.
    pub(crate) fn commit_stored(&mut self) -> io::Result<()> {
        self.unless_broken()?;
        let committed = self.segment.as_mut().map_or(Ok(()), Segment::commit);
        self.note(committed)
    }

    fn next_segment(&mut self) -> io::Result<Segment> {
        let path = self.dir.journal().join(format!("{:06}.seg", self.segments + 1));
        let file = self.files.create(&path).map_err(|error| named(&path, &error))?;
        self.segments += 1;
        let bytes = MAGIC.len() as u64;
        Ok(Segment { path, file, bytes, gathered: MAGIC.to_vec(), is_committed: false })
    }

    fn unless_broken(&self) -> io::Result<()> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(io::Error::other(format!("an earlier write failed: {why}"))),
        }
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.broken = Some(error.to_string());
        }
        result
    }

    fn write_manifest(&self, manifest: &RunManifest) -> Result<(), RecordError> {
        self.dir.write_manifest_through(self.files.as_ref(), manifest).map_err(failed(self.dir.path()))
    }

    /// The logs come first: a run that says it has ended has them.
    fn finish(&mut self, manifest: &RunManifest) -> Result<(), RecordError> {
        let kept = self.commit_stored();
        self.segment = None;
        if kept.is_err() {
            // What is not in the journal is not in the manifest either; the failure has been told.
            return self.write_manifest(manifest);
        }
        let logs = write_logs(&self.dir, manifest);
        logs.map_err(|error| RecordError { place: self.dir.path().display().to_string(), source: error.into() })?;
        self.write_manifest(manifest)
    }
}

impl Recorder for JournalRecorder {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        match event {
            RunEvent::RunStarted(manifest) => {
                self.target = manifest.target.to_string();
                self.write_manifest(manifest)
            }
            RunEvent::LimitsChanged(manifest) => self.write_manifest(manifest),
            RunEvent::RunFinished(manifest) => self.finish(manifest),
            RunEvent::RoundStarted { .. } => Ok(()),
            RunEvent::SampleFinished(record) => self.append(record).map_err(failed(&self.dir.journal())),
        }
    }

    fn commit(&mut self) -> Result<(), RecordError> {
        self.commit_stored().map_err(failed(&self.dir.journal()))
    }
}

/// The journal's folder, locked for this process alone until it is closed.
fn lock(journal: &Path) -> io::Result<File> {
    let folder = File::open(journal)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(fs::TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "the run is under way in another process"))
        }
        Err(fs::TryLockError::Error(error)) => Err(error),
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
