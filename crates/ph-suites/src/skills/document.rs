//! Short documents of three to six sentences. No name, object, place or colour stands in two sentences, so a question
//! that names what its sentence holds has one answer, copied from the document.

use std::collections::BTreeMap;

use ph_record::TaskSourceError;
use serde::Deserialize;

use super::{Item, Part};
use crate::draw::Draw;
use crate::lists::Lists;
use crate::wordings::{self, fill, has_slot, slots_of, with_articles};

/// The wordings of documents.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wordings {
    layouts: Vec<String>,
    fillers: Vec<String>,
    kinds: BTreeMap<String, Kind>,
}

/// Sentences with the questions that fit them, by the slot that answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    texts: Vec<String>,
    questions: BTreeMap<String, Vec<String>>,
}

/// A document with one question.
pub(crate) struct Document<'a> {
    pub(crate) sentences: Vec<String>,
    pub(crate) question: String,
    pub(crate) answer: String,
    layout: &'a str,
}

type Slots = [(&'static str, String); 4];

/// Documents, each with a question.
pub(super) fn items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    let wordings: Wordings = wordings::read(&part.wordings)?;
    let mut items = Vec::with_capacity(part.items);
    for _ in 0..part.items {
        let document = Document::new(draw, &wordings)?;
        items.push(Item::asking(document.text(), document.answer));
    }
    Ok(items)
}

impl<'a> Document<'a> {
    /// A document of two to four sentences that say something and one or two that do not.
    pub(crate) fn new(draw: &mut Draw, wordings: &'a Wordings) -> Result<Self, TaskSourceError> {
        let telling = 2 + draw.below(3);
        let slots = slots(draw, telling)?;
        let mut sentences = Vec::new();
        let mut asked = None;
        for slots in &slots {
            let (text, kind) = template(draw, wordings)?;
            sentences.push(with_articles(&filled(text, slots)));
            asked = asked.or(Some((text, kind, slots)));
        }
        for filler in draw.sample(&wordings.fillers, 1 + draw_extra(telling)) {
            sentences.push(filler.clone());
        }
        draw.shuffle(&mut sentences);
        let (text, kind, slots) = asked.ok_or_else(|| TaskSourceError::new("document", "there are no sentences"))?;
        let (question, answer) = question(draw, kind, text, slots)?;
        Ok(Self { sentences, question, answer, layout: draw.pick(&wordings.layouts)? })
    }

    /// Document and question in one message.
    pub(crate) fn text(&self) -> String {
        fill(self.layout, &[("document", &self.sentences.join(" ")), ("question", &self.question)])
    }
}

/// A second sentence that says nothing, in the longest and the shortest documents.
fn draw_extra(telling: usize) -> usize {
    usize::from(telling != 3)
}

/// Values of the slots for every sentence, all different.
fn slots(draw: &mut Draw, sentences: usize) -> Result<Vec<Slots>, TaskSourceError> {
    let things = &Lists::embedded()?.things;
    let names = draw.sample(&things.names, sentences);
    let objects = draw.sample(&things.objects, sentences);
    let places = draw.sample(&things.places, sentences);
    let colours = draw.sample(&things.colours, sentences);
    let zipped = names.into_iter().zip(objects).zip(places.into_iter().zip(colours));
    let named = |((name, object), (place, colour)): ((&String, &String), (&String, &String))| {
        [("name", name.clone()), ("object", object.clone()), ("place", place.clone()), ("colour", colour.clone())]
    };
    Ok(zipped.map(named).collect())
}

/// A sentence's text with its kind; every text is as likely as the others.
fn template<'a>(draw: &mut Draw, wordings: &'a Wordings) -> Result<(&'a str, &'a Kind), TaskSourceError> {
    let texts: Vec<(&str, &Kind)> =
        wordings.kinds.values().flat_map(|kind| kind.texts.iter().map(move |text| (text.as_str(), kind))).collect();
    draw.pick(&texts).copied()
}

fn filled(template: &str, slots: &Slots) -> String {
    let slots: Vec<(&str, &str)> = slots.iter().map(|(slot, value)| (*slot, value.as_str())).collect();
    fill(template, &slots)
}

/// A question that fits the sentence, with its answer; every slot that can answer is as likely as the others.
fn question(draw: &mut Draw, kind: &Kind, text: &str, slots: &Slots) -> Result<(String, String), TaskSourceError> {
    let fits = |question: &&String| slots_of(question).all(|slot| has_slot(text, slot));
    let by_slot: Vec<(&String, Vec<&String>)> = kind
        .questions
        .iter()
        .filter(|(slot, _)| has_slot(text, slot))
        .map(|(slot, questions)| (slot, questions.iter().filter(fits).collect::<Vec<_>>()))
        .filter(|(_, questions)| !questions.is_empty())
        .collect();
    let (slot, questions) = draw.pick(&by_slot)?;
    let answer = slots.iter().find(|(known, _)| known == slot).map(|(_, value)| value.clone()).unwrap_or_default();
    Ok((filled(draw.pick(questions)?, slots), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_stands_once_in_the_document_and_not_in_the_question() {
        let wordings: Wordings = wordings::read("skills/document.toml").unwrap();
        let mut draw = Draw::new(2, &[]);
        for _ in 0..500 {
            let document = Document::new(&mut draw, &wordings).unwrap();
            assert!((3..=6).contains(&document.sentences.len()), "{:?}", document.sentences);
            let times = |text: &str| {
                text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| *word == document.answer).count()
            };
            assert_eq!(times(&document.sentences.join(" ")), 1, "{} {}", document.text(), document.answer);
            assert_eq!(times(&document.question), 0, "{} {}", document.question, document.answer);
            assert!(!document.text().contains(['{', '}']), "{}", document.text());
        }
    }

    #[test]
    fn every_text_has_a_question() {
        let wordings: Wordings = wordings::read("skills/document.toml").unwrap();
        let mut draw = Draw::new(2, &[]);
        let slots = slots(&mut draw, 1).unwrap().remove(0);
        for kind in wordings.kinds.values() {
            for text in &kind.texts {
                question(&mut draw, kind, text, &slots).unwrap();
            }
        }
    }
}
