//! The one error of the crate and the checks that raise it. Every public function refuses through these.

use thiserror::Error;

/// Why an estimate has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// Nothing was observed.
    #[error("no observations: `{what}` is empty")]
    Empty {
        /// What was empty.
        what: &'static str,
    },
    /// One cluster (item) holds no observation.
    #[error("cluster `{index}` has no observations")]
    EmptyCluster {
        /// Position of the cluster.
        index: usize,
    },
    /// A standard error needs more than was given.
    #[error("`{what}` must be at least `{least}`, got `{got}`")]
    TooFew {
        /// What was counted.
        what: &'static str,
        /// The least that suffices.
        least: u64,
        /// What was given.
        got: u64,
    },
    /// More than the numerical methods here are checked for.
    #[error("`{what}` must be at most `{most}`, got `{got}`")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The most that is allowed.
        most: u64,
        /// What was given.
        got: u64,
    },
    /// A count is larger than the count it is part of.
    #[error("`{part}` = `{got}` is more than `{whole}` = `{of}`")]
    PartExceedsWhole {
        /// Name of the part.
        part: &'static str,
        /// Its value.
        got: u64,
        /// Name of the whole.
        whole: &'static str,
        /// Its value.
        of: u64,
    },
    /// A number lies outside its range, or is not a number.
    #[error("`{what}` = `{got}` is outside {range}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// Its value.
        got: f64,
        /// The range, as text.
        range: &'static str,
    },
    /// An observation or a statistic is infinite or not a number.
    #[error("`{what}` number `{index}` is `{got}`, not a finite number")]
    NotFinite {
        /// What the number is.
        what: &'static str,
        /// Its position.
        index: usize,
        /// Its value.
        got: f64,
    },
    /// Two lists that must match item by item have different lengths.
    #[error("`{first}` items on the first side but `{second}` on the second")]
    LengthMismatch {
        /// Length of the first.
        first: usize,
        /// Length of the second.
        second: usize,
    },
    /// Every bootstrap replicate lies on one side of the estimate, so the bias correction is infinite.
    #[error("BCa is undefined: all `{resamples}` replicates lie on one side of the estimate")]
    BcaUndefined {
        /// How many replicates were drawn.
        resamples: usize,
    },
}

/// Refuses a confidence level outside (0, 1), NaN included.
pub(crate) fn check_level(level: f64) -> Result<(), StatsError> {
    check_open_unit("level", level)
}

/// Refuses a number outside (0, 1), NaN included.
pub(crate) fn check_open_unit(what: &'static str, got: f64) -> Result<(), StatsError> {
    if got > 0.0 && got < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange { what, got, range: "(0, 1)" })
}

/// Refuses a margin outside (-1, 1), NaN included.
pub(crate) fn check_margin(got: f64) -> Result<(), StatsError> {
    if got > -1.0 && got < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange { what: "margin", got, range: "(-1, 1)" })
}

/// Refuses p-values outside [0, 1], NaN included.
pub(crate) fn check_p_values(p_values: &[f64]) -> Result<(), StatsError> {
    match p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        Some(&got) => Err(StatsError::OutOfRange { what: "p-value", got, range: "[0, 1]" }),
        None => Ok(()),
    }
}

/// Refuses infinities and NaN.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<(), StatsError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { what, index, got: values[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_levels_outside_the_open_unit_interval() {
        for level in [0.0, 1.0, -0.1, 95.0, f64::NAN, f64::INFINITY] {
            assert!(check_level(level).is_err(), "level {level}");
        }
        assert_eq!(check_level(0.95), Ok(()));
    }

    #[test]
    fn messages_name_the_value() {
        let error = check_finite("value", &[1.0, f64::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "`value` number `1` is `NaN`, not a finite number");
    }
}
