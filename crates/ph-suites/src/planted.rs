//! Items of the suite `planted-instructions`: documents and tool results that hold an instruction for whoever reads
//! them, each beside the same item without it.

use ph_record::{Expected, Sample, TaskSourceError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::draw::Draw;
use crate::lists::Lists;
use crate::round::ItemMaker;
use crate::skills::document::{self, Document};
use crate::skills::{Item, tool};
use crate::wordings::{self, fill};

/// The parameters of the generator `planted-instructions`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlantedInstructions {
    documents: Channel,
    tool_results: Channel,
    /// The wordings of the instructions.
    orders: String,
}

/// Through what the instruction comes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    #[serde(deserialize_with = "crate::round::count")]
    pairs: usize,
    wordings: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Orders {
    orders: Vec<String>,
}

/// An item with the instruction and the same item without it.
struct Pair {
    channel: &'static str,
    /// The place of the instruction's wording in its file.
    order: usize,
    word: String,
    injected: Item,
    clean: Item,
}

impl ItemMaker for PlantedInstructions {
    fn items(&self, seed: u64) -> Result<Vec<Sample>, TaskSourceError> {
        let orders: Orders = wordings::read(&self.orders)?;
        let mut pairs = documents(&mut Draw::new(seed, &["planted", "document"]), &self.documents, &orders)?;
        pairs.extend(tool_results(&mut Draw::new(seed, &["planted", "tool_result"]), &self.tool_results, &orders)?);
        let mut pairs: Vec<(usize, Pair)> = pairs.into_iter().enumerate().collect();
        Draw::new(seed, &["planted", "order"]).shuffle(&mut pairs);
        Ok(pairs.into_iter().flat_map(|(at, pair)| pair.into_samples(at + 1)).collect())
    }
}

fn documents(draw: &mut Draw, channel: &Channel, orders: &Orders) -> Result<Vec<Pair>, TaskSourceError> {
    let wordings: document::Wordings = wordings::read(&channel.wordings)?;
    let numbered: Vec<(usize, &String)> = orders.orders.iter().enumerate().collect();
    let orders = draw.deal(&numbered, channel.pairs)?;
    let mut pairs = Vec::with_capacity(channel.pairs);
    for (at_order, order) in orders.into_iter().copied() {
        let mut document = Document::new(draw, &wordings)?;
        let clean = document.text();
        let word = planted_word(draw, &[&clean, order])?;
        let at = draw.below(document.sentences.len() + 1);
        document.sentences.insert(at, fill(order, &[("word", &word)]));
        let item = |text| Item::asking(text, document.answer.as_str());
        pairs.push(Pair {
            channel: "document",
            order: at_order,
            word,
            injected: item(document.text()),
            clean: item(clean),
        });
    }
    Ok(pairs)
}

fn tool_results(draw: &mut Draw, channel: &Channel, orders: &Orders) -> Result<Vec<Pair>, TaskSourceError> {
    let wordings: tool::Wordings = wordings::read(&channel.wordings)?;
    let numbered: Vec<(usize, &String)> = orders.orders.iter().enumerate().collect();
    let orders = draw.deal(&numbered, channel.pairs)?;
    let mut pairs = Vec::with_capacity(channel.pairs);
    for ((at_order, order), consultation) in
        orders.into_iter().copied().zip(tool::consultations(draw, channel.pairs, &wordings)?)
    {
        let word = planted_word(draw, &[&consultation.ask, &consultation.result, order])?;
        let order = fill(order, &[("word", &word)]);
        let result = &consultation.result;
        let injected = if draw.below(2) == 0 { format!("{result} {order}") } else { format!("{order} {result}") };
        pairs.push(Pair {
            channel: "tool_result",
            order: at_order,
            word,
            injected: consultation.with_result(&injected),
            clean: consultation.with_result(result),
        });
    }
    Ok(pairs)
}

/// A word of the closed categories that documents are not about and that does not stand in the texts.
fn planted_word(draw: &mut Draw, texts: &[&str]) -> Result<String, TaskSourceError> {
    let lists = Lists::embedded()?;
    let things = &lists.things;
    let is_free = |word: &&String| {
        ![&things.objects, &things.places, &things.colours].iter().any(|list| list.contains(word))
            && !texts.iter().any(|text| text.contains(word.as_str()))
    };
    let words: Vec<&String> = lists.categories.iter().flat_map(|category| &category.words).filter(is_free).collect();
    draw.pick(&words).map(ToString::to_string)
}

impl Pair {
    fn into_samples(self, number: usize) -> [Sample; 2] {
        let pair = format!("{}-{number:03}", self.channel);
        // Whether an instruction is obeyed hangs on its wording: items of one wording are not independent.
        let cluster = format!("order-{:02}", self.order + 1);
        [(self.injected, true), (self.clean, false)].map(|(item, injected)| {
            let mut metadata = Map::from_iter([
                ("channel".to_owned(), Value::from(self.channel)),
                ("injected".to_owned(), Value::from(injected)),
                ("planted".to_owned(), Value::from(self.word.as_str())),
                ("cluster".to_owned(), Value::from(cluster.as_str())),
            ]);
            metadata.extend(item.tools.map(|tools| ("tools".to_owned(), tools)));
            Sample {
                id: format!("{pair}-{}", if injected { "injected" } else { "clean" }),
                input: item.input,
                expected: Expected::One(item.expected),
                choices: item.choices,
                metadata,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_record::SampleInput;

    fn read_text(input: &SampleInput) -> String {
        match input {
            SampleInput::Text(text) => text.clone(),
            SampleInput::Messages(messages) => messages.iter().map(|message| message.text() + "\n").collect(),
        }
    }

    #[test]
    fn twins_differ_only_in_the_instruction_and_its_word_is_never_the_answer() {
        let maker = PlantedInstructions {
            documents: Channel { pairs: 150, wordings: "skills/document.toml".to_owned() },
            tool_results: Channel { pairs: 150, wordings: "skills/tool.toml".to_owned() },
            orders: "planted-instructions/orders.toml".to_owned(),
        };
        let orders: Orders = wordings::read(&maker.orders).unwrap();
        let items = maker.items(5).unwrap();
        assert_eq!(items.len(), 600);
        for pair in items.chunks(2) {
            let word = pair[0].metadata["planted"].as_str().unwrap();
            let [injected, clean] = [read_text(&pair[0].input), read_text(&pair[1].input)];
            assert_eq!(pair[0].cluster(), pair[1].cluster());
            let order = pair[0].metadata["cluster"].as_str().unwrap().strip_prefix("order-").unwrap();
            let order = &orders.orders[order.parse::<usize>().unwrap() - 1];
            assert!(injected.contains(&fill(order, &[("word", word)])), "{order} {injected}");
            assert_eq!(pair[0].expected, pair[1].expected);
            assert_ne!(pair[0].expected.all(), [word]);
            assert_eq!(injected.matches(word).count(), 1, "{injected}");
            assert!(!clean.contains(word), "{clean}");
            for text in [&injected, &clean] {
                assert!(text.contains(&pair[0].expected.all()[0]), "{text}");
            }
            assert!(clean.len() < injected.len());
        }
    }
}
