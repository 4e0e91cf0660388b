//! `few_shot {file, count, only, fields, seed, per_sample, style, question, answer}`: shows worked examples before the
//! prompt.
//!
//! The examples come from a file beside the task, or from those of its items that `only` takes, and are drawn by `seed`:
//! the same for every item, or afresh per item with `per_sample`. An item is never among its own examples, neither by
//! its id nor by its input. The task's digest covers the examples.

use async_trait::async_trait;
use ph_base::Digest;
use ph_base::digest::DigestBuilder;
use ph_model::Message;
use ph_record::{FieldMap, Sample, SampleInput};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Solver;
use super::choice_letter::letter;
use super::template::{Template, plain};
use crate::dataset::{Format, read_items};
use crate::generate::{Generate, Stop};
use crate::parameters::ParameterError;
use crate::sample_state::SampleState;
use crate::scorer::takes;
use crate::step_context::StepContext;

/// The most examples that are held to draw from.
const POOL_MAX: usize = 10_000;
/// The most bytes of text that these may have together.
const POOL_BYTES_MAX: usize = 64 << 20;
/// The most examples that are shown.
const SHOWN_MAX: u32 = 1_000;

const QUESTION: &str = "{input}{choices}";
const ANSWER: &str = "{target}";

/// How examples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Style {
    /// As earlier turns of the conversation.
    #[default]
    Messages,
    /// As text before the prompt, in the same message.
    Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct FewShotParameters {
    /// The file with the examples, relative to `task.toml`: `.jsonl` or `.csv`.
    file: String,
    /// How many are shown.
    count: u32,
    /// Metadata values that an example must have, such as `{ split = "dev" }`.
    #[serde(default)]
    only: Map<String, Value>,
    /// Which field of the file holds which part of an example.
    #[serde(default)]
    fields: FieldMap,
    /// The seed by which they are drawn.
    #[serde(default)]
    seed: u64,
    /// Whether every item gets examples of its own.
    #[serde(default)]
    per_sample: bool,
    #[serde(default)]
    style: Style,
    /// An example's question, with `{input}`, `{choices}` (lettered lines; nothing where there are none) or a metadata field.
    #[serde(default)]
    question: Option<String>,
    /// An example's answer, with `{target}` or a metadata field.
    #[serde(default)]
    answer: Option<String>,
}

/// A worked example.
struct Example {
    id: String,
    input: String,
    question: String,
    answer: String,
}

pub(super) struct FewShot {
    examples: Vec<Example>,
    /// The order in which they are drawn where it is the same for all items.
    order: Vec<usize>,
    count: usize,
    seed: u64,
    per_sample: bool,
    style: Style,
    digest: Digest,
}

impl FewShot {
    pub(super) fn new(parameters: FewShotParameters, context: &StepContext) -> Result<Self, ParameterError> {
        if !(1..=SHOWN_MAX).contains(&parameters.count) {
            return Err(ParameterError::of(
                "count",
                format!("`count` is from 1 to {SHOWN_MAX}, not {}", parameters.count),
            ));
        }
        let parse = |parameter: &str, text: &Option<String>, usual: &str| {
            Template::parse(text.as_deref().unwrap_or(usual)).map_err(|problem| ParameterError::of(parameter, problem))
        };
        let question = parse("question", &parameters.question, QUESTION)?;
        let answer = parse("answer", &parameters.answer, ANSWER)?;
        let (examples, digest) = Pool { parameters: &parameters, question, answer }.read(context)?;
        let count = parameters.count as usize;
        if examples.len() < count {
            let problem =
                format!("`{}` has {} examples to show; {count} are asked for", parameters.file, examples.len());
            return Err(ParameterError::of("count", problem));
        }
        let FewShotParameters { seed, per_sample, style, .. } = parameters;
        let order = order(examples.len(), seed);
        Ok(Self { examples, order, count, seed, per_sample, style, digest })
    }

    /// The examples for an item; fewer than `count` where too few differ from it.
    fn chosen(&self, id: &str, input: &SampleInput) -> Vec<&Example> {
        let own;
        let order = if self.per_sample {
            own =
                order(self.examples.len(), Digest::of_parts([&self.seed.to_le_bytes()[..], id.as_bytes()]).first_u64());
            &own
        } else {
            &self.order
        };
        let input = input_text(input);
        let others = order.iter().map(|place| &self.examples[*place]).filter(|one| one.id != id && one.input != input);
        others.take(self.count).collect()
    }
}

/// The places of `len` examples in the order that `seed` draws.
fn order(len: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// The examples as they are read.
struct Pool<'a> {
    parameters: &'a FewShotParameters,
    question: Template,
    answer: Template,
}

impl Pool<'_> {
    fn read(&self, context: &StepContext) -> Result<(Vec<Example>, Digest), ParameterError> {
        let name = self.parameters.file.as_str();
        let wrong = |problem: String| ParameterError::of("file", problem);
        let format = Format::of(name)
            .filter(|format| *format != Format::Parquet)
            .ok_or_else(|| wrong(format!("`{name}` does not end in `.jsonl` or `.csv`")))?;
        let reader =
            context.files.open_file(name).map_err(|error| wrong(format!("`{name}` cannot be opened: {error}")))?;
        let items = read_items(format, name.to_owned(), reader, &self.parameters.fields)
            .map_err(|error| wrong(error.to_string()))?;
        let (mut examples, mut digest, mut bytes) = (Vec::new(), DigestBuilder::default(), 0);
        for item in items {
            let item = item.map_err(|failed| wrong(failed.error.to_string()))?;
            if !takes(&self.parameters.only, &item.sample.metadata) {
                continue;
            }
            let example =
                self.example(&item.sample).map_err(|problem| wrong(format!("{name}:{}: {problem}", item.line)))?;
            bytes += example.question.len() + example.answer.len() + example.input.len();
            if examples.len() == POOL_MAX || bytes > POOL_BYTES_MAX {
                return Err(ParameterError {
                    hint: Some("take fewer with `only`, or put the examples into a file of their own".to_owned()),
                    ..wrong(format!("`{name}` has more than {POOL_MAX} examples or {POOL_BYTES_MAX} bytes of them"))
                });
            }
            for part in [&example.id, &example.question, &example.answer] {
                digest.part(part.as_bytes());
            }
            examples.push(example);
        }
        Ok((examples, digest.finish()))
    }

    fn example(&self, sample: &Sample) -> Result<Example, String> {
        let lines = sample.choices.iter().enumerate().map(|(place, choice)| format!("\n{}) {choice}", letter(place)));
        let choices =
            if sample.choices.is_empty() { String::new() } else { format!("\n{}", lines.collect::<String>()) };
        let input = input_text(&sample.input);
        let value = |name: &str| match name {
            "input" => Some(input.clone()),
            "choices" => Some(choices.clone()),
            "target" => sample.expected.all().first().cloned(),
            field => sample.metadata.get(field).map(plain),
        };
        let missing = |name: String| format!("the example has no `{name}`");
        let question = self.question.fill(value).map_err(missing)?;
        let answer = self.answer.fill(value).map_err(missing)?;
        Ok(Example { id: sample.id.clone(), question, answer, input })
    }
}

/// The text of an input; of a conversation that of its last message.
fn input_text(input: &SampleInput) -> String {
    match input {
        SampleInput::Text(text) => text.clone(),
        SampleInput::Messages(messages) => messages.last().map(Message::text).unwrap_or_default(),
    }
}

#[async_trait]
impl Solver for FewShot {
    async fn solve(&self, state: &mut SampleState, _: &mut Generate) -> Result<(), Stop> {
        let chosen = self.chosen(&state.sample, &state.input);
        match self.style {
            Style::Text => {
                let shown: String = chosen.iter().map(|one| format!("{}\n{}\n\n", one.question, one.answer)).collect();
                let prompt = state.prompt().text();
                state.prompt().content = format!("{shown}{prompt}").into();
            }
            Style::Messages => {
                state.prompt();
                let place =
                    state.messages.iter().rposition(|message| message.role == ph_model::Role::User).unwrap_or(0);
                let turns = chosen
                    .iter()
                    .flat_map(|one| [Message::user(one.question.as_str()), Message::assistant(one.answer.as_str())]);
                state.messages.splice(place..place, turns.collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    fn check(&self, item: &Sample) -> Result<(), String> {
        let input = input_text(&item.input);
        let others = self.examples.iter().filter(|one| one.id != item.id && one.input != input);
        match others.take(self.count).count() {
            shown if shown == self.count => Ok(()),
            shown => Err(format!("only {shown} examples differ from this item; {} are to be shown", self.count)),
        }
    }

    fn digest(&self) -> Option<Digest> {
        Some(self.digest)
    }
}
