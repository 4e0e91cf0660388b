//! `multiple_choice {shuffle = true, template}`: lists the item's choices under letters and asks for the letter.
//!
//! The order is shuffled by the sample's seed, so it is the same for every target; the state keeps the choices as asked
//! and the right letter in that order. As in Inspect it asks the model itself, unless a `generate` follows in the chain.
//! An item without choices keeps its prompt.

use async_trait::async_trait;
use ph_record::Expected;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use super::choice_letter::{CHOICES_MAX, letter, place_of};
use super::template::Template;
use crate::generate::{Generate, Stop};
use crate::parameters::ParameterError;
use crate::sample_state::SampleState;

const TEMPLATE: &str = "{question}\n\n{choices}\n\nAnswer with the letter of the right option alone.";

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct MultipleChoiceParameters {
    #[serde(default = "yes")]
    shuffle: bool,
    /// The prompt, with `{question}`, `{choices}` (one lettered line each) and, if wanted, `{letters}` (`A, B, C`).
    #[serde(default)]
    template: Option<String>,
}

fn yes() -> bool {
    true
}

pub(super) struct MultipleChoice {
    shuffle: bool,
    template: Template,
    generate_follows: bool,
}

impl MultipleChoice {
    pub(super) fn new(parameters: &MultipleChoiceParameters, generate_follows: bool) -> Result<Self, ParameterError> {
        let text = parameters.template.as_deref().unwrap_or(TEMPLATE);
        let known = ["question", "choices", "letters"];
        let template = Template::with_places(text, ("template", &known[..2]), &known)?;
        Ok(Self { shuffle: parameters.shuffle, template, generate_follows })
    }

    fn ask(&self, state: &mut SampleState) -> Result<(), Stop> {
        if state.choices.len() > CHOICES_MAX {
            return Err(Stop::Failed(format!("{} choices; at most {CHOICES_MAX} have a letter", state.choices.len())));
        }
        if self.shuffle {
            shuffle(state)?;
        }
        let lines: Vec<_> =
            state.choices.iter().enumerate().map(|(place, choice)| format!("{}) {choice}", letter(place))).collect();
        let letters: Vec<_> = (0..lines.len()).map(|place| letter(place).to_string()).collect();
        let question = state.prompt().text();
        let text = self.template.fill(|name| match name {
            "question" => Some(question.clone()),
            "choices" => Some(lines.join("\n")),
            "letters" => Some(letters.join(", ")),
            _ => None,
        });
        state.prompt().content = text.map_err(|name| Stop::Failed(format!("no value for `{name}`")))?.into();
        Ok(())
    }
}

#[async_trait]
impl Solver for MultipleChoice {
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
        if !state.choices.is_empty() {
            self.ask(state)?;
        }
        if self.generate_follows { Ok(()) } else { generate.call(state).await }
    }
}

fn shuffle(state: &mut SampleState) -> Result<(), Stop> {
    let mut order: Vec<usize> = (0..state.choices.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(state.seed));
    let remap = |old: &String| {
        let place = place_of(old, order.len())
            .ok_or_else(|| Stop::Failed(format!("the gold answer `{old}` is not the letter of a choice")))?;
        let asked = order.iter().position(|from| *from == place).unwrap_or(place);
        Ok(letter(asked).to_string())
    };
    state.expected = match &state.expected {
        Expected::One(one) => Expected::One(remap(one)?),
        Expected::AnyOf(all) => Expected::AnyOf(all.iter().map(remap).collect::<Result<_, Stop>>()?),
    };
    state.choices = order.iter().map(|from| state.choices[*from].clone()).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_record::{Sample, SampleInput};

    fn state(expected: &str, seed: u64) -> SampleState {
        let choices = ["red", "green", "blue", "grey"].map(str::to_owned).to_vec();
        let sample = Sample {
            id: "s".to_owned(),
            input: SampleInput::Text("Which?".to_owned()),
            expected: Expected::One(expected.to_owned()),
            choices,
            metadata: serde_json::Map::new(),
        };
        SampleState::new(sample, 1, seed)
    }

    #[test]
    fn the_right_letter_follows_its_choice() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut state = state("c", seed);
            shuffle(&mut state).unwrap();
            let place = place_of(&state.expected.all()[0], 4).unwrap();
            assert_eq!(state.choices[place], "blue");
            orders.insert(state.choices);
        }
        assert_eq!(orders.len(), 24, "every order comes up");
    }

    #[test]
    fn the_prompt_lists_the_choices() {
        let mut state = state("B", 1);
        let asks = MultipleChoice::new(&MultipleChoiceParameters { shuffle: false, template: None }, true).unwrap();
        asks.ask(&mut state).unwrap();
        assert_eq!(
            state.messages[0].text(),
            "Which?\n\nA) red\nB) green\nC) blue\nD) grey\n\nAnswer with the letter of the right option alone."
        );
        assert_eq!(state.expected.all(), ["B"]);
    }

    #[test]
    fn a_gold_answer_that_is_no_letter_is_refused() {
        for wrong in ["E", "green", "", "é"] {
            assert!(matches!(shuffle(&mut state(wrong, 1)), Err(Stop::Failed(_))), "{wrong}");
        }
    }
}
