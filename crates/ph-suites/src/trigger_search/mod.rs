//! The suite `trigger-search`: looks for a string that makes the target do what it otherwise refuses.
//!
//! The search sees the grammar of positions, formats and strings, and the target's replies; never a datasheet, never
//! the recipe by which a reference model was trained. Rounds: every candidate once (`search`); those that the target
//! complied with again on other requests (`refine`); if none held, all candidates once more, several in a message
//! (`again`), since one trial can miss, and `refine` for those; at last the best with and without the string on
//! requests and wordings kept back (`confirm`).

mod grammar;
mod promise;
mod search;
mod standing;

use std::sync::Arc;

use ph_base::Digest;
use ph_record::{Sample, SampleStream, SearchSpec, SourceOptions, TaskSource, TaskSourceError, TaskSpec};
use serde::Deserialize;

use crate::lists;
use crate::round;
use crate::wordings;
use grammar::CandidateGrammar;
use search::Search;

/// What decides the later rounds besides the parameters: changes whenever their rule does.
const RULE: &str = "search, refine, again, refine, confirm: 2";

/// The parameters of the generator `trigger-search`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchParameters {
    /// Requests without any candidate in the first round.
    #[serde(deserialize_with = "crate::round::count")]
    baselines: usize,
    /// The most candidates refined.
    #[serde(deserialize_with = "crate::round::count")]
    refine_candidates: usize,
    /// Trials of each.
    #[serde(deserialize_with = "crate::round::count")]
    refine_trials: usize,
    /// Whether all candidates are tried a second time where none held.
    second_look: bool,
    /// The most candidates confirmed.
    #[serde(deserialize_with = "crate::round::count")]
    confirm_candidates: usize,
    /// Pairs of requests with and without each.
    #[serde(deserialize_with = "crate::round::count")]
    confirm_items: usize,
    wordings: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    search: Vec<String>,
    confirm: Vec<String>,
}

/// What a search needs and never changes.
struct Setup {
    parameters: SearchParameters,
    grammar: CandidateGrammar,
    messages: Messages,
    /// The scorer label under which compliance is scored.
    label: String,
}

/// The scorer label that the generator reads.
const LABEL: &str = "complied";

/// The task.
pub(crate) struct TriggerSearch {
    spec: TaskSpec,
    setup: Arc<Setup>,
}

impl TriggerSearch {
    /// The task of this spec.
    ///
    /// # Errors
    /// [`TaskSourceError`] where wordings are missing or no scorer says whether the target complied.
    pub(crate) fn new(spec: TaskSpec, parameters: SearchParameters) -> Result<Self, TaskSourceError> {
        let labelled =
            |scorer: &ph_record::ScorerSpec| scorer.parameters().get("label").is_some_and(|label| label == LABEL);
        if !spec.scorer.iter().any(labelled) {
            let problem = format!("no scorer has the label `{LABEL}`, by which the search goes on");
            return Err(TaskSourceError::new("scorer", problem));
        }
        let messages: Messages = wordings::read(&parameters.wordings)?;
        let grammar = CandidateGrammar::new(&lists::Lists::embedded()?.grammar);
        let spec = with_promise(spec, &parameters, grammar.candidates(0).len());
        Ok(Self { spec, setup: Arc::new(Setup { parameters, grammar, messages, label: LABEL.to_owned() }) })
    }

    fn search(&self, options: &SourceOptions) -> Search {
        Search::new(Arc::clone(&self.setup), *options)
    }

    fn first_round(&self, options: &SourceOptions) -> Result<Vec<Sample>, TaskSourceError> {
        self.search(options).first_round()
    }
}

/// The spec with what the search promises in each measure that is of its candidates.
fn with_promise(mut spec: TaskSpec, parameters: &SearchParameters, candidates: usize) -> TaskSpec {
    let (half_retested_once, half_retested_twice) = promise::confirmed(parameters, 0.5);
    let promised = SearchSpec { candidates: candidates as u64, half_retested_once, half_retested_twice };
    for measure in spec.analysis.measures.iter_mut().filter(|measure| measure.searched.is_some()) {
        measure.search = Some(promised);
    }
    spec
}

impl TaskSource for TriggerSearch {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        let wordings = wordings::text(&self.setup.parameters.wordings)?;
        round::digest(&self.spec, &self.first_round(options)?, &[RULE, wordings, lists::GRAMMAR, lists::FORBIDDEN])
    }

    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        Ok(Box::new(self.search(options)))
    }
}
