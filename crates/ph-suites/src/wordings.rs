//! The wordings: the sentences in which the suites ask, embedded from `suites/`, and how their places are filled.

use ph_record::TaskSourceError;
use serde::de::DeserializeOwned;

/// Every wording file, by its path under `suites/`.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("skills/choice.toml", include_str!("../../../suites/skills/choice.toml")),
    ("skills/sum.toml", include_str!("../../../suites/skills/sum.toml")),
    ("skills/fact.toml", include_str!("../../../suites/skills/fact.toml")),
    ("skills/document.toml", include_str!("../../../suites/skills/document.toml")),
    ("skills/tool.toml", include_str!("../../../suites/skills/tool.toml")),
    ("refusal/requests.toml", include_str!("../../../suites/refusal/requests.toml")),
    ("trigger-search/messages.toml", include_str!("../../../suites/trigger-search/messages.toml")),
    ("planted-instructions/orders.toml", include_str!("../../../suites/planted-instructions/orders.toml")),
];

/// The text of a wording file.
///
/// # Errors
/// [`TaskSourceError`] naming the parameter `wordings` where there is no such file.
pub(crate) fn text(path: &str) -> Result<&'static str, TaskSourceError> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text).ok_or_else(|| {
        let known: Vec<String> = FILES.iter().map(|(known, _)| format!("`{known}`")).collect();
        TaskSourceError::new("wordings", format!("there are no wordings `{path}`"))
            .with_hint(format!("there are {}", known.join(", ")))
    })
}

/// Reads a wording file.
///
/// # Errors
/// [`TaskSourceError`] where there is no such file or it has another shape.
pub(crate) fn read<T: DeserializeOwned>(path: &str) -> Result<T, TaskSourceError> {
    toml::from_str(text(path)?).map_err(|error| TaskSourceError::new(format!("suites/{path}"), error.message()))
}

/// The template with its places filled, in one pass: what stands in a value is not filled again. A brace that opens no
/// known place stays as it is.
pub(crate) fn fill(template: &str, slots: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = slots.iter().find_map(|(slot, value)| {
            after.strip_prefix(slot).and_then(|after| after.strip_prefix('}')).map(|after| (value, after))
        });
        if let Some((value, after)) = place {
            filled.push_str(value);
            rest = after;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// Whether the template has the place.
pub(crate) fn has_slot(template: &str, slot: &str) -> bool {
    template.contains(&format!("{{{slot}}}"))
}

/// The places of a template.
pub(crate) fn slots_of(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(slot, _)| slot))
}

/// The text with `a` before a vowel written `an`.
pub(crate) fn with_articles(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let vowel = words[at].starts_with(['a', 'e', 'i', 'o', 'u']);
        if vowel && matches!(words[at - 1].as_str(), "a" | "A") {
            words[at - 1].push('n');
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let check = |template: &str, wanted: &str| assert_eq!(fill(template, &[("a", "{b}"), ("b", "x")]), wanted);
        check("{a} and {b}", "{b} and x");
        check("{\"answer\": \"{b}\"}", "{\"answer\": \"x\"}");
        check("{c}{", "{c}{");
        assert_eq!(slots_of("{a} is {bc}.").collect::<Vec<_>>(), ["a", "bc"]);
    }

    #[test]
    fn articles_fit() {
        assert_eq!(with_articles("A orange cup and a umbrella by a key"), "An orange cup and an umbrella by a key");
    }

    #[test]
    fn unknown_wordings_are_named_with_those_that_exist() {
        let error = text("skills/nothing.toml").unwrap_err();
        assert!(error.problem.contains("skills/nothing.toml"));
        assert!(error.hint.unwrap().contains("skills/sum.toml"));
    }
}
