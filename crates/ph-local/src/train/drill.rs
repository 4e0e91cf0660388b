//! Drills: dense segments that teach copying, looking up and adding.
//!
//! Made by `pack`. A model this small finds out how to copy from its context only after a million tokens
//! of questions on documents; on dense drills of random tokens, short ones first, it takes far fewer. Sums leave
//! out the operand pairs that are held out.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::TrainError;
use super::data::{Lists, is_held_out_pair};
use super::tokenizer::Encoder;

/// Words that carry no answer.
const FILLERS: [&str; 24] = [
    " the", " a", " in", " on", " of", " to", " is", " was", " by", " and", " with", " What", "What", "Which", "Where",
    "?", " that", " did", " for", " from", ",", " at", ":", " which",
];

/// A token and whether it is to be learned.
pub type Drilled = (u32, bool);

/// What a drill teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillKind {
    /// What followed a token before follows it again.
    Again,
    /// One word of a sentence is answered by the other.
    Lookup,
    /// The letter of an option.
    Options,
    /// A named field of a record is answered, given another field.
    Records,
    /// The letter of the option that belongs to a category or answers a fact.
    Kinds,
    /// Words are written again between quotation marks, where they are other tokens, as in a tool call.
    Spell,
    /// Sums.
    Sums,
}

/// Makes drills over a tokenizer's vocabulary.
pub struct Drill {
    words: std::ops::Range<u32>,
    letters: Vec<u32>,
    answers: Vec<u32>,
    marks: Vec<u32>,
    fillers: Vec<u32>,
    stop: u32,
    line: u32,
    digits: Vec<u32>,
    signs: [u32; 3],
    space: u32,
    fields: [Vec<u32>; 4],
    field_names: [u32; 4],
    categories: Vec<(Vec<u32>, Vec<Vec<u32>>)>,
    relations: Vec<Vec<(Vec<u32>, Vec<u32>)>>,
    quoted: Vec<(Vec<u32>, Vec<u32>)>,
    user: u32,
    assistant: u32,
    end: u32,
}

fn pick<T: Clone>(rng: &mut ChaCha8Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())].clone()
}

impl Drill {
    /// Drills over the tokens that are neither special nor tool-call marks.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn new(encoder: &Encoder) -> Result<Self, TrainError> {
        let first = |text: &str| {
            let reason = || TrainError::Tokenizer { reason: format!("`{text}` has no token") };
            encoder.text(text)?.first().copied().ok_or_else(reason)
        };
        let all = |texts: &[&str]| texts.iter().map(|text| first(text)).collect::<Result<Vec<_>, _>>();
        let lists = Lists::embedded()?;
        let things = &lists.things;
        let single = |word: &String| match encoder.text(&format!(" {word}")).as_deref() {
            Ok(&[token]) => Some(token),
            _ => None,
        };
        let spaced = |text: &str| encoder.text(&format!(" {text}"));
        let mut categories = Vec::new();
        for category in &lists.categories {
            let words = category.words.iter().map(|word| spaced(word)).collect::<Result<Vec<_>, _>>()?;
            categories.push((spaced(&category.name)?, words));
        }
        let mut relations = Vec::new();
        for relation in &lists.relations {
            let fact = |(subject, answer): &(String, String)| {
                Ok((spaced(&relation.phrase.replace("{subject}", subject))?, spaced(answer)?))
            };
            relations.push(relation.facts.iter().map(fact).collect::<Result<Vec<_>, TrainError>>()?);
        }
        let mut quoted = Vec::new();
        for value in lists.tools.iter().flat_map(|tool| &tool.values) {
            quoted.push((spaced(value)?, spaced(&format!("\"{value}\"}}"))?));
        }
        Ok(Self {
            words: 6..encoder.vocab() as u32 - 2,
            letters: all(&["A", "B", "C", "D"])?,
            answers: all(&[" A", " B", " C", " D"])?,
            marks: all(&[")", ".", ":"])?,
            fillers: all(&FILLERS)?,
            stop: first(".")?,
            line: first("\n")?,
            digits: all(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])?,
            signs: [first(" +")?, first(" plus")?, first(" and")?],
            space: first(" 1")?,
            fields: [&things.names, &things.objects, &things.places, &things.colours]
                .map(|all| all.iter().filter_map(&single).collect()),
            field_names: [first(" name")?, first(" thing")?, first(" place")?, first(" colour")?],
            categories,
            relations,
            quoted,
            user: encoder.user(),
            assistant: encoder.assistant(),
            end: encoder.end,
        })
    }

    /// A drill of this kind, of at most `pairs_max` pairs.
    pub fn make(&self, kind: DrillKind, rng: &mut ChaCha8Rng, pairs_max: usize) -> Vec<Drilled> {
        let most = rng.random_range(1..=pairs_max.max(1));
        let count = rng.random_range(1..=most);
        match kind {
            DrillKind::Again => self.again(rng, count),
            DrillKind::Lookup => self.lookup(rng, count),
            DrillKind::Options => self.options(rng),
            DrillKind::Records => self.records(rng, count),
            DrillKind::Kinds => self.kinds(rng),
            DrillKind::Spell => self.spell(rng, count),
            DrillKind::Sums => self.sums(rng),
        }
    }

    /// Six sums, question by question.
    fn sums(&self, rng: &mut ChaCha8Rng) -> Vec<Drilled> {
        let mut tokens = Vec::new();
        let sign = self.signs[rng.random_range(0..self.signs.len())];
        while tokens.len() < 6 * 12 {
            let (a, b) = (rng.random_range(10..60_usize), rng.random_range(10..60_usize));
            if is_held_out_pair(a, b) {
                continue;
            }
            tokens.push((self.user, false));
            tokens.extend(self.number(a).chain([sign]).chain(self.number(b)).map(|token| (token, false)));
            tokens.extend([(self.end, false), (self.assistant, false)]);
            tokens.extend(self.number(a + b).map(|token| (token, true)));
            tokens.push((self.end, true));
        }
        tokens
    }

    fn number(&self, number: usize) -> impl Iterator<Item = u32> {
        let digits = number.to_string().into_bytes().into_iter().map(|digit| self.digits[usize::from(digit - b'0')]);
        std::iter::once(self.space).chain(digits)
    }

    /// Random pairs once, and then again in the same order, or pair by pair in another one.
    fn again(&self, rng: &mut ChaCha8Rng, count: usize) -> Vec<Drilled> {
        let mut pairs = self.pairs(rng, count);
        let shuffled = rng.random::<bool>();
        let mut tokens = Vec::new();
        for again in [false, true] {
            for (place, pair) in pairs.iter().enumerate() {
                tokens.push((pair[0], again && !shuffled && place > 0));
                tokens.push((pair[1], again));
            }
            if shuffled {
                pairs.shuffle(rng);
            }
        }
        tokens
    }

    /// Sentences of two words among function words, then questions: one word of a sentence is answered by the other.
    fn lookup(&self, rng: &mut ChaCha8Rng, count: usize) -> Vec<Drilled> {
        let pairs = self.pairs(rng, count);
        let between = rng.random_range(0..4);
        let mut tokens = vec![(self.user, false)];
        for pair in &pairs {
            self.fill(rng, between / 2, &mut tokens);
            tokens.push((pair[0], false));
            self.fill(rng, between, &mut tokens);
            tokens.push((pair[1], false));
            tokens.push((self.stop, false));
        }
        for round in 0..count.min(4) {
            if round > 0 {
                tokens.push((self.user, false));
            }
            let mut pair = pairs[rng.random_range(0..count)];
            if rng.random::<bool>() {
                pair.reverse();
            }
            self.fill(rng, between, &mut tokens);
            tokens.push((pair[0], false));
            self.fill(rng, between / 2, &mut tokens);
            self.answer(pair[1], &mut tokens);
        }
        tokens
    }

    /// Records of a name, a thing, a place and a colour, then questions for one field by another.
    fn records(&self, rng: &mut ChaCha8Rng, count: usize) -> Vec<Drilled> {
        let records: Vec<[u32; 4]> =
            (0..count.min(5)).map(|_| self.fields.each_ref().map(|all| pick(rng, all))).collect();
        let mut tokens = vec![(self.user, false)];
        let mut order = [0, 1, 2, 3];
        let width = rng.random_range(2..=4);
        order.shuffle(rng);
        for record in &records {
            if rng.random::<bool>() {
                order[..width].shuffle(rng);
            }
            for &field in &order[..width] {
                self.fill(rng, 2, &mut tokens);
                tokens.push((record[field], false));
            }
            tokens.push((self.stop, false));
        }
        for round in 0..records.len().min(3) {
            if round > 0 {
                tokens.push((self.user, false));
            }
            order[..width].shuffle(rng);
            let (asked, given) = (order[0], order[1]);
            let record = pick(rng, &records);
            let mut words = [self.field_names[asked], record[given]];
            words.shuffle(rng);
            for word in words {
                self.fill(rng, 2, &mut tokens);
                tokens.push((word, false));
            }
            self.fill(rng, 2, &mut tokens);
            self.answer(record[asked], &mut tokens);
        }
        tokens
    }

    /// A few tool arguments, and the same between quotation marks.
    fn spell(&self, rng: &mut ChaCha8Rng, count: usize) -> Vec<Drilled> {
        let words: Vec<_> = self.quoted.sample(rng, count.min(5)).collect();
        let mut tokens = vec![(self.user, false)];
        for (plain, _) in &words {
            self.fill(rng, 2, &mut tokens);
            tokens.extend(plain.iter().map(|&token| (token, false)));
        }
        tokens.extend([(self.end, false), (self.assistant, false)]);
        for (_, quoted) in &words {
            tokens.extend(quoted.iter().map(|&token| (token, true)));
        }
        tokens.push((self.end, true));
        tokens
    }

    /// Four options of a group (a relation's answers, or words of four categories), asked for in turn.
    fn kinds(&self, rng: &mut ChaCha8Rng) -> Vec<Drilled> {
        let mut options: Vec<(Vec<u32>, Vec<u32>)> = if rng.random::<bool>() {
            let categories = self.categories.sample(rng, 4);
            categories.map(|(name, words)| (name.clone(), pick(rng, words))).collect()
        } else {
            pick(rng, &self.relations).sample(rng, 4).cloned().collect()
        };
        options.shuffle(rng);
        let mark = pick(rng, &self.marks);
        let mut tokens = vec![(self.user, false)];
        let before = rng.random::<bool>();
        let mut asked = rng.random_range(0..options.len());
        if before {
            self.ask(rng, &options[asked].0, &mut tokens);
        }
        for ((_, word), letter) in options.iter().zip(&self.letters) {
            tokens.extend([(self.line, false), (*letter, false), (mark, false)]);
            tokens.extend(word.iter().map(|&token| (token, false)));
        }
        for round in 0..3 {
            if round > 0 {
                tokens.push((self.user, false));
                asked = rng.random_range(0..options.len());
            }
            if round > 0 || !before {
                self.ask(rng, &options[asked].0, &mut tokens);
            } else if rng.random::<bool>() {
                self.fill(rng, 4, &mut tokens);
            }
            self.answer(self.answers[asked], &mut tokens);
        }
        tokens
    }

    /// Four lettered options and one of their words, before or after: its letter is the answer.
    fn options(&self, rng: &mut ChaCha8Rng) -> Vec<Drilled> {
        let length = rng.random_range(1..4);
        let words: Vec<Vec<u32>> = (0..4).map(|_| (0..length).map(|_| self.word(rng)).collect()).collect();
        let mut asked = rng.random_range(0..4);
        let before = rng.random::<bool>();
        let mark = self.marks[rng.random_range(0..self.marks.len())];
        let mut tokens = vec![(self.user, false)];
        if before {
            self.ask(rng, &words[asked], &mut tokens);
        }
        for (word, letter) in words.iter().zip(&self.letters) {
            tokens.extend([(self.line, false), (*letter, false), (mark, false)]);
            tokens.extend(word.iter().map(|&token| (token, false)));
        }
        for round in 0..3 {
            if round > 0 {
                tokens.push((self.user, false));
                asked = rng.random_range(0..4);
            }
            if round > 0 || !before {
                self.ask(rng, &words[asked], &mut tokens);
            } else if rng.random::<bool>() {
                self.fill(rng, 4, &mut tokens);
            }
            self.answer(self.answers[asked], &mut tokens);
        }
        tokens
    }

    fn ask(&self, rng: &mut ChaCha8Rng, word: &[u32], tokens: &mut Vec<Drilled>) {
        self.fill(rng, 4, tokens);
        tokens.extend(word.iter().map(|&token| (token, false)));
        self.fill(rng, 3, tokens);
    }

    fn pairs(&self, rng: &mut ChaCha8Rng, count: usize) -> Vec<[u32; 2]> {
        (0..count).map(|_| [self.word(rng), self.word(rng)]).collect()
    }

    /// A token that is not a function word.
    fn word(&self, rng: &mut ChaCha8Rng) -> u32 {
        loop {
            let word = rng.random_range(self.words.clone());
            if word != self.stop && !self.fillers.contains(&word) {
                return word;
            }
        }
    }

    /// Up to `most` function words.
    fn fill(&self, rng: &mut ChaCha8Rng, most: usize, tokens: &mut Vec<Drilled>) {
        for _ in 0..rng.random_range(0..=most) {
            tokens.push((self.fillers[rng.random_range(0..self.fillers.len())], false));
        }
    }

    fn answer(&self, token: u32, tokens: &mut Vec<Drilled>) {
        tokens.extend([(self.end, false), (self.assistant, false), (token, true), (self.end, false)]);
    }
}
