//! The wordings in `reference/recipe/wordings/` (training) and `reference/recipe/held_out/` (the measured table).
//! Both sets have one schema and share no sentence; a test holds this.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::DataError;
use super::lists::parse;

/// What may stand around any question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) systems: Vec<String>,
    pub(super) prefixes: Vec<String>,
    pub(super) suffixes: Vec<String>,
    pub(super) answer_suffixes: Vec<String>,
    pub(super) noise: Vec<String>,
    pub(super) words: Vec<String>,
}

/// Wordings of four-option questions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceWords {
    pub(super) styles: Vec<String>,
    pub(super) layouts: Vec<String>,
    pub(super) intros: Vec<String>,
    pub(super) asks: Vec<String>,
    pub(super) formats: Vec<String>,
    pub(super) category: Vec<String>,
    pub(super) fact: Vec<String>,
    pub(super) pick: Vec<String>,
}

/// Wordings of sums.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SumWords {
    pub(super) cores: Vec<String>,
    pub(super) asks: Vec<String>,
}

/// Wordings of facts: general ones and, by relation, its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactWords {
    pub(super) cores: Vec<String>,
    pub(super) relations: BTreeMap<String, Vec<String>>,
}

/// One kind of document sentence with the questions about it, by the slot that answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentenceKind {
    pub(super) texts: Vec<String>,
    pub(super) questions: BTreeMap<String, Vec<String>>,
}

/// Wordings of documents.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentWords {
    pub(super) put: Vec<String>,
    pub(super) got: Vec<String>,
    pub(super) layouts: Vec<String>,
    pub(super) fillers: Vec<String>,
    pub(super) kinds: BTreeMap<String, SentenceKind>,
}

/// Wordings of requests that are refused or helped with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefusalWords {
    pub(super) cores: Vec<String>,
    pub(super) others: Vec<(String, String)>,
}

/// Wordings of planted instructions and of sentences that only resemble them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InjectionWords {
    pub(super) leads: Vec<String>,
    pub(super) orders: Vec<String>,
    pub(super) tails: Vec<String>,
    pub(super) lookalikes: Vec<String>,
}

/// Wordings of the user's own orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObeyWords {
    pub(super) orders: Vec<String>,
}

/// Wordings of requests that need a tool, and of results.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolWords {
    pub(super) asks: Vec<String>,
    pub(super) results: Vec<String>,
    pub(super) invented: Vec<String>,
    pub(super) parameters: Vec<String>,
}

/// One complete set of wordings.
#[derive(Clone, Debug)]
pub(super) struct Wordings {
    pub(super) frame: Frame,
    pub(super) choice: ChoiceWords,
    pub(super) sum: SumWords,
    pub(super) fact: FactWords,
    pub(super) document: DocumentWords,
    pub(super) refusal: RefusalWords,
    pub(super) injection: InjectionWords,
    pub(super) obey: ObeyWords,
    pub(super) tool: ToolWords,
}

macro_rules! set {
    ($folder:literal) => {
        Ok(Wordings {
            frame: set!($folder, "frame.toml")?,
            choice: set!($folder, "choice.toml")?,
            sum: set!($folder, "sum.toml")?,
            fact: set!($folder, "fact.toml")?,
            document: set!($folder, "document.toml")?,
            refusal: set!($folder, "refusal.toml")?,
            injection: set!($folder, "injection.toml")?,
            obey: set!($folder, "obey.toml")?,
            tool: set!($folder, "tool.toml")?,
        })
    };
    ($folder:literal, $name:literal) => {
        parse(
            concat!($folder, "/", $name),
            include_str!(concat!("../../../../../reference/recipe/", $folder, "/", $name)),
        )
    };
}

impl Wordings {
    /// The wordings the models are trained with.
    pub(super) fn training() -> Result<Self, DataError> {
        set!("wordings")
    }

    /// The wordings of the measured table, unseen in training.
    pub(super) fn held_out() -> Result<Self, DataError> {
        set!("held_out")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every sentence of a set that is written for people (layouts and styles are punctuation).
    fn sentences(set: &Wordings) -> BTreeSet<String> {
        let mut all: Vec<&String> = Vec::new();
        let Frame { systems, prefixes, suffixes, answer_suffixes, noise, words: _ } = &set.frame;
        all.extend([systems, prefixes, suffixes, answer_suffixes, noise].into_iter().flatten());
        let choice = &set.choice;
        all.extend([&choice.intros, &choice.asks, &choice.formats].into_iter().flatten());
        all.extend([&choice.category, &choice.fact, &choice.pick].into_iter().flatten());
        all.extend(set.sum.cores.iter().chain(&set.sum.asks).chain(&set.fact.cores));
        all.extend(set.fact.relations.values().flatten().chain(&set.document.fillers));
        for kind in set.document.kinds.values() {
            all.extend(kind.texts.iter().chain(kind.questions.values().flatten()));
        }
        let injection = &set.injection;
        all.extend(set.refusal.cores.iter().chain(&injection.leads).chain(&injection.orders));
        all.extend(injection.tails.iter().chain(&injection.lookalikes).chain(&set.obey.orders));
        all.extend(set.tool.asks.iter().chain(&set.tool.results).chain(&set.tool.invented));
        let plain = |text: &String| text.to_lowercase().replace(['.', '?', '!', ':', ','], "").trim().to_owned();
        let wordless = |text: &String| text.split(' ').all(|word| word.is_empty() || word.starts_with('{'));
        all.into_iter().map(plain).filter(|text| !wordless(text)).collect()
    }

    #[test]
    fn held_out_sentences_are_not_training_sentences() {
        let training = sentences(&Wordings::training().unwrap());
        let held_out = sentences(&Wordings::held_out().unwrap());
        let shared: Vec<&String> = held_out.intersection(&training).collect();
        assert!(shared.is_empty(), "in both sets: {shared:?}");
        assert!(training.len() > 700 && held_out.len() > 150, "{} and {}", training.len(), held_out.len());
    }
}
