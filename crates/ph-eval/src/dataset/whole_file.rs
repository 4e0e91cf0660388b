//! A pass over a whole dataset file before anything is asked: its digest, whether an id comes twice, whether every item can
//! be asked and scored, which items are left out, and the order of shuffled ones.

use std::collections::HashSet;
use std::sync::Arc;

use ph_base::Digest;
use ph_record::{Sample, SkippedItems, SourceOptions, TaskSourceError};

use super::item_digest::ItemDigest;
use super::item_file::ItemFile;
use super::shuffled::shuffle;
use super::{ItemError, LocatedItem, error_at};
use crate::scorer::takes;

/// What a pass over the whole file finds.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) digest: Digest,
    /// Items that are asked.
    pub(super) items: u64,
    /// The lines of items that are left out as bad, ascending.
    pub(super) bad_lines: Arc<Vec<u64>>,
    /// How many these are, and the first.
    pub(super) skipped: SkippedItems,
    /// Where shuffled items begin, in their order: byte and line.
    pub(super) order: Option<Arc<Vec<(u64, u64)>>>,
}

/// Says what is wrong with an item that can be read, and what to do.
pub(super) type ItemCheck<'a> = dyn Fn(&Sample) -> Result<(), (String, String)> + 'a;

/// A pass that is under way.
pub(super) struct Pass<'a> {
    file: &'a ItemFile,
    /// What is wrong with an item that can be read, with what to do.
    check: &'a ItemCheck<'a>,
    digest: ItemDigest,
    /// 16 bytes of each id's digest: a million items take some 32 MB here, for the length of this pass.
    seen: HashSet<[u8; 16]>,
    order: Vec<(u64, u64)>,
    bad_lines: Vec<u64>,
    skipped: SkippedItems,
}

impl<'a> Pass<'a> {
    pub(super) fn new(file: &'a ItemFile, digest: ItemDigest, check: &'a ItemCheck<'a>) -> Self {
        let (seen, order, bad_lines, skipped) = Default::default();
        Self { file, check, digest, seen, order, bad_lines, skipped }
    }

    /// Reads the file.
    pub(super) fn run(mut self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let seed = self.file.table.shuffle.seed(options.seed);
        let limit = options.limit.unwrap_or(u64::MAX);
        let mut items = 0;
        for item in self.file.items()? {
            if seed.is_none() && items == limit {
                break;
            }
            match item.and_then(|item| self.selected(item)) {
                Ok(None) => {}
                Ok(Some(item)) => {
                    items += 1;
                    match seed {
                        None => self.digest.add(&item.sample),
                        Some(_) => self.order.push((item.offset, item.line)),
                    }
                }
                Err(failed) if self.file.table.skip_bad && !failed.ends => {
                    self.bad_lines.push(failed.line);
                    self.skipped.add(&failed.error);
                }
                Err(failed) => return Err(failed.error),
            }
        }
        match seed {
            None => Ok(self.whole(items, None)),
            Some(seed) => self.shuffled(seed, items.min(limit)),
        }
    }

    /// The item, where it is one that the task asks; ids count from here on.
    fn selected(&mut self, item: LocatedItem) -> Result<Option<LocatedItem>, ItemError> {
        if !takes(&self.file.table.only, &item.sample.metadata) {
            return Ok(None);
        }
        let bad = |error| ItemError { line: item.line, error, ends: false };
        let id = Digest::of(item.sample.id.as_bytes());
        let short: [u8; 16] = std::array::from_fn(|byte| id.bytes()[byte]);
        if self.seen.contains(&short) {
            let problem = format!("the id `{}` comes twice", item.sample.id);
            return Err(bad(error_at(&self.file.display(), item.line, None, problem)));
        }
        (self.check)(&item.sample)
            .map_err(|(problem, hint)| bad(error_at(&self.file.display(), item.line, None, problem).with_hint(hint)))?;
        self.seen.insert(short);
        Ok(Some(item))
    }

    fn shuffled(mut self, seed: u64, items: u64) -> Result<Whole, TaskSourceError> {
        let mut order = std::mem::take(&mut self.order);
        shuffle(&mut order, seed);
        order.truncate(usize::try_from(items).unwrap_or(usize::MAX));
        let order = Arc::new(order);
        for item in self.file.items_at(order.clone())? {
            self.digest.add(&item.map_err(|failed| failed.error)?.sample);
        }
        Ok(self.whole(items, Some(order)))
    }

    fn whole(self, items: u64, order: Option<Arc<Vec<(u64, u64)>>>) -> Whole {
        Whole { digest: self.digest.finish(), items, bad_lines: Arc::new(self.bad_lines), skipped: self.skipped, order }
    }
}
