//! The training loop of one model: stages, learning rate, progress, checkpoints.
//!
//! Called by the binary and by tests. Data come in stretches, each with a seed of its own, and a
//! checkpoint lies between two stretches: a killed run goes on and ends with the same weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::data::{HeldOutRow, held_out};
use super::measure::{MeasuredRow, Subject};
use super::model::{Network, Weights, read};
use super::optimizer::{Optimizer, Settings};
use super::pack::{Lesson, Packed, Packer};
use super::recipe::{ModelRecipe, OptimizerRecipe, Recipe, Stage};
use super::tokenizer::Encoder;

/// Tokens between two looks at the held-out items, and between two checkpoints.
const STRETCH_TOKENS: usize = 204_800;
/// Items per row of a quick look.
const LOOK_ITEMS: usize = 40;
/// Seed of the quick looks; the committed table uses another.
const LOOK_SEED: u64 = 77;

/// What a run starts from and how it behaves.
pub struct Options<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The model's part of it (perhaps changed by the caller).
    pub model: &'a ModelRecipe,
    /// Tokenizer.
    pub encoder: &'a Encoder,
    /// Weights to start from instead of random ones.
    pub start: Option<Weights>,
    /// Where to keep a checkpoint.
    pub checkpoint: Option<PathBuf>,
    /// Multiplies the tokens of every stage.
    pub tokens_scale: f64,
    /// How many stages the weights in `start` have behind them.
    pub stages_done: usize,
}

/// What is known after each stretch.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Tokens seen so far.
    pub tokens: usize,
    /// Tokens of the whole run.
    pub tokens_total: usize,
    /// Learning rate.
    pub rate: f64,
    /// Mean loss of the stretch, as optimised.
    pub loss: f64,
    /// Mean gradient length before clipping.
    pub gradient: f64,
    /// Mean loss of the tokens that teach something, per lesson.
    pub lessons: BTreeMap<Lesson, f64>,
    /// Quick look at the held-out items.
    pub rows: Vec<MeasuredRow>,
}

#[derive(Serialize, Deserialize, Default)]
struct Place {
    tokens: usize,
    stretch: u64,
    step: i32,
}

struct Run<'a> {
    options: Options<'a>,
    network: Network,
    weights: Weights,
    optimizer: Optimizer,
    place: Place,
    look: Vec<HeldOutRow>,
}

/// Trains a model; `report` is called after each stretch.
///
/// # Errors
/// When the recipe or data are broken, gradients diverge, or a checkpoint cannot be used.
pub fn train(options: Options<'_>, report: &mut dyn FnMut(&Progress)) -> Result<Weights, TrainError> {
    let mut run = Run::new(options)?;
    run.resume()?;
    while let Some(stage) = run.stage() {
        let progress = run.stretch(&stage)?;
        run.save()?;
        report(&progress);
    }
    Ok(run.weights)
}

impl<'a> Run<'a> {
    fn new(mut options: Options<'a>) -> Result<Self, TrainError> {
        let mut shape = options.recipe.shape;
        shape.vocab = options.encoder.vocab();
        let weights = match options.start.take() {
            Some(weights) => weights,
            None => Weights::random(&shape, options.model.seed)?,
        };
        let OptimizerRecipe { clip, weight_decay, matrix_factor, .. } = options.recipe.optimizer;
        let settings = Settings { clip, weight_decay, matrix_factor };
        let optimizer = Optimizer::new(&shape, &weights, settings);
        let look = held_out(&options.model.variant()?, LOOK_ITEMS, LOOK_SEED)?;
        let network = Network::new(shape);
        let mut run = Self { options, network, weights, optimizer, place: Place::default(), look };
        let done = run.options.model.stages.iter().take(run.options.stages_done);
        run.place.tokens = done.map(|stage| run.scaled(stage)).sum();
        run.place.stretch = (run.place.tokens / STRETCH_TOKENS) as u64;
        Ok(run)
    }

    fn scaled(&self, stage: &Stage) -> usize {
        (stage.tokens as f64 * self.options.tokens_scale) as usize
    }

    fn tokens_total(&self) -> usize {
        self.options.model.stages.iter().map(|stage| self.scaled(stage)).sum()
    }

    /// The stage that the next token belongs to, with the tokens already seen before it.
    fn stage(&self) -> Option<(Stage, usize)> {
        let mut before = 0;
        for stage in &self.options.model.stages {
            let after = before + self.scaled(stage);
            if self.place.tokens < after {
                return Some((stage.clone(), before));
            }
            before = after;
        }
        None
    }

    fn rate(&self, stage: &(Stage, usize)) -> f64 {
        let (stage, before) = stage;
        let done = (self.place.tokens - before) as f64 / self.scaled(stage).max(1) as f64;
        let rate = stage.rate.0 + (stage.rate.1 - stage.rate.0) * done.min(1.0);
        let warm = self.place.tokens as f64 / self.options.recipe.optimizer.warmup_tokens.max(1) as f64;
        rate * (warm + 0.02).min(1.0)
    }

    fn stretch(&mut self, stage: &(Stage, usize)) -> Result<Progress, TrainError> {
        let seed = self.options.model.seed.wrapping_mul(1_000_003).wrapping_add(self.place.stretch);
        let recipe = self.options.recipe;
        let variant = self.options.model.variant()?;
        let mut packer = Packer::new(self.options.encoder, recipe.packing, variant, seed)?;
        let mix = recipe.mix(&stage.0.mix)?;
        let until = (self.place.tokens + STRETCH_TOKENS).min(stage.1 + self.scaled(&stage.0));
        let mut tally = Tally::default();
        while self.place.tokens < until {
            let packed = packer.batch(mix, &stage.0)?;
            let rate = self.rate(stage);
            let (scored, gradients) = self.network.loss_and_gradients(&self.weights, &packed.batch)?;
            let length = self.optimizer.step(&mut self.weights, &gradients, rate as f32)?;
            self.place.tokens += packed.batch.tokens.len();
            tally.add(&packed, (scored.mean, f64::from(length)), &scored.each);
        }
        self.place.stretch += 1;
        let subject = Subject { network: &self.network, weights: &self.weights, encoder: self.options.encoder };
        let (rows, _) = subject.measure(&self.look)?;
        Ok(Progress {
            tokens: self.place.tokens,
            tokens_total: self.tokens_total(),
            rate: self.rate(stage),
            loss: tally.loss / tally.steps,
            gradient: tally.gradient / tally.steps,
            lessons: tally.lessons.into_iter().map(|(lesson, (sum, n))| (lesson, sum / n)).collect(),
            rows,
        })
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let Some(path) = &self.options.checkpoint else { return Ok(()) };
        let (step, state) = self.optimizer.state();
        self.place.step = step;
        let mut stored = Vec::new();
        for t in self.weights.each() {
            stored.push(read(t, bytes_of)?);
        }
        stored.extend(state.into_iter().map(bytes_of));
        let views = stored.iter().enumerate().map(|(index, bytes)| {
            Ok((format!("{index:03}"), TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?))
        });
        let views = views.collect::<Result<Vec<_>, TrainError>>()?;
        let place = [("place".to_owned(), serde_json::to_string(&self.place)?)];
        let bytes = safetensors::serialize(views, Some(place.into()))?;
        let part = path.with_extension("part");
        std::fs::write(&part, bytes).map_err(TrainError::file(&part))?;
        std::fs::rename(&part, path).map_err(TrainError::file(path))
    }

    fn resume(&mut self) -> Result<(), TrainError> {
        let Some(path) = self.options.checkpoint.clone().filter(|path| path.exists()) else { return Ok(()) };
        let bytes = std::fs::read(&path).map_err(TrainError::file(&path))?;
        self.place = place_of(&bytes)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let values = |index: usize| Ok::<_, TrainError>(floats_of(file.tensor(&format!("{index:03}"))?.data()));
        let mut next = 0;
        for t in self.weights.each_mut() {
            *t = Tensor::from_vec(values(next)?, t.shape(), &Device::Cpu)?;
            next += 1;
        }
        let state = (next..file.len()).map(values).collect::<Result<_, _>>()?;
        self.optimizer.restore(self.place.step, state)
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    let (quads, _) = bytes.as_chunks::<4>();
    quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect()
}

fn place_of(bytes: &[u8]) -> Result<Place, TrainError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let place = header.metadata().as_ref().and_then(|all| all.get("place"));
    let reason = || TrainError::Checkpoint { reason: "it does not say how far it got".into() };
    Ok(serde_json::from_str(place.ok_or_else(reason)?)?)
}

/// Sums over a stretch.
#[derive(Default)]
struct Tally {
    steps: f64,
    loss: f64,
    gradient: f64,
    lessons: BTreeMap<Lesson, (f64, f64)>,
}

impl Tally {
    fn add(&mut self, packed: &Packed, step: (f64, f64), each: &[f32]) {
        self.steps += 1.0;
        self.loss += step.0;
        self.gradient += step.1;
        for (lesson, &loss) in packed.lessons.iter().zip(each) {
            if let Some(lesson) = lesson {
                let entry = self.lessons.entry(*lesson).or_default();
                entry.0 += f64::from(loss);
                entry.1 += 1.0;
            }
        }
    }
}

/// Directory of a model's checkpoint file beside its other files.
#[must_use]
pub fn checkpoint_path(dir: &Path) -> PathBuf {
    dir.join("checkpoint.safetensors")
}
