//! Newcombe's closed-form interval of a paired difference. [`crate::tango_interval`] is the one that agrees with
//! the margin test; this one serves as its cross-check and for very large tables.

use crate::distribution::normal_critical;
use crate::error::{StatsError, check_level};
use crate::interval::{Interval, Method};
use crate::paired::PairedTable;
use crate::proportion::wilson_limits;

/// Square-and-add interval of the paired difference of proportions, first minus second.
///
/// Built from the Wilson limits of the two rates and their correlation, which is corrected for continuity.
/// Source: Newcombe, Statistics in Medicine 17 (1998) 2635–2650, method 10. If a margin of the table is empty
/// the correlation is taken as 0, as there.
///
/// # Errors
/// No pairs or more than [`crate::TRIALS_MAX`], `level` outside (0, 1).
pub fn newcombe_interval(table: &PairedTable, level: f64) -> Result<Interval, StatsError> {
    table.check()?;
    check_level(level)?;
    let n = table.pairs();
    let (yes_1, yes_2) = (table.both + table.first_only, table.both + table.second_only);
    let (rate_1, rate_2) = (yes_1 as f64 / n as f64, yes_2 as f64 / n as f64);
    let z = normal_critical(level);
    let ((low_1, high_1), (low_2, high_2)) = (wilson_limits(yes_1, n, z), wilson_limits(yes_2, n, z));
    let phi = correlation(table);
    let distance = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
    let estimate = table.difference();
    Ok(Interval {
        estimate,
        low: (estimate - distance(rate_1 - low_1, high_2 - rate_2)).max(-1.0),
        high: (estimate + distance(high_1 - rate_1, rate_2 - low_2)).min(1.0),
        level,
        method: Method::Newcombe,
    })
}

/// φ of the 2 × 2 table, moved towards 0 by n/2 if positive (method 10).
fn correlation(table: &PairedTable) -> f64 {
    let [a, b, c, d] = [table.both, table.first_only, table.second_only, table.neither].map(|count| count as f64);
    let product = (a + b) * (c + d) * (a + c) * (b + d);
    if product == 0.0 {
        return 0.0;
    }
    let cross = a * d - b * c;
    let corrected = if cross > 0.0 { (cross - 0.5 * (a + b + c + d)).max(0.0) } else { cross };
    corrected / product.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn airway_example_of_fagerland_lydersen_and_laake() {
        // Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850–2875, first example.
        let table = PairedTable { both: 1, first_only: 1, second_only: 7, neither: 12 };
        let found = newcombe_interval(&table, 0.95).unwrap();
        assert_eq!(format!("{:.3} {:.3}", found.low, found.high), "-0.507 -0.026");
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(newcombe_interval(&PairedTable::default(), 0.95).is_err());
        assert!(newcombe_interval(&PairedTable { both: 1, ..PairedTable::default() }, 0.0).is_err());
    }
}
