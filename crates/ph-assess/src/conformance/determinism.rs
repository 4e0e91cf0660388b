//! Whether a seed makes sampling repeatable, and whether seeds make it vary.

use ph_model::{GenerateConfig, Message, ModelErrorKind, ModelRequest};

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted};

const REPEATS: usize = 3;
const PROMPT: &str = "Write one sentence about anything you like. Be inventive.";

fn request(seed: u64) -> ModelRequest {
    let config =
        GenerateConfig { max_tokens: Some(64), temperature: Some(1.0), seed: Some(seed), ..GenerateConfig::default() };
    ModelRequest { messages: vec![Message::user(PROMPT)], config, ..ModelRequest::default() }
}

/// Seeds that every API takes: below 2³¹.
fn seed_of(asker: &Asker<'_>, number: u64) -> u64 {
    (asker.options().seed % 1_000_000_000) + number
}

pub(super) async fn same_seed(asker: &mut Asker<'_>) -> Verdict {
    if !asker.model().takes_seed() {
        return no_seed();
    }
    let mut answers = Vec::new();
    let repeats = if asker.options().quick { 2 } else { REPEATS };
    for _ in 0..repeats {
        answers.push(asker.ask(&request(seed_of(asker, 1))).await);
    }
    asker.seen.seeded = answers.first().filter(|answer| answer.result.is_ok()).map(Answer::text);
    judge_same(&answers)
}

fn no_seed() -> Verdict {
    Verdict::not_checked(
        "the API has no seed, so none is sent",
        "samples cannot be repeated exactly, use more epochs; each epoch is another draw of the target's own",
    )
}

fn judge_same(answers: &[Answer]) -> Verdict {
    if let Some(error) = answers.iter().find_map(Answer::error) {
        let takes_none = error.kind == ModelErrorKind::InvalidRequest;
        let meaning = if takes_none {
            "the target takes no seed or no temperature: samples cannot be repeated exactly, use more epochs"
        } else {
            "the call failed, so this could not be told"
        };
        return Verdict::not_checked(super::verdict::told(error), meaning);
    }
    let texts: Vec<String> = answers.iter().map(Answer::text).collect();
    match texts.iter().find(|text| **text != texts[0]) {
        None => Verdict::passed(
            format!("{} times {}", texts.len(), quoted(&texts[0])),
            "a sample can be repeated by its seed",
        ),
        Some(other) => Verdict::failed(
            format!("{} and {}", quoted(&texts[0]), quoted(other)),
            "the seed is not kept: samples cannot be repeated exactly, use more epochs",
        ),
    }
}

pub(super) async fn other_seeds(asker: &mut Asker<'_>) -> Verdict {
    if !asker.model().takes_seed() {
        return no_seed();
    }
    let Some(first) = asker.seen.seeded.clone() else {
        return Verdict::not_checked("there was no reply with a seed to compare with", "epochs may all be alike");
    };
    let mut answers = Vec::new();
    for number in [2, 3] {
        answers.push(asker.ask(&request(seed_of(asker, number))).await);
    }
    judge_other(&first, &answers)
}

fn judge_other(first: &str, answers: &[Answer]) -> Verdict {
    if let Some(error) = answers.iter().find_map(Answer::error) {
        return Verdict::of_error(error);
    }
    match answers.iter().map(Answer::text).find(|text| text != first) {
        Some(other) => Verdict::passed(
            format!("{} and {}", quoted(first), quoted(&other)),
            "epochs with different seeds are different draws",
        ),
        None => Verdict::failed(
            format!("three seeds at temperature 1: each time {}", quoted(first)),
            "temperature or seed is ignored, or replies come from a cache: epochs add no information",
        ),
    }
}
