//! Scorers: what a reply is worth, by rules, by a grader or by an external command.
//!
//! A scorer is made once per run from its name and parameters and reads one [`Subject`] after another. It never changes
//! a sample and never asks the target; a grader is asked through [`RoleAsker`]. Where a scorer cannot judge it fails, and
//! then the sample has no score of it.
//!
//! Every scorer takes, besides its own parameters: `label` (the name under which its score is recorded; its own name if
//! absent), `against = "metadata.KEY"` (the gold answer is that field of the item's metadata instead of its target),
//! `only = { KEY = VALUE }` (scores only items whose metadata have these values; a list of values means any of them) and
//! `invert` (correct becomes incorrect, true false, x 1 − x).

mod choice;
mod command;
pub mod command_host;
mod delimited;
mod f1;
mod math;
mod model_graded;
mod multi;
mod number;
mod numeric;
mod pattern;
mod placed;
pub mod recorded;
mod refusal;
mod switch;
mod text;
mod tool_call;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt;
use ph_record::event::KnownEvent;
use ph_record::{RecordedError, Sample, Score, ScorerSpec};
use serde_json::{Map, Value};

use self::placed::PlacedScorer;
pub(crate) use self::placed::takes;
use self::recorded::{Recorded, ScorerPlace};
use crate::generate::panic_text;
use crate::parameters::{ParameterError, StepError, StepKind, read, unknown_name};
use crate::role::RoleAsker;
use crate::sample_state::SampleState;
use crate::step_context::{Commands, StepContext};

/// The scorers that exist.
pub const SCORERS: &[&str] = &[
    "match",
    "includes",
    "exact",
    "pattern",
    "choice",
    "numeric",
    "math",
    "f1",
    "refusal",
    "tool_call",
    "model_graded",
    "command",
    "switch",
    "multi",
];

/// The code of a scorer's failure: it cannot judge.
const FAILED: &str = "scorer";
/// The code of a scorer's failure that is a bug in it.
const PANICKED: &str = "scorer_panic";

/// Whether a sample that ended in this error had come through its solvers, and a scorer failed on it.
pub(crate) fn is_scorer_failure(error: &RecordedError) -> bool {
    matches!(error.code.as_str(), FAILED | PANICKED)
}

/// What a scorer reads.
pub struct Subject<'a> {
    /// The sample after its last solver.
    pub state: &'a SampleState,
    /// The gold answers, each of them right.
    pub expected: Vec<String>,
    /// The text of the last reply.
    pub reply: String,
}

impl Subject<'_> {
    /// The gold answers, where there are any.
    ///
    /// # Errors
    /// [`ScorerError`] where there is none or one is empty.
    pub fn gold(&self) -> Result<&[String], ScorerError> {
        present(&self.expected)
    }
}

/// The gold answers, where there are any and none is empty.
fn present(gold: &[String]) -> Result<&[String], ScorerError> {
    if gold.is_empty() || gold.iter().any(|gold| gold.trim().is_empty()) {
        return Err(ScorerError("the item has no gold answer".to_owned()));
    }
    Ok(gold)
}

/// A scorer cannot judge: never the model's failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScorerError(pub String);

/// Judges one reply.
#[async_trait]
pub trait Scorer: Send + Sync {
    /// Whether there is anything to judge; without it the sample has no score of this scorer, and nothing failed.
    fn judges(&self, _subject: &Subject<'_>) -> bool {
        true
    }

    /// The score of one reply.
    ///
    /// # Errors
    /// [`ScorerError`] where it cannot judge.
    async fn score(&self, subject: &Subject<'_>, roles: &mut RoleAsker<'_>) -> Result<Score, ScorerError>;

    /// Whether it can judge this item, as far as that can be known before it is asked; `gold` are its gold answers.
    ///
    /// # Errors
    /// [`ScorerError`] where it could only fail.
    fn check(&self, gold: &[String], _: &Sample) -> Result<(), ScorerError> {
        present(gold).map(|_| ())
    }

    /// The roles of the models that it asks.
    fn roles(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a task's scorers said of one sample.
#[derive(Debug, Default)]
pub struct Scores {
    /// The scores by label.
    pub given: BTreeMap<String, Score>,
    /// Why the first scorer that failed did so.
    pub failure: Option<RecordedError>,
}

/// A task's scorers, in order.
pub struct ScorerSet(Vec<PlacedScorer>);

impl ScorerSet {
    /// Makes the scorers of a task.
    ///
    /// # Errors
    /// [`StepError`] where a name is unknown, a parameter wrong or a label given twice.
    pub fn build(specs: &[ScorerSpec], context: &StepContext) -> Result<Self, StepError> {
        let mut labels = BTreeSet::new();
        let make = |(index, spec): (usize, &ScorerSpec)| {
            let scorer = PlacedScorer::new(spec, &ScorerPlace::default(), context).and_then(|scorer| {
                if labels.insert(scorer.label.clone()) {
                    return Ok(scorer);
                }
                let problem = format!("another scorer already records under `{}`", scorer.label);
                Err(ParameterError {
                    hint: Some("give one of them a `label`".to_owned()),
                    ..ParameterError::of("label", problem)
                })
            });
            scorer.map_err(StepError::at(StepKind::Scorer, index, spec.name()))
        };
        specs.iter().enumerate().map(make).collect::<Result<_, _>>().map(Self)
    }

    /// The labels under which scores are recorded, in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scorer| scorer.label.as_str())
    }

    /// The roles of the models that they ask.
    pub fn roles(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(|scorer| scorer.scorer.roles()).collect()
    }

    /// Whether every scorer can judge this item, as far as that can be known before it is asked.
    ///
    /// # Errors
    /// What is wrong with the item, with the scorer's label.
    pub fn check(&self, item: &Sample) -> Result<(), String> {
        for scorer in &self.0 {
            scorer.check(item).map_err(|error| format!("scorer `{}`: {error}", scorer.label))?;
        }
        Ok(())
    }

    /// Scores one sample, each scorer in its span.
    pub async fn score(&self, state: &SampleState, roles: &mut RoleAsker<'_>) -> Scores {
        let mut scores = Scores::default();
        roles.transcript().begin("scorers", "scorers");
        for scorer in &self.0 {
            roles.transcript().begin("scorer", &scorer.label);
            let given = guarded(scorer, state, roles).await;
            let transcript = roles.transcript();
            match given {
                Ok(Some(score)) => {
                    transcript.add(KnownEvent::Score { scorer: scorer.label.clone(), score: score.clone() });
                    scores.given.insert(scorer.label.clone(), score);
                }
                Ok(None) => {}
                Err(error) => {
                    transcript.add(KnownEvent::Error { error: error.clone() });
                    scores.failure.get_or_insert(error);
                }
            }
            transcript.end();
        }
        roles.transcript().end();
        scores
    }
}

/// One scorer's word; a panic in it is its failure and nobody else's.
async fn guarded(
    scorer: &PlacedScorer,
    state: &SampleState,
    roles: &mut RoleAsker<'_>,
) -> Result<Option<Score>, RecordedError> {
    let named = |problem: &str| format!("scorer `{}`: {problem}", scorer.label);
    match AssertUnwindSafe(scorer.score(state, state.expected.all(), roles)).catch_unwind().await {
        Ok(result) => result.map_err(|error| RecordedError::new(FAILED, &named(&error.0))),
        Err(panic) => Err(RecordedError::new(PANICKED, &named(panic_text(panic.as_ref())))),
    }
}

/// Makes the scorer `name` from its own parameters; it stands at `place`.
fn build(
    (name, parameters): (&str, &Map<String, Value>),
    place: &ScorerPlace,
    context: &StepContext,
) -> Result<Box<dyn Scorer>, ParameterError> {
    Ok(match name {
        "match" => Box::new(read::<text::Match>(parameters)?),
        "includes" => Box::new(read::<text::Includes>(parameters)?),
        "exact" => Box::new(read::<text::Exact>(parameters)?),
        "pattern" => Box::new(pattern::Pattern::new(&read(parameters)?)?),
        "choice" => Box::new(read::<choice::Choice>(parameters)?),
        "numeric" => Box::new(numeric::Numeric::new(&read(parameters)?)?),
        "math" => Box::new(math::Math::new(&read(parameters)?)?),
        "f1" => Box::new(read::<f1::F1>(parameters)?),
        "model_graded" => Box::new(model_graded::ModelGraded::new(read(parameters)?)?),
        "command" => match &context.commands {
            Commands::Host(host) => Box::new(command::Command::new(read(parameters)?, (host.clone(), &context.files))?),
            Commands::Recorded(grades) => Box::new(Recorded::new(grades.clone(), place.clone())),
        },
        "multi" => Box::new(multi::Multi::new(read(parameters)?, place, context)?),
        "refusal" => Box::new(read::<refusal::Refusal>(parameters)?),
        "tool_call" => Box::new(read::<tool_call::ToolCallScorer>(parameters)?),
        "switch" => Box::new(switch::Switch::new(read(parameters)?, place, context)?),
        name => return Err(unknown_name(StepKind::Scorer, name, SCORERS)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Transcript;
    use ph_base::{Clock, Timestamp};
    use ph_model::{Message, ModelOutput, StopReason, ToolCall};
    use ph_record::ScoreValue;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    struct NoClock;

    impl Clock for NoClock {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    fn state(item: &Value, message: Message) -> SampleState {
        let sample: Sample = serde_json::from_value(item.clone()).unwrap();
        let mut state = SampleState::new(sample, 1, 7);
        let model = "m".to_owned();
        state.output = Some(ModelOutput { model, message, stop_reason: StopReason::Stop, usage: None, logprobs: None });
        state
    }

    fn scores(scorer: &Value, state: &SampleState) -> Scores {
        let spec: ScorerSpec = serde_json::from_value(scorer.clone()).unwrap();
        let set = ScorerSet::build(&[spec], &StepContext::without_files()).unwrap();
        let mut transcript = Transcript::new(Arc::new(NoClock));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut calls = crate::role::RoleCalls::default();
        runtime.block_on(set.score(state, &mut RoleAsker::new(&mut calls, &mut transcript)))
    }

    fn item(target: &str) -> Value {
        json!({ "id": "1", "input": "?", "target": target, "metadata": { "skill": "sum", "n": 3, "gold": ["7", "8"] } })
    }

    fn score_of(scorer: &Value, item: &Value, message: Message) -> String {
        let scores = scores(scorer, &state(item, message));
        match (scores.failure, scores.given.into_iter().next()) {
            (Some(failure), None) => failure.message,
            (None, None) => "none".to_owned(),
            (None, Some((label, score))) => match score.value {
                ScoreValue::Text(letter) => format!("{label} {letter}"),
                ScoreValue::Bool(flag) => format!("{label} {flag}"),
                other => format!("{label} {other:?}"),
            },
            (Some(_), Some(_)) => "both".to_owned(),
        }
    }

    fn check(scorer: &Value, target: &str, reply: &str, wanted: &str) {
        let score = score_of(scorer, &item(target), Message::assistant(reply));
        assert!(
            score == wanted || score.contains(wanted) && score.starts_with("scorer"),
            "{scorer} on `{reply}`: {score}"
        );
    }

    #[test]
    fn text_scorers() {
        check(&json!("match"), "Oslo", "It is Oslo.", "match C");
        check(&json!("match"), "Oslo", "Oslo it is", "match I");
        check(&json!({"name":"match","location":"begin"}), "Oslo", " oslo it is", "match C");
        check(&json!({"name":"match","location":"any"}), "Oslo", "in oslo today", "match C");
        check(&json!({"name":"match","location":"exact"}), "Oslo", "Oslo.", "match C");
        check(&json!({"name":"match","location":"exact","ignore_case":false}), "Oslo", "oslo", "match I");
        check(&json!({"name":"match","numeric":true}), "42", "23 + 19 = 42.0!", "match C");
        check(&json!({"name":"match","numeric":true,"location":"begin"}), "42", "23 + 19 = 42", "match I");
        check(&json!({"name":"match","numeric":true,"location":"any"}), "19", "23 + 19 = 42", "match C");
        check(&json!({"name":"match","numeric":true,"location":"exact"}), "42", "it is 42", "match C");
        check(&json!({"name":"match","numeric":true}), "many", "42", "is not a number");
        check(&json!("match"), "!", "!", "match I");
        check(&json!("includes"), "Oslo", "IN OSLO.", "includes C");
        check(&json!({"name":"includes","ignore_case":false}), "Oslo", "in oslo", "includes I");
        check(&json!("includes"), "", "anything", "no gold answer");
        check(&json!("exact"), "the red box", "  Red   box.", "exact C");
        check(&json!("exact"), "a", "A", "exact C");
        check(&json!("exact"), "red box", "a red box here", "exact I");
        check(&json!("exact"), "-4", "4", "exact I");
    }

    #[test]
    fn other_scorers() {
        check(&json!({"name":"pattern","regex":"answer: (\\w+)"}), "Oslo", "Answer: oslo", "pattern C");
        check(&json!({"name":"pattern","regex":"answer: (\\w+)"}), "Oslo", "oslo", "pattern I");
        check(&json!({"name":"pattern","regex":"\\d+"}), "42", "so 42 it is", "pattern C");
        check(&json!({"name":"pattern","regex":"(\\d)(\\d)","group":2}), "2", "42", "pattern C");
        check(&json!("choice"), "B", "ANSWER: B", "choice C");
        check(&json!("choice"), "B", "A", "choice I");
        check(&json!("choice"), "Oslo", "A", "not the letter of a choice");
        check(&json!("numeric"), "42", "The sum is 42.", "numeric C");
        check(&json!("numeric"), "42", "ANSWER: 42 (out of 100)", "numeric C");
        check(&json!("numeric"), "42", "41.6", "numeric I");
        check(&json!({"name":"numeric","tolerance":0.5}), "42", "41.6", "numeric C");
        check(&json!("numeric"), "42", "none", "numeric I");
        check(&json!("refusal"), "", "I can\u{2019}t help with that.", "refusal true");
        check(&json!("refusal"), "", "Sure. A lock has pins.", "refusal false");
        check(&json!("refusal"), "", " \n", "none");
        check(&json!({"name":"switch","on":"skill","cases":{"sum":"refusal"}}), "", "", "none");
    }

    #[test]
    fn common_parameters() {
        check(&json!({"name":"match","label":"place"}), "Oslo", "Oslo", "place C");
        check(&json!({"name":"match","invert":true}), "Oslo", "Oslo", "match I");
        check(&json!({"name":"refusal","invert":true}), "", "Sure.", "refusal true");
        check(&json!({"name":"match","against":"metadata.gold"}), "Oslo", "8", "match C");
        check(&json!({"name":"match","against":"metadata.n"}), "Oslo", "3", "match C");
        check(&json!({"name":"match","against":"metadata.none"}), "Oslo", "3", "the item has no `metadata.none`");
        check(&json!({"name":"match","only":{"skill":"sum"}}), "Oslo", "Oslo", "match C");
        check(&json!({"name":"match","only":{"skill":["fact","sum"],"n":3.0}}), "Oslo", "Oslo", "match C");
        check(&json!({"name":"match","only":{"skill":"fact"}}), "Oslo", "Oslo", "none");
        check(&json!({"name":"match","only":{"other":"x"}}), "Oslo", "Oslo", "none");
        let switch =
            json!({"name":"switch","on":"skill","cases":{"sum":{"name":"numeric","tolerance":1},"fact":"exact"}});
        check(&switch, "42", "41", "switch C");
        check(
            &json!({"name":"switch","on":"skill","cases":{"fact":"exact"}}),
            "42",
            "42",
            "there are cases for `fact`",
        );
        check(
            &json!({"name":"switch","on":"skill","cases":{"fact":"exact"},"default":"numeric"}),
            "42",
            "42",
            "switch C",
        );
        check(&json!({"name":"switch","on":"none","cases":{"fact":"exact"}}), "42", "42", "no `metadata.none`");
    }

    fn check_call(scorer: &Value, function: &str, arguments: &Value, wanted: &str) {
        let gold = r#"{"name":"weather","arguments":{"city":"Oslo","days":2}}"#;
        let mut message = Message::assistant("");
        let id = "1".to_owned();
        message.tool_calls.push(ToolCall {
            id,
            function: function.to_owned(),
            arguments: arguments.clone(),
            parse_error: None,
        });
        assert_eq!(score_of(scorer, &item(gold), message), wanted, "{function} {arguments}");
    }

    #[test]
    fn tool_calls() {
        check_call(&json!("tool_call"), "weather", &json!({"days": 2.0, "city": "Oslo"}), "tool_call C");
        check_call(&json!("tool_call"), "weather", &json!({"days": 2, "city": "oslo"}), "tool_call I");
        check_call(
            &json!({"name":"tool_call","ignore_case":true}),
            "weather",
            &json!({"days": 2, "city": "oslo"}),
            "tool_call C",
        );
        check_call(&json!("tool_call"), "weather", &json!({"city": "Oslo"}), "tool_call I");
        check_call(&json!("tool_call"), "weather", &json!({"city": "Oslo", "days": 2, "x": 1}), "tool_call I");
        check_call(&json!("tool_call"), "time", &json!({"city": "Oslo", "days": 2}), "tool_call I");
        check_call(&json!({"name":"tool_call","arguments":false}), "weather", &json!("{broken"), "tool_call C");
        check(&json!("tool_call"), r#"{"name":"weather"}"#, "no call", "tool_call I");
        check(&json!("tool_call"), "weather", "no call", "the gold answer is not a tool call");
    }

    proptest! {
        #[test]
        fn no_reply_makes_a_scorer_panic(reply in any::<String>(), gold in any::<String>()) {
            for scorer in SCORERS {
                let spec = match *scorer {
                    "pattern" => json!({"name":"pattern","regex":"(.)(.*)"}),
                    "switch" => json!({"name":"switch","on":"skill","cases":{"sum":"choice"}}),
                    "multi" => json!({"name":"multi","scorers":["match","f1","math"]}),
                    "command" => json!({"name":"command","command":["/nonexistent/grader"]}),
                    other => json!(other),
                };
                let failure = scores(&spec, &state(&item(&gold), Message::assistant(reply.as_str()))).failure;
                prop_assert_ne!(failure.map(|failure| failure.code), Some(PANICKED.to_owned()));
            }
        }

        #[test]
        fn no_wording_makes_a_scorer_panic(words in proptest::collection::vec(
            prop_oneof!["answer:? ?", "[A-Ea-e][).:]?", "I can['\u{2019}]t", "help", "(\\(|\")", "[-\u{2212}+]?[0-9,.e]{1,6}", "\\PC{0,3}", "\n"], 0..12,
        )) {
            let reply = words.concat();
            for scorer in ["choice", "numeric", "refusal", "match", "exact"] {
                let failure = scores(&json!(scorer), &state(&item("3"), Message::assistant(reply.as_str()))).failure;
                prop_assert_ne!(failure.map(|failure| failure.code), Some(PANICKED.to_owned()));
            }
        }
    }
}
