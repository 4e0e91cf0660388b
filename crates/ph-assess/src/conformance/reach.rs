//! Whether the target answers at all, how fast, and whether it refuses a wrong credential.

use ph_model::{GenerateConfig, Message, ModelError, ModelErrorKind, ModelRequest};
use ph_record::RecordedError;

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted, told};

const CALLS: usize = 3;

/// No setting but a limit: what every target takes.
fn request() -> ModelRequest {
    let config = GenerateConfig { max_tokens: Some(64), ..GenerateConfig::default() };
    ModelRequest { messages: vec![Message::user("What is the capital of France?")], config, ..ModelRequest::default() }
}

pub(super) async fn reachability(asker: &mut Asker<'_>) -> Verdict {
    let mut answers = Vec::new();
    for _ in 0..CALLS {
        let answer = asker.ask(&request()).await;
        let is_hopeless = answer.error().is_some_and(|error| {
            // A call that took too long may have woken the model: the next is quicker.
            matches!(error.kind, ModelErrorKind::Unreachable | ModelErrorKind::Unauthorized | ModelErrorKind::NotFound)
        });
        answers.push(answer);
        if is_hopeless {
            break;
        }
    }
    judge_reachability(&answers)
}

fn judge_reachability(answers: &[Answer]) -> Verdict {
    let failures: Vec<&ModelError> = answers.iter().filter_map(Answer::error).collect();
    let mut latencies: Vec<u64> =
        answers.iter().filter(|answer| answer.result.is_ok()).map(|answer| answer.latency_ms).collect();
    latencies.sort_unstable();
    let came = match (latencies.first(), latencies.last()) {
        (Some(least), Some(most)) => {
            format!("{} of {} calls answered, in {least} to {most} ms", latencies.len(), answers.len())
        }
        _ => format!("no call answered of {}", answers.len()),
    };
    match failures.first() {
        None => Verdict::passed(came, "calls reach the model"),
        Some(error) => {
            let meaning = if latencies.is_empty() {
                "nothing can be run on it"
            } else {
                "some attempts will fail: they are made again as `--retries` says, and what still fails ends its sample"
            };
            Verdict::failed(format!("{came}; {}", told(error)), meaning)
        }
    }
}

/// Why nothing can be run on the target: not one call of the present check was answered.
pub(super) fn why_unreachable(asker: &Asker<'_>) -> Option<RecordedError> {
    let (calls, failures) = (asker.used_by_check().0 as usize, asker.failures());
    let last = failures.last().filter(|_| failures.len() == calls)?;
    Some(RecordedError::new(last.kind.to_string().replace(' ', "_"), &last.message))
}

pub(super) async fn auth(asker: &mut Asker<'_>) -> Verdict {
    match asker.stranger() {
        Err(why) => Verdict::not_checked(why, "whether others can reach it is not known"),
        Ok(stranger) => {
            let answer = asker.ask_of(stranger, &request()).await;
            judge_auth(&answer)
        }
    }
}

fn judge_auth(answer: &Answer) -> Verdict {
    match &answer.result {
        Ok(output) => Verdict::failed(
            format!("answered {}", quoted(&output.message.text())),
            "whoever finds the endpoint can ask an unreleased model; tell the developer at once",
        ),
        Err(error) if error.kind == ModelErrorKind::Unauthorized => {
            Verdict::passed(told(error), "a wrong credential is refused")
        }
        Err(error) => Verdict::not_checked(told(error), "it failed before the credential was looked at"),
    }
}
