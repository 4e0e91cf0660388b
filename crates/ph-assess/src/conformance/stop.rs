//! Whether the target says truly why it stopped: done, at a stop text, at the limit.

use ph_model::{GenerateConfig, Message, ModelRequest, StopReason};

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted};

fn request(prompt: &str, config: GenerateConfig) -> ModelRequest {
    ModelRequest { messages: vec![Message::user(prompt)], config, ..ModelRequest::default() }
}

fn greedy(max_tokens: u32) -> GenerateConfig {
    GenerateConfig { max_tokens: Some(max_tokens), temperature: Some(0.0), ..GenerateConfig::default() }
}

const QUESTION: &str = "What is the capital of France? Answer in one word.";
const COUNT: &str = "Count from 1 to 100, one number after the other, and leave none out.";
const TOKENS: u32 = 512;
const TOKENS_FEW: u32 = 16;

pub(super) async fn natural(asker: &mut Asker<'_>) -> Verdict {
    let answer = asker.ask(&request(QUESTION, greedy(TOKENS))).await;
    let verdict = judge_natural(&answer);
    asker.seen.natural = answer.result.ok();
    verdict
}

fn judge_natural(answer: &Answer) -> Verdict {
    let output = match &answer.result {
        Ok(output) => output,
        Err(error) => return Verdict::of_error(error),
    };
    let came = format!("{} with stop reason {:?}", quoted(&output.message.text()), output.stop_reason);
    match output.stop_reason {
        StopReason::Stop => Verdict::passed(came, "a finished reply is told from one that was cut"),
        StopReason::ContentFilter => Verdict::failed(came, "a filter withholds answers to harmless questions"),
        _ => Verdict::failed(came, "finished replies are taken for cut ones, or replies are not finished"),
    }
}

pub(super) async fn text(asker: &mut Asker<'_>) -> Verdict {
    let Some(whole) = asker.seen.natural.as_ref().map(|output| output.message.text()) else {
        return Verdict::not_checked("there was no answer to take a part of", "stop texts of tasks may not hold");
    };
    let Some(part) = middle(&whole) else {
        return Verdict::not_checked(
            format!("the answer {} is too short to take a part of", quoted(&whole)),
            "stop texts of tasks may not hold",
        );
    };
    let config = GenerateConfig { stop: vec![part.clone()], ..greedy(TOKENS) };
    let answer = asker.ask(&request(QUESTION, config)).await;
    judge_text(&answer, &part)
}

/// Two neighbouring letters from inside a text: white space may be taken off stop texts.
fn middle(text: &str) -> Option<String> {
    let letters: Vec<char> = text.trim().chars().collect();
    let pairs = letters.windows(2).skip((letters.len() / 3).max(1));
    let mut pairs = pairs.filter(|pair| pair.iter().all(|letter| letter.is_alphanumeric()));
    pairs.next().map(|pair| pair.iter().collect())
}

fn judge_text(answer: &Answer, part: &str) -> Verdict {
    let output = match &answer.result {
        Ok(output) => output,
        Err(error) => return Verdict::of_error(error),
    };
    let text = output.message.text();
    let came = format!("stop text `{part}`: {} with stop reason {:?}", quoted(&text), output.stop_reason);
    if text.contains(part) {
        Verdict::failed(came, "stop texts do not hold: replies of tasks that use them run on")
    } else if output.stop_reason == StopReason::Stop {
        Verdict::passed(came, "stop texts hold")
    } else {
        Verdict::failed(came, "a reply that ended at a stop text is taken for a cut one")
    }
}

pub(super) async fn max_tokens(asker: &mut Asker<'_>) -> Verdict {
    let mut most = TOKENS_FEW;
    let mut answer = asker.ask(&request(COUNT, greedy(most))).await;
    // A model that says less than the limit has not shown what it does at it; half of what it says is below any reply.
    let said = answer.output_tokens().and_then(|tokens| u32::try_from(tokens).ok());
    let is_short = answer.result.as_ref().is_ok_and(|output| output.stop_reason == StopReason::Stop);
    if let Some(said) = said.filter(|said| is_short && (2..TOKENS_FEW).contains(said)) {
        most = said / 2;
        answer = asker.ask(&request(COUNT, greedy(most))).await;
    }
    judge_max_tokens(&answer, most)
}

fn judge_max_tokens(answer: &Answer, most: u32) -> Verdict {
    let output = match &answer.result {
        Ok(output) => output,
        Err(error) => return Verdict::of_error(error),
    };
    let tokens = answer.output_tokens();
    let said = tokens.map_or_else(|| "tokens not told".to_owned(), |tokens| format!("{tokens} tokens"));
    let came = format!(
        "max_tokens = {most}: {said}, stop reason {:?}, {}",
        output.stop_reason,
        quoted(&output.message.text())
    );
    let is_over = tokens.is_some_and(|tokens| tokens > u64::from(most));
    match output.stop_reason {
        _ if is_over => {
            Verdict::failed(came, "more is generated than asked for: limits of tasks and budgets do not hold")
        }
        StopReason::MaxTokens => Verdict::passed(came, "a cut reply is told from a finished one"),
        StopReason::Stop if tokens.is_some_and(|tokens| tokens < u64::from(most)) => {
            Verdict::not_checked(came, "the reply was shorter than the limit")
        }
        _ => Verdict::failed(came, "cut replies are taken for finished ones and scored as such"),
    }
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn the_part_is_from_inside() {
        assert_eq!(middle("Paris").as_deref(), Some("ar"));
        assert_eq!(middle(" It is Paris. ").as_deref(), Some("Pa"));
        for short in ["", "P", "Pa"] {
            assert_eq!(middle(short), None, "{short}");
        }
    }
}
