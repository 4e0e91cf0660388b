//! Bisection on a monotone function, for the limits that have no closed form. Private to the crate.

/// The point in `[low, high]` where the monotone `keep_low` turns from true to false, to the last bit.
///
/// The caller guarantees at most one change; if `keep_low` never holds the answer is `low`, if always, `high`.
pub(crate) fn bisect(mut low: f64, mut high: f64, keep_low: impl Fn(f64) -> bool) -> f64 {
    // 200 halvings take any bracket within [-1, 1] below the spacing of f64.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if keep_low(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The largest value of a function of one variable on `[low, high]`: a grid, then golden-section search in the best cell.
pub(crate) fn maximum(low: f64, high: f64, cells: u32, value: impl Fn(f64) -> f64) -> f64 {
    let step = (high - low) / f64::from(cells);
    let mut best = (f64::NEG_INFINITY, low);
    for cell in 0..=cells {
        let at = low + step * f64::from(cell);
        let found = value(at);
        if found > best.0 {
            best = (found, at);
        }
    }
    let (mut left, mut right) = ((best.1 - step).max(low), (best.1 + step).min(high));
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..40 {
        let (a, b) = (right - ratio * (right - left), left + ratio * (right - left));
        let (at_a, at_b) = (value(a), value(b));
        best.0 = best.0.max(at_a).max(at_b);
        if at_a > at_b {
            right = b;
        } else {
            left = a;
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisect_finds_the_turn() {
        assert!((bisect(0.0, 2.0, |x| x * x < 2.0) - 2.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(bisect(0.0, 1.0, |_| true), 1.0);
        assert!(bisect(0.0, 1.0, |_| false) < 1e-50);
    }

    #[test]
    fn maximum_refines_between_grid_points() {
        let found = maximum(0.0, 1.0, 7, |x| 1.0 - (x - 0.31).powi(2));
        assert!((found - 1.0).abs() < 1e-15);
    }
}
