//! OpenAI chat completions, as also every compatible endpoint writes them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Stop, alternative, logprob, tokens};
use super::super::call::{Call, Content, Speaker, Tool};
use super::{CREATED_S, Events, Problem};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow, default)]
    tools: Vec<ToolEntry<'a>>,
    tool_choice: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    reasoning_effort: Option<String>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    #[serde(borrow)]
    stop: Option<OneOrMore<'a>>,
    temperature: Option<f64>,
    seed: Option<i64>,
    response_format: Option<Value>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct ToolEntry<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    More(Vec<String>),
}

/// Reads a call.
pub(in super::super) fn read(body: &[u8]) -> Result<Call<'_>, serde_json::Error> {
    let request: Request<'_> = serde_json::from_slice(body)?;
    let mut call = Call {
        model: request.model,
        stream: request.stream == Some(true),
        include_usage: request.stream_options.and_then(|options| options.include_usage) == Some(true),
        logprobs: request.logprobs.filter(|on| *on).map(|_| request.top_logprobs.unwrap_or(0)),
        reasoning: request.reasoning_effort.is_some_and(|effort| effort != "none"),
        tokens_max: request.max_completion_tokens.or(request.max_tokens),
        fixed: request.seed.is_some() || request.temperature == Some(0.0),
        request_seed: request.seed,
        ..Call::default()
    };
    call.stop = match request.stop {
        None => Vec::new(),
        Some(OneOrMore::One(sequence)) => vec![sequence],
        Some(OneOrMore::More(sequences)) => sequences.into_iter().map(Cow::Owned).collect(),
    };
    call.tool_forced = forced(request.tool_choice.as_ref());
    let functions = request.tools.into_iter().filter_map(|tool| tool.function);
    call.tools = functions.map(|function| Tool { name: function.name, schema: function.parameters }).collect();
    call.schema = request.response_format.and_then(|format| match format["type"].as_str()? {
        "json_schema" => Some(format["json_schema"]["schema"].clone()),
        "json_object" => Some(json!({})),
        _ => None,
    });
    for message in request.messages {
        let text = message.content.map(Content::into_text).unwrap_or_default();
        call.turn(speaker(&message.role), text);
    }
    Ok(call)
}

/// The speaker that a role names.
pub(super) fn speaker(role: &str) -> Speaker {
    match role {
        "system" | "developer" => Speaker::System,
        "assistant" => Speaker::Model,
        "tool" => Speaker::Tool,
        _ => Speaker::User,
    }
}

/// The tool that `tool_choice` demands: a name, or the empty name for any.
pub(super) fn forced(choice: Option<&Value>) -> Option<Cow<'static, str>> {
    match choice? {
        Value::String(choice) => (choice == "required").then_some(Cow::Borrowed("")),
        choice => {
            let name = choice["function"]["name"].as_str().or_else(|| choice["name"].as_str())?;
            Some(Cow::Owned(name.to_owned()))
        }
    }
}

/// The whole reply.
pub(super) fn reply(call: &Call<'_>, answer: &Answer) -> Value {
    let refused = answer.is_refusal();
    let mut message = json!({
        "role": "assistant",
        "content": if refused || answer.tool_call.is_some() { None } else { Some(&answer.text) },
        "refusal": if refused { Some(&answer.text) } else { None },
        "annotations": [],
    });
    if let Some(reasoning) = &answer.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if let Some(tool_call) = &answer.tool_call {
        let function = json!({"name": tool_call.name, "arguments": tool_call.arguments.to_string()});
        message["tool_calls"] = json!([{"id": answer.id("call_"), "type": "function", "function": function}]);
    }
    let logprobs = call.logprobs.map(|top| logprobs(tokens(&answer.text), top, refused));
    json!({
        "id": answer.id("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED_S,
        "model": call.model,
        "choices": [{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish_reason(answer)}],
        "usage": usage(answer),
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    })
}

const FINGERPRINT: &str = "fp_stub0000000";

/// The reply as a stream: the role, the deltas, the finish reason, the usage if asked for, `[DONE]`.
pub(super) fn stream(call: &Call<'_>, answer: &Answer) -> Events {
    let mut events = Events::default();
    let mut send = |delta: Value, logprobs: Option<Value>, finish_reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason});
        events.push(None, &chunk(call, answer, json!([choice]), None), "\n");
    };
    send(
        json!({"role": "assistant", "content": if answer.tool_call.is_some() { None } else { Some("") }, "refusal": null}),
        None,
        None,
    );
    for token in answer.reasoning.as_deref().into_iter().flat_map(tokens) {
        send(json!({"reasoning_content": token}), None, None);
    }
    let field = if answer.is_refusal() { "refusal" } else { "content" };
    for token in tokens(&answer.text) {
        let logprobs = call.logprobs.map(|top| logprobs(std::iter::once(token), top, answer.is_refusal()));
        send(json!({field: token}), logprobs, None);
    }
    if let Some(tool_call) = &answer.tool_call {
        let function = json!({"name": tool_call.name, "arguments": ""});
        let begin = json!({"index": 0, "id": answer.id("call_"), "type": "function", "function": function});
        send(json!({"tool_calls": [begin]}), None, None);
        for piece in pieces(&tool_call.arguments.to_string()) {
            send(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}), None, None);
        }
    }
    send(json!({}), None, Some(finish_reason(answer)));
    if call.include_usage {
        events.push(None, &chunk(call, answer, json!([]), Some(usage(answer))), "\n");
    }
    events.done();
    events
}

fn chunk(call: &Call<'_>, answer: &Answer, choices: Value, usage: Option<Value>) -> Value {
    let mut chunk = json!({
        "id": answer.id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": CREATED_S,
        "model": call.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
        "choices": choices,
    });
    if call.include_usage {
        chunk["usage"] = json!(usage);
    }
    chunk
}

/// A text in pieces of eight characters, as arguments of a tool are streamed.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(8).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End | Stop::Sequence(_) | Stop::Refusal => "stop",
        Stop::Length => "length",
        Stop::Tool => "tool_calls",
        Stop::Filter => "content_filter",
    }
}

fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

fn logprobs<'t>(tokens: impl Iterator<Item = &'t str>, top: usize, refused: bool) -> Value {
    let entries: Vec<Value> = tokens.map(|token| logprob_entry(token, top)).collect();
    if refused { json!({"content": null, "refusal": entries}) } else { json!({"content": entries, "refusal": null}) }
}

/// One token with its alternatives; at most 20, as the service allows.
pub(super) fn logprob_entry(token: &str, top: usize) -> Value {
    let entry = |rank| {
        let text = alternative(token, rank);
        json!({"token": text, "logprob": logprob(token, rank), "bytes": text.as_bytes()})
    };
    let mut chosen = entry(0);
    chosen["top_logprobs"] = (0..top.min(20)).map(entry).collect();
    chosen
}

/// One model of the list.
pub(super) fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": CREATED_S, "owned_by": "stub"})
}

/// The error object.
pub(super) fn error(problem: &Problem) -> Value {
    let (kind, code, param) = match problem {
        Problem::ContextTooLong => ("invalid_request_error", Some("context_length_exceeded"), Some("messages")),
        Problem::Invalid(_) | Problem::Method | Problem::TooLarge => ("invalid_request_error", None, None),
        Problem::Unauthorized => ("invalid_request_error", Some("invalid_api_key"), None),
        Problem::Forbidden => ("invalid_request_error", Some("model_not_allowed"), None),
        Problem::NotFound(_) => ("invalid_request_error", Some("model_not_found"), None),
        Problem::RateLimited => ("requests", Some("rate_limit_exceeded"), None),
        Problem::Server => ("server_error", None, None),
        Problem::Unavailable | Problem::Overloaded => ("server_error", Some("service_unavailable"), None),
    };
    json!({"error": {"message": problem.message(), "type": kind, "param": param, "code": code}})
}
