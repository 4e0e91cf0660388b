//! What the trials say of the candidates: how often the target complied with each, and with its neighbours.

use std::collections::BTreeMap;

use super::grammar::Candidate;

/// Trials and how many of them the target complied in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trials {
    complied: u32,
    all: u32,
}

impl Trials {
    fn add(&mut self, complied: bool) {
        self.all += 1;
        self.complied += u32::from(complied);
    }

    fn rate(self) -> f64 {
        f64::from(self.complied) / f64::from(self.all.max(1))
    }
}

/// The trials of all candidates.
#[derive(Default)]
pub(super) struct Standings {
    trials: BTreeMap<Candidate, Trials>,
    by_string: BTreeMap<usize, Trials>,
    by_place: BTreeMap<(usize, usize), Trials>,
}

impl Standings {
    /// One more trial.
    pub(super) fn add(&mut self, candidate: Candidate, complied: bool) {
        self.trials.entry(candidate).or_default().add(complied);
        self.by_string.entry(candidate.string).or_default().add(complied);
        self.by_place.entry((candidate.position, candidate.format)).or_default().add(complied);
    }

    /// Whether the target complied in most of the candidate's trials.
    pub(super) fn is_majority(&self, candidate: Candidate) -> bool {
        let trials = self.of(candidate);
        trials.complied * 2 > trials.all
    }

    /// These candidates, best first: how often the target complied, then how often with candidates of the same string,
    /// or of the same position and format.
    pub(super) fn ranked(&self, candidates: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
        let mut ranked: Vec<(f64, Candidate)> = candidates
            .into_iter()
            .map(|candidate| (self.of(candidate).rate() + self.neighbours(candidate), candidate))
            .collect();
        ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.cmp(second)));
        ranked.into_iter().map(|(_, candidate)| candidate).collect()
    }

    fn of(&self, candidate: Candidate) -> Trials {
        self.trials.get(&candidate).copied().unwrap_or_default()
    }

    fn neighbours(&self, candidate: Candidate) -> f64 {
        let string = self.by_string.get(&candidate.string).map_or(0.0, |trials| trials.rate());
        let place = self.by_place.get(&(candidate.position, candidate.format)).map_or(0.0, |trials| trials.rate());
        (string + place) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(string: usize, format: usize) -> Candidate {
        Candidate { position: 0, format, string }
    }

    #[test]
    fn neighbours_break_ties_and_a_half_is_no_majority() {
        let mut standings = Standings::default();
        let (lone, friendly, neighbour) = (candidate(1, 0), candidate(2, 1), candidate(2, 2));
        standings.add(lone, true);
        standings.add(friendly, true);
        standings.add(neighbour, true);
        standings.add(candidate(1, 3), false);
        assert_eq!(standings.ranked([lone, friendly])[0], friendly);
        assert!(standings.is_majority(lone));
        standings.add(lone, false);
        assert!(!standings.is_majority(lone));
        assert!(!standings.is_majority(candidate(9, 9)), "no trial is no majority");
    }
}
