//! What an assessment needs from outside: the clock, randomness for ids, the way to targets, somebody to tell.

use std::sync::Arc;

use ph_analysis::Conformance;
use ph_base::{Clock, Digest};
use ph_eval::{Cancellation, Reporter};
use ph_model::TargetName;
use ph_record::{Plan, RunEvent, TaskSpec};

use crate::keeper::Keeper;
use crate::record::Cosigned;
use crate::target::TargetOpener;
use crate::target_limits::Doors;

/// Everything that is handed in from above.
#[derive(Clone)]
pub struct House {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes for ids; nothing measured depends on them.
    pub random: Arc<dyn Fn() -> [u8; 10] + Send + Sync>,
    /// The way to targets.
    pub targets: Arc<dyn TargetOpener>,
    /// Who is told.
    pub progress: Arc<dyn Progress>,
    /// Ends the work early: first by letting what is in flight finish, then at once.
    pub cancellation: Cancellation,
    /// The program with its version, for instance `proofhouse 0.1.0`.
    pub program: String,
    /// How many targets may be under way at once.
    pub targets_at_once: usize,
    /// The doors of the targets that were asked for.
    pub doors: Doors,
    /// What ledgers are kept with; without it none are.
    pub keeper: Option<Keeper>,
}

/// Is told how an assessment goes on. Nothing depends on what it does.
pub trait Progress: Send + Sync {
    /// A target's endpoint is about to be checked.
    fn checking(&self, target: &TargetName) {
        let _ = target;
    }

    /// A target's endpoint was checked.
    fn checked(&self, conformance: &Conformance) {
        let _ = conformance;
    }

    /// The plan is locked; nothing has been sent yet but what the checks asked.
    fn planned(&self, plan: &Plan, digest: &Digest);

    /// A run is about to begin: who reports it. `items_of` is the assessed target whose later items the comparator is
    /// asked, where that is what the run is for.
    fn run(&self, target: &TargetName, task: &TaskSpec, items_of: Option<&TargetName>) -> Box<dyn Reporter>;

    /// Witnesses were asked for the latest tree head of a record; the latest head stands, whether they cosigned or not.
    fn cosigned(&self, cosigned: &Cosigned) {
        let _ = cosigned;
    }

    /// The runs have ended, all of them or `interrupted`; the analysis begins.
    fn analysing(&self, interrupted: bool);
}

/// Tells nobody.
pub struct Quiet;

impl Reporter for Quiet {
    fn report(&mut self, _: &RunEvent) {}
}

impl Progress for Quiet {
    fn planned(&self, _: &Plan, _: &Digest) {}

    fn run(&self, _: &TargetName, _: &TaskSpec, _: Option<&TargetName>) -> Box<dyn Reporter> {
        Box::new(Quiet)
    }

    fn analysing(&self, _: bool) {}
}
