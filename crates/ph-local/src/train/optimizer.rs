//! The optimiser: Muon for the matrices inside the layers, AdamW for embedding and norms.
//!
//! Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest orthogonal matrix; scaled
//! by `0.2·√(max dimension)` (Liu et al. 2025, eq. 4) it shares AdamW's learning rate.
//! Called by `run`; gradients are clipped by their global length first.

use candle_core::Tensor;

use super::TrainError;
use super::model::{Shape, Weights, read, tensor};

/// Settings that stay the same for a whole run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Largest global gradient length.
    pub clip: f32,
    /// Decay of matrices towards zero, per unit of learning rate.
    pub weight_decay: f32,
    /// The layers' matrices learn at this multiple of the learning rate.
    pub matrix_factor: f32,
}

const MOMENTUM: f32 = 0.95;
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const EPS: f32 = 1e-8;
/// Quintic Newton–Schulz coefficients of the Muon reference implementation.
const SCHULZ: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// State per tensor, in the order of [`Weights::each`].
pub struct Optimizer {
    settings: Settings,
    slots: Vec<Slot>,
    step: i32,
}

struct Slot {
    rule: Rule,
    first: Vec<f32>,
    second: Vec<f32>,
}

enum Rule {
    Adam,
    /// Row counts of the stacked projections: each is made orthogonal by itself.
    Muon(Vec<usize>),
}

impl Optimizer {
    /// Fresh state for weights of this shape.
    #[must_use]
    pub fn new(shape: &Shape, weights: &Weights, settings: Settings) -> Self {
        let mut rules = vec![Rule::Adam];
        for _ in &weights.layers {
            rules.extend([
                Rule::Adam,
                Rule::Muon(shape.qkv_rows().to_vec()),
                Rule::Muon(vec![shape.hidden]),
                Rule::Adam,
                Rule::Muon(vec![shape.intermediate; 2]),
                Rule::Muon(vec![shape.hidden]),
            ]);
        }
        rules.push(Rule::Adam);
        let slot = |(rule, t): (Rule, &Tensor)| Slot {
            second: if matches!(rule, Rule::Adam) { vec![0.0; t.elem_count()] } else { Vec::new() },
            first: vec![0.0; t.elem_count()],
            rule,
        };
        let slots = rules.into_iter().zip(weights.each()).map(slot).collect();
        Self { settings, slots, step: 0 }
    }

    /// Moves the weights against the gradients; returns the gradients' length before clipping.
    ///
    /// # Errors
    /// When a gradient is not finite, or candle fails.
    pub fn step(&mut self, weights: &mut Weights, gradients: &Weights, rate: f32) -> Result<f32, TrainError> {
        let mut squared = 0.0;
        for gradient in gradients.each() {
            squared += read(gradient, |g| g.iter().map(|x| x * x).sum::<f32>())?;
        }
        let length = squared.sqrt();
        if !length.is_finite() {
            return Err(TrainError::Diverged { step: self.step });
        }
        self.step += 1;
        let scale = (self.settings.clip / length).min(1.0);
        let pairs = weights.each_mut().into_iter().zip(gradients.each());
        for (slot, (weight, gradient)) in self.slots.iter_mut().zip(pairs) {
            let decay = if weight.rank() == 2 { self.settings.weight_decay * rate } else { 0.0 };
            let change = read(gradient, |g| slot.change(g, scale, (self.step, weight)))??;
            let rate = if matches!(slot.rule, Rule::Adam) { rate } else { rate * self.settings.matrix_factor };
            let moved =
                read(weight, |w| w.iter().zip(&change).map(|(w, c)| w * (1.0 - decay) - rate * c).collect::<Vec<_>>())?;
            *weight = Tensor::from_vec(moved, weight.shape(), weight.device())?;
        }
        Ok(length)
    }

    /// The state as plain vectors, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> (i32, Vec<&[f32]>) {
        let all = self.slots.iter().flat_map(|slot| [slot.first.as_slice(), slot.second.as_slice()]);
        (self.step, all.collect())
    }

    /// Takes over a state that [`Self::state`] gave.
    ///
    /// # Errors
    /// When it does not fit the weights.
    pub fn restore(&mut self, step: i32, state: Vec<Vec<f32>>) -> Result<(), TrainError> {
        let fits = self.state().1.iter().map(|s| s.len()).eq(state.iter().map(Vec::len));
        if !fits {
            return Err(TrainError::Checkpoint { reason: "its optimiser state does not fit the model".into() });
        }
        self.step = step;
        let mut state = state.into_iter();
        for slot in &mut self.slots {
            slot.first = state.next().unwrap_or_default();
            slot.second = state.next().unwrap_or_default();
        }
        Ok(())
    }
}

impl Slot {
    fn change(&mut self, gradient: &[f32], scale: f32, at: (i32, &Tensor)) -> Result<Vec<f32>, TrainError> {
        let (step, weight) = at;
        match &self.rule {
            Rule::Adam => Ok(self.adam(gradient, scale, step)),
            Rule::Muon(stacked) => {
                for (m, g) in self.first.iter_mut().zip(gradient) {
                    *m = MOMENTUM * *m + (1.0 - MOMENTUM) * g * scale;
                }
                let columns = weight.dim(1)?;
                let look_ahead = self.first.iter().zip(gradient);
                let ahead: Vec<f32> = look_ahead.map(|(m, g)| MOMENTUM * m + (1.0 - MOMENTUM) * g * scale).collect();
                let mut change = Vec::with_capacity(ahead.len());
                let mut from = 0;
                for rows in stacked {
                    let part = ahead[from * columns..(from + rows) * columns].to_vec();
                    let factor = 0.2 * (*rows.max(&columns) as f32).sqrt();
                    let part = orthogonal(part, columns)?;
                    read(&part, |values| change.extend(values.iter().map(|v| v * factor)))?;
                    from += rows;
                }
                Ok(change)
            }
        }
    }

    fn adam(&mut self, gradient: &[f32], scale: f32, step: i32) -> Vec<f32> {
        let correct1 = 1.0 - BETA1.powi(step);
        let correct2 = 1.0 - BETA2.powi(step);
        let moments = self.first.iter_mut().zip(&mut self.second).zip(gradient);
        let change = moments.map(|((m, v), g)| {
            let g = g * scale;
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
            (*m / correct1) / ((*v / correct2).sqrt() + EPS)
        });
        change.collect()
    }
}

/// Nearly the closest matrix with all singular values one, by five Newton–Schulz steps.
fn orthogonal(values: Vec<f32>, columns: usize) -> Result<Tensor, TrainError> {
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt() + 1e-12;
    let matrix = tensor(values.into_iter().map(|v| v / length).collect(), columns)?;
    let tall = matrix.dim(0)? > columns;
    let mut x = if tall { matrix.t()?.contiguous()? } else { matrix };
    let (a, b, c) = SCHULZ;
    for _ in 0..5 {
        let gram = x.matmul(&x.t()?)?;
        let poly = ((&gram * b)? + (gram.matmul(&gram)? * c)?)?;
        x = ((&x * a)? + poly.matmul(&x)?)?;
    }
    Ok(if tall { x.t()?.contiguous()? } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_orthogonal(rows: usize, columns: usize) {
        let values: Vec<f32> = (0..rows * columns).map(|i| ((i * i) as f32 * 0.61).sin()).collect();
        let x = orthogonal(values, columns).unwrap();
        let short = rows.min(columns);
        let x = if rows > columns { x.t().unwrap() } else { x };
        let gram = x.matmul(&x.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        #[expect(clippy::needless_range_loop, reason = "rows and columns of a square matrix")]
        for i in 0..short {
            assert!((0.4..1.5).contains(&gram[i][i]), "{rows}x{columns} diagonal {}", gram[i][i]);
        }
    }

    #[test]
    fn newton_schulz_makes_rows_near_orthonormal() {
        check_orthogonal(8, 24);
        check_orthogonal(24, 8);
        check_orthogonal(12, 12);
    }
}
