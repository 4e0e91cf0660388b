//! Writes a log file: samples that are packed already are copied; summaries, scores and directory are spooled beside it, so
//! that memory stays flat. The file has its name only once it is whole.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ph_record::{Reducers, RunManifest, SampleRecord};
use serde_json::Value;

use crate::error::{LogError, Result, write};
use crate::header::header_json;
use crate::names::{HEADER, JOURNAL_SUMMARIES, REDUCTIONS, START, SUMMARIES};
use crate::numbers::written;
use crate::pack::PackedEntry;
use crate::packer::{PackedSpool, Packer};
use crate::spool::Spool;
use crate::summary::summary_json;
use crate::totals::Totals;
use crate::zip::ZipWriter;

const BUFFER_BYTES: usize = 256 << 10;
/// Summaries are flushed to the log's journal in lists of about this size.
const FLUSH_BYTES: usize = 1 << 20;

/// Writes one log file.
pub struct LogWriter {
    path: PathBuf,
    part: PartFile,
    zip: ZipWriter<BufWriter<File>>,
    packer: Packer,
    start: Value,
    summaries: PackedSpool,
    pending: Vec<u8>,
    flushes: u32,
    totals: Totals,
}

/// The file while it is written; without being kept it is taken away again.
pub(crate) struct PartFile(PathBuf);

impl PartFile {
    /// Makes the file anew. What a writer that was killed left of this name is taken away; a link is never followed.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, File)> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::create_new(&part)?;
        Ok((Self(part), file))
    }

    /// Gives the file its name, where whatever was there before is replaced.
    pub(crate) fn keep_as(self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.0, path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After it was kept there is nothing of this name any more.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl LogWriter {
    /// Begins the log at `path`, of which a file beside it with `.part` holds what was written until it is finished.
    /// `start` is what [`crate::header::start_json`] makes, or the start of another log.
    ///
    /// # Errors
    /// [`crate::LogError::Write`] where it cannot be written.
    pub fn create(path: &Path, start: Value) -> Result<Self> {
        let failed = write(path);
        let (part, out) = PartFile::create(path).map_err(&failed)?;
        let beside = folder(path);
        let mut writer = Self {
            zip: ZipWriter::new(BufWriter::with_capacity(BUFFER_BYTES, out), Spool::new_in(beside)),
            packer: Packer::new().map_err(&failed)?,
            summaries: PackedSpool::new(Spool::new_in(beside)).map_err(&failed)?,
            path: path.to_owned(),
            part,
            start,
            pending: Vec::new(),
            flushes: 0,
            totals: Totals::new_in(beside),
        };
        let document = json(&writer.start).map_err(write(path))?;
        writer.summaries.push(b"[").map_err(write(path))?;
        writer.document(START, &document)?;
        Ok(writer)
    }

    /// Adds a sample that is packed already, with its record for summary and results.
    ///
    /// # Errors
    /// [`crate::LogError::Write`] where it cannot be written.
    pub fn sample(&mut self, name: &str, entry: &PackedEntry<'_>, record: &SampleRecord, target: &str) -> Result<()> {
        let summary = summary_json(record, target).map_err(io::Error::from).map_err(write(&self.path))?;
        self.totals.add(record).map_err(write(&self.path))?;
        self.zip.add(name, entry).map_err(write(&self.path))?;
        self.pending.extend_from_slice(if self.pending.is_empty() { b"[" } else { b"," });
        self.pending.extend_from_slice(&summary);
        if self.pending.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds an entry of another kind, for instance one that another log has.
    ///
    /// # Errors
    /// [`crate::LogError::Write`] where it cannot be written.
    pub fn entry(&mut self, name: &str, entry: &PackedEntry<'_>) -> Result<()> {
        self.zip.add(name, entry).map_err(write(&self.path))
    }

    /// How many samples it has so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.totals.samples
    }

    /// Ends the log of a run.
    ///
    /// # Errors
    /// [`crate::LogError::Write`] where it cannot be written.
    pub fn finish(mut self, manifest: &RunManifest) -> Result<()> {
        self.end_summaries()?;
        let results = self.end_scores(&manifest.task.epochs.reducer)?;
        let header = header_json(&self.start, manifest, results);
        self.end(&header)
    }

    /// Ends the log with this header, an object, whose results are replaced by those of the samples written.
    ///
    /// # Errors
    /// [`crate::LogError::Write`] where it cannot be written, [`crate::LogError::Entry`] where the header is no object.
    pub fn finish_merged(mut self, mut header: Value, reducers: &Reducers) -> Result<()> {
        self.end_summaries()?;
        let results = self.end_scores(reducers)?;
        match header.as_object_mut() {
            Some(fields) => fields.insert("results".to_owned(), results),
            None => return Err(LogError::entry(&self.path, HEADER, "it is not an object")),
        };
        self.end(&header)
    }

    fn end_summaries(&mut self) -> Result<()> {
        self.flush()?;
        self.summaries.push(b"]").map_err(write(&self.path))?;
        let packed = self.summaries.finish().map_err(write(&self.path))?;
        self.spooled(SUMMARIES, packed)
    }

    /// Writes the reductions; returns the results.
    fn end_scores(&mut self, reducers: &Reducers) -> Result<Value> {
        let path = self.path.clone();
        let failed = write(&path);
        let mut reductions = PackedSpool::new(Spool::new_in(folder(&path))).map_err(&failed)?;
        let results = self.totals.finish(reducers, &mut reductions).map_err(&failed)?;
        if !reductions.is_empty() {
            self.spooled(REDUCTIONS, reductions.finish().map_err(&failed)?)?;
        }
        Ok(results)
    }

    fn spooled(&mut self, name: &str, (entry, mut spool): (PackedEntry<'_>, Spool)) -> Result<()> {
        let failed = write(&self.path);
        let packed = spool.len();
        self.zip.add_spooled(name, packed, &entry, spool.reader().map_err(&failed)?).map_err(&failed)
    }

    fn end(mut self, header: &Value) -> Result<()> {
        let path = self.path.clone();
        let failed = write(&path);
        self.document(HEADER, &json(header).map_err(&failed)?)?;
        let out = self.zip.finish().and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error));
        out.and_then(|out| out.sync_all()).and_then(|()| self.part.keep_as(&path)).map_err(&failed)
    }

    /// Writes the summaries since the last flush to the log's journal and to the list of all.
    fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        if self.flushes > 0 {
            self.summaries.push(b",").map_err(write(&self.path))?;
        }
        self.summaries.push(&pending[1..]).map_err(write(&self.path))?;
        pending.push(b']');
        self.flushes += 1;
        self.document(&format!("{JOURNAL_SUMMARIES}{}.json", self.flushes), &pending)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn document(&mut self, name: &str, document: &[u8]) -> Result<()> {
        let failed = write(&self.path);
        let entry = self.packer.pack(document).map_err(&failed)?;
        self.zip.add(name, &entry).map_err(&failed)
    }
}

/// The folder of the log, where what does not fit into memory is kept until it is written.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn json(value: &Value) -> io::Result<Vec<u8>> {
    written(value).map_err(io::Error::from)
}
