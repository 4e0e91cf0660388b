//! Datasets, solvers, scorers and the engine that runs a task on a target.
//!
//! Level 4. The pipeline above loads a task ([`load_task`]), opens a run directory ([`RunDir`]) and calls [`run`] with
//! an `Arc<dyn ModelApi>`. Nothing here knows HTTP, SQL, evidence or a model runtime: whoever records a run implements
//! [`ph_record::Recorder`], whoever shows it implements [`Reporter`], whoever makes items implements [`Generators`].

pub mod budget;
pub mod dataset;
pub mod engine;
pub mod generate;
pub mod generators;
pub mod import;
pub mod journal;
pub mod log_files;
pub mod parameters;
pub mod price;
pub mod reducer;
pub mod refusal;
pub mod rescore;
pub mod run_dir;
pub mod sample_state;
pub mod scorer;
mod segment;
pub mod solver;
pub mod task_file;
pub mod task_place;
mod toml_shape;
pub mod transcript;

pub use budget::{Budget, Meter, Reservation, Spending, SpendingError};
pub use engine::{Cancellation, Reporter, RunError, RunRequest, run};
pub use generate::{Generate, Stop};
pub use generators::{Generators, NoGenerators};
pub use import::{ImportError, ImportRequest, import_log};
pub use journal::JournalRecorder;
pub use log_files::{LogFilesError, write_logs};
pub use parameters::{ParameterError, StepError, StepKind};
pub use price::{PriceTable, PriceTableError, Prices};
pub use reducer::reduce;
pub use rescore::{RescoreError, RescoreRequest, rescore};
pub use run_dir::{Records, RecordsWithoutEvents, RunDir, RunDirError, StoredSamples, TornTail};
pub use sample_state::SampleState;
pub use scorer::{SCORERS, ScorerSet};
pub use segment::StoredSample;
pub use solver::{SOLVERS, SolverChain};
pub use task_file::{TaskFileError, load_task, task_schema};
pub use task_place::TaskPlace;
