//! Items of the suite `skills`: a module per kind of item, in turns, so that a limit cuts all kinds alike.

mod choice;
pub(crate) mod document;
mod fact;
mod sum;
pub(crate) mod tool;

use ph_record::{Expected, Sample, SampleInput, TaskSourceError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::draw::Draw;
use crate::round::ItemMaker;

/// How many items of a kind, in which words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    #[serde(deserialize_with = "crate::round::count")]
    pub(crate) items: usize,
    pub(crate) wordings: String,
}

/// The parameters of the generator `skills`: a part for every kind that is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skills {
    choice: Option<Part>,
    sum: Option<Part>,
    fact: Option<Part>,
    document: Option<Part>,
    tool: Option<Part>,
    tool_answer: Option<Part>,
}

type MakeItems = fn(&mut Draw, &Part) -> Result<Vec<Item>, TaskSourceError>;

/// An item before it has an id and its place.
pub(crate) struct Item {
    pub(crate) input: SampleInput,
    pub(crate) expected: String,
    pub(crate) choices: Vec<String>,
    /// The tools that the model may call, as JSON.
    pub(crate) tools: Option<Value>,
}

impl Item {
    /// An item that asks in one message.
    pub(crate) fn asking(text: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { input: SampleInput::Text(text.into()), expected: expected.into(), choices: Vec::new(), tools: None }
    }

    fn into_sample(self, skill: &str, number: usize) -> Sample {
        let mut metadata = Map::from_iter([("skill".to_owned(), Value::from(skill))]);
        metadata.extend(self.tools.map(|tools| ("tools".to_owned(), tools)));
        Sample {
            id: format!("{skill}-{number:03}"),
            input: self.input,
            expected: Expected::One(self.expected),
            choices: self.choices,
            metadata,
        }
    }
}

impl ItemMaker for Skills {
    fn items(&self, seed: u64) -> Result<Vec<Sample>, TaskSourceError> {
        let kinds: [(&str, &Option<Part>, MakeItems); 6] = [
            ("choice", &self.choice, choice::items),
            ("sum", &self.sum, sum::items),
            ("fact", &self.fact, fact::items),
            ("document", &self.document, document::items),
            ("tool", &self.tool, tool::call_items),
            ("tool_answer", &self.tool_answer, tool::answer_items),
        ];
        let mut by_skill = Vec::new();
        for (skill, part, make) in kinds {
            let Some(part) = part else { continue };
            let items = make(&mut Draw::new(seed, &["skills", skill]), part)?;
            let samples = items.into_iter().enumerate().map(|(at, item)| item.into_sample(skill, at + 1));
            by_skill.push(samples.collect::<Vec<_>>().into_iter());
        }
        Ok(in_turns(by_skill))
    }
}

/// One of each, then one of each again, until all are used.
fn in_turns(mut lists: Vec<std::vec::IntoIter<Sample>>) -> Vec<Sample> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(lists.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}
