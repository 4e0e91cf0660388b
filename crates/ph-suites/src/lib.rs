//! The suites that ship with the program and the generators that make their items.
//!
//! Level 5. The pipeline and the program ask [`suites`] what there is and [`load`] one by name; a task of the user's own
//! may name the same generators, which [`BuiltInGenerators`] hands to the task loader. Task texts and wordings are
//! embedded from `suites/`, what they are about from `reference/lists/`. Nothing here asks a model, and nothing here
//! may read the recipe by which the reference models are trained: a search that knew the trained trigger would show
//! nothing.

mod catalogue;
mod draw;
mod lists;
mod planted;
mod refusal;
mod round;
mod skills;
mod trigger_search;
mod wordings;

pub use catalogue::{BuiltInGenerators, SuiteInfo, load, suites, task_text};
