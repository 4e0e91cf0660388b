//! Sums of two two-digit numbers.

use ph_record::TaskSourceError;
use serde::Deserialize;

use super::{Item, Part};
use crate::draw::Draw;
use crate::wordings::{self, fill};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wordings {
    cores: Vec<String>,
}

/// The operands: all pairs of these.
const FIRST: usize = 10;
const COUNT: usize = 50;

/// Sums of different pairs.
pub(super) fn items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    let wordings: Wordings = wordings::read(&part.wordings)?;
    let cores = draw.deal(&wordings.cores, part.items)?;
    let pairs: Vec<usize> = (0..COUNT * COUNT).collect();
    let pairs = draw.deal(&pairs, part.items)?;
    let item = |(core, pair): (&String, &usize)| {
        let (a, b) = (FIRST + pair / COUNT, FIRST + pair % COUNT);
        let text = fill(core, &[("a", &a.to_string()), ("b", &b.to_string())]);
        Item::asking(text, (a + b).to_string())
    };
    Ok(cores.into_iter().zip(pairs).map(item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_record::SampleInput;

    #[test]
    fn the_numbers_in_the_question_add_up() {
        let part = Part { items: 300, wordings: "skills/sum.toml".to_owned() };
        let mut texts = std::collections::BTreeSet::new();
        for item in items(&mut Draw::new(1, &[]), &part).unwrap() {
            let SampleInput::Text(text) = item.input else { panic!("one message") };
            let numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok());
            // A wording may name a number again, as in `{a} pages plus {b} pages`, but none does so now.
            let numbers: Vec<usize> = numbers.collect();
            assert_eq!(numbers.len(), 2, "{text}");
            assert!(numbers.iter().all(|number| (10..=59).contains(number)), "{text}");
            assert_eq!(numbers.iter().sum::<usize>().to_string(), item.expected, "{text}");
            texts.insert(text);
        }
        assert_eq!(texts.len(), 300);
    }
}
