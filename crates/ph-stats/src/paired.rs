//! The 2 × 2 table of one yes/no outcome per side on the same items, which every paired test and interval here
//! starts from. `ph-analysis` fills it: `first` is the target, `second` the comparator.

use serde::{Deserialize, Serialize};

use crate::error::StatsError;
use crate::proportion::TRIALS_MAX;

/// Counts of items by outcome on both sides. The difference is always first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PairedTable {
    /// Yes on both sides.
    pub both: u64,
    /// Yes on the first side only.
    pub first_only: u64,
    /// Yes on the second side only.
    pub second_only: u64,
    /// Yes on neither.
    pub neither: u64,
}

impl PairedTable {
    /// Counts (first, second) outcomes, one pair per item.
    pub fn from_outcomes(outcomes: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut table = Self::default();
        for outcome in outcomes {
            let cell = match outcome {
                (true, true) => &mut table.both,
                (true, false) => &mut table.first_only,
                (false, true) => &mut table.second_only,
                (false, false) => &mut table.neither,
            };
            *cell += 1;
        }
        table
    }

    /// Number of items; saturates instead of overflowing.
    pub fn pairs(&self) -> u64 {
        [self.first_only, self.second_only, self.neither].into_iter().fold(self.both, u64::saturating_add)
    }

    /// Items on which the two sides differ; saturates instead of overflowing.
    pub fn discordant(&self) -> u64 {
        self.first_only.saturating_add(self.second_only)
    }

    /// Rate of the first side minus rate of the second; NaN without items.
    pub fn difference(&self) -> f64 {
        (self.first_only as f64 - self.second_only as f64) / self.pairs() as f64
    }

    /// The table with the sides exchanged.
    pub fn swapped(&self) -> Self {
        Self { first_only: self.second_only, second_only: self.first_only, ..*self }
    }

    /// Refuses a table without items or with more than [`TRIALS_MAX`].
    pub(crate) fn check(&self) -> Result<(), StatsError> {
        match self.pairs() {
            0 => Err(StatsError::Empty { what: "pairs" }),
            got if got > TRIALS_MAX => Err(StatsError::TooMany { what: "pairs", most: TRIALS_MAX, got }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_outcome_once() {
        let outcomes = [(true, true), (true, false), (true, false), (false, true), (false, false)];
        let table = PairedTable::from_outcomes(outcomes);
        assert_eq!(table, PairedTable { both: 1, first_only: 2, second_only: 1, neither: 1 });
        assert_eq!((table.pairs(), table.discordant()), (5, 3));
        assert!((table.difference() - 0.2).abs() < 1e-15);
        assert!((table.swapped().difference() + 0.2).abs() < 1e-15);
    }

    #[test]
    fn refuses_none_and_too_many() {
        assert!(PairedTable::default().check().is_err());
        let huge = PairedTable { both: u64::MAX, first_only: u64::MAX, second_only: 1, neither: 1 };
        assert!(matches!(huge.check(), Err(StatsError::TooMany { .. })));
    }
}
