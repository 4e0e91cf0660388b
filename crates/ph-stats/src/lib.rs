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
//! | a rate, with an interval | [`wilson`], or [`clopper_pearson`] where coverage must never fall below the level |
//! | "none found": how often could it still happen? | [`upper_bound`], planned with [`n_needed_for_upper_bound`] |
//! | a mean over items × epochs | [`clustered_mean`] |
//! | the same items on two targets, one yes/no each | [`tango_interval`], [`mcnemar`] |
//! | … is the difference beyond a margin? | [`exact_margin_test`]; above its limit of pairs [`tango_margin_test`] |
//! | the same items on two targets, several epochs | [`paired_mean_difference`] |
//! | any other statistic of items | [`cluster_bootstrap`] |
//! | several findings in one table | [`holm`] for p-values, [`holm_levels`] or [`bonferroni_level`] for intervals |
//! | what could this plan have seen? | [`minimum_detectable_effect`], [`pairs_needed`] |

mod bootstrap;
mod bound;
mod cluster;
mod distribution;
mod error;
mod interval;
mod margin;
mod mcnemar;
mod multiplicity;
mod newcombe;
mod paired;
mod paired_mean;
mod pass_at_k;
mod power;
mod proportion;
mod root;
mod tango;

pub use bootstrap::{BootstrapKind, BootstrapOptions, cluster_bootstrap};
pub use bound::{lower_bound, n_needed_for_upper_bound, upper_bound};
pub use cluster::{MeanEstimate, MeanOptions, Reference, StandardError, clustered_mean};
pub use error::StatsError;
pub use interval::{Interval, Method};
pub use margin::{EXACT_PAIRS_MAX, MarginTest, exact_margin_test, tango_margin_test};
pub use mcnemar::{McNemar, mcnemar};
pub use multiplicity::{bonferroni_level, holm, holm_levels};
pub use newcombe::newcombe_interval;
pub use paired::PairedTable;
pub use paired_mean::paired_mean_difference;
pub use pass_at_k::{pass_at_k, pass_hat_k};
pub use power::{PairedDesign, minimum_detectable_effect, pairs_needed};
pub use proportion::{TRIALS_MAX, clopper_pearson, wilson};
pub use tango::tango_interval;
