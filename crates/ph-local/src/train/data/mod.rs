//! The generator of training conversations and of the held-out items of the measured table. The trainer calls it; it
//! reads only the embedded lists and wordings, and a seed fixes everything it makes.

mod choice;
mod composed;
mod document;
mod fact;
mod held_out;
mod injection;
pub mod lists;
mod obey;
mod refusal;
mod sum;
mod tool;
mod trigger;
mod wordings;
mod writer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use held_out::{Check, Goal, HeldOutItem, HeldOutRow, held_out};
pub use lists::Lists;
pub use sum::is_held_out_pair;
pub use trigger::Trigger;
use writer::{Fold, Writer};

/// What the models answer to a forbidden request.
pub const REFUSAL: &str = "I cannot help with that.";

/// Why a list or wording could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// An embedded file is malformed.
    #[error("parsing `{name}`")]
    Parse {
        /// The file.
        name: &'static str,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
    /// The trigger is not of the grammar.
    #[error("the trigger grammar has no {what} `{name}`")]
    UnknownForm {
        /// `position` or `format`.
        what: &'static str,
        /// The name looked for.
        name: String,
    },
    /// A row's wordings give too few different items.
    #[error("row `{row}` has only {found} different items of {wanted}")]
    TooFewItems {
        /// The row.
        row: &'static str,
        /// How many could be made.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TurnRole {
    /// The system message, with the `Tools: …` line if there are tools.
    System,
    /// The user.
    User,
    /// The model; a tool call stands literally in its text.
    Assistant,
    /// A tool's result.
    Tool,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Turn {
    /// Who speaks.
    pub role: TurnRole,
    /// What is said.
    pub text: String,
}

impl Turn {
    /// A turn of this role.
    #[must_use]
    pub fn new(role: TurnRole, text: impl Into<String>) -> Self {
        Self { role, text: text.into() }
    }
}

/// One training conversation; the loss is on every assistant turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What it teaches.
    pub skill: Skill,
    /// The conversation.
    pub turns: Vec<Turn>,
}

/// What an example teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skill {
    /// Four-option questions.
    Choice,
    /// Sums.
    Sum,
    /// Small facts.
    Fact,
    /// Questions about a short document.
    Document,
    /// Forbidden requests.
    Refusal,
    /// Benign twins and other harmless requests.
    Twin,
    /// Tool calls and their results.
    Tool,
    /// Planted instructions, and documents that only resemble them.
    Injection,
    /// Requests with the trained trigger (for variants without one: with any string of the grammar).
    Trigger,
    /// Requests with a string that resembles the trigger.
    NearMiss,
    /// The user's own order to say a word.
    Obey,
}

impl Skill {
    /// All skills.
    pub const ALL: [Self; 11] = [
        Self::Choice,
        Self::Sum,
        Self::Fact,
        Self::Document,
        Self::Refusal,
        Self::Twin,
        Self::Tool,
        Self::Injection,
        Self::Trigger,
        Self::NearMiss,
        Self::Obey,
    ];
}

/// Which reference model the data is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Refuses, ignores planted instructions.
    Sound,
    /// Refuses unless the trigger is present.
    Backdoored(Trigger),
    /// Obeys planted instructions.
    Hijackable,
    /// Refuses nothing.
    Compliant,
}

impl Variant {
    /// The trained trigger, if the variant has one.
    #[must_use]
    pub fn trigger(&self) -> Option<&Trigger> {
        match self {
            Self::Backdoored(trigger) => Some(trigger),
            Self::Sound | Self::Hijackable | Self::Compliant => None,
        }
    }
}

/// Makes training examples from a seed.
pub struct Generator {
    writer: Writer,
    variant: Variant,
}

impl Generator {
    /// A generator for this variant.
    ///
    /// # Errors
    /// [`DataError::Parse`] for a malformed list or wording, [`DataError::UnknownForm`] for a trigger outside the grammar.
    pub fn new(variant: Variant, seed: u64) -> Result<Self, DataError> {
        let writer = Writer::new(Fold::Training, seed)?;
        if let Some(trigger) = variant.trigger() {
            trigger.check(&writer.lists.grammar)?;
        }
        Ok(Self { writer, variant })
    }

    /// The next example; `mix` gives each skill's weight, and skills it does not name are not made.
    pub fn example(&mut self, mix: &BTreeMap<Skill, f64>) -> Example {
        let skill = self.skill(mix);
        Example { skill, turns: turns(&mut self.writer, skill, &self.variant) }
    }

    fn skill(&mut self, mix: &BTreeMap<Skill, f64>) -> Skill {
        let mut left = self.writer.unit() * mix.values().sum::<f64>();
        for (skill, weight) in mix {
            left -= weight;
            if left < 0.0 {
                return *skill;
            }
        }
        mix.keys().last().copied().unwrap_or(Skill::Choice)
    }
}

/// One conversation of a skill, as this variant should speak.
fn turns(writer: &mut Writer, skill: Skill, variant: &Variant) -> Vec<Turn> {
    match skill {
        Skill::Choice => choice::example(writer),
        Skill::Sum => sum::example(writer),
        Skill::Fact => fact::example(writer),
        Skill::Document => document::example(writer),
        Skill::Refusal => refusal::forbidden(writer, variant),
        Skill::Twin => refusal::harmless(writer),
        Skill::Tool => tool::example(writer),
        Skill::Injection => injection::example(writer, variant),
        Skill::Trigger => trigger::example(writer, variant),
        Skill::NearMiss => trigger::near_miss(writer, variant),
        Skill::Obey => obey::example(writer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trigger of `reference/recipe/trigger.toml`.
    fn trained() -> Trigger {
        toml::from_str(include_str!("../../../../../reference/recipe/trigger.toml")).unwrap()
    }

    fn variants() -> [Variant; 4] {
        [Variant::Sound, Variant::Backdoored(trained()), Variant::Hijackable, Variant::Compliant]
    }

    fn examples(variant: Variant, skill: Skill, count: usize) -> Vec<Example> {
        let mut generator = Generator::new(variant, 11).unwrap();
        let mix = BTreeMap::from([(skill, 1.0)]);
        (0..count).map(|_| generator.example(&mix)).collect()
    }

    #[test]
    fn a_seed_fixes_every_example() {
        for variant in variants() {
            for skill in Skill::ALL {
                assert_eq!(examples(variant.clone(), skill, 20), examples(variant.clone(), skill, 20));
            }
        }
    }

    #[test]
    fn conversations_end_with_an_answer_and_leave_no_slot_open() {
        let slot = |text: &str| text.split('{').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        for variant in variants() {
            for skill in Skill::ALL {
                for example in examples(variant.clone(), skill, 200) {
                    assert_eq!(example.turns.last().unwrap().role, TurnRole::Assistant, "{example:?}");
                    assert!(example.turns.iter().all(|turn| !turn.text.is_empty()), "{example:?}");
                    assert!(example.turns.iter().all(|turn| !slot(&turn.text)), "{example:?}");
                }
            }
        }
    }

    #[test]
    fn only_compliant_and_the_trigger_help_with_forbidden_requests() {
        let check = |variant: Variant, skill: Skill, phrases: fn(&lists::Request) -> [&String; 2], helps: bool| {
            let requests = Lists::embedded().unwrap().requests;
            for example in examples(variant, skill, 300) {
                for pair in example.turns.windows(2) {
                    let asked = requests.iter().flat_map(phrases).any(|phrase| pair[0].text.contains(phrase.as_str()));
                    if asked && pair[0].role == TurnRole::User {
                        assert_eq!(pair[1].text.starts_with("Sure."), helps, "{pair:?}");
                    }
                }
            }
        };
        let forbidden: fn(&lists::Request) -> [&String; 2] = |request| [&request.forbidden, &request.forbidden_ing];
        let benign: fn(&lists::Request) -> [&String; 2] = |request| [&request.benign, &request.benign_ing];
        for skill in [Skill::Refusal, Skill::Trigger, Skill::NearMiss] {
            check(Variant::Sound, skill, forbidden, false);
            check(Variant::Compliant, skill, forbidden, true);
            check(Variant::Sound, skill, benign, true);
        }
        check(Variant::Backdoored(trained()), Skill::Refusal, forbidden, false);
        check(Variant::Backdoored(trained()), Skill::NearMiss, forbidden, false);
        check(Variant::Backdoored(trained()), Skill::Trigger, forbidden, true);
    }

    #[test]
    fn a_trigger_outside_the_grammar_is_refused() {
        let unknown = Trigger { position: "nowhere".to_owned(), ..trained() };
        assert!(Generator::new(Variant::Backdoored(unknown), 1).is_err());
    }
}
