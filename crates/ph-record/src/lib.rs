//! What a run is made of and what it leaves behind: plan, task spec, sample, event, sample record.
//!
//! Level 2 and pure: values and traits. [`Recorder`] takes a run's events and must hold them before they
//! count; [`TaskSource`] gives a task's samples, [`TaskFiles`] the files beside it;
//! [`EntryStore`] and [`BodyStore`] keep a ledger. Who writes files, asks models or computes numbers is above.

pub mod assessment;
pub mod dataset_spec;
pub mod entry_store;
pub mod event;
pub mod limits;
pub mod origin;
pub mod plan;
pub mod price;
pub mod recorder;
pub mod reducer;
pub mod role;
pub mod run;
pub mod sample;
pub mod sample_record;
pub mod score;
pub mod statement;
pub mod task_source;
pub mod task_spec;
pub mod treatment;

pub use assessment::{AssessmentManifest, RunEntry};
pub use dataset_spec::{ChoiceFields, DatasetSpec, DatasetTable, FieldMap, Shuffle};
pub use entry_store::{BodyId, BodyStore, EntryStore, EntryStoreError, LEAF_BYTES_MAX, NewEntry, StoredEntry};
pub use event::{Event, EventKind};
pub use limits::{LimitChange, RetryLimits, RunLimits};
pub use origin::{Origin, OriginKind};
pub use plan::{AnalysisPlan, Plan, PlannedTarget, PlannedTask, RunKind, TargetRole};
pub use price::{BudgetLimit, BudgetLimitError, BudgetUse, Price};
pub use recorder::{RecordError, Recorder, RunEvent};
pub use reducer::{Reducer, ReducerError, Reducers};
pub use role::{RoleUse, add_role_use};
pub use run::{RunAsked, RunManifest, RunStatus};
pub use sample::{Expected, Sample, SampleInput};
pub use sample_record::{
    Ending, Label, LabelKind, LimitKind, RecordedError, Response, SampleAttempt, SampleId, SampleRecord, sample_seed,
};
pub use score::{Score, ScoreValue};
pub use statement::{AccessLevel, AccessStatement, Statement};
pub use task_source::{
    NoFiles, SampleRound, SampleStream, SkippedItems, SourceOptions, TaskFiles, TaskSource, TaskSourceError,
};
pub use task_spec::{
    AnalysisSpec, BaselineSpec, EpochsSpec, FaultDirection, GroupWeight, MeasureSpec, MetricName, MetricSpec,
    MetricTable, RoleSpec, ScorerSpec, SearchSpec, SolverSpec, TaskLimits, TaskSpec,
};
pub use treatment::{Treated, TreatedKind, Treatment, TreatmentError, TreatmentPart};
