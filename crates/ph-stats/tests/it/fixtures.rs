//! Every case of `fixtures.json` (made by `make_fixtures.py`, versions beside it).

use ph_stats::*;
use serde_json::Value;

/// The cases of one group, with the count that keeps a lost group from passing.
fn cases(group: &str, at_least: usize) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/fixtures.json")).unwrap();
    let cases = all[group].as_array().unwrap().clone();
    assert!(cases.len() >= at_least, "`{group}` has {} cases", cases.len());
    cases
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("`{key}` in {case}"))
}

fn count(case: &Value, key: &str) -> u64 {
    case[key].as_u64().unwrap_or_else(|| panic!("`{key}` in {case}"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn table(case: &Value) -> PairedTable {
    let cell = |index: usize| case["table"][index].as_u64().unwrap();
    PairedTable { both: cell(0), first_only: cell(1), second_only: cell(2), neither: cell(3) }
}

/// Equal to within `tolerance`, absolutely or relatively, whichever is looser.
fn check(found: f64, expected: f64, tolerance: f64, case: &Value) {
    let off = (found - expected).abs();
    assert!(off <= tolerance * expected.abs().max(1.0), "{found} instead of {expected} (off {off:e}) for {case}");
}

fn check_limits(found: &Interval, expected: &Value, tolerance: f64, case: &Value) {
    let expected = numbers(expected);
    check(found.low, expected[0], tolerance, case);
    check(found.high, expected[1], tolerance, case);
}

#[test]
fn proportions_and_bounds() {
    for case in cases("proportion", 80) {
        let (k, n, level) = (count(&case, "k"), count(&case, "n"), number(&case, "level"));
        let exact = clopper_pearson(k, n, level).unwrap();
        // The log-gamma differences inside the beta function lose digits as n grows.
        let tolerance = if n > 10_000 { 1e-10 } else { 1e-12 };
        check_limits(&exact, &case["exact"], tolerance, &case);
        check_limits(&wilson(k, n, level).unwrap(), &case["wilson"], 1e-12, &case);
        check(upper_bound(k, n, level).unwrap(), number(&case, "upper"), tolerance, &case);
        check(lower_bound(k, n, level).unwrap(), number(&case, "lower"), tolerance, &case);
        assert_eq!((exact.estimate, exact.level, exact.method), (k as f64 / n as f64, level, Method::ClopperPearson));
    }
}

#[test]
fn trials_needed() {
    for case in cases("needed", 48) {
        let found = n_needed_for_upper_bound(number(&case, "rate"), count(&case, "failures"), number(&case, "level"));
        assert_eq!(found, Ok(count(&case, "n")), "{case}");
    }
}

#[test]
fn clustered_means() {
    for case in cases("cluster", 90) {
        let standard_error = match case["kind"].as_str().unwrap() {
            "naive" => StandardError::Naive,
            "cr0" => StandardError::Cr0,
            _ => StandardError::Cr1,
        };
        let reference = if case["use_t"] == true { Reference::StudentT } else { Reference::Normal };
        let options = MeanOptions { standard_error, reference, level: number(&case, "level") };
        let found = clustered_mean(&rows(&case["clusters"]), &options).unwrap();
        check(found.interval.estimate, number(&case, "mean"), 1e-12, &case);
        check(found.standard_error, number(&case, "se"), 1e-12, &case);
        check_limits(&found.interval, &case["interval"], 1e-11, &case);
        // The complementary error function of statrs has ten digits.
        check(found.p_greater(0.1), number(&case, "p_greater_0.1"), 1e-10, &case);
        check(found.p_less(0.1), 1.0 - number(&case, "p_greater_0.1"), 1e-10, &case);
    }
}

#[test]
fn paired_means() {
    for case in cases("paired_mean", 3) {
        let (first, second) = (rows(&case["first"]), rows(&case["second"]));
        let found = paired_mean_difference(&first, &second, Reference::StudentT, number(&case, "level")).unwrap();
        check(found.interval.estimate, number(&case, "difference"), 1e-12, &case);
        check(found.standard_error, number(&case, "se_items"), 1e-12, &case);
        check(found.standard_error, number(&case, "se_cr1"), 1e-12, &case);
        check_limits(&found.interval, &case["interval"], 1e-11, &case);
    }
}

#[test]
fn mcnemar_p_values() {
    for case in cases("mcnemar", 19) {
        let found = mcnemar(&table(&case)).unwrap();
        check(found.p_exact, number(&case, "exact"), 1e-12, &case);
        check(found.p_mid, number(&case, "mid"), 1e-12, &case);
    }
}

#[test]
fn paired_difference_intervals() {
    for case in cases("paired_interval", 68) {
        let level = number(&case, "level");
        // The reference maximises the likelihood numerically, so it carries its own rounding.
        check_limits(&tango_interval(&table(&case), level).unwrap(), &case["tango"], 1e-9, &case);
    }
}

#[test]
fn margin_tests() {
    for case in cases("margin", 102) {
        let found = tango_margin_test(&table(&case), number(&case, "margin")).unwrap();
        check(found.p_greater, number(&case, "p_greater"), 1e-9, &case);
        check(found.p_less, number(&case, "p_less"), 1e-9, &case);
    }
}

#[test]
fn exact_margin_tests() {
    for case in cases("exact_margin", 28) {
        let found = exact_margin_test(&table(&case), number(&case, "margin")).unwrap();
        check(found.p_greater, number(&case, "p_greater"), 1e-7, &case);
        check(found.p_less, number(&case, "p_less"), 1e-7, &case);
    }
}

#[test]
fn holm_adjustment() {
    for case in cases("holm", 7) {
        let p_values = numbers(&case["p"]);
        let adjusted = holm(&p_values).unwrap();
        for (found, expected) in adjusted.iter().zip(numbers(&case["adjusted"])) {
            check(*found, expected, 1e-14, &case);
        }
        for (adjusted, reject) in adjusted.iter().zip(case["reject"].as_array().unwrap()) {
            assert_eq!(*adjusted <= 0.05, reject.as_bool().unwrap(), "{case}");
        }
    }
}

#[test]
fn bootstrap_agrees_up_to_resampling_noise() {
    for case in cases("bootstrap", 2) {
        let kind = if case["method"] == "bca" { BootstrapKind::Bca } else { BootstrapKind::Percentile };
        let options = BootstrapOptions { resamples: 100_000, seed: 1, level: number(&case, "level"), kind };
        let mean = |drawn: &[&f64]| drawn.iter().copied().sum::<f64>() / drawn.len() as f64;
        let found = cluster_bootstrap(&numbers(&case["data"]), mean, &options).unwrap();
        check_limits(&found, &case["interval"], number(&case, "tolerance"), &case);
    }
}
