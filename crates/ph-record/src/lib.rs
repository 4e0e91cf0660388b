//! What a run is made of and what it leaves behind: plan, task spec, sample, event, sample record.
//!
//! Level 2 and pure: values and two traits. [`Recorder`] takes a run's events and must hold them before they count;
//! [`TaskSource`] gives a task's samples. Who writes files, asks models or computes numbers is above.

pub mod event;
pub mod origin;
pub mod plan;
pub mod price;
pub mod recorder;
pub mod run;
pub mod sample;
pub mod sample_record;
pub mod score;
pub mod statement;
pub mod task_source;
pub mod task_spec;

pub use event::{Event, EventKind};
pub use origin::{Origin, OriginKind};
pub use plan::{AnalysisPlan, Plan, PlannedTarget, PlannedTask, RunKind, TargetRole};
pub use price::{BudgetLimit, BudgetLimitError, BudgetUse, Price};
pub use recorder::{RecordError, Recorder, RunEvent};
pub use run::{RunManifest, RunStatus};
pub use sample::{Expected, Sample, SampleInput};
pub use sample_record::{
    Ending, Label, LabelKind, LimitKind, RecordedError, Response, SampleId, SampleRecord, sample_seed,
};
pub use score::{Score, ScoreValue};
pub use statement::{AccessLevel, AccessStatement, Statement};
pub use task_source::{SampleRound, SampleStream, SourceOptions, TaskSource, TaskSourceError};
pub use task_spec::{
    AnalysisSpec, BaselineSpec, DatasetSpec, EpochsSpec, FaultDirection, MeasureSpec, Reducer, ScorerSpec, SearchSpec,
    SolverSpec, TaskLimits, TaskSpec,
};
