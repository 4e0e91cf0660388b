//! One task on one target, into its run directory: what `eval run` does and an assessment does many times.

use std::path::Path;
use std::sync::Arc;

use ph_analysis::RunTable;
use ph_base::{PlanId, RunId};
use ph_eval::{JournalRecorder, Reporter, RunDir, RunDirError, RunError, RunRequest, Spending};
use ph_model::{ModelApi, TargetName};
use ph_record::{RecordError, Recorder, RunKind, RunManifest, SampleRecord, TaskSource};

use crate::house::House;

/// What to run.
#[derive(Clone)]
pub struct RunOne {
    /// The task.
    pub task: Arc<dyn TaskSource>,
    /// The plan under which it runs, where there is one.
    pub plan: Option<PlanId>,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items of the first round.
    pub limit: Option<u64>,
    /// Epochs per item, where not the task's own.
    pub epochs: Option<u32>,
    /// The most samples in flight.
    pub connections_max: usize,
    /// For the comparator on the later items of an assessed target: that target.
    pub items_of: Option<TargetName>,
    /// Prices, and the budget that it shares with other runs.
    pub spending: Spending,
}

/// A run cannot be made, or failed on the way.
#[derive(Debug, thiserror::Error)]
pub enum RunOneError {
    /// Its directory or journal cannot be written or read.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// Its journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] RecordError),
    /// It failed; its directory says how far it came.
    #[error("run {run} failed")]
    Run {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: Box<RunError>,
    },
}

impl RunOne {
    /// Runs it in `runs/<run>/`.
    ///
    /// # Errors
    /// [`RunOneError`] where it cannot be recorded or its samples cannot be made.
    pub async fn run(&self, model: Arc<dyn ModelApi>, runs: &Path, house: &House) -> Result<RunManifest, RunOneError> {
        self.run_as(RunId::new(house.clock.now(), (house.random)()), model, (runs, house)).await
    }

    /// The same under an id that the caller has noted already.
    pub(crate) async fn run_as(
        &self,
        id: RunId,
        model: Arc<dyn ModelApi>,
        (runs, house): (&Path, &House),
    ) -> Result<RunManifest, RunOneError> {
        let dir = RunDir::create(runs, &id)?;
        let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(JournalRecorder::new(dir)?)];
        let mut reporters: Vec<Box<dyn Reporter>> =
            vec![house.progress.run(model.target(), self.task.spec(), self.items_of.as_ref())];
        let meter = self.spending.meter(&model.target().to_string());
        let request = RunRequest {
            id,
            plan: self.plan,
            kind: if self.plan.is_some() { RunKind::Confirmatory } else { RunKind::Exploratory },
            task: self.task.clone(),
            model,
            clock: house.clock.clone(),
            seed: self.seed,
            limit: self.limit,
            epochs: self.epochs,
            max_connections: self.connections_max,
            meter,
            cancellation: house.cancellation.clone(),
        };
        let done = ph_eval::run(request, &mut recorders, &mut reporters).await;
        done.map_err(|source| RunOneError::Run { run: id, source: Box::new(source) })
    }
}

/// Reads a run's records back from its directory into a table; `also` sees every record too.
///
/// # Errors
/// [`RunDirError`] where the journal cannot be read.
pub fn read_table(
    runs: &Path,
    manifest: &RunManifest,
    mut also: impl FnMut(&SampleRecord),
) -> Result<RunTable, RunDirError> {
    let dir = RunDir::open(runs.join(manifest.id.to_string()))?;
    let mut table = RunTable::new(&manifest.task);
    for record in dir.records_without_events()? {
        let record = record?;
        table.observe(&record);
        also(&record);
    }
    Ok(table)
}
