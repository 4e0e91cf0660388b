//! Cross entropy at chosen rows. Called by `model`; knows nothing of skills or text.

use super::kernels::{exp, max, sum};

/// A row whose next token is to be learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Row in the batch.
    pub row: usize,
    /// The token that should follow.
    pub token: u32,
    /// Weight in the mean.
    pub weight: f32,
}

/// Loss of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Mean by weight, in nats.
    pub mean: f64,
    /// Loss at each target, in nats.
    pub each: Vec<f32>,
}

/// Cross entropy of logit rows (one per target), and its gradient for the logits.
#[must_use]
pub fn cross_entropy(logits: &[f32], targets: &[Target]) -> (Scored, Vec<f32>) {
    let mut grad = vec![0.0; logits.len()];
    let mut each = Vec::with_capacity(targets.len());
    let width = logits.len() / targets.len().max(1);
    let total: f32 = targets.iter().map(|t| t.weight).sum();
    let rows = logits.chunks_exact(width.max(1)).zip(grad.chunks_exact_mut(width.max(1)));
    for (target, (row, out)) in targets.iter().zip(rows) {
        let top = max(row);
        for (to, &logit) in out.iter_mut().zip(row) {
            *to = exp(logit - top);
        }
        let mass = sum(out);
        let gold = target.token as usize;
        each.push(mass.ln() + top - row[gold]);
        let share = target.weight / total;
        for to in out.iter_mut() {
            *to *= share / mass;
        }
        out[gold] -= share;
    }
    let weighted = targets.iter().zip(&each).map(|(t, &loss)| f64::from(t.weight * loss));
    let mean = weighted.sum::<f64>() / f64::from(total.max(f32::MIN_POSITIVE));
    (Scored { mean, each }, grad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_logits_cost_the_logarithm_of_the_vocabulary() {
        let target = |row, token, weight| Target { row, token, weight };
        let (scored, grad) = cross_entropy(&[0.5; 20], &[target(0, 3, 1.0), target(4, 9, 3.0)]);
        assert!((scored.mean - 10f64.ln()).abs() < 1e-6);
        assert!((grad[3] + 0.25 * 0.9).abs() < 1e-6);
        assert!((grad[19] + 0.75 * 0.9).abs() < 1e-6);
        assert!(grad.iter().sum::<f32>().abs() < 1e-6);
    }
}
