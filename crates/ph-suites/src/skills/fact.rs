//! Small facts of the closed list.

use ph_record::TaskSourceError;
use serde::Deserialize;

use super::{Item, Part};
use crate::draw::Draw;
use crate::lists::Lists;
use crate::wordings::{self, fill};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wordings {
    cores: Vec<String>,
    asks: Vec<String>,
}

/// Facts, each as often as the others.
pub(super) fn items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    let wordings: Wordings = wordings::read(&part.wordings)?;
    let relations = &Lists::embedded()?.relations;
    let facts: Vec<(String, &str)> = relations
        .iter()
        .flat_map(|relation| {
            relation
                .facts
                .iter()
                .map(|(subject, answer)| (fill(&relation.phrase, &[("subject", subject)]), answer.as_str()))
        })
        .collect();
    let cores = draw.deal(&wordings.cores, part.items)?;
    let facts = draw.deal(&facts, part.items)?;
    let mut items = Vec::with_capacity(part.items);
    for (core, (phrase, answer)) in cores.into_iter().zip(facts) {
        let text = format!("{} {}", fill(core, &[("phrase", phrase)]), draw.pick(&wordings.asks)?);
        items.push(Item::asking(text.trim_end(), *answer));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_record::SampleInput;

    #[test]
    fn the_answer_is_the_one_of_the_list() {
        let part = Part { items: 200, wordings: "skills/fact.toml".to_owned() };
        for item in items(&mut Draw::new(1, &[]), &part).unwrap() {
            let SampleInput::Text(text) = item.input else { panic!("one message") };
            let right = Lists::embedded().unwrap().relations.iter().any(|relation| {
                relation.facts.iter().any(|(subject, answer)| {
                    *answer == item.expected && text.contains(&fill(&relation.phrase, &[("subject", subject)]))
                })
            });
            assert!(right, "{text} {}", item.expected);
        }
    }
}
