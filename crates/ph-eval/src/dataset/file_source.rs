//! A task whose items are in a file.

use std::sync::{Arc, Mutex, PoisonError};

use ph_base::Digest;
use ph_record::{
    DatasetTable, Sample, SampleRecord, SampleRound, SampleStream, SkippedItems, SourceOptions, TaskFiles, TaskSource,
    TaskSourceError, TaskSpec,
};
use serde_json::{Map, Value};

use super::item_digest::ItemDigest;
use super::item_file::ItemFile;
use super::whole_file::{Reading, Whole};
use super::{LocatedItem, LocatedItems};
use crate::scorer::{ScorerSet, takes};
use crate::solver::SolverChain;
use crate::step_context::StepContext;
use crate::task_place::TaskPlace;

/// A task whose items are in a file beside `task.toml`.
pub struct FileSource {
    spec: TaskSpec,
    place: TaskPlace,
    chain: SolverChain,
    scorers: ScorerSet,
    items: ItemFile,
    /// What was found last, so that a run reads the file twice and not three times.
    known: Mutex<Option<(SourceOptions, Whole)>>,
}

impl FileSource {
    /// The task `spec` with the items of the file that `table` names in `place`; opens the file once to see that it is
    /// there.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the file is outside the task's folder, of no known format or cannot be opened.
    pub fn new(spec: TaskSpec, place: TaskPlace, table: &DatasetTable) -> Result<Self, TaskSourceError> {
        let items = ItemFile::new(place.clone(), table)?;
        let context = StepContext { files: Arc::new(place.clone()), ..StepContext::without_files() };
        let wrong =
            |error: crate::parameters::StepError| TaskSourceError::new(error.kind.to_string(), error.to_string());
        let chain = SolverChain::build(&spec.solver, &context).map_err(wrong)?;
        let scorers = ScorerSet::build(&spec.scorer, &context).map_err(wrong)?;
        Ok(Self { spec, place, chain, scorers, items, known: Mutex::new(None) })
    }

    fn read_whole(&self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let check = |item: &Sample| {
            self.check(item).map_err(|problem| {
                let hint = format!("item `{}` needs it; correct the item, or the task's solver and scorer", item.id);
                (problem, hint)
            })
        };
        Reading { file: &self.items, digest: self.empty_digest(), check: &check }.run(options)
    }

    fn empty_digest(&self) -> ItemDigest {
        ItemDigest::new(&self.spec, &self.chain.digests().collect::<Vec<_>>())
    }

    fn check(&self, item: &Sample) -> Result<(), String> {
        if item.choices.is_empty() && self.spec.solver.iter().any(|step| step.name() == "multiple_choice") {
            return Err("the item has no `choices`, which the solver `multiple_choice` shows".to_owned());
        }
        self.chain.check(item)?;
        self.scorers.check(item)
    }

    /// The same, from the last time where it was for the same options.
    fn whole(&self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, whole)) if of == options => Ok(whole.clone()),
            _ => {
                let whole = self.read_whole(options)?;
                *known = Some((*options, whole.clone()));
                Ok(whole)
            }
        }
    }

    /// The items that are asked, in their order.
    fn selected(&self, whole: &Whole) -> Result<Selected, TaskSourceError> {
        let items = match &whole.order {
            None => self.items.items()?,
            Some(order) => self.items.items_at(order.clone())?,
        };
        let only = self.items.table.only.clone();
        Ok(Selected { items, only, bad_lines: whole.bad_lines.clone(), left: whole.items })
    }
}

impl TaskSource for FileSource {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        let whole = self.read_whole(options)?;
        let digest = whole.digest;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((*options, whole));
        Ok(digest)
    }

    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        let whole = self.whole(options)?;
        let checked = Checked {
            items: self.selected(&whole)?,
            digest: Some(self.empty_digest()),
            wanted: whole.digest,
            file: self.items.display(),
        };
        Ok(Box::new(OneRound { round: Some(Box::new(checked)), items: whole.items }))
    }

    fn skipped(&self, options: &SourceOptions) -> Result<Option<SkippedItems>, TaskSourceError> {
        if !self.items.table.skip_bad {
            return Ok(None);
        }
        self.whole(options).map(|whole| Some(whole.skipped))
    }

    fn files(&self) -> Arc<dyn TaskFiles> {
        Arc::new(self.place.clone())
    }
}

/// The items that a task asks: those that its `only` takes, without those that are left out as bad.
struct Selected {
    items: LocatedItems,
    only: Map<String, Value>,
    bad_lines: Arc<Vec<u64>>,
    left: u64,
}

impl Iterator for Selected {
    type Item = Result<LocatedItem, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        loop {
            let item = self.items.next()?;
            let line = item.as_ref().map_or_else(|failed| failed.line, |item| item.line);
            if self.bad_lines.binary_search(&line).is_ok() {
                continue;
            }
            match item {
                Ok(item) if !takes(&self.only, &item.sample.metadata) => {}
                Ok(item) => {
                    self.left -= 1;
                    return Some(Ok(item));
                }
                Err(failed) => return Some(Err(failed.error)),
            }
        }
    }
}

/// Gives the items out and sees at their end that they are still those of the digest.
struct Checked {
    items: Selected,
    digest: Option<ItemDigest>,
    wanted: Digest,
    file: String,
}

impl Iterator for Checked {
    type Item = Result<Sample, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.items.next() {
            Some(item) => {
                let item = item.map(|item| item.sample);
                if let (Ok(item), Some(digest)) = (&item, &mut self.digest) {
                    digest.add(item);
                }
                Some(item)
            }
            None if self.digest.take().is_some_and(|digest| digest.finish() != self.wanted) => {
                Some(Err(TaskSourceError::new(self.file.as_str(), "changed while the run was reading it")))
            }
            None => None,
        }
    }
}

/// A task of one round.
struct OneRound {
    round: Option<SampleRound>,
    items: u64,
}

impl SampleStream for OneRound {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        Ok(self.round.take())
    }

    fn observe(&mut self, _: &SampleRecord) {}

    fn round_size_hint(&self) -> Option<u64> {
        self.round.as_ref().map(|_| self.items)
    }
}
