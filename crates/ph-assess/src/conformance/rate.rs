//! How many calls a second the target answers, and whether it asks to slow down.

use ph_model::{GenerateConfig, Message, ModelErrorKind, ModelRequest};

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, told};

const SEQUENTIAL: usize = 4;
const AT_ONCE: usize = 4;
const PARALLEL: usize = 8;

pub(super) async fn rate(asker: &mut Asker<'_>) -> Verdict {
    let config = GenerateConfig { max_tokens: Some(64), ..GenerateConfig::default() };
    // Different questions, so that no cache answers.
    let request = |number: usize| ModelRequest {
        messages: vec![Message::user(format!("What is {number} plus {}? Answer with the number alone.", number + 3))],
        config: config.clone(),
        ..ModelRequest::default()
    };
    let requests: Vec<ModelRequest> = (11..11 + SEQUENTIAL + PARALLEL).map(request).collect();
    let (first, rest) = requests.split_at(SEQUENTIAL);
    let sequential = asker.ask_all(first, 1).await;
    let parallel = asker.ask_all(rest, AT_ONCE).await;
    judge(&sequential, &parallel)
}

fn judge(sequential: &[Answer], parallel: &[Answer]) -> Verdict {
    let failures: Vec<_> = sequential.iter().chain(parallel).filter_map(Answer::error).collect();
    let limited = failures.iter().filter(|error| error.kind == ModelErrorKind::RateLimited).count();
    let came = format!(
        "one after another {}; at {AT_ONCE} connections {}; asked to slow down {limited} times",
        speed(sequential),
        speed(parallel)
    );
    match failures.first() {
        None => Verdict::passed(came, "four connections are no burden"),
        Some(_) if limited > 0 => Verdict::failed(
            came,
            "use fewer connections (`--max-connections`), or ask for a higher rate: what is turned away more often than \
             `--retries` allows ends its sample",
        ),
        Some(error) => Verdict::failed(format!("{came}; {}", told(error)), "some samples may end in provider errors"),
    }
}

/// Calls and output tokens a second, by the answers that came.
fn speed(answers: &[Answer]) -> String {
    let answered: Vec<&Answer> = answers.iter().filter(|answer| answer.result.is_ok()).collect();
    let began = answered.iter().map(|answer| answer.began.0).min().unwrap_or(0);
    let ended =
        answered.iter().map(|answer| answer.began.0.saturating_add_unsigned(answer.latency_ms)).max().unwrap_or(0);
    let seconds = ended.saturating_sub(began).max(1) as f64 / 1_000.0;
    let tokens: u64 = answered.iter().filter_map(|answer| answer.output_tokens()).sum();
    if answered.is_empty() {
        return "nothing".to_owned();
    }
    format!("{:.1} calls/s, {:.1} tokens/s", answered.len() as f64 / seconds, tokens as f64 / seconds)
}
