//! A set of keys of one size that is asked and never changed, however many: few are held; many lie in order in a temporary
//! file without a name, of which memory has every 128th.
//!
//! A run that is gone on with asks here what is finished already.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use crate::key_sort::KeySort;

/// Keys that are read at once.
const BLOCK_KEYS: usize = 128;

/// A set of keys of `N` bytes.
#[derive(Default)]
pub(crate) struct KeyTable<const N: usize> {
    /// All in order, or where there is a file the first of each of its blocks.
    held: Vec<[u8; N]>,
    keys: u64,
    file: Option<File>,
}

impl<const N: usize> KeyTable<N> {
    /// The keys that were sorted, each once.
    ///
    /// # Errors
    /// [`io::Error`] of the file for what does not fit into memory.
    pub(crate) fn new(keys: KeySort<N>) -> io::Result<Self> {
        let mut out = if keys.is_in_memory() { None } else { Some(BufWriter::new(tempfile::tempfile()?)) };
        let (mut held, mut count, mut last) = (Vec::new(), 0, None);
        for key in keys.finish()? {
            let key = key?;
            if last == Some(key) {
                continue;
            }
            if out.is_none() || count % BLOCK_KEYS as u64 == 0 {
                held.push(key);
            }
            if let Some(out) = &mut out {
                out.write_all(&key)?;
            }
            count += 1;
            last = Some(key);
        }
        let file = out.map(|out| out.into_inner().map_err(io::IntoInnerError::into_error)).transpose()?;
        Ok(Self { held, keys: count, file })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.keys
    }

    /// Whether this is one of them.
    ///
    /// # Errors
    /// [`io::Error`] where the file cannot be read.
    pub(crate) fn has(&self, key: &[u8; N]) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(self.held.binary_search(key).is_ok()) };
        let Some(block) = self.held.partition_point(|first| first <= key).checked_sub(1) else { return Ok(false) };
        let start = (block * BLOCK_KEYS) as u64;
        let mut keys = [[0; N]; BLOCK_KEYS];
        let keys = &mut keys[..BLOCK_KEYS.min(usize::try_from(self.keys - start).unwrap_or(BLOCK_KEYS))];
        file.read_exact_at(keys.as_flattened_mut(), start * N as u64)?;
        Ok(keys.binary_search(key).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_was_put_in_and_nothing_else() {
        for (count, held_bytes_max) in [(0, 12), (1, 12), (1, 4), (300, 4_000), (128, 40), (129, 40), (1_000, 40)] {
            let mut sort = KeySort::with_held_bytes_max(&std::env::temp_dir(), held_bytes_max);
            for key in (0..count).rev().chain(0..count / 2) {
                sort.push(u32::to_be_bytes(2 * key + 1));
            }
            let is_in_memory = sort.is_in_memory();
            let table = KeyTable::new(sort).unwrap();
            assert_eq!((table.len(), table.file.is_none()), (u64::from(count), is_in_memory), "{count}");
            for key in 0..2 * count + 2 {
                let is_in = key % 2 == 1 && key < 2 * count;
                assert_eq!(table.has(&key.to_be_bytes()).unwrap(), is_in, "{key} of {count}");
            }
        }
    }
}
