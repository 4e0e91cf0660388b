//! Datasets, solvers, scorers and the engine that runs a task on a target.
//!
//! Level 4. The pipeline above loads a task ([`load_task`]), opens a run directory ([`RunDir`]) and calls [`run`] with
//! an `Arc<dyn ModelApi>`. Nothing here knows HTTP, SQL, evidence or a model runtime: whoever records a run implements
//! [`ph_record::Recorder`], whoever shows it implements [`Reporter`], whoever makes items implements [`Generators`].

pub mod budget;
pub mod cache;
mod call_events;
pub mod dataset;
pub mod door;
pub mod engine;
pub mod generate;
pub mod generators;
pub mod import;
pub mod journal;
mod key_sort;
mod key_table;
pub mod log_files;
pub mod parameters;
pub mod price;
pub mod refusal;
pub mod replay;
pub mod rescore;
pub mod role;
pub mod run_dir;
pub mod sample_scope;
pub mod sample_state;
pub mod scorer;
mod segment;
pub mod solver;
pub mod step_context;
pub mod task_file;
pub mod task_place;
mod task_shapes;
mod task_values;
mod toml_shape;
pub mod transcript;
pub mod tuning;

pub use budget::{Budget, Meter, Reservation, Spending, SpendingError};
pub use cache::{CacheCounts, CacheError, CacheMode, CachedModel, Prune, ResponseCache};
pub use door::{Door, DoorState, RetryPolicy};
pub use engine::{Again, Cancellation, Earlier, Reporter, RunError, RunRequest, Tuning, run};
pub use generate::{Generate, Stop};
pub use generators::{Generators, NoGenerators};
pub use import::{ImportError, ImportRequest, import_log};
pub use journal::JournalRecorder;
pub use log_files::{LogFilesError, write_logs};
pub use parameters::{ParameterError, StepError, StepKind};
pub use ph_base::Disk;
pub use price::{PriceTable, PriceTableError, Prices};
pub use replay::{ReplayError, ReplayRequest, Replayed, replay};
pub use rescore::{RescoreError, RescoreRequest, rescore};
pub use role::{GRADER, RoleAsker, RoleCalls, RoleError, RoleFailure, RoleModel, Roles, TaskRoles, roles_of};
pub use run_dir::{Records, RecordsWithoutEvents, RunDir, RunDirError, StoredSamples, TornTail};
pub use sample_scope::SamplePlace;
pub use sample_state::SampleState;
pub use scorer::{SCORERS, ScorerSet};
pub use segment::StoredSample;
pub use solver::{SOLVERS, SolverChain};
pub use step_context::StepContext;
pub use task_file::{TaskFileError, load_task, task_schema};
pub use task_place::TaskPlace;
pub use tuning::{LimitsFile, ask_for_limits};
