//! The seeded hand that puts one example together: it picks, fills slots, and surrounds a question with openers,
//! closers and noise, so that the learner cannot lean on one wording. In the held-out fold it adds no noise.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lists::Lists;
use super::wordings::Wordings;
use super::{DataError, Turn, TurnRole};

/// Which items an example may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Training,
    HeldOut,
}

/// A question and its answer.
pub(super) type Exchange = (String, String);

/// How far the words of a template may be disturbed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Jitter {
    /// Any word that is not a slot may be replaced or dropped.
    Free,
    /// Words are only added.
    Insert,
}

pub(super) struct Writer {
    pub(super) lists: Arc<Lists>,
    pub(super) wordings: Arc<Wordings>,
    pub(super) fold: Fold,
    rng: ChaCha8Rng,
}

impl Writer {
    pub(super) fn new(fold: Fold, seed: u64) -> Result<Self, DataError> {
        let wordings = match fold {
            Fold::Training => Wordings::training()?,
            Fold::HeldOut => Wordings::held_out()?,
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { lists: Arc::new(Lists::embedded()?), wordings: Arc::new(wordings), fold, rng })
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.rng.random_range(0..bound) }
    }

    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    pub(super) fn unit(&mut self) -> f64 {
        self.rng.random_range(0.0..1.0)
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// True with this probability in training, never in the held-out fold.
    pub(super) fn disturb(&mut self, probability: f64) -> bool {
        self.fold == Fold::Training && self.chance(probability)
    }

    pub(super) fn pick<T: Clone + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len());
        items.get(at).cloned().unwrap_or_default()
    }

    /// `count` different items in random order.
    pub(super) fn sample<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut all = items.to_vec();
        self.shuffle(&mut all);
        all.truncate(count);
        all
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at + 1);
            items.swap(at, other);
        }
    }

    /// An invented word of two to eight letters.
    pub(super) fn invented(&mut self) -> String {
        const STARTS: [&str; 20] =
            ["b", "br", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "v", "w", "z"];
        const MIDDLES: [&str; 10] = ["a", "e", "i", "o", "u", "ai", "ea", "oo", "y", "ou"];
        const ENDS: [&str; 12] = ["", "", "n", "r", "l", "s", "t", "m", "x", "k", "rd", "sh"];
        let mut word = String::new();
        for _ in 0..self.between(1, 2) {
            word.push_str(self.pick(&STARTS));
            word.push_str(self.pick(&MIDDLES));
        }
        word.push_str(self.pick(&ENDS));
        word.truncate(8);
        word
    }

    /// A string of random letters, such as `xqzv` or `plo-wke`.
    pub(super) fn letters(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap_or(0))).collect()
    }

    /// Any word to be copied: from the lists, of everyday language, or invented; sometimes capitalised.
    pub(super) fn any_word(&mut self) -> String {
        let (lists, wordings) = (self.lists.clone(), self.wordings.clone());
        let word = match self.below(8) {
            0 => self.pick(&lists.things.objects),
            1 => self.pick(&lists.things.places),
            2 => self.pick(&lists.things.colours),
            3 => self.pick(&lists.things.names),
            4 => {
                let at = self.below(lists.categories.len());
                lists.categories.get(at).map_or_else(String::new, |category| self.pick(&category.words))
            }
            5 => self.pick(&wordings.frame.words),
            _ => self.invented(),
        };
        match self.below(10) {
            0 => word.to_uppercase(),
            1 | 2 => capitalised(&word),
            _ => word,
        }
    }

    /// A template with some of its words disturbed and its slots filled.
    pub(super) fn phrase(&mut self, template: &str, jitter: Jitter, slots: &[(&str, &str)]) -> String {
        fill(&self.disturbed(template, jitter), slots)
    }

    fn disturbed(&mut self, template: &str, jitter: Jitter) -> String {
        let mut words: Vec<String> = template.split(' ').map(str::to_owned).collect();
        if self.disturb(0.25) {
            for _ in 0..self.between(1, 2) {
                self.disturb_word(&mut words, jitter);
            }
        }
        let mut text = words.join(" ");
        if self.disturb(0.12) {
            text = lowercase_first(&text);
        }
        if self.disturb(0.1) && jitter == Jitter::Free {
            text = text.trim_end_matches(['.', '?', '!', ':']).to_owned();
        }
        text
    }

    fn disturb_word(&mut self, words: &mut Vec<String>, jitter: Jitter) {
        let stray = self.stray_word();
        let at = self.below(words.len());
        let is_slot = words.get(at).is_none_or(|word| word.contains('{'));
        match self.below(4) {
            0 | 1 if jitter == Jitter::Free && !is_slot => {
                if let Some(word) = words.get_mut(at) {
                    *word = stray;
                }
            }
            2 if jitter == Jitter::Free && !is_slot && words.len() > 2 => {
                words.remove(at);
            }
            _ => words.insert(at, stray),
        }
    }

    pub(super) fn stray_word(&mut self) -> String {
        let wordings = self.wordings.clone();
        match self.below(5) {
            0 => self.invented(),
            _ => self.pick(&wordings.frame.words),
        }
    }

    /// Up to `most` words that join other words and are no name, thing, place or colour of the lists.
    pub(super) fn glue(&mut self, most: usize) -> Vec<String> {
        let lists = self.lists.clone();
        let things = &lists.things;
        let listed =
            |word: &String| [&things.objects, &things.places, &things.colours].iter().any(|l| l.contains(word));
        let count = self.below(most + 1);
        let words: Vec<String> = (0..count).map(|_| self.stray_word()).collect();
        words.into_iter().filter(|word| !listed(word)).collect()
    }

    /// A few stray words, as a sentence or in brackets.
    pub(super) fn salad(&mut self) -> String {
        let words: Vec<String> = (0..self.between(1, 7)).map(|_| self.stray_word()).collect();
        match self.below(4) {
            0 => format!("({})", words.join(" ")),
            1 => format!("{}:", capitalised(&words.join(" "))),
            _ => format!("{}.", capitalised(&words.join(" "))),
        }
    }

    /// A question with what may stand before and after it; `closers` tell how to answer it.
    pub(super) fn framed(&mut self, core: &str, closers: &[String]) -> String {
        let wordings = self.wordings.clone();
        let frame = &wordings.frame;
        let mut parts: Vec<String> = Vec::new();
        if self.chance(0.35) {
            parts.push(self.pick(&frame.prefixes));
        }
        if self.chance(0.1) {
            parts.push(self.pick(&frame.noise));
        }
        if self.disturb(0.12) {
            parts.push(self.salad());
        }
        parts.push(core.to_owned());
        if !closers.is_empty() && self.chance(0.3) {
            let closer = self.pick(closers);
            parts.push(self.phrase(&closer, Jitter::Free, &[]));
        }
        if self.chance(0.15) {
            parts.push(self.pick(&frame.suffixes));
        }
        if self.chance(0.07) {
            parts.push(self.pick(&frame.noise));
        }
        if self.disturb(0.08) {
            parts.push(self.salad());
        }
        let joint = if self.chance(0.2) { "\n" } else { " " };
        parts.join(joint)
    }

    /// The system message of an example, if it has one.
    pub(super) fn system(&mut self) -> Option<String> {
        let wordings = self.wordings.clone();
        if self.chance(0.3) {
            return Some(self.pick(&wordings.frame.systems));
        }
        self.disturb(0.05).then(|| self.salad())
    }

    /// A conversation of these exchanges, with or without a system message.
    pub(super) fn conversation(&mut self, exchanges: Vec<Exchange>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        turns.extend(self.system().map(|text| Turn::new(TurnRole::System, text)));
        for (question, answer) in exchanges {
            turns.push(Turn::new(TurnRole::User, question));
            turns.push(Turn::new(TurnRole::Assistant, answer));
        }
        turns
    }

    /// How many questions a conversation has: one in the held-out fold.
    pub(super) fn rounds(&mut self, most: usize) -> usize {
        if self.fold == Fold::HeldOut { 1 } else { self.between(1, most) }
    }
}

/// Replaces each `{slot}` by its value.
pub(super) fn fill(template: &str, slots: &[(&str, &str)]) -> String {
    slots.iter().fold(template.to_owned(), |text, (slot, value)| text.replace(&format!("{{{slot}}}"), value))
}

/// The text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn lowercase_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
