//! Four-option questions: the member of a category, or the answer of a fact among answers of the same kind.

use ph_record::TaskSourceError;
use serde::Deserialize;

use super::{Item, Part};
use crate::draw::Draw;
use crate::lists::Lists;
use crate::wordings::{self, fill};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wordings {
    category: Vec<String>,
    fact: Vec<String>,
    asks: Vec<String>,
}

/// Options of a question: as many as have a letter here.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// Questions on categories and facts by turns.
pub(super) fn items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    let wordings: Wordings = wordings::read(&part.wordings)?;
    let half = part.items.div_ceil(2);
    let on_category = draw.deal(&wordings.category, half)?;
    let on_fact = draw.deal(&wordings.fact, half)?;
    let mut items = Vec::with_capacity(part.items);
    for number in 0..part.items {
        let (question, options) = match number % 2 {
            0 => category(draw, on_category[number / 2])?,
            _ => fact(draw, on_fact[number / 2])?,
        };
        let ask = draw.pick(&wordings.asks)?;
        items.push(item(draw, &format!("{question} {ask}"), options));
    }
    Ok(items)
}

/// The question and its options, the right one first.
fn category(draw: &mut Draw, core: &str) -> Result<(String, Vec<String>), TaskSourceError> {
    let categories = draw.sample(&Lists::embedded()?.categories, LETTERS.len());
    let asked = categories.first().map_or("", |category| category.with_article.as_str());
    let words = categories.iter().map(|category| draw.pick(&category.words).cloned());
    Ok((fill(core, &[("category", asked)]), words.collect::<Result<_, _>>()?))
}

fn fact(draw: &mut Draw, core: &str) -> Result<(String, Vec<String>), TaskSourceError> {
    let relation = draw.pick(&Lists::embedded()?.relations)?;
    let facts = draw.sample(&relation.facts, LETTERS.len());
    let subject = facts.first().map_or("", |(subject, _)| subject.as_str());
    let phrase = fill(&relation.phrase, &[("subject", subject)]);
    Ok((fill(core, &[("phrase", &phrase)]), facts.iter().map(|(_, answer)| answer.clone()).collect()))
}

fn item(draw: &mut Draw, text: &str, mut options: Vec<String>) -> Item {
    let right = draw.below(options.len());
    options.swap(0, right);
    Item { choices: options, ..Item::asking(text, LETTERS[right]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_record::SampleInput;

    #[test]
    fn the_letter_is_that_of_the_right_option() {
        let part = Part { items: 200, wordings: "skills/choice.toml".to_owned() };
        let lists = Lists::embedded().unwrap();
        for item in items(&mut Draw::new(4, &[]), &part).unwrap() {
            let SampleInput::Text(text) = &item.input else { panic!("one message") };
            let place = LETTERS.iter().position(|letter| *letter == item.expected).unwrap();
            let asks_for = |phrase: &str| {
                let after = text.split_once(phrase).map(|(_, after)| after);
                after.is_some_and(|after| !after.starts_with(char::is_alphanumeric))
            };
            let fits = |word: &String| {
                let mut categories = lists.categories.iter();
                let mut facts = lists
                    .relations
                    .iter()
                    .flat_map(|relation| relation.facts.iter().map(|fact| (&relation.phrase, fact)));
                categories.any(|category| category.words.contains(word) && asks_for(&category.with_article))
                    || facts.any(|(phrase, (subject, answer))| {
                        answer == word && asks_for(&fill(phrase, &[("subject", subject)]))
                    })
            };
            for (at, option) in item.choices.iter().enumerate() {
                assert_eq!(fits(option), at == place, "{text} {:?} {}", item.choices, item.expected);
            }
        }
    }
}
