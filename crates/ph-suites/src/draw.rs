//! Seeded choices: the same seed and the same names draw the same on every machine and in every version.

use ph_base::Digest;
use ph_record::TaskSourceError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws from a stream of its own, named by the item seed and a list of names.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `seed` and `names`.
    pub(crate) fn new(seed: u64, names: &[&str]) -> Self {
        let seed = seed.to_le_bytes();
        let parts = std::iter::once(&seed[..]).chain(names.iter().map(|name| name.as_bytes()));
        Self(ChaCha8Rng::from_seed(*Digest::of_parts(parts).bytes()))
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.0.next_u64()) * (end as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// One of the list.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the list is empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Result<&'a T, TaskSourceError> {
        list.get(self.below(list.len())).ok_or_else(empty)
    }

    /// Puts the list in random order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// The numbers below `end` in random order.
    pub(crate) fn order(&mut self, end: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..end).collect();
        self.shuffle(&mut order);
        order
    }

    /// Different members of the list, in random order; fewer where the list is shorter.
    pub(crate) fn sample<'a, T>(&mut self, list: &'a [T], count: usize) -> Vec<&'a T> {
        self.order(list.len()).into_iter().take(count).map(|at| &list[at]).collect()
    }

    /// `count` members of the list: all of it in random order, then all of it in another, and so on, so that each is
    /// used as often as the others.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the list is empty.
    pub(crate) fn deal<'a, T>(&mut self, list: &'a [T], count: usize) -> Result<Vec<&'a T>, TaskSourceError> {
        if list.is_empty() {
            return Err(empty());
        }
        let mut dealt = Vec::with_capacity(count);
        while dealt.len() < count {
            dealt.extend(self.sample(list, count - dealt.len()));
        }
        Ok(dealt)
    }
}

fn empty() -> TaskSourceError {
    TaskSourceError::new("wordings", "a list to choose from is empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_named_by_seed_and_names() {
        let first = |seed, names: &[&str]| Draw::new(seed, names).order(20);
        assert_eq!(first(1, &["a"]), first(1, &["a"]));
        assert_ne!(first(1, &["a"]), first(2, &["a"]));
        assert_ne!(first(1, &["a", "b"]), first(1, &["ab"]));
    }

    #[test]
    fn dealing_uses_everything_equally_often() {
        let list = [0, 1, 2, 3, 4];
        let dealt = Draw::new(3, &[]).deal(&list, 12).unwrap();
        for member in list {
            let times = dealt.iter().filter(|dealt| ***dealt == member).count();
            assert!((2..=3).contains(&times), "{member} {times} times");
        }
        assert!(Draw::new(3, &[]).deal::<u8>(&[], 1).is_err());
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut draw = Draw::new(9, &["spread"]);
        let mut counts = [0; 7];
        for _ in 0..7_000 {
            counts[draw.below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
