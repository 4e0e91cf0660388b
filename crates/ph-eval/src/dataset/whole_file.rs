//! A pass over a whole dataset file before anything is asked: its digest, whether an id comes twice, whether every item can
//! be asked and scored, which items are left out, and the order of shuffled ones.

use std::io;
use std::sync::Arc;

use ph_base::Digest;
use ph_record::{Sample, SkippedItems, SourceOptions, TaskSourceError};

use super::item_digest::ItemDigest;
use super::item_file::ItemFile;
use super::shuffled::shuffle;
use super::{ItemError, LocatedItem, error_at};
use crate::key_sort::KeySort;
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

/// How a whole file is read.
pub(super) struct Reading<'a> {
    pub(super) file: &'a ItemFile,
    /// The digest before the first item.
    pub(super) digest: ItemDigest,
    /// What is wrong with an item that can be read, with what to do.
    pub(super) check: &'a ItemCheck<'a>,
}

impl Reading<'_> {
    /// Reads the file: once where no id comes twice, and again where one does, knowing its line then.
    pub(super) fn run(&self, options: &SourceOptions) -> Result<Whole, TaskSourceError> {
        let limit = options.limit.unwrap_or(u64::MAX);
        let mut first = Pass::new(self, &[]);
        let outcome = first.read(options.seed, limit);
        let mut repeated = first.repeated_lines()?;
        if repeated.is_empty() {
            return outcome.and_then(|()| first.whole(options.seed, limit));
        }
        if self.file.table.skip_bad && limit < u64::MAX {
            // Items after the limit come in where repeated ones are left out, and may be repeated themselves.
            let mut all = Pass::new(self, &[]);
            // What ends this pass ends the next one too, if it comes that far.
            let _ = all.read(options.seed, u64::MAX);
            repeated = all.repeated_lines()?;
        }
        let mut second = Pass::new(self, &repeated);
        second.read(options.seed, limit)?;
        second.whole(options.seed, limit)
    }

    fn seed(&self, seed: u64) -> Option<u64> {
        self.file.table.shuffle.seed(seed)
    }
}

/// 16 bytes of an id's digest; then, big-endian, twice its line, and one more where the item is bad.
type IdPlace = [u8; 24];

/// A pass that is under way.
struct Pass<'a> {
    reading: &'a Reading<'a>,
    /// The lines whose id is that of a good item before, ascending, as far as they are known.
    repeated: &'a [u64],
    ids: KeySort<{ size_of::<IdPlace>() }>,
    digest: ItemDigest,
    items: u64,
    order: Vec<(u64, u64)>,
    bad_lines: Vec<u64>,
    skipped: SkippedItems,
}

impl<'a> Pass<'a> {
    fn new(reading: &'a Reading<'a>, repeated: &'a [u64]) -> Self {
        let (items, order, bad_lines, skipped) = Default::default();
        let (ids, digest) = (KeySort::new(), reading.digest.clone());
        Self { reading, repeated, ids, digest, items, order, bad_lines, skipped }
    }

    fn read(&mut self, seed: u64, limit: u64) -> Result<(), TaskSourceError> {
        let Reading { file, .. } = self.reading;
        let is_shuffled = self.reading.seed(seed).is_some();
        for item in file.items()? {
            if !is_shuffled && self.items == limit {
                break;
            }
            match item.and_then(|item| self.selected(item)) {
                Ok(None) => {}
                Ok(Some(item)) => {
                    self.items += 1;
                    if is_shuffled {
                        self.order.push((item.offset, item.line));
                    } else {
                        self.digest.add(&item.sample);
                    }
                }
                Err(failed) if file.table.skip_bad && !failed.ends => {
                    self.bad_lines.push(failed.line);
                    self.skipped.add(&failed.error);
                }
                Err(failed) => return Err(failed.error),
            }
        }
        Ok(())
    }

    /// The item, where it is one that the task asks; ids count from here on.
    fn selected(&mut self, item: LocatedItem) -> Result<Option<LocatedItem>, ItemError> {
        let Reading { file, check, .. } = self.reading;
        if !takes(&file.table.only, &item.sample.metadata) {
            return Ok(None);
        }
        let bad = |error| ItemError { line: item.line, error, ends: false };
        if self.repeated.binary_search(&item.line).is_ok() {
            let problem = format!("the id `{}` comes twice", item.sample.id);
            return Err(bad(error_at(&file.display(), item.line, None, problem)));
        }
        let checked = check(&item.sample);
        self.ids.push(id_place(&item, checked.is_ok()));
        checked.map_err(|(problem, hint)| bad(error_at(&file.display(), item.line, None, problem).with_hint(hint)))?;
        Ok(Some(item))
    }

    /// The lines whose id is that of a good item before, ascending.
    fn repeated_lines(&mut self) -> Result<Vec<u64>, TaskSourceError> {
        let ids = std::mem::replace(&mut self.ids, KeySort::new());
        repeated_lines(ids).map_err(|error| {
            TaskSourceError::new(self.reading.file.display(), format!("its ids cannot be compared: {error}"))
        })
    }

    fn whole(mut self, seed: u64, limit: u64) -> Result<Whole, TaskSourceError> {
        let mut order = None;
        if let Some(seed) = self.reading.seed(seed) {
            shuffle(&mut self.order, seed);
            self.items = self.items.min(limit);
            self.order.truncate(usize::try_from(self.items).unwrap_or(usize::MAX));
            let shuffled = Arc::new(self.order);
            for item in self.reading.file.items_at(shuffled.clone())? {
                self.digest.add(&item.map_err(|failed| failed.error)?.sample);
            }
            order = Some(shuffled);
        }
        let (digest, bad_lines) = (self.digest.finish(), Arc::new(self.bad_lines));
        Ok(Whole { digest, items: self.items, bad_lines, skipped: self.skipped, order })
    }
}

fn id_place(item: &LocatedItem, is_good: bool) -> IdPlace {
    let mut place = [0; size_of::<IdPlace>()];
    place[..16].copy_from_slice(&Digest::of(item.sample.id.as_bytes()).bytes()[..16]);
    place[16..].copy_from_slice(&(item.line << 1 | u64::from(!is_good)).to_be_bytes());
    place
}

fn repeated_lines(ids: KeySort<{ size_of::<IdPlace>() }>) -> io::Result<Vec<u64>> {
    let mut lines = Vec::new();
    let mut first_good = None;
    for place in ids.finish()? {
        let place = place?;
        let (id, line) = place.split_at(16);
        let line = line.iter().fold(0_u64, |line, byte| line << 8 | u64::from(*byte));
        if first_good.as_ref().is_some_and(|first: &IdPlace| first[..16] == *id) {
            lines.push(line >> 1);
        } else if line & 1 == 0 {
            first_good = Some(place);
        }
    }
    lines.sort_unstable();
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use ph_record::TaskSource;
    use proptest::prelude::*;

    use super::*;
    use crate::{NoGenerators, TaskPlace, load_task};

    /// A task whose items have these ids, each with a gold answer or without.
    fn task(items: &[(u8, bool)], options: &str) -> Arc<dyn TaskSource> {
        let toml = format!(
            "name = \"t\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\ndataset = {{ file = \"i.jsonl\"{options} }}\n"
        );
        let line = |(id, is_good): &(u8, bool)| {
            let target = if *is_good { ",\"target\":\"x\"" } else { "" };
            format!("{{\"id\":\"{id}\",\"input\":\"?\"{target}}}\n")
        };
        let text: String = items.iter().map(line).collect();
        let files =
            [("task.toml", toml), ("i.jsonl", text)].map(|(name, text)| (name.to_owned(), text.into_bytes().into()));
        let place = TaskPlace::Embedded { name: "task".to_owned(), files: Arc::new(BTreeMap::from(files)) };
        load_task(&place, &NoGenerators).unwrap()
    }

    /// The ids that are asked, and the line and fault of each bad item until there are `limit` of them.
    fn by_one_set(items: &[(u8, bool)], limit: u64) -> (Vec<String>, Vec<(usize, &'static str)>) {
        let (mut seen, mut asked, mut bad) = (HashSet::new(), Vec::new(), Vec::new());
        for (at, (id, is_good)) in items.iter().enumerate() {
            if asked.len() as u64 == limit {
                break;
            }
            match (seen.contains(id), is_good) {
                (true, _) => bad.push((at + 1, "comes twice")),
                (false, false) => bad.push((at + 1, "no gold answer")),
                (false, true) => {
                    seen.insert(*id);
                    asked.push(id.to_string());
                }
            }
        }
        (asked, bad)
    }

    fn asked(task: &dyn TaskSource, options: &SourceOptions) -> Result<Vec<String>, TaskSourceError> {
        task.open(options)?.next_round()?.unwrap().map(|item| item.map(|item| item.id)).collect()
    }

    proptest! {
        #[test]
        fn repeated_ids_are_found_as_a_set_of_all_ids_finds_them(
            items in proptest::collection::vec((0_u8..12, proptest::bool::weighted(0.8)), 0..20),
            limit in proptest::option::of(0_u64..12),
        ) {
            let options = SourceOptions { seed: 1, limit };
            let (wanted, bad) = by_one_set(&items, limit.unwrap_or(u64::MAX));
            let skipping = task(&items, ", skip_bad = true");
            let skipped = skipping.skipped(&options).unwrap().unwrap();
            prop_assert_eq!(asked(skipping.as_ref(), &options).unwrap(), wanted.clone());
            prop_assert_eq!(skipped.count, bad.len() as u64);
            for (text, (line, problem)) in skipped.first.iter().zip(&bad) {
                prop_assert!(text.contains(&format!("i.jsonl:{line}")) && text.contains(problem), "{text}");
            }
            match (asked(task(&items, "").as_ref(), &options), bad.first()) {
                (Ok(asked), None) => prop_assert_eq!(asked, wanted),
                (Err(error), Some((line, problem))) => {
                    let error = error.to_string();
                    prop_assert!(error.contains(&format!("i.jsonl:{line}:")) && error.contains(problem), "{error}");
                }
                other => prop_assert!(false, "{other:?}, not {bad:?}"),
            }
            let shuffled = asked(task(&items, ", skip_bad = true, shuffle = true").as_ref(), &SourceOptions { seed: 1, limit: None });
            let mut shuffled = shuffled.unwrap();
            shuffled.sort_unstable();
            let (mut all, _) = by_one_set(&items, u64::MAX);
            all.sort_unstable();
            prop_assert_eq!(shuffled, all);
        }
    }
}
