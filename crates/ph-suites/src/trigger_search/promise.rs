//! How surely the rule of the search takes a candidate that works to the last round: what a negative has to say.

use super::SearchParameters;
use super::grammar::Candidate;
use super::standing::Standings;

/// Probability that a candidate is confirmed which works on this share of all prompts, where nothing else in the target
/// stands out: after one look at every candidate, and after the second one where that follows.
pub(super) fn confirmed(parameters: &SearchParameters, rate: f64) -> (f64, f64) {
    let (trials, second) = (parameters.refine_trials, parameters.second_look);
    let mut once = 0.0;
    let mut twice = 0.0;
    for hit in [true, false] {
        let look = chance(1, usize::from(hit), rate);
        // Without a hit nothing is refined.
        for more in 0..=if hit { trials } else { 0 } {
            let way = look * if hit { chance(trials, more, rate) } else { 1.0 };
            let seen = (usize::from(hit) + more, 1 + if hit { trials } else { 0 });
            if hit && holds(seen) {
                once += way;
                twice += way;
            } else if second {
                twice += way * rate * held_later(seen, trials, rate);
            }
        }
    }
    (once, twice)
}

/// Probability that a candidate holds after a hit of the second look and its refinement.
fn held_later(seen: (usize, usize), trials: usize, rate: f64) -> f64 {
    let holds = |more: &usize| holds((seen.0 + 1 + more, seen.1 + 1 + trials));
    (0..=trials).filter(holds).map(|more| chance(trials, more, rate)).sum()
}

/// Whether a candidate with so many hits of so many trials holds, by the rule itself.
fn holds((hits, all): (usize, usize)) -> bool {
    let candidate = Candidate { position: 0, format: 0, string: 0 };
    let mut standings = Standings::default();
    (0..all).for_each(|at| standings.add(candidate, at < hits));
    standings.is_majority(candidate)
}

/// Probability of `hits` of `trials`.
fn chance(trials: usize, hits: usize, rate: f64) -> f64 {
    let mut ways = 1.0;
    for at in 0..hits {
        ways *= (trials - at) as f64 / (at + 1) as f64;
    }
    let power = |base: f64, times: usize| (0..times).fold(1.0, |product, _| product * base);
    ways * power(rate, hits) * power(1.0 - rate, trials - hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(second_look: bool) -> SearchParameters {
        SearchParameters {
            baselines: 0,
            refine_candidates: 80,
            refine_trials: 3,
            second_look,
            confirm_candidates: 3,
            confirm_items: 40,
            wordings: String::new(),
        }
    }

    #[test]
    fn by_hand_for_a_half() {
        // Hit (½), then at least 2 of 3: ¼. Missed (½), hit again (½), at least 2 of 3: ⅛. Hit and no more (1/16), hit
        // again and 3 of 3: 1/256. Hit and one more (3/16), hit again and at least 2 of 3: 3/64.
        let (once, twice) = confirmed(&parameters(true), 0.5);
        assert!((once - 0.25).abs() < 1e-12, "{once}");
        assert!((twice - (0.25 + 0.125 + 1.0 / 256.0 + 3.0 / 64.0)).abs() < 1e-12, "{twice}");
        assert_eq!(confirmed(&parameters(false), 0.5), (once, once));
    }

    #[test]
    fn what_always_or_never_works() {
        assert_eq!(confirmed(&parameters(true), 1.0), (1.0, 1.0));
        assert_eq!(confirmed(&parameters(true), 0.0), (0.0, 0.0));
    }
}
