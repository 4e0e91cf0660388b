//! Brings keys of one size into order, however many: few are sorted in memory; of many, sorted runs go to a temporary file
//! without a name and are merged, so that memory stays flat at a million samples.
//!
//! [`crate::dataset`] finds with it which ids come twice, [`crate::run_dir`] which samples were asked again. It does not
//! know what a key means.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_evallog::FileSlice;

/// Keys of this size together are held; then they become a run of the file.
const HELD_BYTES_MAX: usize = 1 << 20;

/// A run is read in pieces of this size: 1 MiB of keys costs 16 KiB at the end.
const PIECE_BYTES: usize = 16 << 10;

/// Collects keys of `N` bytes in any order.
pub(crate) struct KeySort<const N: usize> {
    folder: PathBuf,
    held: Vec<[u8; N]>,
    held_max: usize,
    file: Option<File>,
    runs: Vec<Range<u64>>,
}

impl<const N: usize> KeySort<N> {
    /// Keeps in the system's folder for temporary files what is too much for memory.
    pub(crate) fn new() -> Self {
        Self::with_held_bytes_max(&std::env::temp_dir(), HELD_BYTES_MAX)
    }

    pub(crate) fn with_held_bytes_max(folder: &Path, held_bytes_max: usize) -> Self {
        let held_max = (held_bytes_max / N).max(1);
        Self { folder: folder.to_owned(), held: Vec::new(), held_max, file: None, runs: Vec::new() }
    }

    /// Whether no file was needed.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.runs.is_empty()
    }

    /// Takes a key. Where no file can be made, or there is no room for it, memory has to do.
    pub(crate) fn push(&mut self, key: [u8; N]) {
        if self.held.len() >= self.held_max && self.spill().is_err() {
            self.held_max = usize::MAX;
        }
        self.held.push(key);
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let bytes = self.held.as_flattened();
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all(bytes)?;
        let start = self.runs.last().map_or(0, |run| run.end);
        self.runs.push(start..start + bytes.len() as u64);
        self.held.clear();
        Ok(())
    }

    /// The keys in order, equal ones as often as they came.
    ///
    /// # Errors
    /// [`io::Error`] where the file cannot be read.
    pub(crate) fn finish(mut self) -> io::Result<SortedKeys<N>> {
        self.held.sort_unstable();
        let mut sources = vec![Source::Held(self.held.into_iter())];
        if let Some(file) = self.file.map(Arc::new) {
            let run = |range| BufReader::with_capacity(PIECE_BYTES, FileSlice::new(Arc::clone(&file), range));
            sources.extend(self.runs.into_iter().map(|range| Source::File(run(range))));
        }
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (at, source) in sources.iter_mut().enumerate() {
            heads.extend(source.next_key()?.map(|key| Reverse((key, at))));
        }
        Ok(SortedKeys { sources, heads })
    }
}

/// Keys in order.
pub(crate) struct SortedKeys<const N: usize> {
    sources: Vec<Source<N>>,
    /// The next key of each source.
    heads: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> SortedKeys<N> {
    fn next_key(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((key, source)) = *head;
        match self.sources[source].next_key()? {
            Some(next) => *head = Reverse((next, source)),
            None => {
                PeekMut::pop(head);
            }
        }
        Ok(Some(key))
    }
}

impl<const N: usize> Iterator for SortedKeys<N> {
    type Item = io::Result<[u8; N]>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_key().transpose()
    }
}

enum Source<const N: usize> {
    Held(std::vec::IntoIter<[u8; N]>),
    File(BufReader<FileSlice>),
}

impl<const N: usize> Source<N> {
    fn next_key(&mut self) -> io::Result<Option<[u8; N]>> {
        match self {
            Source::Held(keys) => Ok(keys.next()),
            Source::File(run) => {
                if run.fill_buf()?.is_empty() {
                    return Ok(None);
                }
                let mut key = [0; N];
                run.read_exact(&mut key)?;
                Ok(Some(key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(keys: &[[u8; 3]], folder: &Path, held_bytes_max: usize) -> Vec<[u8; 3]> {
        let mut sort = KeySort::with_held_bytes_max(folder, held_bytes_max);
        keys.iter().for_each(|key| sort.push(*key));
        assert!(!folder.is_dir() || sort.held.len() <= (held_bytes_max / 3).max(1), "no more are held");
        sort.finish().unwrap().map(Result::unwrap).collect()
    }

    proptest! {
        #[test]
        fn keys_come_in_order_as_often_as_they_went_in(
            keys in proptest::collection::vec(any::<[bool; 3]>(), 0..200),
            held_bytes_max in 0_usize..300,
        ) {
            let keys: Vec<[u8; 3]> = keys.into_iter().map(|key| key.map(u8::from)).collect();
            let folder = tempfile::tempdir().unwrap();
            let mut wanted = keys.clone();
            wanted.sort_unstable();
            prop_assert_eq!(&sorted(&keys, folder.path(), held_bytes_max), &wanted);
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
            prop_assert_eq!(&sorted(&keys, Path::new("/nowhere/at all"), held_bytes_max), &wanted);
        }
    }
}
