//! Google generateContent.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Stop, alternative, logprob, tokens};
use super::super::call::{Call, Speaker, Tool, joined};
use super::{Events, Problem};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    contents: Vec<Contents<'a>>,
    #[serde(borrow, alias = "system_instruction")]
    system_instruction: Option<Contents<'a>>,
    #[serde(borrow, default)]
    tools: Vec<ToolSet<'a>>,
    #[serde(alias = "tool_config")]
    tool_config: Option<Value>,
    #[serde(default, alias = "generation_config")]
    generation_config: Generation,
}

#[derive(Deserialize)]
struct Contents<'a> {
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(alias = "function_response")]
    function_response: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolSet<'a> {
    #[serde(borrow, default, alias = "function_declarations")]
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, alias = "parametersJsonSchema", alias = "parameters_json_schema")]
    parameters: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Generation {
    max_output_tokens: Option<usize>,
    stop_sequences: Vec<String>,
    temperature: Option<f64>,
    seed: Option<i64>,
    response_logprobs: Option<bool>,
    logprobs: Option<usize>,
    response_mime_type: Option<String>,
    #[serde(alias = "responseJsonSchema")]
    response_schema: Option<Value>,
    thinking_config: Option<Value>,
}

/// Reads a call. The model and whether to stream stand in the path.
pub(in super::super) fn read<'a>(body: &'a [u8], model: &str, stream: bool) -> Result<Call<'a>, serde_json::Error> {
    let request: Request<'a> = serde_json::from_slice(body)?;
    let config = request.generation_config;
    let mut call = Call {
        model: Cow::Owned(model.to_owned()),
        stream,
        include_usage: true,
        logprobs: config.response_logprobs.filter(|on| *on).map(|_| config.logprobs.unwrap_or(0)),
        reasoning: config.thinking_config.as_ref().is_some_and(wants_thoughts),
        tokens_max: config.max_output_tokens,
        stop: config.stop_sequences.into_iter().map(Cow::Owned).collect(),
        fixed: config.seed.is_some() || config.temperature == Some(0.0),
        request_seed: config.seed,
        tool_forced: request.tool_config.as_ref().and_then(forced),
        ..Call::default()
    };
    let asks_json = config.response_mime_type.as_deref() == Some("application/json");
    call.schema = config.response_schema.or_else(|| asks_json.then(|| json!({})));
    let declared = request.tools.into_iter().flat_map(|set| set.function_declarations);
    call.tools = declared.map(|tool| Tool { name: tool.name, schema: tool.parameters }).collect();
    if let Some(system) = request.system_instruction {
        call.turn(Speaker::System, joined(system.parts.into_iter().filter_map(|part| part.text)));
    }
    for contents in request.contents {
        take(&mut call, contents);
    }
    Ok(call)
}

/// Both spellings are taken, as the service takes them.
fn wants_thoughts(thinking: &Value) -> bool {
    thinking["includeThoughts"] == true || thinking["include_thoughts"] == true
}

fn forced(config: &Value) -> Option<Cow<'static, str>> {
    let calling = &config["functionCallingConfig"];
    if calling["mode"] != "ANY" {
        return None;
    }
    Some(calling["allowedFunctionNames"][0].as_str().map_or(Cow::Borrowed(""), |name| Cow::Owned(name.to_owned())))
}

fn take<'a>(call: &mut Call<'a>, contents: Contents<'a>) {
    let speaker = if contents.role == "model" { Speaker::Model } else { Speaker::User };
    for part in contents.parts {
        if let Some(response) = part.function_response {
            let result = &response["response"];
            let text = result["result"].as_str().map_or_else(|| result.to_string(), str::to_owned);
            call.turn(Speaker::Tool, Cow::Owned(text));
        } else if let Some(text) = part.text {
            call.turn(speaker, text);
        }
    }
}

/// The whole reply.
pub(super) fn reply(call: &Call<'_>, answer: &Answer) -> Value {
    let mut parts = Vec::new();
    if let Some(reasoning) = &answer.reasoning {
        parts.push(json!({"text": reasoning, "thought": true}));
    }
    if !answer.text.is_empty() {
        parts.push(json!({"text": answer.text}));
    }
    if let Some(tool_call) = &answer.tool_call {
        parts.push(json!({"functionCall": {"name": tool_call.name, "args": tool_call.arguments}}));
    }
    response(call, answer, parts, Some(&answer.text))
}

/// One response. The last one of a stream, and the only one without, has a finish reason and the text (for its
/// log-probabilities).
fn response(call: &Call<'_>, answer: &Answer, parts: Vec<Value>, last: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(text) = last {
        candidate["finishReason"] = json!(finish_reason(answer));
        if let Some(top) = call.logprobs {
            candidate["avgLogprobs"] = json!(average_logprob(text));
            candidate["logprobsResult"] = logprobs(text, top);
        }
    }
    if answer.stop == Stop::Filter {
        candidate["content"] = json!({});
        candidate["safetyRatings"] =
            json!([{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true}]);
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(answer, last.is_some()),
        "modelVersion": call.model,
        "responseId": answer.id("stub"),
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End | Stop::Sequence(_) | Stop::Tool | Stop::Refusal => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Filter => "SAFETY",
    }
}

/// The counts; those of the output are known only at the end.
fn usage(answer: &Answer, last: bool) -> Value {
    let usage = answer.usage;
    let mut counts = json!({
        "promptTokenCount": usage.input,
        "totalTokenCount": usage.input + if last { usage.output } else { 0 },
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
    });
    if last {
        counts["candidatesTokenCount"] = json!(usage.output - usage.reasoning);
        if usage.reasoning > 0 {
            counts["thoughtsTokenCount"] = json!(usage.reasoning);
        }
    }
    if usage.cached > 0 {
        counts["cachedContentTokenCount"] = json!(usage.cached);
        counts["cacheTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": usage.cached}]);
    }
    counts
}

fn average_logprob(text: &str) -> f64 {
    let (sum, count) = tokens(text).fold((0.0, 0_u32), |(sum, count), token| (sum + logprob(token, 0), count + 1));
    sum / f64::from(count.max(1))
}

fn logprobs(text: &str, top: usize) -> Value {
    let entry = |token: &str, rank: usize| json!({"token": alternative(token, rank), "tokenId": token.len() + rank, "logProbability": logprob(token, rank)});
    let chosen: Vec<Value> = tokens(text).map(|token| entry(token, 0)).collect();
    let ranked = |token| (0..top.min(20)).map(|rank| entry(token, rank)).collect::<Vec<_>>();
    let tops: Vec<Value> = tokens(text).map(|token| json!({"candidates": ranked(token)})).collect();
    json!({"chosenCandidates": chosen, "topCandidates": tops})
}

/// The reply as a stream: a response for each token, the last one with the finish reason.
pub(super) fn stream(call: &Call<'_>, answer: &Answer) -> Events {
    let mut events = Events::default();
    let mut send = |parts: Vec<Value>, last: Option<&str>| {
        events.push(None, &response(call, answer, parts, last), "\r\n");
    };
    for token in answer.reasoning.as_deref().into_iter().flat_map(tokens) {
        send(vec![json!({"text": token, "thought": true})], None);
    }
    for token in tokens(&answer.text) {
        send(vec![json!({"text": token})], None);
    }
    if let Some(tool_call) = &answer.tool_call {
        send(vec![json!({"functionCall": {"name": tool_call.name, "args": tool_call.arguments}})], None);
    }
    send(vec![json!({"text": ""})], Some(&answer.text));
    events
}

/// One model of the list.
pub(super) fn model(name: &str) -> Value {
    json!({"name": format!("models/{name}"), "displayName": name, "version": "001", "inputTokenLimit": 8192,
        "outputTokenLimit": 8192, "supportedGenerationMethods": ["generateContent"]})
}

/// The error object.
pub(super) fn error(problem: &Problem) -> Value {
    let status = match problem {
        Problem::ContextTooLong | Problem::Invalid(_) | Problem::Method | Problem::TooLarge => "INVALID_ARGUMENT",
        Problem::Unauthorized => "UNAUTHENTICATED",
        Problem::Forbidden => "PERMISSION_DENIED",
        Problem::NotFound(_) => "NOT_FOUND",
        Problem::RateLimited => "RESOURCE_EXHAUSTED",
        Problem::Server => "INTERNAL",
        Problem::Unavailable | Problem::Overloaded => "UNAVAILABLE",
    };
    let message = match problem {
        Problem::ContextTooLong => {
            "The input token count (9000) exceeds the maximum number of tokens allowed (8192).".to_owned()
        }
        problem => problem.message(),
    };
    let mut error = json!({"error": {"code": problem.status(), "message": message, "status": status}});
    if *problem == Problem::RateLimited {
        error["error"]["details"] = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]);
    }
    error
}
