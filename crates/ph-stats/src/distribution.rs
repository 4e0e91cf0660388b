//! The distribution functions this crate needs, all from `statrs`; private, so that no caller has to know its types.
//!
//! Quantiles of the beta and t distributions are found by bisecting the distribution function: the inverses
//! of `statrs` stop at about ten digits.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::checked_beta_reg;
use statrs::function::factorial::ln_binomial;

use crate::root::bisect;

/// Φ(x); 0 and 1 at the infinities.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// 1 − Φ(x), without cancellation in the tail.
pub(crate) fn normal_sf(x: f64) -> f64 {
    Normal::standard().sf(x)
}

/// Φ⁻¹(p) for `p` in (0, 1).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(0.0, 1.0))
}

/// The two-sided critical value: the upper (1 − level)/2 quantile of the normal distribution.
pub(crate) fn normal_critical(level: f64) -> f64 {
    -normal_quantile(0.5 * (1.0 - level))
}

/// The two-sided critical value at `level`: of Student's t where degrees of freedom are given, else of the normal.
pub(crate) fn critical(level: f64, freedom: Option<u64>) -> f64 {
    freedom.map_or_else(|| normal_critical(level), |freedom| t_critical(level, freedom as f64))
}

/// P(T > x) for Student's t; the normal tail if `freedom` is not a positive number.
pub(crate) fn t_sf(x: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(_) if x == f64::INFINITY => 0.0,
        Ok(_) if x == f64::NEG_INFINITY => 1.0,
        Ok(t) => t.cdf(-x),
        Err(_) => normal_sf(x),
    }
}

/// The two-sided critical value of Student's t.
pub(crate) fn t_critical(level: f64, freedom: f64) -> f64 {
    let tail = 0.5 * (1.0 - level);
    let mut high = 2.0;
    while t_sf(high, freedom) > tail && high < 1e300 {
        high *= 2.0;
    }
    bisect(0.0, high, |x| t_sf(x, freedom) > tail)
}

/// I_x(a, b), the distribution function of Beta(a, b); `a`, `b` > 0.
fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    checked_beta_reg(a, b, x).unwrap_or(f64::NAN)
}

/// The quantile of Beta(a, b) at `p`; `a`, `b` > 0.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_cdf(a, b, x) < p)
}

/// P(X ≤ k) for X ~ Binomial(n, p), `p` in [0, 1]; through the beta distribution.
pub(crate) fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    beta_cdf((n - k) as f64, k as f64 + 1.0, 1.0 - p)
}

/// P(X ≥ k) for X ~ Binomial(n, p), `p` in [0, 1]; through the beta distribution.
pub(crate) fn binomial_sf_inclusive(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    beta_cdf(k as f64, (n - k) as f64 + 1.0, p)
}

/// P(X = k) for X ~ Binomial(n, p), `p` in [0, 1].
pub(crate) fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if p <= 0.0 || p >= 1.0 {
        let certain = if p <= 0.0 { 0 } else { n };
        return f64::from(u8::from(k == certain));
    }
    (ln_binomial(n, k) + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_tails_meet_the_sum_of_the_mass() {
        for (n, p) in [(12, 0.3), (40, 0.01), (7, 0.0), (7, 1.0)] {
            let mut sum = 0.0;
            for k in 0..=n {
                assert!((binomial_sf_inclusive(k, n, p) - (1.0 - sum)).abs() < 1e-12, "n {n} p {p} k {k}");
                sum += binomial_pmf(k, n, p);
                assert!((binomial_cdf(k, n, p) - sum).abs() < 1e-12, "n {n} p {p} k {k}");
            }
        }
    }

    #[test]
    fn critical_values_are_the_tabled_ones() {
        assert!((normal_critical(0.95) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((t_critical(0.95, 1.0) - 12.706_204_736_174_7).abs() < 1e-9);
        assert!((t_critical(0.99, 30.0) - 2.749_995_653_567_23).abs() < 1e-11);
    }
}
