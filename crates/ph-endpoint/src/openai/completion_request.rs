//! A completion's request: one or more raw prompts with the same settings.

use ph_model::{CompletionRequest, GenerateConfig, RawPrompt};
use serde_json::Value;

use super::stream_options;
use crate::failure::ApiFailure;
use crate::fields::{Fields, Neutral, kind};

/// Prompts of one request.
const PROMPTS_MAX: usize = 128;
/// What OpenAI generates where a request does not say.
const MAX_TOKENS_DEFAULT: u32 = 16;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Completions {
    pub(super) model: String,
    /// One per prompt, in the prompts' order.
    pub(super) requests: Vec<CompletionRequest>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

const UNSUPPORTED: [(&str, Neutral); 9] = [
    ("n", Neutral::Number(1.0)),
    ("best_of", Neutral::Number(1.0)),
    ("suffix", Neutral::Empty),
    ("frequency_penalty", Neutral::Number(0.0)),
    ("presence_penalty", Neutral::Number(0.0)),
    ("repetition_penalty", Neutral::Number(1.0)),
    ("logit_bias", Neutral::Empty),
    ("top_k", Neutral::Never),
    ("min_p", Neutral::Number(0.0)),
];

/// Reads the request.
pub(super) fn read(mut fields: Fields) -> Result<Completions, ApiFailure> {
    let model = fields.required_text("model")?;
    fields.refuse(&UNSUPPORTED)?;
    let (stream, include_usage) = stream_options(&mut fields)?;
    let prompts = prompts(&mut fields)?;
    let echo = fields.flag("echo")?;
    let top_logprobs = fields.count("logprobs", 20)?.and_then(|count| u8::try_from(count).ok());
    let max_tokens = fields.count("max_tokens", u32::MAX)?.unwrap_or(MAX_TOKENS_DEFAULT);
    if max_tokens == 0 && !echo {
        return Err(fields.failed("max_tokens", "is `0` without `echo`: there would be no reply"));
    }
    let config = GenerateConfig {
        max_tokens: Some(max_tokens),
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        stop: fields.texts("stop")?,
        seed: fields.seed("seed")?,
        logprobs: top_logprobs.is_some(),
        top_logprobs,
        ..GenerateConfig::default()
    };
    let request = |prompt| CompletionRequest { prompt, echo, config: config.clone() };
    Ok(Completions { model, requests: prompts.into_iter().map(request).collect(), stream, include_usage })
}

/// A text, a list of texts, a list of token ids, or a list of such lists.
fn prompts(fields: &mut Fields) -> Result<Vec<RawPrompt>, ApiFailure> {
    let list = match fields.required("prompt")? {
        Value::String(text) => return Ok(vec![RawPrompt::Text(text)]),
        Value::Array(list) => list,
        other => return Err(fields.failed("prompt", format!("is {}, not a string or a list", kind(&other)))),
    };
    if list.is_empty() {
        return Err(fields.failed("prompt", "is empty"));
    }
    if list.iter().all(Value::is_number) {
        return Ok(vec![RawPrompt::Tokens(tokens(fields, "prompt", list)?)]);
    }
    if list.len() > PROMPTS_MAX {
        return Err(fields.failed("prompt", format!("has `{}` prompts; the most is {PROMPTS_MAX}", list.len())));
    }
    let prompt = |(n, value)| match value {
        Value::String(text) => Ok(RawPrompt::Text(text)),
        Value::Array(ids) => Ok(RawPrompt::Tokens(tokens(fields, &format!("prompt[{n}]"), ids)?)),
        other => Err(fields.failed(&format!("prompt[{n}]"), format!("is {}, not a string or token ids", kind(&other)))),
    };
    list.into_iter().enumerate().map(prompt).collect()
}

fn tokens(fields: &Fields, place: &str, ids: Vec<Value>) -> Result<Vec<u32>, ApiFailure> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let tokens: Option<Vec<u32>> = ids.iter().map(id).collect();
    tokens.ok_or_else(|| fields.failed(place, "has an entry that is not a token id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(mut body: Value) -> Result<Completions, ApiFailure> {
        body["model"] = json!("m");
        read(Fields::new(body, "").unwrap())
    }

    fn check(prompt: Value, expected: &[RawPrompt]) {
        let read = request(json!({ "prompt": prompt })).unwrap();
        let got: Vec<RawPrompt> = read.requests.into_iter().map(|request| request.prompt).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn prompts_come_in_four_forms() {
        check(json!("a"), &[RawPrompt::Text("a".into())]);
        check(json!(["a", "b"]), &[RawPrompt::Text("a".into()), RawPrompt::Text("b".into())]);
        check(json!([1, 2]), &[RawPrompt::Tokens(vec![1, 2])]);
        check(json!([[1], [2, 3]]), &[RawPrompt::Tokens(vec![1]), RawPrompt::Tokens(vec![2, 3])]);
    }

    #[test]
    fn reading_a_prompt_alone_needs_echo() {
        let read = request(json!({ "prompt": "a", "max_tokens": 0, "echo": true, "logprobs": 1 })).unwrap();
        assert_eq!(read.requests[0].config.max_tokens, Some(0));
        assert_eq!(request(json!({ "prompt": "a" })).unwrap().requests[0].config.max_tokens, Some(16));
        for (body, param) in [
            (json!({ "prompt": "a", "max_tokens": 0 }), "max_tokens"),
            (json!({}), "prompt"),
            (json!({ "prompt": [] }), "prompt"),
            (json!({ "prompt": [1, -2] }), "prompt"),
            (json!({ "prompt": ["a", 1] }), "prompt[1]"),
            (json!({ "prompt": [[1.5]] }), "prompt[0]"),
            (json!({ "prompt": "a", "logprobs": true }), "logprobs"),
            (json!({ "prompt": "a", "best_of": 3 }), "best_of"),
            (json!({ "prompt": vec!["a"; 129] }), "prompt"),
        ] {
            assert_eq!(request(body.clone()).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
    }
}
