//! A fingerprint of the endpoint: the digest of its answers to fixed prompts, with the names that it gives itself. It only
//! detects drift: two that agree do not show that the same weights answered.

use ph_base::Digest;
use ph_base::digest::DigestBuilder;
use ph_model::{GenerateConfig, Message, ModelRequest};

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted};

const PROMPTS: [&str; 4] = [
    "Continue this list: apple, pear, plum,",
    "Write one sentence about the sea.",
    "What comes after Wednesday?",
    "Name a number between one and ten.",
];
const PROMPTS_QUICK: usize = 2;

pub(super) async fn fingerprint(asker: &mut Asker<'_>) -> Verdict {
    let count = if asker.options().quick { PROMPTS_QUICK } else { PROMPTS.len() };
    let mut rounds = [Vec::new(), Vec::new()];
    for round in &mut rounds {
        for prompt in &PROMPTS[..count] {
            round.push(asker.ask(&request(prompt)).await);
        }
    }
    let [first, second] = rounds;
    let verdict = judge(&first, &second);
    if verdict.status == ph_analysis::CheckStatus::Passed {
        asker.seen.answers_fingerprint = Some(digest(asker, &first));
    }
    verdict
}

fn request(prompt: &str) -> ModelRequest {
    let config =
        GenerateConfig { max_tokens: Some(32), temperature: Some(0.0), seed: Some(1), ..GenerateConfig::default() };
    ModelRequest { messages: vec![Message::user(prompt)], config, ..ModelRequest::default() }
}

fn judge(first: &[Answer], second: &[Answer]) -> Verdict {
    if let Some(error) = first.iter().chain(second).find_map(Answer::error) {
        return Verdict::of_error(error);
    }
    let differing = first.iter().zip(second).find(|(one, two)| one.text() != two.text());
    match differing {
        None => Verdict::passed(
            format!("{} answers alike both times", first.len()),
            "a later fingerprint that differs shows that something changed; one that agrees does not show the same weights",
        ),
        Some((one, two)) => Verdict::failed(
            format!("{}, then {}", quoted(&one.text()), quoted(&two.text())),
            "answers at temperature 0 differ from call to call: drift cannot be told by a fingerprint",
        ),
    }
}

/// Answers, reported model and declared fingerprint. The number of prompts is part of it: the short form's differs.
fn digest(asker: &Asker<'_>, answers: &[Answer]) -> Digest {
    let mut digest = DigestBuilder::default();
    digest.part(asker.seen.reported_model.as_deref().unwrap_or_default().as_bytes());
    digest.part(asker.model().fingerprint().map(|declared| declared.to_string()).unwrap_or_default().as_bytes());
    for answer in answers {
        digest.part(answer.text().as_bytes());
    }
    digest.finish()
}
