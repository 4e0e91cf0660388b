//! `proofhouse log diff`: two logs sample by sample, paired by item and epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
use ph_evallog::{EvalLog, LogError, SampleSummary};
use serde::Serialize;
use serde_json::json;

use super::log_failure;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

/// The most changed samples that a person is shown.
const ROWS_MAX: usize = 100;

#[derive(Args)]
pub(crate) struct Arguments {
    /// One log
    a: PathBuf,
    /// The other
    b: PathBuf,
    /// Print `{pairs, only_a, only_b, scorers, changed}` on stdout
    #[arg(long)]
    json: bool,
}

type Key = (String, u32);

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Side {
    ending: String,
    scores: BTreeMap<String, Option<f64>>,
}

#[derive(Debug, Serialize)]
struct Changed {
    id: String,
    epoch: u32,
    a: Side,
    b: Side,
}

#[derive(Debug, Serialize)]
struct Scorer {
    scorer: String,
    /// Samples that both logs scored with a number.
    pairs: u64,
    mean_a: Option<f64>,
    mean_b: Option<f64>,
    higher_in_a: u64,
    higher_in_b: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (a, b) = (sides(&arguments.a)?, sides(&arguments.b)?);
    let pairs: Vec<(&Key, &Side, &Side)> = a.iter().filter_map(|(key, one)| Some((key, one, b.get(key)?))).collect();
    let scorers = scorers(&pairs);
    let changed: Vec<Changed> = pairs
        .iter()
        .filter(|(_, one, other)| one != other)
        .map(|(key, one, other)| Changed { id: key.0.clone(), epoch: key.1, a: (*one).clone(), b: (*other).clone() })
        .collect();
    let only = |one: &BTreeMap<Key, Side>, other: &BTreeMap<Key, Side>| {
        one.keys()
            .filter(|key| !other.contains_key(*key))
            .map(|(id, epoch)| json!({ "id": id, "epoch": epoch }))
            .collect::<Vec<_>>()
    };
    let (only_a, only_b) = (only(&a, &b), only(&b, &a));
    if arguments.json {
        output::json(
            &json!({ "pairs": pairs.len(), "only_a": only_a, "only_b": only_b, "scorers": scorers, "changed": changed }),
        )?;
    } else {
        output::data(&format!("{}\n", scorer_table(&scorers)))?;
        output::data(&format!(
            "{} pairs, {} only in a, {} only in b, {} differ\n",
            pairs.len(),
            only_a.len(),
            only_b.len(),
            changed.len()
        ))?;
        print_changed(&changed)?;
    }
    Ok(Exit::Done)
}

fn sides(path: &Path) -> Result<BTreeMap<Key, Side>, Failure> {
    let log = EvalLog::open(path).map_err(log_failure)?;
    let mut sides = BTreeMap::new();
    let read = log.summaries(|summary| {
        let summary = SampleSummary::parse(summary).map_err(|error| LogError::Entry {
            path: path.to_owned(),
            entry: "summaries.json".to_owned(),
            problem: error.to_string(),
        })?;
        let scores = summary.scores().map(|(name, score)| (name.to_owned(), score)).collect();
        sides.insert((summary.id(), summary.epoch), Side { ending: summary.ending(), scores });
        Ok(())
    });
    read.map_err(log_failure)?;
    Ok(sides)
}

fn scorers(pairs: &[(&Key, &Side, &Side)]) -> Vec<Scorer> {
    let names: BTreeSet<&String> = pairs.iter().flat_map(|(_, a, b)| a.scores.keys().chain(b.scores.keys())).collect();
    let one = |name: &String| {
        let score = |side: &Side| side.scores.get(name).copied().flatten();
        let both: Vec<(f64, f64)> = pairs.iter().filter_map(|(_, a, b)| score(a).zip(score(b))).collect();
        let mean =
            |values: &mut dyn Iterator<Item = f64>| (!both.is_empty()).then(|| values.sum::<f64>() / both.len() as f64);
        Scorer {
            scorer: name.clone(),
            pairs: both.len() as u64,
            mean_a: mean(&mut both.iter().map(|(a, _)| *a)),
            mean_b: mean(&mut both.iter().map(|(_, b)| *b)),
            higher_in_a: both.iter().filter(|(a, b)| a > b).count() as u64,
            higher_in_b: both.iter().filter(|(a, b)| b > a).count() as u64,
        }
    };
    names.into_iter().map(one).collect()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn scorer_table(scorers: &[Scorer]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["scorer", "pairs", "mean a", "mean b", "b − a", "higher in a", "higher in b"]);
    for one in scorers {
        let difference = one.mean_a.zip(one.mean_b).map(|(a, b)| b - a);
        table.add_row([
            output::visible(&one.scorer),
            one.pairs.to_string(),
            number(one.mean_a),
            number(one.mean_b),
            number(difference),
            one.higher_in_a.to_string(),
            one.higher_in_b.to_string(),
        ]);
    }
    table
}

fn print_changed(changed: &[Changed]) -> Result<(), Failure> {
    let side = |side: &Side| {
        let scores: Vec<String> =
            side.scores.iter().map(|(name, score)| format!("{name} {}", number(*score))).collect();
        output::visible(&format!("{} {}", side.ending, scores.join(", ")))
    };
    for one in changed.iter().take(ROWS_MAX) {
        output::data(&format!(
            "{} epoch {}: {} → {}\n",
            output::visible(&one.id),
            one.epoch,
            side(&one.a),
            side(&one.b)
        ))?;
    }
    if changed.len() > ROWS_MAX {
        output::say(&format!("the first {ROWS_MAX} of {}; `--json` has all", changed.len()));
    }
    Ok(())
}
