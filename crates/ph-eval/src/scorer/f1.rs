//! `f1`: how far the reply's words are those of a gold answer, as the SQuAD evaluation counts them (Rajpurkar et al.
//! 2016, section 6.1): the harmonic mean of precision and recall over the bag of words, the best of several gold answers.
//! Case, punctuation, articles and white space do not count. The score's metadata say whether the words are the same.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ph_record::{Score, ScoreValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Scorer, ScorerError, Subject};
use crate::role::RoleAsker;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct F1 {}

#[async_trait]
impl Scorer for F1 {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let reply = words(&subject.reply);
        let gold: Vec<_> = subject.gold()?.iter().map(|gold| words(gold)).collect();
        let best = gold.iter().map(|gold| f1(&reply, gold)).fold(0.0, f64::max);
        let exact = Value::Bool(gold.contains(&reply));
        Ok(Score {
            value: ScoreValue::Number(best),
            answer: Some(subject.reply.trim().to_owned()),
            explanation: None,
            metadata: Map::from_iter([("exact_match".to_owned(), exact)]),
        })
    }
}

/// The words that count.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    plain.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the")).map(str::to_owned).collect()
}

/// Where either side has no word that counts, 1 if both have none, else 0.
fn f1(reply: &[String], gold: &[String]) -> f64 {
    if reply.is_empty() || gold.is_empty() {
        return f64::from(u8::from(reply == gold));
    }
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    gold.iter().for_each(|word| *left.entry(word).or_default() += 1);
    let mut shared = 0.0;
    for word in reply {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1.0;
        }
    }
    // 2pr / (p + r) with p = shared / reply and r = shared / gold.
    2.0 * shared / (reply.len() + gold.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &str, gold: &str, wanted: f64) {
        let value = f1(&words(reply), &words(gold));
        assert!((value - wanted).abs() < 1e-12, "`{reply}` against `{gold}`: {value}");
    }

    #[test]
    fn shared_words_count() {
        check("The Eiffel Tower.", "eiffel tower", 1.0);
        check("It is the Eiffel Tower", "Eiffel Tower", 2.0 * 0.5 * 1.0 / 1.5);
        check("Rome", "Paris", 0.0);
        check("new york new york", "new york", 2.0 * 0.5 * 1.0 / 1.5);
        check("", "Paris", 0.0);
        check("the", "a", 1.0);
        check("U.S.A.", "usa", 1.0);
    }
}
