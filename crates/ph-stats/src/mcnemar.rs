//! McNemar's test of "no difference" between two targets on the same items, exact. For a difference beyond a
//! margin see `margin.rs`.

use serde::{Deserialize, Serialize};

use crate::distribution::{binomial_cdf, binomial_pmf};
use crate::error::StatsError;
use crate::paired::PairedTable;

/// Two-sided p-values of equal rates on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Exact conditional p-value; never above its nominal error rate.
    pub p_exact: f64,
    /// Mid-p value: less conservative, rarely above its nominal error rate.
    pub p_mid: f64,
}

/// Tests whether both sides have the same rate, given the discordant items.
///
/// With m discordant items, the smaller count s and X ~ Binomial(m, ½): exact 2·P(X ≤ s), at most 1; mid-p
/// 2·P(X ≤ s) − P(X = s). Without discordant items both are 1. Source: McNemar, Psychometrika 12 (1947)
/// 153–157; both forms as in Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91.
///
/// # Errors
/// No pairs, or more than [`crate::TRIALS_MAX`].
pub fn mcnemar(table: &PairedTable) -> Result<McNemar, StatsError> {
    table.check()?;
    let discordant = table.discordant();
    if discordant == 0 {
        return Ok(McNemar { p_exact: 1.0, p_mid: 1.0 });
    }
    let smaller = table.first_only.min(table.second_only);
    let doubled = 2.0 * binomial_cdf(smaller, discordant, 0.5);
    let mid = doubled - binomial_pmf(smaller, discordant, 0.5);
    Ok(McNemar { p_exact: doubled.min(1.0), p_mid: mid.clamp(0.0, 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_against_none_is_two_in_sixty_four() {
        let found = mcnemar(&PairedTable { both: 0, first_only: 6, second_only: 0, neither: 9 }).unwrap();
        assert!((found.p_exact - 2.0 / 64.0).abs() < 1e-15);
        assert!((found.p_mid - 1.0 / 64.0).abs() < 1e-15);
    }

    #[test]
    fn no_discordant_pair_is_no_evidence() {
        let found = mcnemar(&PairedTable { both: 5, ..PairedTable::default() }).unwrap();
        assert_eq!(found, McNemar { p_exact: 1.0, p_mid: 1.0 });
        assert!(mcnemar(&PairedTable::default()).is_err());
    }
}
