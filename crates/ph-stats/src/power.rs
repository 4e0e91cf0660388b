//! What a paired comparison can see: the plan prints the smallest difference it could find, so that "no
//! difference found" is read rightly.

use serde::{Deserialize, Serialize};

use crate::distribution::normal_quantile;
use crate::error::{StatsError, check_open_unit};
use crate::root::bisect;

/// A planned paired comparison of two rates, tested two-sided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDesign {
    /// Items on which both sides are tried.
    pub pairs: u64,
    /// Expected share of items with different outcomes, in (0, 1].
    pub discordance: f64,
    /// Two-sided error rate, in (0, 1), after any adjustment for multiplicity.
    pub alpha: f64,
    /// Wanted probability to find the difference, in [0.5, 1).
    pub power: f64,
}

/// The smallest difference of rates that the design finds with its power; none if even the largest possible
/// (every discordant item on one side) is missed too often.
///
/// Solves n = (z₁₋α/₂ √ψ + z_power √(ψ − δ²))² / δ² for δ; an approximation by the normal distribution.
/// Source: Miettinen, Biometrics 24 (1968) 339–352; Connor, Biometrics 43 (1987) 207–211.
///
/// # Errors
/// No pairs, or a parameter outside its range.
pub fn minimum_detectable_effect(design: &PairedDesign) -> Result<Option<f64>, StatsError> {
    check(design.discordance, design.alpha, design.power)?;
    if design.pairs == 0 {
        return Err(StatsError::Empty { what: "pairs" });
    }
    let (scale, psi) = ((design.pairs as f64).sqrt(), design.discordance);
    let missed = |delta: f64| delta * scale < needed_root(delta, psi, design.alpha, design.power);
    if missed(psi) {
        return Ok(None);
    }
    Ok(Some(bisect(0.0, psi, missed)))
}

/// The fewest pairs that find `difference` with the design's power; its `pairs` is not read.
///
/// Source: as [`minimum_detectable_effect`].
///
/// # Errors
/// `difference` is 0 or larger than the discordance, or a parameter is outside its range.
pub fn pairs_needed(difference: f64, design: &PairedDesign) -> Result<u64, StatsError> {
    check(design.discordance, design.alpha, design.power)?;
    let delta = difference.abs();
    if !(delta > 0.0 && delta <= design.discordance) {
        let range = "(0, discordance], either sign";
        return Err(StatsError::OutOfRange { what: "difference", got: difference, range });
    }
    let root = needed_root(delta, design.discordance, design.alpha, design.power) / delta;
    // Saturates above u64::MAX, which no plan reaches.
    Ok((root * root).ceil().max(1.0) as u64)
}

/// z₁₋α/₂ √ψ + z_power √(ψ − δ²), which √n·δ must reach.
fn needed_root(delta: f64, psi: f64, alpha: f64, power: f64) -> f64 {
    -normal_quantile(0.5 * alpha) * psi.sqrt() + normal_quantile(power) * (psi - delta * delta).max(0.0).sqrt()
}

fn check(discordance: f64, alpha: f64, power: f64) -> Result<(), StatsError> {
    if !(discordance > 0.0 && discordance <= 1.0) {
        return Err(StatsError::OutOfRange { what: "discordance", got: discordance, range: "(0, 1]" });
    }
    check_open_unit("alpha", alpha)?;
    if !(0.5..1.0).contains(&power) {
        return Err(StatsError::OutOfRange { what: "power", got: power, range: "[0.5, 1)" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::binomial_pmf;
    use crate::{PairedTable, mcnemar};

    const DESIGN: PairedDesign = PairedDesign { pairs: 200, discordance: 0.3, alpha: 0.05, power: 0.8 };

    /// Power of the mid-p test by enumeration of the discordant pairs.
    fn enumerated_power(design: &PairedDesign, delta: f64) -> f64 {
        let share = 0.5 * (1.0 + delta / design.discordance);
        let mut power = 0.0;
        for discordant in 0..=design.pairs {
            let weight = binomial_pmf(discordant, design.pairs, design.discordance);
            for first_only in 0..=discordant {
                let second_only = discordant - first_only;
                let table = PairedTable { both: design.pairs - discordant, first_only, second_only, neither: 0 };
                if mcnemar(&table).unwrap().p_mid <= design.alpha {
                    power += weight * binomial_pmf(first_only, discordant, share);
                }
            }
        }
        power
    }

    #[test]
    fn the_effect_is_found_as_often_as_promised() {
        let effect = minimum_detectable_effect(&DESIGN).unwrap().unwrap();
        let power = enumerated_power(&DESIGN, effect);
        assert!((power - 0.8).abs() < 0.02, "effect {effect} has power {power}");
    }

    #[test]
    fn pairs_and_effect_are_inverse() {
        let effect = minimum_detectable_effect(&DESIGN).unwrap().unwrap();
        assert_eq!(pairs_needed(effect * 1.000_001, &DESIGN), Ok(200));
        assert_eq!(pairs_needed(-effect * 0.999, &DESIGN), Ok(201));
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(minimum_detectable_effect(&PairedDesign { pairs: 0, ..DESIGN }).is_err());
        assert!(minimum_detectable_effect(&PairedDesign { discordance: 0.0, ..DESIGN }).is_err());
        assert!(minimum_detectable_effect(&PairedDesign { power: 0.4, ..DESIGN }).is_err());
        assert!(minimum_detectable_effect(&PairedDesign { alpha: f64::NAN, ..DESIGN }).is_err());
        assert_eq!(minimum_detectable_effect(&PairedDesign { pairs: 5, discordance: 0.1, ..DESIGN }), Ok(None));
        assert!(pairs_needed(0.0, &DESIGN).is_err());
        assert!(pairs_needed(0.4, &DESIGN).is_err());
    }
}
