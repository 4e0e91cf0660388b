//! Log-probabilities of tokens: one shape in both OpenAI APIs, another in Google's.

use serde_json::Value;

use super::fields::Object;
use crate::output::{TokenAlternative, TokenLogprob};

/// OpenAI's: `[{token, logprob, bytes, top_logprobs: [{token, logprob, bytes}]}]`.
pub(super) fn openai(items: &[Value]) -> Vec<TokenLogprob> {
    items
        .iter()
        .filter_map(|item| {
            let top = item.get("top_logprobs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let top = top.iter().filter_map(|top| alternative(top, "token", "logprob")).collect();
            Some(TokenLogprob { chosen: alternative(item, "token", "logprob")?, top })
        })
        .collect()
}

/// Google's: `{chosenCandidates: [{token, logProbability}], topCandidates: [{candidates: [..]}]}`.
pub(super) fn google(result: &Object) -> Vec<TokenLogprob> {
    let list = |key: &str| result.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut tops = list("topCandidates").iter();
    let read = |value: &Value| alternative(value, "token", "logProbability");
    list("chosenCandidates")
        .iter()
        .filter_map(|chosen| {
            let top = tops.next().and_then(|top| top.get("candidates")).and_then(Value::as_array);
            let top = top.map(|top| top.iter().filter_map(read).collect()).unwrap_or_default();
            Some(TokenLogprob { chosen: read(chosen)?, top })
        })
        .collect()
}

fn alternative(value: &Value, token: &str, logprob: &str) -> Option<TokenAlternative> {
    let token = value.get(token)?.as_str()?.to_owned();
    Some(TokenAlternative { token, logprob: value.get(logprob)?.as_f64()? })
}
