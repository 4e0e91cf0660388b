//! The assessment from a target to its report: plan, runs, analysis, report, in one output directory.
//!
//! Level 6. Called by the program (and later by the server). It decides nothing about how a model is reached
//! ([`TargetOpener`]), how progress is shown ([`Progress`]) or what time it is; it binds no socket and prints nothing.

pub mod assess;
pub mod cached_targets;
pub mod change;
pub mod conformance;
pub mod earlier;
pub mod endpoint;
pub mod house;
pub mod keeper;
pub mod later_items;
pub mod output_dir;
mod own_plan;
pub mod plan;
pub mod record;
pub mod reference;
pub mod report;
pub mod roles;
pub mod run_one;
pub mod target;
pub mod target_limits;

pub use assess::{AssessError, Assessed, assess};
pub use cached_targets::CachedTargets;
pub use change::Change;
pub use conformance::{CheckSubject, ConformanceOptions, check_conformance};
pub use earlier::{EarlierAssessment, EarlierError};
pub use endpoint::{AllTargets, EndpointTargets, Variables};
pub use house::{House, Progress, Quiet};
pub use keeper::{Keeper, Witnesses};
pub use output_dir::{OutputDir, OutputError};
pub use own_plan::OwnPlanError;
pub use ph_provider::Timeouts;
pub use plan::AssessRequest;
pub use record::{Attested, Cosigned, Record, RecordKeepError};
pub use reference::{REFERENCE_COMPARATOR, ReferenceModel};
pub use report::{ReportError, ReportRequest, report_runs};
pub use roles::{RoleBindError, RoleBinder};
pub use run_one::{GoneOn, RunOne, RunOneError, RunRecord};
pub use target::{InProcessTargets, RenderHost, TargetError, TargetOpener, serve_rendering};
pub use target_limits::{Doors, TargetLimits};
