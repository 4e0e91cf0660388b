//! From sample records to estimates and the data of a report. Level 4, synchronous, pure: records in, numbers out.
//!
//! `ph-assess` feeds every finished sample into a [`RunTable`] and calls [`analyse`] at the end; `ph-report` prints
//! the [`ReportData`]; an offline verifier calls the same two functions on the same records and compares. So nothing
//! here reads a clock, a file or a random number, and the order in which records arrive changes nothing.
//!
//! It measures and records. No sentence made here says that a model passes, fails or is safe.

mod analyse;
mod caveat;
mod comparison;
mod conformance;
mod cost;
mod deviation;
mod endings;
mod estimate;
mod excerpt;
mod family;
mod format;
mod input;
mod interval;
mod limits;
mod measure;
mod metrics;
mod paired_sample;
mod pairing;
mod problem;
mod report_data;
mod run_result;
mod run_table;
mod search;
mod sentence;
#[cfg(test)]
mod test_records;
mod treatment;

pub use analyse::{accuracy, accuracy_under, analyse, run_result, run_result_under};
pub use comparison::{Comparison, Outcome, OwnBaseline, PairCounts, TreatedDifference};
pub use conformance::{CheckArea, CheckStatus, CheckedCall, Conformance, ConformanceCheck};
pub use cost::{CostMeasure, Costs, RoleCost, TaskCost, costs_of, task_cost};
pub use estimate::{Bound, BoundSide, Estimate, GroupEstimate, TreatedValue};
pub use excerpt::{EXCERPTS_MAX, ExcerptMessage, TranscriptExcerpt};
pub use format::{in_own_unit, percent, points, probability};
pub use input::{AnalysisInput, Companion, Run};
pub use interval::{IntervalMethod, Limits};
pub use metrics::{GroupValue, MetricValue, ScoreMetrics, asked_metrics, metrics};
pub use problem::{Problem, ProblemKind};
pub use report_data::{
    Absolute, CompanionResult, Finding, HarnessSummary, MeasureSummary, Negative, PlanSummary, ReportData,
    TargetSummary, TaskSummary,
};
pub use run_result::{FailureCount, RunResult};
pub use run_table::RunTable;
pub use search::SearchSummary;
pub use treatment::{TreatmentUse, own_treatment};
