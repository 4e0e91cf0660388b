//! Makes one score of an item's scores over its epochs.

use ph_record::Reducer;

/// The scores of one item's epochs, in order of epoch, as one; `None` where there is none or one is not finite.
#[must_use]
pub fn reduce(reducer: Reducer, scores: &[f64]) -> Option<f64> {
    if scores.is_empty() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    Some(match reducer {
        Reducer::Mean => scores.iter().sum::<f64>() / scores.len() as f64,
        Reducer::Median => median(scores),
        Reducer::Mode => mode(scores),
        Reducer::Max => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn median(scores: &[f64]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The commonest score; of equally common ones the one that came first.
fn mode(scores: &[f64]) -> f64 {
    let count = |score: f64| scores.iter().filter(|other| other.total_cmp(&score).is_eq()).count();
    let mut best = (scores[0], count(scores[0]));
    for &score in scores {
        let times = count(score);
        if times > best.1 {
            best = (score, times);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reducer: Reducer, scores: &[f64], wanted: Option<f64>) {
        assert_eq!(reduce(reducer, scores), wanted, "{reducer:?} {scores:?}");
    }

    #[test]
    fn epochs_become_one_score() {
        check(Reducer::Mean, &[1.0, 0.0, 0.5, 1.0], Some(0.625));
        check(Reducer::Median, &[1.0, 0.0, 0.0], Some(0.0));
        check(Reducer::Median, &[1.0, 0.0], Some(0.5));
        check(Reducer::Mode, &[0.0, 1.0, 1.0, 0.0], Some(0.0));
        check(Reducer::Mode, &[0.0, 1.0, 1.0], Some(1.0));
        check(Reducer::Max, &[0.0, 0.25], Some(0.25));
        for reducer in [Reducer::Mean, Reducer::Median, Reducer::Mode, Reducer::Max] {
            check(reducer, &[], None);
            check(reducer, &[f64::NAN], None);
        }
    }
}
