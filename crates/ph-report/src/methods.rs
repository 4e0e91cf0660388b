//! The statistics of a report in words: every way in which an interval of it was made, with its source.

use std::collections::HashSet;

use ph_analysis::{IntervalMethod, ReportData};

/// A method and where it comes from.
pub(crate) struct MethodRow {
    pub(crate) name: &'static str,
    pub(crate) how: &'static str,
    pub(crate) source: &'static str,
}

/// The methods that made an interval of this report, in a fixed order; Holm and McNemar where anything was compared.
pub(crate) fn methods(data: &ReportData) -> Vec<MethodRow> {
    let used = used(data);
    let mut rows: Vec<MethodRow> =
        ORDER.iter().filter(|(method, _)| used.contains(method)).map(|(_, row)| row()).collect();
    if !data.comparisons.is_empty() {
        rows.push(MethodRow {
            name: "Several tests at once: intervals",
            how: "each at an even share of the error rate, so that all hold together; a finding is read from them",
            source: "Bonferroni, after Dunn, Journal of the American Statistical Association 56 (1961) 52–64",
        });
        rows.push(MethodRow {
            name: "Several tests at once: p-values",
            how: "step-down adjustment over the whole family; planned comparisons that could not be made stay in with p = 1",
            source: "Holm, Scandinavian Journal of Statistics 6 (1979) 65–70",
        });
        rows.push(MethodRow {
            name: "Smallest detectable difference",
            how: "the true difference found beyond the margin with 80 % probability, at an even share of the error rate",
            source: "from the margin test of Tango, Statistics in Medicine 17 (1998) 891–908",
        });
    }
    rows
}

type Describe = fn() -> MethodRow;

const ORDER: [(IntervalMethod, Describe); 7] = [
    (IntervalMethod::Exact, || MethodRow {
        name: "Rate, one yes or no per item",
        how: "exact binomial limits",
        source: "Clopper and Pearson, Biometrika 26 (1934) 404–413",
    }),
    (IntervalMethod::ExactByCluster, || MethodRow {
        name: "Rate, items in groups that all agree",
        how: "exact binomial limits with a whole group counted as one trial",
        source: "Clopper and Pearson, Biometrika 26 (1934) 404–413",
    }),
    (IntervalMethod::Clustered, || MethodRow {
        name: "Mean of items in groups or over epochs",
        how: "mean ± Student's t × standard error clustered by group",
        source: "Liang and Zeger, Biometrika 73 (1986) 13–22",
    }),
    (IntervalMethod::Replies, || MethodRow {
        name: "Other replies to these very items (benchmark)",
        how: "mean ± normal quantile × spread of epochs within items",
        source: "NIST AI 800-3, which keeps benchmark and generalised accuracy apart",
    }),
    (IntervalMethod::PairedScore, || MethodRow {
        name: "Paired difference, one yes or no per item",
        how: "score limits for the difference of paired proportions",
        source: "Tango, Statistics in Medicine 17 (1998) 891–908",
    }),
    (IntervalMethod::PairedScoreByCluster, || MethodRow {
        name: "Paired difference, groups that all agree",
        how: "the same score limits with a whole group counted as one pair",
        source: "Tango, Statistics in Medicine 17 (1998) 891–908",
    }),
    (IntervalMethod::PairedClustered, || MethodRow {
        name: "Paired difference, items in groups",
        how: "the wider of the score limits and mean difference ± Student's t × clustered standard error",
        source: "Tango 1998; Liang and Zeger 1986",
    }),
];

fn used(data: &ReportData) -> HashSet<IntervalMethod> {
    let estimates = || data.results.iter().flat_map(|result| &result.estimates);
    let limits = estimates().flat_map(|one| [one.limits, one.benchmark_limits]).flatten();
    let differences = data.comparisons.iter().flat_map(|one| [one.limits, one.adjusted_limits]).flatten();
    let bounds = estimates().filter_map(|one| one.bound).map(|bound| bound.method);
    let grids = data.searches.iter().filter_map(|search| search.grid_bound).map(|bound| bound.method);
    limits.chain(differences).map(|limits| limits.method).chain(bounds).chain(grids).collect()
}
