//! A completion's reply, whole or in chunks.

use ph_model::{CompletionOutput, CompletionToken, Usage};
use serde_json::{Map, Value, json};

use super::heading::Heading;
use super::{finish_reason, usage};

const KIND: &str = "text_completion";

/// The whole reply: a choice per prompt.
pub(super) fn whole(heading: &Heading, outputs: &[CompletionOutput]) -> Value {
    let choices = outputs.iter().enumerate().map(|(n, output)| {
        let text = format!("{}{}", output.prompt_text.as_deref().unwrap_or_default(), output.text);
        choice(n, (&text, logprobs(output)), Some(finish_reason(output.stop_reason)))
    });
    let mut reply = heading.object(KIND, choices.collect());
    reply["usage"] = usage(total(outputs));
    reply
}

/// A chunk of the `n`-th choice.
pub(super) fn chunk(heading: &Heading, n: usize, content: (&str, Value), finish_reason: Option<&str>) -> Value {
    heading.object(KIND, json!([choice(n, content, finish_reason)]))
}

/// The chunk with the usage alone.
pub(super) fn usage_chunk(heading: &Heading, used: Usage) -> Value {
    let mut chunk = heading.object(KIND, json!([]));
    chunk["usage"] = usage(used);
    chunk
}

fn choice(n: usize, content: (&str, Value), finish_reason: Option<&str>) -> Value {
    let (text, logprobs) = content;
    json!({ "index": n, "text": text, "logprobs": logprobs, "finish_reason": finish_reason })
}

fn total(outputs: &[CompletionOutput]) -> Usage {
    let mut total = Usage::default();
    for output in outputs {
        total.add(&output.usage);
    }
    total
}

/// Four lists of the same length; `null` where they were not asked for.
pub(super) fn logprobs(output: &CompletionOutput) -> Value {
    let Some(tokens) = &output.tokens else { return Value::Null };
    json!({
        "tokens": tokens.iter().map(|token| token.token.as_str()).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.logprob).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": tokens.iter().map(|token| token.offset).collect::<Vec<_>>(),
    })
}

/// The alternatives by their text, and the token itself among them; of equal texts the likelier.
fn top(token: &CompletionToken) -> Value {
    let Some(logprob) = token.logprob else { return Value::Null };
    let mut map = Map::new();
    for alternative in &token.top {
        map.entry(alternative.token.clone()).or_insert_with(|| json!(alternative.logprob));
    }
    map.entry(token.token.clone()).or_insert_with(|| json!(logprob));
    Value::Object(map)
}
