//! Critical values for intervals that are made elsewhere from an estimate and its standard error.

use crate::distribution::critical;
use crate::error::{StatsError, check_level};

/// The two-sided critical value at `level`: of Student's t where degrees of freedom are given, else of the normal
/// distribution.
///
/// # Errors
/// `level` outside (0, 1).
pub fn critical_value(level: f64, degrees_of_freedom: Option<u64>) -> Result<f64, StatsError> {
    check_level(level)?;
    Ok(critical(level, degrees_of_freedom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_printed_tables() {
        assert!((critical_value(0.95, None).unwrap() - 1.959_964).abs() < 1e-6);
        assert!((critical_value(0.95, Some(3)).unwrap() - 3.182_446).abs() < 1e-6);
        assert!(critical_value(f64::NAN, None).is_err());
    }
}
