//! How often the paired intervals cover the truth and the margin tests err: by simulation from a fixed seed, and
//! for the exact test by enumeration.

use ph_stats::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The truth a simulation draws from: rates of (both, first only, second only); the rest is neither.
struct Truth {
    pairs: usize,
    rates: [f64; 3],
}

impl Truth {
    fn difference(&self) -> f64 {
        self.rates[1] - self.rates[2]
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> PairedTable {
        let [both, first_only, second_only] = self.rates;
        PairedTable::from_outcomes((0..self.pairs).map(|_| {
            let at: f64 = random.random();
            let first = at < both + first_only;
            let second = at < both || (at >= both + first_only && at < both + first_only + second_only);
            (first, second)
        }))
    }
}

fn coverage(truth: &Truth, level: f64, interval: fn(&PairedTable, f64) -> Result<Interval, StatsError>) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let runs = 4_000;
    let covered =
        (0..runs).filter(|_| interval(&truth.draw(&mut random), level).unwrap().contains(truth.difference())).count();
    covered as f64 / f64::from(runs)
}

#[test]
fn paired_intervals_cover_at_their_level() {
    let truths = [
        Truth { pairs: 40, rates: [0.5, 0.2, 0.1] },
        Truth { pairs: 100, rates: [0.9, 0.03, 0.03] },
        Truth { pairs: 200, rates: [0.05, 0.85, 0.02] },
        Truth { pairs: 200, rates: [0.3, 0.15, 0.05] },
    ];
    for truth in &truths {
        for level in [0.9, 0.95, 0.99] {
            let found = coverage(truth, level, tango_interval);
            // Three Monte-Carlo errors and 1.5 points for the discreteness of small tables.
            let slack = 3.0 * (level * (1.0 - level) / 4_000.0).sqrt() + 0.015;
            assert!(found >= level - slack, "{:?} at {level}: {found}", truth.rates);
            assert!(found <= 1.0 - 0.1 * (1.0 - level), "{:?} at {level}: {found} is idle", truth.rates);
        }
    }
}

#[test]
fn clustered_interval_covers_and_the_naive_one_does_not() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (runs, items, epochs) = (2_000, 30, 8);
    let mut covered = [0.0; 2];
    for _ in 0..runs {
        // The rate of an item is uniform, so that epochs of one item agree more than those of two.
        let data: Vec<Vec<f64>> = (0..items)
            .map(|_| {
                let rate: f64 = random.random();
                (0..epochs).map(|_| f64::from(u8::from(random.random::<f64>() < rate))).collect()
            })
            .collect();
        for (slot, standard_error) in covered.iter_mut().zip([StandardError::Cr1, StandardError::Naive]) {
            let options = MeanOptions { standard_error, reference: Reference::StudentT, level: 0.95 };
            let hit = clustered_mean(&data, &options).unwrap().interval.contains(0.5);
            *slot += f64::from(u8::from(hit)) / f64::from(runs);
        }
    }
    assert!((covered[0] - 0.95).abs() < 0.02, "clustered {}", covered[0]);
    assert!(covered[1] < 0.85, "naive {}", covered[1]);
}

/// Probability of `table` if its discordant rates are `first` and `second`.
fn probability(table: &PairedTable, first: f64, second: f64) -> f64 {
    let rest = 1.0 - first - second;
    let mut ways = 1.0;
    for i in 0..table.first_only {
        ways *= (table.pairs() - i) as f64 / (i + 1) as f64;
    }
    for i in 0..table.second_only {
        ways *= (table.pairs() - table.first_only - i) as f64 / (i + 1) as f64;
    }
    let power = |rate: f64, count: u64| rate.powi(i32::try_from(count).unwrap());
    ways * power(first, table.first_only) * power(second, table.second_only) * power(rest, table.neither)
}

#[test]
fn exact_margin_test_never_exceeds_its_error_rate() {
    let (pairs, alpha) = (16, 0.05);
    for margin in [0.0, 0.1, 0.3] {
        let rejected: Vec<PairedTable> = (0..=pairs)
            .flat_map(|first_only| (0..=pairs - first_only).map(move |second_only| (first_only, second_only)))
            .map(|(first_only, second_only)| PairedTable {
                both: 0,
                first_only,
                second_only,
                neither: pairs - first_only - second_only,
            })
            .filter(|table| exact_margin_test(table, margin).unwrap().p_greater <= alpha)
            .collect();
        assert!(!rejected.is_empty(), "margin {margin}");
        let mut worst = 0.0_f64;
        for step in 0..=200 {
            let second = f64::from(step) / 200.0 * 0.5 * (1.0 - margin);
            // On the boundary of the hypothesis and inside it.
            for difference in [margin, margin - 0.05, margin - 0.2] {
                if second + difference >= 0.0 {
                    let size = rejected.iter().map(|table| probability(table, second + difference, second)).sum();
                    worst = worst.max(size);
                }
            }
        }
        assert!(worst <= alpha + 1e-9 && worst > 0.01, "margin {margin}: {worst}");
    }
}

#[test]
fn score_test_is_liberal_where_its_documentation_says_so() {
    // The comparator never says yes, the target as often as the margin allows: 200 pairs, margin 0.1.
    let pairs = 200;
    let table = |first_only| PairedTable { both: 0, first_only, second_only: 0, neither: pairs - first_only };
    let error_rate = |test: fn(&PairedTable, f64) -> Result<MarginTest, StatsError>| -> f64 {
        // Fewer than 25 are not rejected; more than 60 have a probability below 1e-13.
        (25..=60)
            .map(table)
            .filter(|table| test(table, 0.1).unwrap().p_greater <= 0.0025)
            .map(|table| probability(&table, 0.1, 0.0))
            .sum()
    };
    let (score, exact) = (error_rate(tango_margin_test), error_rate(exact_margin_test));
    assert!((score - 0.0054).abs() < 0.0001, "score {score}");
    assert!(exact <= 0.0025 && exact > 0.0005, "exact {exact}");
}
