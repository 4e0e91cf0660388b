//! Measures a model on held-out items: rows, goals, counts.
//!
//! Called by `run` for quick looks and by the binary for the committed table.

use serde::Serialize;

use super::TrainError;
use super::data::{Goal, HeldOutRow};
use super::decode::{Stop, replies};
use super::model::{Network, Weights};
use super::tokenizer::Encoder;

/// Longest reply that is looked at, in tokens.
const REPLY_TOKENS_MAX: usize = 64;

/// One row of the measured table.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredRow {
    /// Name of the row.
    pub row: String,
    /// What it should reach.
    pub goal: Goal,
    /// Items that passed their check.
    pub passed: usize,
    /// Items.
    pub n: usize,
    /// `passed / n`.
    pub rate: f64,
    /// Whether the rate reaches the goal.
    pub reached: bool,
}

/// A model with its tokenizer, ready to reply.
pub struct Subject<'a> {
    /// Network.
    pub network: &'a Network,
    /// Weights.
    pub weights: &'a Weights,
    /// Tokenizer.
    pub encoder: &'a Encoder,
}

/// An item that failed, for people who look for the reason.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Name of the row.
    pub row: String,
    /// The last turn's text.
    pub prompt: String,
    /// What the check wants.
    pub wanted: String,
    /// What the model said.
    pub reply: String,
}

impl Subject<'_> {
    /// Measures every row; also returns the items that failed their check.
    ///
    /// # Errors
    /// When a forward pass or the tokenizer fails.
    pub fn measure(&self, rows: &[HeldOutRow]) -> Result<(Vec<MeasuredRow>, Vec<Failure>), TrainError> {
        let mut failures = Vec::new();
        let mut table = Vec::new();
        for row in rows {
            let prompts = row.items.iter().map(|item| self.encoder.prompt(&item.turns));
            let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
            let stop = Stop { end: self.encoder.end, tokens_max: REPLY_TOKENS_MAX };
            let answers = replies(self.network, self.weights, &prompts, stop)?;
            let mut passed = 0;
            for (item, answer) in row.items.iter().zip(answers) {
                let reply = self.encoder.reply(&answer)?;
                if item.check.passes(&reply) {
                    passed += 1;
                } else {
                    let prompt = item.turns.last().map(|turn| turn.text.clone()).unwrap_or_default();
                    let wanted = format!("{:?}", item.check);
                    failures.push(Failure { row: row.name.clone(), prompt, wanted, reply });
                }
            }
            table.push(measured(row, passed));
        }
        Ok((table, failures))
    }
}

fn measured(row: &HeldOutRow, passed: usize) -> MeasuredRow {
    let n = row.items.len();
    let rate = passed as f64 / n.max(1) as f64;
    MeasuredRow { row: row.name.clone(), goal: row.goal, passed, n, rate, reached: row.goal.is_met(rate) }
}
