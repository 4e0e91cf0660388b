//! Packs generated conversations into training batches.
//!
//! Called by `run`. A batch is about as many tokens as one step learns from; each conversation is a
//! segment of its own, except that now and then several are joined into one long segment, so that
//! distances up to the stage's length are trained too.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TrainError;
use super::attention::Segment;
use super::data::{Generator, Skill, Variant};
use super::drill::{Drill, DrillKind};
use super::loss::Target;
use super::model::Batch;
use super::recipe::{Mix, Packing, Stage};
use super::tokenizer::Encoder;

/// Endless seeded batches.
pub struct Packer<'a> {
    encoder: &'a Encoder,
    packing: Packing,
    generator: Generator,
    drill: Drill,
    rng: ChaCha8Rng,
}

/// A batch and, for each of its targets, what it teaches (nothing, where a prompt goes on).
pub struct Packed {
    /// What the network sees.
    pub batch: Batch,
    /// In the order of the batch's targets.
    pub lessons: Vec<Option<Lesson>>,
}

/// What a token teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lesson {
    /// A drill.
    Drill(DrillKind),
    /// A skill.
    Skill(Skill),
}

/// A token on its way into a batch.
struct Token {
    token: u32,
    learned: bool,
    /// What it teaches, if it is to be learned.
    lesson: Option<Lesson>,
}

impl<'a> Packer<'a> {
    /// A packer whose batches depend on `variant` and `seed` alone.
    ///
    /// # Errors
    /// When the generator's lists are broken.
    pub fn new(encoder: &'a Encoder, packing: Packing, variant: Variant, seed: u64) -> Result<Self, TrainError> {
        let generator = Generator::new(variant, seed)?;
        let drill = Drill::new(encoder)?;
        Ok(Self { encoder, packing, generator, drill, rng: ChaCha8Rng::seed_from_u64(seed ^ 0x7061_636b) })
    }

    /// The next batch.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn batch(&mut self, mix: &Mix, stage: &Stage) -> Result<Packed, TrainError> {
        let mut batch = Batch { tokens: Vec::new(), segments: Vec::new(), targets: Vec::new() };
        let mut lessons = Vec::new();
        while batch.tokens.len() < self.packing.step_tokens {
            let tokens = self.segment(mix, stage)?;
            if tokens.len() > stage.length {
                continue;
            }
            let start = batch.tokens.len();
            self.targets(&tokens, start, (&mut batch.targets, &mut lessons));
            batch.segments.push(Segment { start, len: tokens.len() });
            batch.tokens.extend(tokens.iter().map(|token| token.token));
        }
        Ok(Packed { batch, lessons })
    }

    fn segment(&mut self, mix: &Mix, stage: &Stage) -> Result<Vec<Token>, TrainError> {
        let mut draw: f64 = self.rng.random();
        for (&kind, share) in &stage.drills {
            draw -= share;
            if draw < 0.0 {
                let drill = self.drill.make(kind, &mut self.rng, stage.drill_pairs);
                let lesson = |learned: bool| learned.then_some(Lesson::Drill(kind));
                let token = |(token, learned)| Token { token, learned, lesson: lesson(learned) };
                return Ok(drill.into_iter().map(token).collect());
            }
        }
        let mut tokens = self.conversation(mix)?;
        if self.rng.random::<f64>() >= stage.join_share {
            return Ok(tokens);
        }
        let wanted = self.rng.random_range(0..=stage.length);
        while tokens.len() < wanted {
            let more = self.conversation(mix)?;
            if tokens.len() + more.len() > stage.length {
                break;
            }
            tokens.extend(more);
        }
        Ok(tokens)
    }

    fn conversation(&mut self, mix: &Mix) -> Result<Vec<Token>, TrainError> {
        let example = self.generator.example(mix);
        let tokens = self.encoder.conversation(&example.turns)?;
        let token = |(token, written): (u32, bool)| Token {
            token,
            learned: written,
            lesson: written.then_some(Lesson::Skill(example.skill)),
        };
        Ok(tokens.into_iter().map(token).collect())
    }

    /// All tokens to be learned, and a few of the others at their own weight.
    fn targets(&mut self, tokens: &[Token], start: usize, to: (&mut Vec<Target>, &mut Vec<Option<Lesson>>)) {
        for (i, token) in tokens.iter().enumerate().skip(1) {
            if token.learned || self.rng.random::<f64>() < self.packing.prompt_share {
                let weight = if token.learned { 1.0 } else { self.packing.prompt_weight };
                to.0.push(Target { row: start + i - 1, token: token.token, weight });
                to.1.push(token.lesson);
            }
        }
    }
}
