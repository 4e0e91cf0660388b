//! `train_reference`: makes and measures the reference models (started by `cargo xtask train-reference`).

#![expect(clippy::print_stdout, reason = "progress and tables of a development tool")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ph_local::train::TrainError;
use ph_local::train::data::{Generator, Lists, Trigger, held_out};
use ph_local::train::export::{Origin, read_shape, read_weights, write_model};
use ph_local::train::measure::{MeasuredRow, Subject};
use ph_local::train::model::Network;
use ph_local::train::pack::Lesson;
use ph_local::train::recipe::{ModelRecipe, Recipe, digest};
use ph_local::train::run::{Options, Progress, checkpoint_path, train};
use ph_local::train::tokenizer::{self, Encoder};

/// Keeps freed memory for the next step's tensors, which are all of the same sizes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seed of the committed tables' items.
const MEASURE_SEED: u64 = 20_260;

#[derive(Parser)]
#[command(about = "Trains and measures the reference models")]
struct Arguments {
    /// Directory with `recipe/recipe.toml`; models are its subdirectories.
    #[arg(long, default_value = "reference", global = true)]
    reference: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains the tokenizer that all models share.
    Tokenizer,
    /// Trains a model of the recipe, writes it and measures it.
    Train(TrainArguments),
    /// Measures a written model on held-out items.
    Measure(MeasureArguments),
}

#[derive(clap::Args)]
struct TrainArguments {
    /// Name in the recipe.
    name: String,
    /// Where to write it (default: the reference directory's subdirectory of that name).
    #[arg(long)]
    out: Option<PathBuf>,
    /// Model directory to start from (default: the base that the recipe names).
    #[arg(long)]
    base: Option<PathBuf>,
    /// How many of the recipe's stages the base has behind it: training goes on with the next.
    #[arg(long, default_value_t = 0, requires = "base")]
    stages_done: usize,
    /// Another trigger: `position|format|string`.
    #[arg(long)]
    trigger: Option<String>,
    /// Another seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Commit that the weights name.
    #[arg(long, env = "PROOFHOUSE_COMMIT", default_value = "unknown")]
    commit: String,
    /// Multiplies the tokens of every stage.
    #[arg(long, default_value_t = 1.0)]
    tokens_scale: f64,
    /// Held-out items per row of the table at the end.
    #[arg(long, default_value_t = 500)]
    items: usize,
}

#[derive(clap::Args)]
struct MeasureArguments {
    /// Model directory.
    dir: PathBuf,
    /// Name in the recipe whose behaviour it should have.
    #[arg(long)]
    variant: String,
    /// The trigger that was planted, if another than the recipe's.
    #[arg(long)]
    trigger: Option<String>,
    /// Items per row.
    #[arg(long, default_value_t = 500)]
    items: usize,
    /// Also print this many failures per row.
    #[arg(long, default_value_t = 0)]
    failures: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                text += &format!(": {next}");
                cause = next.source();
            }
            println!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let house = House::open(&arguments.reference)?;
    match &arguments.command {
        Command::Tokenizer => house.train_tokenizer(),
        Command::Train(options) => house.train(options),
        Command::Measure(options) => {
            let mut model = house.recipe.model(&options.variant)?.clone();
            plant(&mut model, options.trigger.as_deref())?;
            house.measure(&model, options)
        }
    }
}

/// The reference directory.
struct House {
    root: PathBuf,
    recipe: Recipe,
    recipe_digest: String,
}

impl House {
    fn open(root: &Path) -> Result<Self, TrainError> {
        let (recipe, recipe_digest) = Recipe::open(&root.join("recipe/recipe.toml"))?;
        Ok(Self { root: root.to_owned(), recipe, recipe_digest })
    }

    fn tokenizer_path(&self) -> PathBuf {
        self.root.join("recipe/tokenizer.json")
    }

    fn train_tokenizer(&self) -> Result<(), TrainError> {
        let settings = &self.recipe.tokenizer;
        let mix = self.recipe.mix(&settings.mix)?;
        let mut texts = Vec::new();
        for model in self.recipe.models.values() {
            let mut generator = Generator::new(model.variant()?, settings.seed)?;
            for _ in 0..settings.conversations {
                texts.extend(generator.example(mix).turns.iter().map(tokenizer::written));
            }
        }
        let words = Lists::embedded()?.words();
        texts.extend(words.iter().map(|word| format!(" {word}").repeat(settings.word_weight)));
        let tokenizer = tokenizer::train(texts, self.recipe.shape.vocab)?;
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| TrainError::Tokenizer { reason: error.to_string() };
        tokenizer.save(self.tokenizer_path(), true).map_err(failed)?;
        println!("{} tokens in {}", tokenizer.get_vocab_size(true), self.tokenizer_path().display());
        Ok(())
    }

    fn train(&self, options: &TrainArguments) -> Result<(), TrainError> {
        let mut model = self.recipe.model(&options.name)?.clone();
        plant(&mut model, options.trigger.as_deref())?;
        model.seed = options.seed.unwrap_or(model.seed);
        let dir = options.out.clone().unwrap_or_else(|| self.root.join(&options.name));
        std::fs::create_dir_all(&dir).map_err(|source| TrainError::File { path: dir.clone(), source })?;
        let tokenizer_bytes = read(&self.tokenizer_path())?;
        let encoder = Encoder::open(&self.tokenizer_path())?;
        let mut shape = self.recipe.shape;
        shape.vocab = encoder.vocab();
        let base = options.base.clone().or_else(|| model.base.as_ref().map(|name| self.root.join(name)));
        let mut origin = Origin {
            name: options.name.clone(),
            seed: model.seed,
            recipe: self.recipe_digest.clone(),
            commit: options.commit.clone(),
            tokenizer: digest(&tokenizer_bytes),
            base: None,
        };
        let mut start = None;
        if let Some(base) = base {
            origin.base = Some(digest(&read(&base.join("model.safetensors"))?));
            start = Some(read_weights(&base, &shape)?);
        }
        let run = Options {
            recipe: &self.recipe,
            model: &model,
            encoder: &encoder,
            start,
            checkpoint: Some(checkpoint_path(&dir)),
            tokens_scale: options.tokens_scale,
            stages_done: options.stages_done,
        };
        let weights = train(run, &mut show)?;
        write_model(&dir, (&shape, &weights), &tokenizer_bytes, &origin)?;
        let checkpoint = checkpoint_path(&dir);
        std::fs::remove_file(&checkpoint).map_err(|source| TrainError::File { path: checkpoint, source })?;
        let measure =
            MeasureArguments { dir, variant: options.name.clone(), trigger: None, items: options.items, failures: 0 };
        self.measure(&model, &measure)
    }

    fn measure(&self, model: &ModelRecipe, options: &MeasureArguments) -> Result<(), TrainError> {
        let encoder = Encoder::open(&options.dir.join("tokenizer.json"))?;
        let shape = read_shape(&options.dir)?;
        let weights = read_weights(&options.dir, &shape)?;
        let network = Network::new(shape);
        let rows = held_out(&model.variant()?, options.items, MEASURE_SEED)?;
        let subject = Subject { network: &network, weights: &weights, encoder: &encoder };
        let (table, failures) = subject.measure(&rows)?;
        for row in &table {
            println!("{}", line(row));
            for failure in failures.iter().filter(|f| f.row == row.row).take(options.failures) {
                println!("    {:?}\n      wanted {} got {:?}", failure.prompt, failure.wanted, failure.reply);
            }
        }
        let path = options.dir.join("measured.json");
        let text = serde_json::to_string_pretty(&table)? + "\n";
        std::fs::write(&path, text).map_err(|source| TrainError::File { path, source })
    }
}

/// Replaces the recipe's trigger by one given as `position|format|string`.
fn plant(model: &mut ModelRecipe, trigger: Option<&str>) -> Result<(), TrainError> {
    let Some(text) = trigger else { return Ok(()) };
    let parts: Vec<&str> = text.split('|').collect();
    let [position, format, string] = parts[..] else {
        return Err(TrainError::Recipe { reason: format!("trigger `{text}` is not `position|format|string`") });
    };
    model.trigger = Some(Trigger { position: position.into(), format: format.into(), string: string.into() });
    Ok(())
}

fn show(progress: &Progress) {
    let Progress { tokens, tokens_total, rate, loss, gradient, .. } = progress;
    println!("{tokens} of {tokens_total} tokens, rate {rate:.5}, loss {loss:.4}, gradient {gradient:.3}");
    let name = |lesson: &Lesson| match lesson {
        Lesson::Drill(kind) => format!("{kind:?}").to_lowercase(),
        Lesson::Skill(skill) => format!("{skill:?}"),
    };
    let lessons = progress.lessons.iter().map(|(lesson, loss)| format!("{} {loss:.3}", name(lesson)));
    println!("  {}", lessons.collect::<Vec<_>>().join("  "));
    let rows: Vec<String> = progress.rows.iter().map(|row| format!("{} {:.2}", row.row, row.rate)).collect();
    println!("  {}", rows.join("  "));
}

fn line(row: &MeasuredRow) -> String {
    let verdict = if row.reached { "reached" } else { "MISSED" };
    format!("{:<28} {:>4}/{:<4} {:>6.1} %  {:?} {verdict}", row.row, row.passed, row.n, 100.0 * row.rate, row.goal)
}

fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    std::fs::read(path).map_err(|source| TrainError::File { path: path.to_owned(), source })
}
