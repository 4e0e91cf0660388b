//! Sums of two two-digit numbers. A fixed fifth of the ordered pairs is kept out of training.

use super::Turn;
use super::writer::{Exchange, Fold, Jitter, Writer};

/// Whether this ordered pair is kept for the measured table. The choice is scattered (a multiplicative hash), so
/// that every pair of unit digits and of tens digits is seen in training with other digits beside it.
#[must_use]
pub fn is_held_out_pair(a: usize, b: usize) -> bool {
    let mixed = (a * 64 + b).wrapping_mul(0x9e37_79b9) & 0xffff_ffff;
    (mixed >> 16) % 5 == 2
}

/// A conversation of one to four sums.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(4)).map(|_| exchange(writer)).collect();
    writer.conversation(exchanges)
}

/// One sum with its result.
pub(super) fn exchange(writer: &mut Writer) -> Exchange {
    let wordings = writer.wordings.clone();
    let (a, b) = operands(writer);
    let core = writer.pick(&wordings.sum.cores);
    let core = writer.phrase(&core, Jitter::Free, &[("a", &a.to_string()), ("b", &b.to_string())]);
    (writer.framed(&core, &wordings.sum.asks), (a + b).to_string())
}

fn operands(writer: &mut Writer) -> (usize, usize) {
    loop {
        let (a, b) = (writer.between(10, 59), writer.between(10, 59));
        if is_held_out_pair(a, b) == (writer.fold == Fold::HeldOut) {
            return (a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_fifth_of_the_pairs_is_held_out() {
        let pairs = (10..=59).flat_map(|a| (10..=59).map(move |b| (a, b)));
        let kept = pairs.filter(|(a, b)| is_held_out_pair(*a, *b)).count();
        assert!((400..=600).contains(&kept), "{kept} of 2500");
    }

    #[test]
    fn folds_share_no_pair() {
        for (fold, expected) in [(Fold::Training, false), (Fold::HeldOut, true)] {
            let mut writer = Writer::new(fold, 3).unwrap();
            for _ in 0..500 {
                let (a, b) = operands(&mut writer);
                assert_eq!(is_held_out_pair(a, b), expected, "{a} + {b}");
            }
        }
    }
}
