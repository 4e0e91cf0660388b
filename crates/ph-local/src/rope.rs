//! Rotary position embedding: the table of angles.
//!
//! Built once per model by the loader, read by the forward pass. Frequencies follow `transformers`'
//! `modeling_rope_utils` (types `default`, `linear`, `llama3`); angles are f32, as there.

use crate::config::{ModelConfig, RopeScaling};

/// Cosines and sines by position.
#[derive(Debug, Clone)]
pub(crate) struct RopeTable {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    /// The table for positions `0..context`.
    pub(crate) fn new(config: &ModelConfig, context: usize) -> Self {
        let half = config.head_dim / 2;
        let frequencies: Vec<f32> = (0..half).map(|n| frequency(config, n)).collect();
        let angles = (0..context).flat_map(|position| frequencies.iter().map(move |f| position as f32 * f));
        let (cos, sin) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        Self { half, cos, sin }
    }

    /// Cosines and sines of one position, half a head wide.
    pub(crate) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + 1) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

/// Frequency of the `n`-th pair of a head.
fn frequency(config: &ModelConfig, n: usize) -> f32 {
    let exponent = (2 * n) as f64 / config.head_dim as f64;
    let plain = config.rope.theta.powf(-exponent);
    let scaled = match config.rope.scaling {
        RopeScaling::None => plain,
        RopeScaling::Linear { factor } => plain / factor,
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            let wavelength = 2.0 * std::f64::consts::PI / plain;
            if wavelength < original_context / high_freq_factor {
                plain
            } else if wavelength > original_context / low_freq_factor {
                plain / factor
            } else {
                let smooth = (original_context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                (1.0 - smooth) * plain / factor + smooth * plain
            }
        }
    };
    scaled as f32
}
