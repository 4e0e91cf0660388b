//! `match`, `includes` and `exact`: the reply's text against the gold answers, as Inspect compares them.

use async_trait::async_trait;
use ph_record::Score;
use schemars::JsonSchema;
use serde::Deserialize;

use super::number::numbers;
use super::{Scorer, ScorerError, Subject};
use crate::role::RoleAsker;

fn yes() -> bool {
    true
}

/// Where in the reply the gold answer must stand.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Location {
    Begin,
    #[default]
    End,
    Any,
    Exact,
}

/// `match {location = "end", ignore_case = true, numeric = false}`: white space and punctuation around reply and gold
/// answer do not count. With `numeric` the reply's numbers are compared instead of its text.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Match {
    #[serde(default)]
    location: Location,
    #[serde(default = "yes")]
    ignore_case: bool,
    #[serde(default)]
    numeric: bool,
}

#[async_trait]
impl Scorer for Match {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let gold = subject.gold()?;
        if self.numeric {
            return self.score_numbers(&subject.reply, gold);
        }
        let reply = self.trimmed(&subject.reply);
        let is_right = gold.iter().map(|gold| self.trimmed(gold)).any(|gold| {
            !gold.is_empty()
                && match self.location {
                    Location::Begin => reply.starts_with(&gold),
                    Location::End => reply.ends_with(&gold),
                    Location::Any => reply.contains(&gold),
                    Location::Exact => reply == gold,
                }
        });
        Ok(Score::of(is_right, subject.reply.trim()))
    }
}

impl Match {
    fn trimmed(&self, text: &str) -> String {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation());
        cased(text, self.ignore_case)
    }

    fn score_numbers(&self, reply: &str, gold: &[String]) -> Result<Score, ScorerError> {
        let found = numbers(reply);
        let read: &[f64] = match self.location {
            Location::Begin => found.get(..1).unwrap_or_default(),
            Location::End => found.last().map(std::slice::from_ref).unwrap_or_default(),
            Location::Any => &found,
            Location::Exact => {
                if found.len() == 1 {
                    &found
                } else {
                    &[]
                }
            }
        };
        let mut is_right = false;
        for gold in gold {
            let gold = super::number::gold_number(gold)?;
            is_right |= read.contains(&gold);
        }
        let answer = read.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        Ok(Score::of(is_right, answer))
    }
}

/// `includes {ignore_case = true}`: a gold answer stands anywhere in the reply.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Includes {
    #[serde(default = "yes")]
    ignore_case: bool,
}

#[async_trait]
impl Scorer for Includes {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let reply = cased(&subject.reply, self.ignore_case);
        let is_right = subject.gold()?.iter().any(|gold| reply.contains(&cased(gold.trim(), self.ignore_case)));
        Ok(Score::of(is_right, subject.reply.trim()))
    }
}

/// `exact`: reply and gold answer are the same words; case, articles, white space and punctuation around words do not
/// count.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Exact {}

#[async_trait]
impl Scorer for Exact {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let reply = words(&subject.reply);
        let is_right = subject.gold()?.iter().any(|gold| words(gold) == reply);
        Ok(Score::of(is_right, subject.reply.trim()))
    }
}

fn cased(text: &str, ignore_case: bool) -> String {
    if ignore_case { text.to_lowercase() } else { text.to_owned() }
}

fn words(text: &str) -> Vec<String> {
    let all: Vec<String> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '-').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let without_articles: Vec<String> =
        all.iter().filter(|word| !matches!(word.as_str(), "a" | "an" | "the")).cloned().collect();
    // An answer that is nothing but an article, such as the letter `a`, stays.
    if without_articles.is_empty() { all } else { without_articles }
}
