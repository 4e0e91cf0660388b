//! Brings the scores of a log into the order of scorer, item and epoch, however they came. Few are sorted in memory; of
//! many, sorted runs go to a file without a name beside the log and are merged at the end, so that memory stays flat.
//!
//! [`crate::totals`] calls it. It does not know what a score means.

use std::cmp::Ordering;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::collections::{BTreeMap, btree_map};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file_slice::FileSlice;

/// Rows of about this size together are held; then they become a run of the file.
const HELD_BYTES_MAX: usize = 1 << 20;

/// What a row takes in memory beside its id.
const ROW_BYTES: usize = 48;

/// A run is read in pieces of this size: 4 MiB of rows cost 16 KiB at the end.
const PIECE_BYTES: usize = 16 << 10;

/// The score of one sample by one scorer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The item's id in the log.
    pub(crate) id: Arc<str>,
    pub(crate) epoch: u32,
    /// Not a number where the score is none.
    pub(crate) score: f64,
}

impl Row {
    fn place(&self) -> (&str, u32) {
        (&self.id, self.epoch)
    }
}

/// Collects rows in any order.
pub(crate) struct ScoreSort {
    folder: PathBuf,
    scorers: BTreeMap<String, ScorerRows>,
    held_bytes: usize,
    held_bytes_max: usize,
    file: Option<RunFile>,
}

/// The rows of one scorer: those still held, and where in the file its runs are.
#[derive(Default)]
struct ScorerRows {
    held: Vec<Row>,
    runs: Vec<Range<u64>>,
}

impl ScoreSort {
    /// Keeps in `folder` what does not fit into memory.
    pub(crate) fn new_in(folder: &Path) -> Self {
        Self::with_held_bytes_max(folder, HELD_BYTES_MAX)
    }

    pub(crate) fn with_held_bytes_max(folder: &Path, held_bytes_max: usize) -> Self {
        Self { folder: folder.to_owned(), scorers: BTreeMap::new(), held_bytes: 0, held_bytes_max, file: None }
    }

    /// Takes a row. Of several of one scorer, item and epoch the last counts.
    ///
    /// # Errors
    /// [`io::Error`] of the file for what does not fit into memory.
    pub(crate) fn push(&mut self, scorer: &str, row: Row) -> io::Result<()> {
        self.held_bytes += ROW_BYTES + row.id.len();
        match self.scorers.get_mut(scorer) {
            Some(rows) => rows.held.push(row),
            None => {
                self.scorers.insert(scorer.to_owned(), ScorerRows { held: vec![row], runs: Vec::new() });
            }
        }
        if self.held_bytes > self.held_bytes_max { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => RunFile::new_in(&self.folder)?,
        };
        for rows in self.scorers.values_mut().filter(|rows| !rows.held.is_empty()) {
            sort(&mut rows.held);
            let start = file.bytes;
            rows.held.drain(..).try_for_each(|row| file.write(&row))?;
            rows.runs.push(start..file.bytes);
        }
        self.file = Some(file);
        self.held_bytes = 0;
        Ok(())
    }

    /// The scorers by name, each with its rows in order. Nothing is left after.
    ///
    /// # Errors
    /// [`io::Error`] where the file cannot be written to its end.
    pub(crate) fn finish(&mut self) -> io::Result<SortedScorers> {
        let file = self.file.take().map(RunFile::finish).transpose()?;
        self.held_bytes = 0;
        Ok(SortedScorers { scorers: std::mem::take(&mut self.scorers).into_iter(), file })
    }
}

/// Equal rows stay in the order in which they came.
fn sort(rows: &mut [Row]) {
    rows.sort_by(|one, other| one.place().cmp(&other.place()));
}

/// The scorers in order of their names.
pub(crate) struct SortedScorers {
    scorers: btree_map::IntoIter<String, ScorerRows>,
    file: Option<Arc<File>>,
}

impl Iterator for SortedScorers {
    type Item = io::Result<(String, SortedRows)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rows) = self.scorers.next()?;
        Some(SortedRows::new(rows, self.file.as_ref()).map(|rows| (name, rows)))
    }
}

/// The rows of one scorer in order of item and epoch, each place once.
pub(crate) struct SortedRows {
    sources: Vec<Source>,
    heads: BinaryHeap<Head>,
}

/// The next row of a source. Later sources hold what came later.
struct Head {
    row: Row,
    source: usize,
}

impl Head {
    fn order(&self) -> (&str, u32, usize) {
        (&self.row.id, self.row.epoch, self.source)
    }
}

impl Ord for Head {
    /// Reversed: the heap's greatest is the first in order.
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl SortedRows {
    fn new(mut rows: ScorerRows, file: Option<&Arc<File>>) -> io::Result<Self> {
        sort(&mut rows.held);
        let mut sources = Vec::with_capacity(rows.runs.len() + 1);
        if let Some(file) = file {
            let run = |range| BufReader::with_capacity(PIECE_BYTES, FileSlice::new(Arc::clone(file), range));
            sources.extend(rows.runs.into_iter().map(|range| Source::File(run(range))));
        }
        sources.push(Source::Held(rows.held.into_iter()));
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (source, rows) in sources.iter_mut().enumerate() {
            heads.extend(rows.next_row()?.map(|row| Head { row, source }));
        }
        Ok(Self { sources, heads })
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        let Some(mut row) = self.first()? else { return Ok(None) };
        while self.heads.peek().is_some_and(|head| head.row.place() == row.place()) {
            let Some(later) = self.first()? else { break };
            row = later;
        }
        Ok(Some(row))
    }

    /// Takes the first of all heads; its source gives the next.
    fn first(&mut self) -> io::Result<Option<Row>> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        match self.sources[head.source].next_row()? {
            Some(next) => Ok(Some(std::mem::replace(&mut head.row, next))),
            None => Ok(Some(PeekMut::pop(head).row)),
        }
    }
}

impl Iterator for SortedRows {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

enum Source {
    Held(std::vec::IntoIter<Row>),
    File(BufReader<FileSlice>),
}

impl Source {
    fn next_row(&mut self) -> io::Result<Option<Row>> {
        match self {
            Source::Held(rows) => Ok(rows.next()),
            Source::File(run) => read_row(run),
        }
    }
}

/// The file of the runs: every row is the length of its id, its epoch, its score (little-endian) and its id.
struct RunFile {
    out: BufWriter<File>,
    bytes: u64,
}

const HEAD_BYTES: usize = 16;

impl RunFile {
    fn new_in(folder: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(64 << 10, tempfile::tempfile_in(folder)?), bytes: 0 })
    }

    fn write(&mut self, row: &Row) -> io::Result<()> {
        let length = u32::try_from(row.id.len()).map_err(|_| io::Error::other("an item's id is too long"))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&row.epoch.to_le_bytes())?;
        self.out.write_all(&row.score.to_le_bytes())?;
        self.out.write_all(row.id.as_bytes())?;
        self.bytes += HEAD_BYTES as u64 + u64::from(length);
        Ok(())
    }

    fn finish(self) -> io::Result<Arc<File>> {
        Ok(Arc::new(self.out.into_inner().map_err(io::IntoInnerError::into_error)?))
    }
}

fn read_row(run: &mut BufReader<FileSlice>) -> io::Result<Option<Row>> {
    if run.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let (mut length, mut epoch, mut score) = ([0; 4], [0; 4], [0; 8]);
    run.read_exact(&mut length)?;
    run.read_exact(&mut epoch)?;
    run.read_exact(&mut score)?;
    let mut id = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap_or(0)];
    run.read_exact(&mut id)?;
    let id = String::from_utf8(id).map_err(io::Error::other)?.into();
    Ok(Some(Row { id, epoch: u32::from_le_bytes(epoch), score: f64::from_le_bytes(score) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What comes out of rows that go in, as `(scorer, id, epoch, score)`.
    fn sorted(rows: &[(u8, u8, u32, i32)], held_bytes_max: usize) -> Vec<(String, String, u32, f64)> {
        let folder = tempfile::tempdir().unwrap();
        let mut sort = ScoreSort::with_held_bytes_max(folder.path(), held_bytes_max);
        for &(scorer, id, epoch, score) in rows {
            let row = Row { id: format!("item {id}").into(), epoch, score: f64::from(score) };
            sort.push(&format!("scorer {scorer}"), row).unwrap();
        }
        let mut all = Vec::new();
        for scorer in sort.finish().unwrap() {
            let (name, rows) = scorer.unwrap();
            let named = |row: Row| (name.clone(), row.id.to_string(), row.epoch, row.score);
            all.extend(rows.map(|row| named(row.unwrap())));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        all
    }

    proptest! {
        #[test]
        fn rows_come_in_order_and_each_place_once(
            rows in proptest::collection::vec((0_u8..3, 0_u8..5, 1_u32..4, any::<i32>()), 0..200),
            held_bytes_max in 0_usize..3_000,
        ) {
            let last: BTreeMap<_, _> = rows.iter().map(|&(scorer, id, epoch, score)| {
                ((format!("scorer {scorer}"), format!("item {id}"), epoch), f64::from(score))
            }).collect();
            let wanted: Vec<_> = last.into_iter().map(|((scorer, id, epoch), score)| (scorer, id, epoch, score)).collect();
            prop_assert_eq!(&sorted(&rows, held_bytes_max), &wanted);
            prop_assert_eq!(&sorted(&rows, usize::MAX), &wanted);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_once_the_file_is_needed() {
        let mut sort = ScoreSort::with_held_bytes_max(Path::new("/nowhere/at all"), 100);
        let row = || Row { id: "a".into(), epoch: 1, score: 0.0 };
        assert!(sort.push("s", row()).is_ok());
        assert!((0..9).any(|_| sort.push("s", row()).is_err()));
    }
}
