//! OpenAI responses.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Stop, tokens};
use super::super::call::{Call, Content, Speaker, Tool};
use super::openai_chat::{forced, logprob_entry, pieces, speaker};
use super::{CREATED_S, Events};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    input: Input<'a>,
    instructions: Option<String>,
    stream: Option<bool>,
    #[serde(borrow, default)]
    tools: Vec<ToolEntry<'a>>,
    tool_choice: Option<Value>,
    #[serde(default)]
    include: Vec<String>,
    top_logprobs: Option<usize>,
    reasoning: Option<Value>,
    max_output_tokens: Option<usize>,
    temperature: Option<f64>,
    text: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Items(#[serde(borrow)] Vec<Item<'a>>),
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    output: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct ToolEntry<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Value,
}

/// Reads a call.
pub(in super::super) fn read(body: &[u8]) -> Result<Call<'_>, serde_json::Error> {
    let request: Request<'_> = serde_json::from_slice(body)?;
    let wants_logprobs = request.include.iter().any(|what| what == "message.output_text.logprobs");
    let mut call = Call {
        model: request.model,
        stream: request.stream == Some(true),
        logprobs: request.top_logprobs.or(wants_logprobs.then_some(0)),
        reasoning: request.reasoning.is_some_and(|reasoning| reasoning.is_object()),
        tokens_max: request.max_output_tokens,
        fixed: request.temperature == Some(0.0),
        tool_forced: forced(request.tool_choice.as_ref()),
        ..Call::default()
    };
    let named = request.tools.into_iter().filter(|tool| !tool.name.is_empty());
    call.tools = named.map(|tool| Tool { name: tool.name, schema: tool.parameters }).collect();
    call.schema = request.text.and_then(|text| match text["format"]["type"].as_str()? {
        "json_schema" => Some(text["format"]["schema"].clone()),
        "json_object" => Some(json!({})),
        _ => None,
    });
    if let Some(instructions) = request.instructions {
        call.turn(Speaker::System, Cow::Owned(instructions));
    }
    match request.input {
        Input::Text(text) => call.turn(Speaker::User, text),
        Input::Items(items) => items.into_iter().for_each(|item| take(&mut call, item)),
    }
    Ok(call)
}

fn take<'a>(call: &mut Call<'a>, item: Item<'a>) {
    let text = item.content.or(item.output).map(Content::into_text).unwrap_or_default();
    match &*item.kind {
        "function_call_output" => call.turn(Speaker::Tool, text),
        "" | "message" => call.turn(speaker(&item.role), text),
        _ => call.turn(Speaker::Model, text),
    }
}

/// The whole reply.
pub(super) fn reply(call: &Call<'_>, answer: &Answer) -> Value {
    let (status, reason) = match answer.stop {
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Filter => ("incomplete", Some("content_filter")),
        _ => ("completed", None),
    };
    let mut response = response(call, answer, status);
    response["incomplete_details"] = reason.map_or(Value::Null, |reason| json!({"reason": reason}));
    response["output"] = items(call, answer, status).into();
    response["usage"] = usage(answer);
    response
}

/// The reply without what only its end knows.
fn response(call: &Call<'_>, answer: &Answer, status: &str) -> Value {
    let tools: Vec<Value> = call.tools.iter().map(tool).collect();
    json!({
        "id": answer.id("resp_"),
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": call.tokens_max,
        "max_tool_calls": null,
        "model": call.model,
        "output": [],
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "reasoning": {"effort": if call.reasoning { Some("medium") } else { None }, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": if call.tool_forced.is_some() { "required" } else { "auto" },
        "tools": tools,
        "top_logprobs": call.logprobs.unwrap_or(0),
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": {},
    })
}

fn tool(tool: &Tool<'_>) -> Value {
    json!({"type": "function", "name": tool.name, "description": null, "parameters": tool.schema, "strict": true})
}

fn items(call: &Call<'_>, answer: &Answer, status: &str) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some(reasoning) = &answer.reasoning {
        items.push(json!({"id": answer.id("rs_"), "type": "reasoning",
            "summary": [{"type": "summary_text", "text": reasoning}]}));
    }
    match &answer.tool_call {
        Some(tool_call) => items.push(json!({"id": answer.id("fc_"), "type": "function_call", "status": "completed",
            "arguments": tool_call.arguments.to_string(), "call_id": answer.id("call_"), "name": tool_call.name})),
        None => items.push(json!({"id": answer.id("msg_"), "type": "message", "status": status, "role": "assistant",
            "content": [part(call, answer, &answer.text)]})),
    }
    items
}

fn part(call: &Call<'_>, answer: &Answer, text: &str) -> Value {
    if answer.is_refusal() {
        return json!({"type": "refusal", "refusal": text});
    }
    json!({"type": "output_text", "annotations": [], "logprobs": logprobs(call, text), "text": text})
}

fn logprobs(call: &Call<'_>, text: &str) -> Vec<Value> {
    let top = call.logprobs;
    top.map_or_else(Vec::new, |top| tokens(text).map(|token| logprob_entry(token, top)).collect())
}

fn usage(answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

/// The events of a stream, numbered.
struct Stream {
    events: Events,
    number: u64,
    item: u64,
}

impl Stream {
    fn send(&mut self, kind: &str, fields: Value) {
        let mut event = json!({"type": kind, "sequence_number": self.number});
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        self.number += 1;
        self.events.push(Some(kind), &event, "\n");
    }

    /// Begins an item, lets its parts be sent, ends it.
    fn item(&mut self, begun: Value, ended: &Value, parts: impl FnOnce(&mut Self)) {
        self.send("response.output_item.added", json!({"output_index": self.item, "item": begun}));
        parts(self);
        self.send("response.output_item.done", json!({"output_index": self.item, "item": ended}));
        self.item += 1;
    }

    /// An event about one part of the present item.
    fn about(&mut self, kind: &str, item: &Value, fields: Value) {
        let mut all = json!({"item_id": item["id"], "output_index": self.item});
        if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
            all.extend(fields);
        }
        self.send(kind, all);
    }
}

/// The reply as a stream. There is no `[DONE]` in this dialect.
pub(super) fn stream(call: &Call<'_>, answer: &Answer) -> Events {
    let mut stream = Stream { events: Events::default(), number: 0, item: 0 };
    let begun = response(call, answer, "in_progress");
    stream.send("response.created", json!({"response": begun}));
    stream.send("response.in_progress", json!({"response": begun}));
    let ended = reply(call, answer);
    for item in ended["output"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("reasoning") => reasoning(&mut stream, item),
            Some("function_call") => function_call(&mut stream, item),
            _ => message(&mut stream, call, answer, item),
        }
    }
    let last = if ended["status"] == "completed" { "response.completed" } else { "response.incomplete" };
    stream.send(last, json!({"response": ended}));
    stream.events
}

fn reasoning(stream: &mut Stream, item: &Value) {
    let text = item["summary"][0]["text"].as_str().unwrap_or_default();
    let begun = json!({"id": item["id"], "type": "reasoning", "summary": []});
    let part = |text: &str| json!({"summary_index": 0, "part": {"type": "summary_text", "text": text}});
    stream.item(begun, item, |stream| {
        stream.about("response.reasoning_summary_part.added", item, part(""));
        for token in tokens(text) {
            let delta = json!({"summary_index": 0, "delta": token});
            stream.about("response.reasoning_summary_text.delta", item, delta);
        }
        stream.about("response.reasoning_summary_text.done", item, json!({"summary_index": 0, "text": text}));
        stream.about("response.reasoning_summary_part.done", item, part(text));
    });
}

fn function_call(stream: &mut Stream, item: &Value) {
    let arguments = item["arguments"].as_str().unwrap_or_default();
    let mut begun = item.clone();
    begun["status"] = json!("in_progress");
    begun["arguments"] = json!("");
    stream.item(begun, item, |stream| {
        for piece in pieces(arguments) {
            stream.about("response.function_call_arguments.delta", item, json!({"delta": piece}));
        }
        let done = json!({"arguments": arguments, "name": item["name"]});
        stream.about("response.function_call_arguments.done", item, done);
    });
}

fn message(stream: &mut Stream, call: &Call<'_>, answer: &Answer, item: &Value) {
    let refused = answer.is_refusal();
    let (kind, field) = if refused { ("refusal", "refusal") } else { ("output_text", "text") };
    let begun =
        json!({"id": item["id"], "type": "message", "status": "in_progress", "role": "assistant", "content": []});
    let with = |fields: Value, text: &str| {
        let mut fields = fields;
        fields["content_index"] = json!(0);
        if !refused {
            fields["logprobs"] = logprobs(call, text).into();
        }
        fields
    };
    stream.item(begun, item, |stream| {
        let empty = json!({"content_index": 0, "part": part(call, answer, "")});
        stream.about("response.content_part.added", item, empty);
        for token in tokens(&answer.text) {
            stream.about(&format!("response.{kind}.delta"), item, with(json!({"delta": token}), token));
        }
        stream.about(&format!("response.{kind}.done"), item, with(json!({field: answer.text}), &answer.text));
        let whole = json!({"content_index": 0, "part": item["content"][0]});
        stream.about("response.content_part.done", item, whole);
    });
}
