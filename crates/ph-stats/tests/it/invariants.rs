//! What must hold for any input.

use ph_stats::*;
use proptest::prelude::*;

fn counts() -> impl Strategy<Value = (u64, u64)> {
    (1u64..3_000).prop_flat_map(|n| (0..=n, Just(n)))
}

fn tables() -> impl Strategy<Value = PairedTable> {
    (0u64..200, 0u64..60, 0u64..60, 0u64..200)
        .prop_map(|(both, first_only, second_only, neither)| PairedTable { both, first_only, second_only, neither })
        .prop_filter("no pairs", |table| table.pairs() > 0)
}

fn levels() -> impl Strategy<Value = f64> {
    0.5..0.9999
}

proptest! {
    #[test]
    fn proportion_intervals_contain_the_estimate_and_rise((k, n) in counts(), level in levels()) {
        for interval in [clopper_pearson, wilson] {
            let found = interval(k, n, level).unwrap();
            prop_assert!(found.contains(found.estimate), "{found:?}");
            prop_assert!(0.0 <= found.low && found.high <= 1.0, "{found:?}");
            if k < n {
                let next = interval(k + 1, n, level).unwrap();
                prop_assert!(found.low <= next.low && found.high <= next.high, "{found:?} {next:?}");
            }
        }
    }

    #[test]
    fn a_higher_level_gives_a_wider_interval((k, n) in counts(), level in 0.5..0.99) {
        let (narrow, wide) = (clopper_pearson(k, n, level).unwrap(), clopper_pearson(k, n, level + 0.005).unwrap());
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
    }

    #[test]
    fn one_sided_bounds_are_the_ends_of_the_wider_interval((k, n) in counts(), level in levels()) {
        let both = clopper_pearson(k, n, 2.0 * level - 1.0 + 1e-9).unwrap();
        prop_assert!((both.high - upper_bound(k, n, level).unwrap()).abs() < 1e-6);
        prop_assert!((both.low - lower_bound(k, n, level).unwrap()).abs() < 1e-6);
    }

    #[test]
    fn paired_intervals_contain_the_estimate_and_mirror(table in tables(), level in levels()) {
        let found = tango_interval(&table, level).unwrap();
        let mirrored = tango_interval(&table.swapped(), level).unwrap();
        prop_assert!(found.contains(found.estimate), "{found:?}");
        prop_assert!(-1.0 <= found.low && found.high <= 1.0, "{found:?}");
        prop_assert!((found.low + mirrored.high).abs() < 1e-9, "{found:?} {mirrored:?}");
    }

    #[test]
    fn tango_interval_and_test_agree(table in tables(), level in levels(), margin in -0.9..0.9) {
        let found = tango_interval(&table, level).unwrap();
        let test = tango_margin_test(&table, margin).unwrap();
        let tail = 0.5 * (1.0 - level);
        // At the limit itself rounding decides.
        prop_assume!((found.low - margin).abs() > 1e-9 && (found.high - margin).abs() > 1e-9);
        prop_assert_eq!(found.lies_above(margin), test.p_greater < tail, "{:?} {:?}", found, test);
        prop_assert_eq!(found.lies_below(margin), test.p_less < tail, "{:?} {:?}", found, test);
    }

    #[test]
    fn margin_p_values_rise_with_the_margin(table in tables(), margin in -0.9..0.8) {
        let (near, far) = (tango_margin_test(&table, margin).unwrap(), tango_margin_test(&table, margin + 0.1).unwrap());
        prop_assert!(near.p_greater <= far.p_greater + 1e-12);
        prop_assert!((near.p_greater + near.p_less - 1.0).abs() < 1e-12);
    }

    #[test]
    fn mid_p_lies_between_half_and_the_exact_p(table in tables()) {
        let found = mcnemar(&table).unwrap();
        prop_assert!(found.p_mid <= found.p_exact && found.p_exact <= 2.0 * found.p_mid + 1e-12, "{found:?}");
        prop_assert_eq!(found, mcnemar(&table.swapped()).unwrap());
    }

    #[test]
    fn holm_never_lowers_and_keeps_the_order(p_values in prop::collection::vec(0.0..=1.0, 0..30)) {
        let adjusted = holm(&p_values).unwrap();
        for (a, p) in adjusted.iter().zip(&p_values) {
            prop_assert!(a >= p && *a <= 1.0);
            prop_assert!(*a <= (p * p_values.len() as f64).max(adjusted.iter().copied().fold(0.0, f64::max)));
        }
        for i in 0..p_values.len() {
            for j in 0..p_values.len() {
                prop_assert!(p_values[i] > p_values[j] || adjusted[i] <= adjusted[j]);
            }
        }
    }

    #[test]
    fn clustered_means_shift_with_the_data(
        clusters in prop::collection::vec(prop::collection::vec(-5.0..5.0_f64, 1..6), 2..20),
        shift in -100.0..100.0_f64,
    ) {
        let moved: Vec<Vec<f64>> = clusters.iter().map(|c: &Vec<f64>| c.iter().map(|x| x + shift).collect()).collect();
        let options = MeanOptions::at_level(0.95);
        let (a, b) = (clustered_mean(&clusters, &options).unwrap(), clustered_mean(&moved, &options).unwrap());
        prop_assert!((a.interval.low + shift - b.interval.low).abs() < 1e-9);
        prop_assert!((a.standard_error - b.standard_error).abs() < 1e-9);
        prop_assert!(a.interval.contains(a.interval.estimate));
    }

    #[test]
    fn counts_of_any_size_never_panic(k in any::<u64>(), n in any::<u64>(), x in any::<f64>()) {
        let table = PairedTable { both: k, first_only: n, second_only: k ^ n, neither: n >> 7 };
        let _ = (clopper_pearson(k, n, x), wilson(k, n, x), upper_bound(k, n, x), n_needed_for_upper_bound(x, k, 0.9));
        let _ = (tango_interval(&table, x), exact_margin_test(&table, x), mcnemar(&table));
        let _ = (clopper_pearson_effective(x, n, 0.9), tango_interval_effective((x, x), k, 0.9));
        let _ = (holm(&[x]), bonferroni_level(x, 3), table.difference(), critical_value(x, Some(k)));
        let design =
            MarginDesign { pairs: k, opposite: x, margin: 0.1, level: 0.95, power: 0.8, degrees_of_freedom: Some(n) };
        let _ = minimum_detectable_difference(&design);
        let _ = clustered_mean(&[vec![x, x], vec![x, 1.0]], &MeanOptions::at_level(0.9));
    }
}
