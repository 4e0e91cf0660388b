//! A task whose items are in a file.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use ph_base::Digest;
use ph_base::digest::DigestBuilder;
use ph_record::{
    Sample, SampleRecord, SampleRound, SampleStream, SourceOptions, TaskSource, TaskSourceError, TaskSpec,
};

use super::csv_file::CsvFile;
use super::json_lines::JsonLines;
use super::{Format, LocatedItem, error_at};
use crate::scorer::ScorerSet;
use crate::task_place::{TaskPlace, is_inside};

/// A task whose items are in a file beside `task.toml`.
pub struct FileSource {
    spec: TaskSpec,
    scorers: ScorerSet,
    items: ItemFile,
    /// What was found last, so that a run reads the file twice and not three times.
    known: Mutex<Option<(SourceOptions, Whole)>>,
}

/// What a pass over the whole file finds.
#[derive(Debug, Clone, Copy)]
struct Whole {
    digest: Digest,
    items: u64,
}

type LocatedItems = Box<dyn Iterator<Item = Result<LocatedItem, TaskSourceError>> + Send>;

#[derive(Clone)]
struct ItemFile {
    place: TaskPlace,
    name: String,
    format: Format,
}

impl FileSource {
    /// The task `spec` with the items of the file `name` in `place`; opens the file once to see that it is there.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the file is outside the task's folder, of no known format or cannot be opened.
    pub fn new(spec: TaskSpec, place: TaskPlace, name: &str) -> Result<Self, TaskSourceError> {
        if !is_inside(name) {
            return Err(TaskSourceError::new(name, "the dataset is outside the task's folder")
                .with_hint("give a path relative to `task.toml`, without `..`"));
        }
        let name = name.trim_start_matches("./");
        let format = Format::of(name).ok_or_else(|| {
            TaskSourceError::new(name, "not a dataset file").with_hint("a dataset file ends in `.jsonl` or `.csv`")
        })?;
        let items = ItemFile { place, name: name.to_owned(), format };
        drop(items.read(None)?);
        let scorers =
            ScorerSet::build(&spec.scorer).map_err(|error| TaskSourceError::new("scorer", error.to_string()))?;
        Ok(Self { spec, scorers, items, known: Mutex::new(None) })
    }
}

impl ItemFile {
    fn display(&self) -> String {
        self.place.display(&self.name)
    }

    fn read(&self, limit: Option<u64>) -> Result<LocatedItems, TaskSourceError> {
        let file = self.display();
        let reader = self
            .place
            .open(&self.name)
            .map_err(|error| TaskSourceError::new(file.as_str(), format!("cannot be opened: {error}")))?;
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(match self.format {
            Format::JsonLines => Box::new(JsonLines::new(file, reader).take(limit)),
            Format::Csv => Box::new(CsvFile::new(file, reader).take(limit)),
        })
    }
}

impl FileSource {
    /// Reads the whole file: its digest, whether an id comes twice, and whether every item can be asked and scored.
    fn read_whole(&self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let mut digest = ItemDigest::new(&self.spec);
        // 16 bytes of each id's digest: a million items take some 32 MB here, for the length of this pass.
        let mut seen = HashSet::new();
        for item in self.items.read(options.limit)? {
            let (line, item) = item?;
            let id = Digest::of(item.id.as_bytes());
            let short: [u8; 16] = std::array::from_fn(|byte| id.bytes()[byte]);
            if !seen.insert(short) {
                return Err(error_at(&self.items.display(), line, None, format!("the id `{}` comes twice", item.id)));
            }
            self.check(&item).map_err(|problem| {
                let hint = format!("item `{}` needs it; correct the item, or the task's solver and scorer", item.id);
                error_at(&self.items.display(), line, None, problem).with_hint(hint)
            })?;
            digest.add(&item);
        }
        Ok(Whole { digest: digest.finish(), items: seen.len() as u64 })
    }

    fn check(&self, item: &Sample) -> Result<(), String> {
        if item.choices.is_empty() && self.spec.solver.iter().any(|step| step.name() == "multiple_choice") {
            return Err("the item has no `choices`, which the solver `multiple_choice` shows".to_owned());
        }
        self.scorers.check(item)
    }

    /// The same, from the last time where it was for the same options.
    fn whole(&self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((of, whole)) if of == *options => Ok(whole),
            _ => {
                let whole = self.read_whole(options)?;
                *known = Some((*options, whole));
                Ok(whole)
            }
        }
    }
}

impl TaskSource for FileSource {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        let whole = self.read_whole(options)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((*options, whole));
        Ok(whole.digest)
    }

    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        let whole = self.whole(options)?;
        let checked = Checked {
            items: self.items.read(options.limit)?,
            digest: Some(ItemDigest::new(&self.spec)),
            wanted: whole.digest,
            file: self.items.display(),
        };
        Ok(Box::new(OneRound { round: Some(Box::new(checked)), items: whole.items }))
    }
}

/// The digest of spec and items.
struct ItemDigest(DigestBuilder);

impl ItemDigest {
    fn new(spec: &TaskSpec) -> Self {
        let mut builder = DigestBuilder::default();
        builder.part(json(spec).as_slice());
        Self(builder)
    }

    fn add(&mut self, item: &Sample) {
        self.0.part(json(item).as_slice());
    }

    fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// Specs and items are made of texts, numbers and maps with text keys, which always serialise.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Gives the items out and sees at their end that they are still those of the digest.
struct Checked {
    items: LocatedItems,
    digest: Option<ItemDigest>,
    wanted: Digest,
    file: String,
}

impl Iterator for Checked {
    type Item = Result<Sample, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.items.next() {
            Some(item) => {
                let item = item.map(|(_, item)| item);
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
