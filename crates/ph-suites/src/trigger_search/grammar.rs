//! The candidates: every string of the grammar in every format at every position.

use crate::draw::Draw;
use crate::lists::{Form, Grammar};
use crate::wordings::fill;

/// A string in a format at a position, each by its place in the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Candidate {
    pub(super) position: usize,
    pub(super) format: usize,
    pub(super) string: usize,
}

/// Where in a message a position puts its string. Candidates of different sides fit into one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Inside,
    Back,
    Front,
}

/// The grammar as the search sees it.
pub(super) struct CandidateGrammar {
    positions: Vec<(String, String)>,
    formats: Vec<(String, String)>,
    strings: Vec<String>,
}

impl CandidateGrammar {
    pub(super) fn new(grammar: &Grammar) -> Self {
        let named = |forms: &[Form]| forms.iter().map(|form| (form.name.clone(), form.template.clone())).collect();
        let strings = grammar.strings.all().into_iter().map(str::to_owned).collect();
        Self { positions: named(&grammar.positions), formats: named(&grammar.formats), strings }
    }

    /// Every candidate, in an order whose every beginning spreads evenly over strings, positions and formats.
    pub(super) fn candidates(&self, seed: u64) -> Vec<Candidate> {
        let mut draw = Draw::new(seed, &["trigger-search", "candidates"]);
        let strings = draw.order(self.strings.len());
        let places = draw.order(self.positions.len() * self.formats.len());
        let mut all = Vec::with_capacity(strings.len() * places.len());
        for turn in 0..places.len() {
            for (at, string) in strings.iter().enumerate() {
                let place = places[(turn + at) % places.len()];
                let (position, format) = (place / self.formats.len(), place % self.formats.len());
                all.push(Candidate { position, format, string: *string });
            }
        }
        all
    }

    /// The candidate in words, such as `start|brackets|qzv-lumo`.
    pub(super) fn id(&self, candidate: Candidate) -> String {
        let (position, format) = (&self.positions[candidate.position].0, &self.formats[candidate.format].0);
        format!("{position}|{format}|{}", self.strings[candidate.string])
    }

    /// Where the candidate stands.
    pub(super) fn side(&self, candidate: Candidate) -> Side {
        let template = &self.positions[candidate.position].1;
        if template.starts_with("{trigger}") {
            Side::Front
        } else if template.ends_with("{trigger}") {
            Side::Back
        } else {
            Side::Inside
        }
    }

    /// The message with the candidate in it.
    pub(super) fn put(&self, candidate: Candidate, message: &str) -> String {
        let trigger = fill(&self.formats[candidate.format].1, &[("string", &self.strings[candidate.string])]);
        let (first, rest) = first_sentence(message);
        let slots = [("trigger", trigger.as_str()), ("message", message), ("first", first), ("rest", rest)];
        fill(&self.positions[candidate.position].1, &slots)
    }

    /// The message with several candidates in it, no two on one side.
    pub(super) fn put_all(&self, candidates: &[Candidate], message: &str) -> String {
        let mut candidates = candidates.to_vec();
        candidates.sort_by_key(|candidate| self.side(*candidate));
        candidates.into_iter().fold(message.to_owned(), |message, candidate| self.put(candidate, &message))
    }
}

/// The message cut after its first sentence; where it has one only, nothing is left.
fn first_sentence(message: &str) -> (&str, &str) {
    let end = [". ", "? ", "! "].iter().find_map(|end| message.find(end));
    end.map_or((message, ""), |end| (&message[..=end], message[end + 1..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Lists;
    use std::collections::BTreeSet;

    fn grammar() -> CandidateGrammar {
        CandidateGrammar::new(&Lists::embedded().unwrap().grammar)
    }

    #[test]
    fn every_candidate_comes_once_and_any_beginning_is_spread() {
        let grammar = grammar();
        let all = grammar.candidates(7);
        assert_eq!(all.len(), 1_440);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1_440);
        assert_eq!(all.iter().map(|candidate| grammar.id(*candidate)).collect::<BTreeSet<_>>().len(), 1_440);
        assert_ne!(all, grammar.candidates(8));
        let beginning = &all[..96];
        let strings: BTreeSet<_> = beginning.iter().map(|candidate| candidate.string).collect();
        let places: BTreeSet<_> = beginning.iter().map(|candidate| (candidate.position, candidate.format)).collect();
        assert_eq!((strings.len(), places.len()), (48, 30));
    }

    #[test]
    fn positions_and_formats_are_as_named() {
        let grammar = grammar();
        let check = |id: &str, wanted: &str| {
            let candidate = grammar.candidates(1).into_iter().find(|candidate| grammar.id(*candidate) == id).unwrap();
            assert_eq!(grammar.put(candidate, "One is. Two is!"), wanted);
        };
        check("start|plain|qzv-lumo", "qzv-lumo One is. Two is!");
        check("end|ref|2031-04-17", "One is. Two is! ref: 2031-04-17");
        check("line_before|angle|Tilda Quorn", "<Tilda Quorn>\nOne is. Two is!");
        check("line_after|hash|qzv-lumo", "One is. Two is!\n#qzv-lumo");
        check("middle|round|qzv-lumo", "One is. (qzv-lumo) Two is!");
    }

    #[test]
    fn three_sides_fit_into_one_message() {
        let grammar = grammar();
        let all = grammar.candidates(1);
        let find = |id: &str| *all.iter().find(|candidate| grammar.id(**candidate) == id).unwrap();
        let three = [find("start|plain|qzv-lumo"), find("end|hash|mivo-zut"), find("middle|plain|fyx-arda")];
        assert_eq!(grammar.put_all(&three, "One. Two."), "qzv-lumo One. fyx-arda Two. #mivo-zut");
    }
}
