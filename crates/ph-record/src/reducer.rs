//! How the scores of an item's epochs become one.
//!
//! A reducer is written as a word: `mean`, `median`, `mode`, `max`, `at_least_2`, `pass_at_3`, `pass_k_3`. For the last
//! three a score of at least 1 is a pass, and an item with fewer scores than they ask for has no value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A score from which an epoch counts as passed.
const PASSED: f64 = 1.0;

/// How the scores of an item's epochs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reducer {
    /// Their mean.
    #[default]
    Mean,
    /// Their median.
    Median,
    /// The commonest; of equals the one that came first.
    Mode,
    /// The highest.
    Max,
    /// 1 where at least so many epochs passed, else 0.
    AtLeast(u32),
    /// The probability that of so many epochs at least one passes, without bias: 1 − C(n−c, k) / C(n, k) for c passes
    /// among n epochs (Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1).
    PassAt(u32),
    /// The probability that so many epochs all pass, without bias: C(c, k) / C(n, k) (Yao et al. 2024, "τ-bench", the
    /// metric pass^k).
    PassK(u32),
}

/// A word names no reducer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a reducer; there are `mean`, `median`, `mode`, `max`, `at_least_K`, `pass_at_K`, `pass_k_K` (K from 1 to {max})",
    max = Reducer::EPOCHS_MAX
)]
pub struct ReducerError(String);

impl Reducer {
    /// The most epochs that a reducer may ask for.
    pub const EPOCHS_MAX: u32 = 10_000;

    /// How many scores it needs to have a value.
    #[must_use]
    pub fn epochs_needed(self) -> u32 {
        match self {
            Reducer::AtLeast(k) | Reducer::PassAt(k) | Reducer::PassK(k) => k,
            Reducer::Mean | Reducer::Median | Reducer::Mode | Reducer::Max => 1,
        }
    }

    /// The scores of one item's epochs, in order of epoch, as one; `None` where there are too few or one is not finite.
    #[must_use]
    pub fn reduce(self, scores: &[f64]) -> Option<f64> {
        let is_enough = u32::try_from(scores.len()).unwrap_or(u32::MAX) >= self.epochs_needed();
        if scores.is_empty() || !is_enough || scores.iter().any(|score| !score.is_finite()) {
            return None;
        }
        let passes = scores.iter().filter(|score| **score >= PASSED).count();
        Some(match self {
            Reducer::Mean => scores.iter().sum::<f64>() / scores.len() as f64,
            Reducer::Median => median(scores),
            Reducer::Mode => mode(scores),
            Reducer::Max => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reducer::AtLeast(k) => f64::from(u8::from(passes >= k as usize)),
            Reducer::PassAt(k) => 1.0 - all_of(scores.len() - passes, scores.len(), k),
            Reducer::PassK(k) => all_of(passes, scores.len(), k),
        })
    }
}

/// C(`marked`, `drawn`) / C(`all`, `drawn`): the probability that `drawn` of `all` are all among the `marked`.
fn all_of(marked: usize, all: usize, drawn: u32) -> f64 {
    (0..drawn as usize).map(|place| marked.saturating_sub(place) as f64 / (all - place) as f64).product()
}

fn median(scores: &[f64]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The commonest score; of equally common ones the one that came first.
fn mode(scores: &[f64]) -> f64 {
    let count = |score: f64| scores.iter().filter(|other| other.total_cmp(&score).is_eq()).count();
    let mut best = (scores[0], count(scores[0]));
    for &score in scores {
        let times = count(score);
        if times > best.1 {
            best = (score, times);
        }
    }
    best.0
}

impl fmt::Display for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reducer::Mean => f.write_str("mean"),
            Reducer::Median => f.write_str("median"),
            Reducer::Mode => f.write_str("mode"),
            Reducer::Max => f.write_str("max"),
            Reducer::AtLeast(k) => write!(f, "at_least_{k}"),
            Reducer::PassAt(k) => write!(f, "pass_at_{k}"),
            Reducer::PassK(k) => write!(f, "pass_k_{k}"),
        }
    }
}

impl FromStr for Reducer {
    type Err = ReducerError;

    fn from_str(word: &str) -> Result<Self, ReducerError> {
        let counted = |prefix: &str, make: fn(u32) -> Reducer| {
            let digits = word.strip_prefix(prefix)?;
            let count = digits.parse().ok().filter(|count| (1..=Self::EPOCHS_MAX).contains(count))?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| make(count))
        };
        match word {
            "mean" => Some(Reducer::Mean),
            "median" => Some(Reducer::Median),
            "mode" => Some(Reducer::Mode),
            "max" => Some(Reducer::Max),
            _ => counted("at_least_", Reducer::AtLeast)
                .or_else(|| counted("pass_at_", Reducer::PassAt))
                .or_else(|| counted("pass_k_", Reducer::PassK)),
        }
        .ok_or_else(|| ReducerError(word.chars().take(80).collect()))
    }
}

impl Serialize for Reducer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reducer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Reducer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reducer".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How the scores of an item's epochs become one: `mean`, `median`, `mode` (the commonest, of equals the first), `max`, `at_least_K` (1 where K epochs passed), `pass_at_K` (pass@k, unbiased), `pass_k_K` (pass^k).",
            "type": "string",
            "pattern": "^(mean|median|mode|max|(at_least|pass_at|pass_k)_[1-9][0-9]{0,4})$",
        })
    }
}

/// One reducer or several; of several the first makes the task's numbers, and the others stand beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Reducers {
    /// One.
    One(Reducer),
    /// Several.
    Several(Vec<Reducer>),
}

impl Default for Reducers {
    fn default() -> Self {
        Reducers::One(Reducer::Mean)
    }
}

impl From<Reducer> for Reducers {
    fn from(reducer: Reducer) -> Self {
        Reducers::One(reducer)
    }
}

impl Reducers {
    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> &[Reducer] {
        match self {
            Reducers::One(one) => std::slice::from_ref(one),
            Reducers::Several(several) => several,
        }
    }

    /// The one that makes the task's numbers.
    #[must_use]
    pub fn first(&self) -> Reducer {
        self.all().first().copied().unwrap_or_default()
    }

    /// How many scores an item needs so that all of them have a value.
    #[must_use]
    pub fn epochs_needed(&self) -> u32 {
        self.all().iter().map(|reducer| reducer.epochs_needed()).max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reducer: &str, scores: &[f64], wanted: Option<f64>) {
        let reducer: Reducer = reducer.parse().unwrap();
        assert_eq!(reducer.reduce(scores), wanted, "{reducer:?} {scores:?}");
    }

    #[test]
    fn epochs_become_one_score() {
        check("mean", &[1.0, 0.0, 0.5, 1.0], Some(0.625));
        check("median", &[1.0, 0.0, 0.0], Some(0.0));
        check("median", &[1.0, 0.0], Some(0.5));
        check("mode", &[0.0, 1.0, 1.0, 0.0], Some(0.0));
        check("mode", &[0.0, 1.0, 1.0], Some(1.0));
        check("max", &[0.0, 0.25], Some(0.25));
        check("at_least_2", &[1.0, 0.5, 1.0], Some(1.0));
        check("at_least_2", &[1.0, 0.5, 0.99], Some(0.0));
        check("pass_at_1", &[1.0, 0.0, 0.0, 0.0], Some(0.25));
        check("pass_at_2", &[1.0, 1.0, 1.0], Some(1.0));
        check("pass_k_2", &[1.0, 1.0, 0.0], Some(1.0 / 3.0));
        check("pass_k_3", &[1.0, 1.0, 0.0], Some(0.0));
        for reducer in ["mean", "median", "mode", "max", "at_least_1", "pass_at_1", "pass_k_1"] {
            check(reducer, &[], None);
            check(reducer, &[f64::NAN], None);
        }
        for reducer in ["at_least_3", "pass_at_3", "pass_k_3"] {
            check(reducer, &[1.0, 1.0], None);
        }
    }

    /// The share of all ways to draw `k` of the scores of which `passes` says yes: every subset is looked at.
    fn by_drawing(scores: &[f64], k: u32, passes: impl Fn(&[f64]) -> bool) -> f64 {
        let (mut drawn, mut yes) = (0_u32, 0_u32);
        for mask in 0_u32..1 << scores.len() {
            if mask.count_ones() == k {
                let subset: Vec<f64> =
                    (0..scores.len()).filter(|place| mask >> place & 1 == 1).map(|place| scores[place]).collect();
                drawn += 1;
                yes += u32::from(passes(&subset));
            }
        }
        f64::from(yes) / f64::from(drawn)
    }

    #[test]
    fn pass_at_k_and_pass_k_are_what_drawing_every_subset_gives() {
        for n in 1..=9_usize {
            for passed in 0..=n {
                let scores: Vec<f64> = (0..n).map(|place| if place < passed { 1.0 } else { 0.0 }).collect();
                for k in 1..=u32::try_from(n).unwrap() {
                    let any = by_drawing(&scores, k, |drawn| drawn.iter().any(|score| *score >= 1.0));
                    let all = by_drawing(&scores, k, |drawn| drawn.iter().all(|score| *score >= 1.0));
                    let close = |reducer: Reducer, wanted: f64| {
                        let value = reducer.reduce(&scores).unwrap();
                        assert!((value - wanted).abs() < 1e-12, "{reducer} of {passed}/{n}: {value}, wanted {wanted}");
                    };
                    close(Reducer::PassAt(k), any);
                    close(Reducer::PassK(k), all);
                }
            }
        }
    }

    #[test]
    fn many_epochs_stay_finite() {
        let scores: Vec<f64> = (0..10_000).map(|place| if place % 2 == 0 { 1.0 } else { 0.0 }).collect();
        for reducer in [Reducer::PassAt(5_001), Reducer::PassK(5_001), Reducer::PassAt(10_000)] {
            let value = reducer.reduce(&scores).unwrap();
            assert!((0.0..=1.0).contains(&value), "{reducer}: {value}");
        }
        assert_eq!(Reducer::PassK(5_001).reduce(&scores), Some(0.0));
        assert_eq!(Reducer::PassAt(5_001).reduce(&scores), Some(1.0));
    }

    #[test]
    fn words_name_reducers() {
        for word in ["mean", "median", "mode", "max", "at_least_2", "pass_at_10", "pass_k_10000"] {
            assert_eq!(word.parse::<Reducer>().unwrap().to_string(), word);
        }
        for wrong in
            ["avg", "pass_at_0", "pass_at_", "pass_at_+1", "pass_k_10001", "at_least_-1", "pass_at_99999999999"]
        {
            assert!(wrong.parse::<Reducer>().is_err(), "{wrong}");
        }
        let both: Reducers = serde_json::from_str(r#"["mean","pass_at_2"]"#).unwrap();
        assert_eq!((both.first(), both.epochs_needed()), (Reducer::Mean, 2));
        assert_eq!(serde_json::to_string(&Reducers::default()).unwrap(), "\"mean\"");
    }
}
