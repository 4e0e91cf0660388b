//! Writes a log file: samples that are packed already are copied, summaries and directory are spooled, so that memory
//! stays flat. The file has its name only once it is whole.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ph_record::{RunManifest, SampleRecord};
use serde_json::Value;

use crate::error::{Result, file};
use crate::header::header_json;
use crate::names::{HEADER, JOURNAL_SUMMARIES, REDUCTIONS, START, SUMMARIES};
use crate::numbers::written;
use crate::pack::{PackedEntry, PackedSpool, Packer};
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
struct PartFile(PathBuf);

impl PartFile {
    fn keep_as(self, path: &Path) -> io::Result<()> {
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
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn create(path: &Path, start: Value) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let failed = file(path);
        let out = File::create(&part).map_err(&failed)?;
        let mut writer = Self {
            zip: ZipWriter::new(BufWriter::with_capacity(BUFFER_BYTES, out)),
            packer: Packer::new().map_err(&failed)?,
            summaries: PackedSpool::new().map_err(&failed)?,
            path: path.to_owned(),
            part: PartFile(part),
            start,
            pending: Vec::new(),
            flushes: 0,
            totals: Totals::default(),
        };
        let document = json(&writer.start).map_err(file(path))?;
        writer.summaries.push(b"[").map_err(file(path))?;
        writer.document(START, &document)?;
        Ok(writer)
    }

    /// Adds a sample that is packed already, with its record for summary and results.
    ///
    /// # Errors
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn sample(&mut self, name: &str, entry: &PackedEntry<'_>, record: &SampleRecord, target: &str) -> Result<()> {
        let summary = summary_json(record, target).map_err(io::Error::from).map_err(file(&self.path))?;
        self.totals.add(record);
        self.packed_sample(name, entry, &summary)
    }

    /// Adds a sample of another log with its summary as it stands there.
    ///
    /// # Errors
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn copied_sample(&mut self, name: &str, entry: &PackedEntry<'_>, summary: &[u8]) -> Result<()> {
        if let Ok(read) = crate::SampleSummary::parse(summary) {
            self.totals.add_scores(&read.id(), read.error.is_some(), read.scores());
        }
        self.packed_sample(name, entry, summary)
    }

    fn packed_sample(&mut self, name: &str, entry: &PackedEntry<'_>, summary: &[u8]) -> Result<()> {
        self.zip.add(name, entry).map_err(file(&self.path))?;
        self.pending.extend_from_slice(if self.pending.is_empty() { b"[" } else { b"," });
        self.pending.extend_from_slice(summary);
        if self.pending.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds an entry of another kind, for instance one that another log has.
    ///
    /// # Errors
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn entry(&mut self, name: &str, entry: &PackedEntry<'_>) -> Result<()> {
        self.zip.add(name, entry).map_err(file(&self.path))
    }

    /// How many samples it has so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.totals.samples
    }

    /// Ends the log of a run.
    ///
    /// # Errors
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn finish(self, manifest: &RunManifest) -> Result<()> {
        let header = header_json(&self.start, manifest, &self.totals);
        let reductions = self.totals.reductions(manifest.task.epochs.reducer);
        self.finish_with(&header, reductions.as_ref())
    }

    /// Ends the log with this header, whose results are replaced by those of the samples written.
    ///
    /// # Errors
    /// [`crate::LogError::File`] where it cannot be written.
    pub fn finish_merged(self, mut header: Value, reducer: ph_record::Reducer) -> Result<()> {
        header["results"] = self.totals.results();
        let reductions = self.totals.reductions(reducer);
        self.finish_with(&header, reductions.as_ref())
    }

    fn finish_with(mut self, header: &Value, reductions: Option<&Value>) -> Result<()> {
        self.flush()?;
        let path = self.path.clone();
        let failed = file(&path);
        self.summaries.push(b"]").map_err(&failed)?;
        let (entry, mut spool) = self.summaries.finish().map_err(&failed)?;
        let packed = spool.len();
        self.zip.add_spooled(SUMMARIES, packed, &entry, spool.reader().map_err(&failed)?).map_err(&failed)?;
        let last = reductions.map(|value| (REDUCTIONS, value)).into_iter().chain([(HEADER, header)]);
        for (name, value) in last {
            let document = json(value).map_err(&failed)?;
            let entry = self.packer.pack(&document).map_err(&failed)?;
            self.zip.add(name, &entry).map_err(&failed)?;
        }
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
            self.summaries.push(b",").map_err(file(&self.path))?;
        }
        self.summaries.push(&pending[1..]).map_err(file(&self.path))?;
        pending.push(b']');
        self.flushes += 1;
        self.document(&format!("{JOURNAL_SUMMARIES}{}.json", self.flushes), &pending)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn document(&mut self, name: &str, document: &[u8]) -> Result<()> {
        let failed = file(&self.path);
        let entry = self.packer.pack(document).map_err(&failed)?;
        self.zip.add(name, &entry).map_err(&failed)
    }
}

fn json(value: &Value) -> io::Result<Vec<u8>> {
    written(value).map_err(io::Error::from)
}
