//! A log made elsewhere becomes a run like any other: its entries are copied into a journal as they are, beside our records.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ph_base::{Digest, digest::DigestBuilder};
use ph_evallog::{
    EvalLog, ImportedHeader, LogError, Packer, ReadLimits, SampleContext, SamplePlace, import_header, imported::id_of,
    lenient, sample_in,
};
use ph_record::{Origin, OriginKind, Response, RunManifest, RunStatus, SampleRecord, add_role_use};
use serde_json::Value;

use crate::journal::JournalRecorder;
use crate::log_files::{LogFilesError, write_logs};
use crate::refusal::find_refusal;
use crate::run_dir::{RunDir, RunDirError};

/// What to import.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The log.
    pub log: &'a Path,
    /// The directory in which the run's directory is made.
    pub runs: &'a Path,
    /// What the log's entries may be at most.
    pub limits: ReadLimits,
}

/// A log cannot be imported; nothing of it is left in the output.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The run's directory cannot be made; the same log may be there already.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// The run's directory cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The run's own log files cannot be made.
    #[error(transparent)]
    Files(#[from] LogFilesError),
}

/// Imports one log as a run of its own. The same log gives the same run id. A sample that cannot be read fails the import.
///
/// # Errors
/// [`ImportError`] naming log and entry.
pub fn import_log(request: &ImportRequest<'_>) -> Result<RunManifest, ImportError> {
    let log = EvalLog::open_with(request.log, request.limits)?;
    let digest = digest(request.log)?;
    let header = log.header()?;
    let archive = |problem: String| LogError::Archive { path: request.log.to_owned(), problem };
    let mut imported = import_header(&header, &digest).map_err(archive)?;
    if imported.is_part {
        // A large run comes in several files; each of them becomes a run of its own.
        imported.manifest.id = id_of(imported.manifest.started_at, &digest);
    }
    let dir = RunDir::create(request.runs, &imported.manifest.id)?;
    let done = Import { log: &log, dir: &dir, limits: request.limits }.run(imported, &header.value, digest);
    if done.is_err() {
        let _ = std::fs::remove_dir_all(dir.path());
    }
    done
}

fn digest(path: &Path) -> Result<Digest, ImportError> {
    let read = |path: &Path| -> io::Result<Digest> {
        let mut file = File::open(path)?;
        let mut digest = DigestBuilder::default();
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                return Ok(digest.finish());
            }
            digest.bytes(&piece[..read]);
        }
    };
    read(path).map_err(|source| LogError::File { path: path.to_owned(), source }.into())
}

struct Import<'a> {
    log: &'a EvalLog,
    dir: &'a RunDir,
    limits: ReadLimits,
}

impl Import<'_> {
    fn run(&self, imported: ImportedHeader, header: &Value, digest: Digest) -> Result<RunManifest, ImportError> {
        let write = |source: io::Error| ImportError::Write { path: self.dir.path().to_owned(), source };
        let mut manifest = imported.manifest;
        let mut journal = JournalRecorder::new(self.dir.clone()).map_err(|error| write(io::Error::other(error)))?;
        let mut packer = Packer::new().map_err(write)?;
        let context = SampleContext { run: manifest.id, task: manifest.task.name.clone() };
        self.log.each_place(|place| {
            let (record, entry) = self.sample(&place, &context, &mut packer)?;
            let record = if imported.is_ours { record } else { with_response(record) };
            journal.store(&ph_evallog::core::without_events(&record), &entry).map_err(write)?;
            manifest.count_ending(&record.ending);
            if !imported.is_ours {
                add_role_use(&mut manifest.roles, &record.roles);
            }
            Ok::<_, ImportError>(())
        })?;
        journal.commit_stored().map_err(write)?;
        if !imported.is_ours {
            self.dir.write_imported_header(header).map_err(write)?;
        }
        let name = self.log.path().file_name().map(|name| name.to_string_lossy().into_owned());
        manifest.origin = Some(Origin {
            kind: OriginKind::Imported,
            of: name.unwrap_or_default().chars().filter(|c| !c.is_control()).collect(),
            digest: Some(digest),
            treatment: None,
            by: imported.program,
            lacks: imported.lacks,
        });
        if manifest.status == RunStatus::Started && manifest.completed_at.is_none() {
            manifest.status = RunStatus::Cancelled;
        }
        self.dir.write_manifest(&manifest).map_err(write)?;
        drop(journal);
        write_logs(self.dir, &manifest)?;
        Ok(manifest)
    }

    /// A sample's record, and its entry as it is in the log, or packed anew where it is not one entry there.
    fn sample(
        &self,
        place: &SamplePlace,
        context: &SampleContext,
        packer: &mut Packer,
    ) -> Result<(SampleRecord, ph_evallog::PackedEntry<'static>), ImportError> {
        let wrong = |problem: String| self.log.sample_error(place, problem);
        let (value, entry) = match self.log.packed_at(place)? {
            Some(entry) => {
                let document = entry.clone().unpack(&self.limits).map_err(|error| wrong(error.to_string()))?;
                let value = lenient::parse_foreign(&document).map_err(|error| wrong(error.to_string()))?;
                (value, entry)
            }
            None => {
                let value = self.log.sample_at(place)?;
                let document = ph_evallog::numbers::written(&value).map_err(|error| wrong(error.to_string()))?;
                let entry = packer.pack(&document).map_err(|error| wrong(error.to_string()))?;
                (value, entry)
            }
        };
        let record = sample_in(value, context).map_err(wrong)?;
        Ok((record, entry))
    }
}

/// A foreign log does not say whether the model declined; the wording of its last reply does.
fn with_response(mut record: SampleRecord) -> SampleRecord {
    if record.response == Some(Response::Answered) && find_refusal(&record.reply()).is_some() {
        record.response = Some(Response::ModelRefusal);
    }
    record
}
