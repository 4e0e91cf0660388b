//! A bounded choice of transcripts per run: errors first, then the first faulty examples per measure, and one
//! ordinary. "First" is by round (later first: there a search retests), item and epoch, never by arrival.
//!
//! Texts stay as the target wrote them; whoever prints them must treat them as hostile.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ph_model::Message;
use ph_record::SampleRecord;
use serde::{Deserialize, Serialize};

/// The most transcripts per run.
pub const EXCERPTS_MAX: usize = 6;

const ERRORS_MAX: usize = 2;
/// Held per kind: more than shown, since a later attempt may take one away.
const HELD_MAX: usize = 8;
const MESSAGES_MAX: usize = 12;
const TEXT_CHARS_MAX: usize = 4_000;

/// One sample's conversation, cut to what a page can show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TranscriptExcerpt {
    /// The item.
    pub sample: String,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Why it is shown.
    pub reason: String,
    /// How it ended.
    pub ending: String,
    /// What failed, where something did.
    pub error: Option<String>,
    /// The right answers.
    pub expected: Vec<String>,
    /// Scores by scorer, as text.
    pub scores: BTreeMap<String, String>,
    /// The conversation.
    pub messages: Vec<ExcerptMessage>,
    /// Messages left out in the middle.
    pub messages_left_out: u64,
}

/// One message of an excerpt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExcerptMessage {
    /// Who it is from.
    pub role: String,
    /// What it says, cut at 4,000 characters.
    pub text: String,
    /// Characters cut from the end.
    pub chars_cut: u64,
    /// The calls that it makes, one text each.
    pub tool_calls: Vec<String>,
}

type Place = (Reverse<u32>, String, u32);

#[derive(Debug, Clone)]
struct Held {
    attempt: (u32, i64),
    excerpt: TranscriptExcerpt,
}

/// The excerpts held while records come in.
#[derive(Debug, Clone)]
pub(crate) struct Excerpts {
    errors: BTreeMap<Place, Held>,
    faulty: Vec<BTreeMap<Place, Held>>,
    ordinary: BTreeMap<Place, Held>,
}

impl Excerpts {
    /// None yet, for a task with so many measures.
    pub(crate) fn new(measures: usize) -> Self {
        Self { errors: BTreeMap::new(), faulty: vec![BTreeMap::new(); measures], ordinary: BTreeMap::new() }
    }

    /// Offers one record, faulty in these measures; a later attempt takes the place of an earlier one.
    pub(crate) fn observe(&mut self, record: &SampleRecord, faulty: &[usize]) {
        let place = (Reverse(record.round), record.sample.clone(), record.epoch);
        let kinds = self.faulty.iter_mut().chain([&mut self.errors, &mut self.ordinary]);
        for kind in kinds {
            kind.remove(&place);
        }
        if record.ending.error().is_some() {
            hold(&mut self.errors, place, record);
        } else if faulty.is_empty() {
            hold(&mut self.ordinary, place, record);
        } else {
            for index in faulty {
                if let Some(kind) = self.faulty.get_mut(*index) {
                    hold(kind, place.clone(), record);
                }
            }
        }
    }

    /// The excerpts to show, at most [`EXCERPTS_MAX`], no sample twice.
    pub(crate) fn chosen(&self, titles: &[&str]) -> Vec<TranscriptExcerpt> {
        let mut chosen: Vec<TranscriptExcerpt> = Vec::new();
        for held in self.errors.values().take(ERRORS_MAX) {
            add(&mut chosen, held, "ended in an error".to_owned());
        }
        for rank in 0..HELD_MAX {
            for (kind, title) in self.faulty.iter().zip(titles) {
                if let Some(held) = kind.values().nth(rank).filter(|_| chosen.len() + 1 < EXCERPTS_MAX) {
                    add(&mut chosen, held, format!("on the side of the fault in \u{201c}{title}\u{201d}"));
                }
            }
        }
        if let Some(held) = self.ordinary.values().next() {
            add(&mut chosen, held, "ordinary".to_owned());
        }
        chosen
    }
}

fn add(chosen: &mut Vec<TranscriptExcerpt>, held: &Held, reason: String) {
    let same = |shown: &TranscriptExcerpt| shown.sample == held.excerpt.sample && shown.epoch == held.excerpt.epoch;
    if !chosen.iter().any(same) {
        chosen.push(TranscriptExcerpt { reason, ..held.excerpt.clone() });
    }
}

/// Keeps the record if it is among the first [`HELD_MAX`] by place.
fn hold(kind: &mut BTreeMap<Place, Held>, place: Place, record: &SampleRecord) {
    let too_late = kind.len() >= HELD_MAX && kind.last_key_value().is_some_and(|(last, _)| *last < place);
    if too_late {
        return;
    }
    let attempt = (record.attempt, record.completed_at.0);
    if kind.get(&place).is_none_or(|held| held.attempt < attempt) {
        kind.insert(place, Held { attempt, excerpt: excerpt(record) });
    }
    while kind.len() > HELD_MAX {
        kind.pop_last();
    }
}

fn excerpt(record: &SampleRecord) -> TranscriptExcerpt {
    let total = record.messages.len();
    let tail = total.saturating_sub(MESSAGES_MAX - 2).max(2.min(total));
    let shown = record.messages.iter().take(2).chain(record.messages.iter().skip(tail));
    let scores = record.scores.iter().map(|(name, score)| {
        let value = serde_json::to_string(&score.value).unwrap_or_default();
        (name.clone(), cut(value.trim_matches('"'), 80).0)
    });
    TranscriptExcerpt {
        sample: record.sample.clone(),
        epoch: record.epoch,
        reason: String::new(),
        ending: record.ending.name().to_owned(),
        error: record.ending.error().map(|error| format!("{}: {}", error.code, error.message)),
        expected: record.expected.all().iter().take(8).map(|text| cut(text, 400).0).collect(),
        scores: scores.collect(),
        messages: shown.map(message).collect(),
        messages_left_out: tail.saturating_sub(2) as u64,
    }
}

fn message(message: &Message) -> ExcerptMessage {
    let (text, chars_cut) = cut(&message.text(), TEXT_CHARS_MAX);
    let calls = message.tool_calls.iter().take(8);
    let calls = calls.map(|call| cut(&format!("{}({})", call.function, call.arguments), 1_000).0);
    ExcerptMessage { role: message.role.as_str().to_owned(), text, chars_cut, tool_calls: calls.collect() }
}

/// The first `chars_max` characters and how many were cut.
fn cut(text: &str, chars_max: usize) -> (String, u64) {
    match text.char_indices().nth(chars_max) {
        None => (text.to_owned(), 0),
        Some((at, _)) => (text[..at].to_owned(), text[at..].chars().count() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_records::{RecordSketch, task};

    fn chosen(sketches: &[RecordSketch]) -> Vec<(String, String)> {
        let mut table = crate::RunTable::new(&task());
        for sketch in sketches {
            table.observe(&sketch.record());
        }
        table.transcripts().into_iter().map(|one| (one.sample, one.reason)).collect()
    }

    #[test]
    fn errors_come_first_then_faulty_then_one_ordinary() {
        let mut sketches: Vec<RecordSketch> = (0..9).map(|n| RecordSketch::scored(&format!("ok-{n}"), 0.0)).collect();
        sketches.extend((0..9).map(|n| RecordSketch::scored(&format!("bad-{n}"), 1.0)));
        sketches.extend((0..9).map(|n| RecordSketch::failed(&format!("err-{n}"))));
        let samples: Vec<String> = chosen(&sketches).into_iter().map(|(sample, _)| sample).collect();
        assert_eq!(samples, ["err-0", "err-1", "bad-0", "bad-1", "bad-2", "ok-0"]);
        sketches.reverse();
        let reversed: Vec<String> = chosen(&sketches).into_iter().map(|(sample, _)| sample).collect();
        assert_eq!(samples, reversed);
    }

    #[test]
    fn a_later_attempt_takes_the_place_of_an_earlier_one() {
        let again = RecordSketch { attempt: 2, ..RecordSketch::scored("a", 0.0) };
        assert_eq!(chosen(&[RecordSketch::failed("a"), again]), [("a".to_owned(), "ordinary".to_owned())]);
    }

    #[test]
    fn long_texts_are_cut_at_a_character_with_a_count() {
        let (text, chars_cut) = cut(&"é".repeat(10), 4);
        assert_eq!((text.as_str(), chars_cut), ("éééé", 6));
        assert_eq!(cut("abc", 3), ("abc".to_owned(), 0));
    }
}
