//! Estimators: intervals, bounds, paired differences and multiplicity, each with its source.
//!
//! `ph-analysis` turns scored samples into counts, tables and clusters and calls this crate; nothing here
//! knows what a sample, a task or a target is. Everything is a pure function of its arguments: no clock, no
//! files, and randomness only in [`cluster_bootstrap`], from the seed it is given. Distribution functions
//! come from `statrs`; the estimators are ours and are compared with values of scipy and statsmodels
//! (`tests/fixtures`). No input makes a function panic: what has no answer is a [`StatsError`], and every
//! degenerate case with a sensible limit names that limit in its documentation.
//!
//! Which to use:
//!
//! | question | function |
//! |---|---|
//! | a rate, with an interval whose coverage never falls below the level | [`clopper_pearson`] |
//! | … of items that come in clusters | [`clopper_pearson_effective`] beside [`clustered_mean`] |
//! | … whose coverage is near the level on average | [`wilson`] |
//! | "none found": how often could it still happen? | [`upper_bound`], [`lower_bound`]; planned with [`n_needed_for_upper_bound`] |
//! | a mean over items × epochs | [`clustered_mean`] |
//! | the same items on two targets, one yes/no each | [`tango_interval`], [`mcnemar`] |
//! | … is the difference beyond a margin? | the larger p of [`tango_margin_test`] and, up to [`EXACT_PAIRS_MAX`] pairs, [`exact_margin_test`] |
//! | … of pairs that come in clusters | [`tango_interval_effective`] beside [`clustered_mean`] of the differences |
//! | the same items on two targets, every item weighing the same | [`paired_mean_difference`] |
//! | any other statistic of items | [`cluster_bootstrap`] |
//! | several findings in one table | [`bonferroni_level`] for intervals, [`holm`] for p-values |
//! | what could this comparison have seen? | [`minimum_detectable_difference`] |
//! | the critical value of an interval | [`critical_value`] |
//!
//! `ph-analysis` calls all of these but [`wilson`], [`n_needed_for_upper_bound`], [`paired_mean_difference`] and
//! [`cluster_bootstrap`], which stand ready for tasks whose scores ask for them.

mod bootstrap;
mod bound;
mod cluster;
mod critical;
mod distribution;
mod error;
mod interval;
mod margin;
mod mcnemar;
mod multiplicity;
mod paired;
mod paired_mean;
mod power;
mod proportion;
mod root;
mod tango;

pub use bootstrap::{BootstrapKind, BootstrapOptions, cluster_bootstrap};
pub use bound::{lower_bound, n_needed_for_upper_bound, upper_bound};
pub use cluster::{MeanEstimate, MeanOptions, Reference, StandardError, clustered_mean};
pub use critical::critical_value;
pub use error::StatsError;
pub use interval::{Interval, Method};
pub use margin::{EXACT_PAIRS_MAX, MarginTest, exact_margin_test, tango_margin_test};
pub use mcnemar::{McNemar, mcnemar};
pub use multiplicity::{bonferroni_level, holm};
pub use paired::PairedTable;
pub use paired_mean::paired_mean_difference;
pub use power::{MarginDesign, minimum_detectable_difference};
pub use proportion::{TRIALS_MAX, clopper_pearson, clopper_pearson_effective, wilson};
pub use tango::{tango_interval, tango_interval_effective};
