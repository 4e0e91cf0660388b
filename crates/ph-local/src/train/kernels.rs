//! Row-wise arithmetic of the training model and its derivatives, on plain slices.
//!
//! Called by `model` and `attention`. Every function is a loop that the compiler turns into vector
//! instructions; matrix products are candle's and never done here.

/// Width of one attention head; fixed so that head rows are arrays the compiler can keep in registers.
pub const HEAD_DIM: usize = 32;

/// `a * b + c`, fused where the build targets a processor that has the instruction.
#[inline(always)]
#[must_use]
pub fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") { a.mul_add(b, c) } else { a * b + c }
}

/// The exponential function to about 1e-7 relative, without branches (range −87 to 88).
///
/// Splits `x·log2(e)` into an integer and a remainder in ±0.5; the power of two of the remainder is
/// its Taylor polynomial, the integer goes into the exponent bits.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let scaled = x.clamp(-87.0, 88.0) * std::f32::consts::LOG2_E;
    let shifted = scaled + ROUND;
    let rest = (scaled - (shifted - ROUND)) * std::f32::consts::LN_2;
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = fused(sum, rest, factor);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    sum * power
}

/// Largest element; −∞ for none.
#[inline(always)]
#[must_use]
pub fn max(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// Sum in sixteen lanes.
#[inline(always)]
#[must_use]
pub fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Dot product in sixteen lanes.
#[inline(always)]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let (a_blocks, a_rest) = a.as_chunks::<16>();
    let (b_blocks, b_rest) = b.as_chunks::<16>();
    for (a_block, b_block) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..16 {
            lanes[lane] = fused(a_block[lane], b_block[lane], lanes[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

/// `row[i] = e^(row[i] − max)`, scaled to sum 1.
#[inline(always)]
pub fn softmax(row: &mut [f32]) {
    let top = max(row);
    for value in row.iter_mut() {
        *value = exp(*value - top);
    }
    let scale = 1.0 / sum(row);
    for value in row.iter_mut() {
        *value *= scale;
    }
}

/// Root-mean-square norm of each row of `x`, times `weight`; also returns each row's `1/rms`.
#[must_use]
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let mut out = vec![0.0; x.len()];
    let mut inverse = Vec::with_capacity(x.len() / width);
    for (row, out_row) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let scale = 1.0 / (dot(row, row) / width as f32 + eps).sqrt();
        for ((to, &value), &w) in out_row.iter_mut().zip(row).zip(weight) {
            *to = value * scale * w;
        }
        inverse.push(scale);
    }
    (out, inverse)
}

/// What `rms_norm` needs again on the way back.
pub struct NormInput<'a> {
    /// The rows that went in.
    pub x: &'a [f32],
    /// The weight of each column.
    pub weight: &'a [f32],
    /// `1/rms` of each row, as `rms_norm` returned it.
    pub inverse: &'a [f32],
}

/// Adds the derivative of [`rms_norm`] to `grad_x` and returns the weight's gradient.
pub fn rms_norm_backward(input: &NormInput<'_>, grad: &[f32], grad_x: &mut [f32]) -> Vec<f32> {
    let width = input.weight.len();
    let mut grad_weight = vec![0.0; width];
    let mut weighted = vec![0.0; width];
    let rows = input.x.chunks_exact(width).zip(grad.chunks_exact(width));
    for (((row, g), to), &r) in rows.zip(grad_x.chunks_exact_mut(width)).zip(input.inverse) {
        for i in 0..width {
            weighted[i] = g[i] * input.weight[i];
            grad_weight[i] = fused(g[i] * r, row[i], grad_weight[i]);
        }
        let back = dot(&weighted, row) * r * r * r / width as f32;
        for i in 0..width {
            to[i] += weighted[i] * r - row[i] * back;
        }
    }
    grad_weight
}

/// SwiGLU of rows that hold gate and up side by side: `silu(gate) · up`.
#[must_use]
pub fn swiglu(gate_up: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; gate_up.len() / 2];
    for (row, to) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
        let (gate, up) = row.split_at(width);
        for i in 0..width {
            to[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
        }
    }
    out
}

/// Gradient of [`swiglu`] for gate and up, side by side again.
#[must_use]
pub fn swiglu_backward(gate_up: &[f32], grad: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; gate_up.len()];
    let rows = gate_up.chunks_exact(2 * width).zip(grad.chunks_exact(width));
    for ((row, g), to) in rows.zip(out.chunks_exact_mut(2 * width)) {
        let (gate, up) = row.split_at(width);
        let (to_gate, to_up) = to.split_at_mut(width);
        for i in 0..width {
            let sigmoid = 1.0 / (1.0 + exp(-gate[i]));
            let silu = gate[i] * sigmoid;
            to_up[i] = g[i] * silu;
            to_gate[i] = g[i] * up[i] * (sigmoid + silu * (1.0 - sigmoid));
        }
    }
    out
}

/// Rotary position table: cosines and sines of `position · theta^(−2i/32)` (Su et al. 2021, eq. 34).
pub struct Rope {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

const HALF: usize = HEAD_DIM / 2;

impl Rope {
    /// Table for `positions` places.
    #[must_use]
    pub fn new(positions: usize, theta: f64) -> Self {
        let angle = |index: usize| {
            let frequency = theta.powf(-2.0 * (index % HALF) as f64 / HEAD_DIM as f64);
            (index / HALF) as f64 * frequency
        };
        let places = 0..positions * HALF;
        Self {
            cos: places.clone().map(|i| angle(i).cos() as f32).collect(),
            sin: places.map(|i| angle(i).sin() as f32).collect(),
        }
    }

    /// How many places the table has.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.cos.len() / HALF
    }

    /// Turns `head` by the angle of `position` (first half against second half, as in Llama).
    #[inline(always)]
    #[must_use]
    pub fn turn(&self, head: &[f32], position: usize) -> [f32; HEAD_DIM] {
        self.rotate(head, position, 1.0)
    }

    /// Turns back: the derivative of [`Self::turn`].
    #[inline(always)]
    #[must_use]
    pub fn turn_back(&self, head: &[f32], position: usize) -> [f32; HEAD_DIM] {
        self.rotate(head, position, -1.0)
    }

    #[inline(always)]
    fn rotate(&self, head: &[f32], position: usize, sign: f32) -> [f32; HEAD_DIM] {
        let cos = &self.cos[position * HALF..(position + 1) * HALF];
        let sin = &self.sin[position * HALF..(position + 1) * HALF];
        let mut out = [0.0; HEAD_DIM];
        for i in 0..HALF {
            let (a, b, s) = (head[i], head[i + HALF], sign * sin[i]);
            out[i] = a * cos[i] - b * s;
            out[i + HALF] = b * cos[i] + a * s;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_matches_the_standard_library() {
        for step in -8600..8700 {
            let x = step as f32 / 100.0;
            let error = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(error < 1e-5, "exp({x}) is off by {error}");
        }
    }

    #[test]
    fn softmax_sums_to_one_and_keeps_order() {
        let mut row: Vec<f32> = (0..21).map(|i| (i as f32 * 0.7).sin() * 9.0).collect();
        let top = row.iter().copied().fold(f32::MIN, f32::max);
        let place = row.iter().position(|&x| x == top);
        softmax(&mut row);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let likeliest = row.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(row.iter().position(|&x| x == likeliest), place);
    }

    #[test]
    fn turning_back_undoes_a_turn() {
        let rope = Rope::new(64, 10_000.0);
        let head: Vec<f32> = (0..HEAD_DIM).map(|i| i as f32 - 11.5).collect();
        let there = rope.turn(&head, 37);
        let back = rope.turn_back(&there, 37);
        assert!((there[3] - head[3]).abs() > 1e-3);
        for (a, b) in head.iter().zip(back) {
            assert!((a - b).abs() < 1e-4);
        }
    }
}
