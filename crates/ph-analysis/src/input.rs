//! What an analysis is made from. `ph-assess` fills it from live runs, a verifier from recorded ones.

use ph_model::TargetName;
use ph_record::{AssessmentManifest, Plan, RunManifest};

use crate::conformance::Conformance;
use crate::run_table::RunTable;

/// One run: one task on one target.
#[derive(Debug, Clone)]
pub struct Run {
    /// What the run is and how it went.
    pub manifest: RunManifest,
    /// Its samples.
    pub table: RunTable,
}

/// The comparator on the items that an assessed target's own later rounds asked, so that they can be paired.
#[derive(Debug, Clone)]
pub struct Companion {
    /// The assessed target whose items these are.
    pub assessed: TargetName,
    /// The comparator's run on them.
    pub run: Run,
}

/// Everything that the analysis of one assessment reads.
#[derive(Debug, Clone)]
pub struct AnalysisInput {
    /// The assessment: when it began and ended, what it spent, what a report must say of it.
    pub manifest: AssessmentManifest,
    /// The locked plan.
    pub plan: Plan,
    /// The runs, in any order; comparator included.
    pub runs: Vec<Run>,
    /// The comparator on the later rounds' items of assessed targets.
    pub companions: Vec<Companion>,
    /// What was seen when the targets' endpoints were checked.
    pub conformance: Vec<Conformance>,
}

impl AnalysisInput {
    /// The run of this task on this target; of several the one that began last.
    pub(crate) fn run(&self, target: &TargetName, task: &str) -> Option<&Run> {
        let runs = self.runs.iter().filter(|run| run.manifest.target == *target && run.manifest.task.name == task);
        runs.max_by_key(|run| (run.manifest.started_at, run.manifest.id))
    }

    /// The comparator on the later items of this target in this task; of several the one that began last.
    pub(crate) fn companion(&self, assessed: &TargetName, task: &str) -> Option<&Run> {
        let all = self.companions.iter().filter(|companion| companion.assessed == *assessed);
        all.map(|companion| &companion.run)
            .filter(|run| run.manifest.task.name == task)
            .max_by_key(|run| (run.manifest.started_at, run.manifest.id))
    }
}
