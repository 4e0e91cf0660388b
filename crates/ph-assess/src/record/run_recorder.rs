//! A run's opening and closing, in the ledger. It reads the same events as the journal does, after it: when a run is closed
//! its files are there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{Digest, RunId};
use ph_evallog::EvalLog;
use ph_evidence::attest::{kind, run_statement, samples_statement};
use ph_evidence::edition::file_digest;
use ph_proof::commitment::SaltKey;
use ph_proof::event::EventBody;
use ph_proof::sample_set::SampleSet;
use ph_proof::statement::{self, Subject};
use ph_record::{RecordError, Recorder, RunEvent, RunManifest};

use super::{Record, RecordKeepError};

/// Records the opening and the closing of one run.
pub(super) struct RunRecorder {
    record: Arc<Record>,
    dir: PathBuf,
    plan: Option<Digest>,
}

impl RunRecorder {
    pub(super) fn new(record: Arc<Record>, dir: PathBuf, plan: Option<Digest>) -> Self {
        Self { record, dir, plan }
    }

    fn opened(&self, manifest: &RunManifest) -> Result<(), RecordKeepError> {
        self.record.ledger().record(EventBody::RunOpened {
            fingerprint: manifest.fingerprint,
            kind: kind(manifest.kind),
            plan: self.plan,
            resumed: !manifest.resumed.is_empty(),
            run: manifest.id,
            task: manifest.task_digest,
        })?;
        Ok(())
    }
}

impl Recorder for RunRecorder {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        let done = match event {
            RunEvent::RunStarted(manifest) => self.opened(manifest),
            RunEvent::RunFinished(manifest) => self.record.close(&self.dir, manifest, self.plan),
            _ => Ok(()),
        };
        done.map_err(|error| RecordError { place: "the ledger".to_owned(), source: error.into() })
    }
}

impl Record {
    /// Closes a run that the ledger has open; one that is closed is left so.
    ///
    /// # Errors
    /// [`RecordKeepError`].
    pub fn ensure_closed(
        &self,
        dir: &Path,
        manifest: &RunManifest,
        plan: Option<Digest>,
    ) -> Result<(), RecordKeepError> {
        let mut open = false;
        {
            let ledger = self.ledger();
            for entry in ledger.entries() {
                let Some(entry) = entry?.1 else { continue };
                match &entry.event.body {
                    EventBody::RunOpened { run, .. } if *run == manifest.id => open = true,
                    EventBody::RunClosed { run, .. } => {
                        let keys = [ledger.signer()?.secret_key().public_key()];
                        let closed = statement::open::<ph_proof::statement::RunPredicate>(run, &keys)?;
                        open &= closed.statement.predicate.run != manifest.id;
                    }
                    _ => {}
                }
            }
        }
        if open { self.close(dir, manifest, plan) } else { Ok(()) }
    }

    fn close(&self, dir: &Path, manifest: &RunManifest, plan: Option<Digest>) -> Result<(), RecordKeepError> {
        let logs = log_files(dir);
        let named = |path: &PathBuf| -> Result<Subject, RecordKeepError> {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = format!("runs/{}/{file}", manifest.id);
            Ok(Subject { name, digest: file_digest(path)?.digest })
        };
        let files = [dir.join("run.json")].iter().chain(&logs).map(named).collect::<Result<Vec<_>, _>>()?;
        let set = self.sample_set(&manifest.id, &logs)?;
        let ledger = self.ledger();
        let signer = [ledger.signer()?.secret_key()];
        let run = statement::seal(&run_statement(manifest, plan, files), &signer)?;
        let samples = statement::seal(&samples_statement(manifest.id, set.size(), set.root()), &signer)?;
        ledger.record(EventBody::RunClosed { run, samples })?;
        Ok(())
    }

    fn sample_set(&self, run: &RunId, logs: &[PathBuf]) -> Result<SampleSet, RecordKeepError> {
        let key = self.ledger().sample_salt_key(run);
        let mut set = SampleSet::new(SaltKey::new(key));
        for log in logs {
            EvalLog::open(log)?.sample_digests(|digest| {
                set.push(&digest);
            })?;
        }
        Ok(set)
    }
}

/// The log files of a run in the order of their numbers.
pub(super) fn log_files(dir: &Path) -> Vec<PathBuf> {
    let path = |number: u32| dir.join(format!("log-{number:03}.eval"));
    (0..).map(path).take_while(|path| path.exists()).collect()
}
