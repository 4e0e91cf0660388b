//! Whether the target calls a tool in the agreed form and uses what the tool returns.

use ph_model::{GenerateConfig, Message, ModelRequest, StopReason, ToolCall, ToolDefinition};
use serde_json::json;

use super::asker::{Answer, Asker};
use super::verdict::{Verdict, quoted};

const TOOL: &str = "weather";
const PARAMETER: &str = "city";
const CITY: &str = "Oslo";
const RESULT: &str = "foggy";

fn request() -> ModelRequest {
    let tool = ToolDefinition {
        name: TOOL.to_owned(),
        description: "Looks up the weather in a city.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": { PARAMETER: { "type": "string" } },
            "required": [PARAMETER],
        }),
    };
    ModelRequest {
        messages: vec![Message::user(format!("Please use a tool and tell me the weather in {CITY}."))],
        tools: vec![tool],
        config: GenerateConfig { max_tokens: Some(512), ..GenerateConfig::default() },
        ..ModelRequest::default()
    }
}

pub(super) async fn call(asker: &mut Asker<'_>) -> Verdict {
    let request = request();
    let answer = asker.ask(&request).await;
    let verdict = judge_call(&answer);
    let turn = answer.result.ok().map(|output| output.message).filter(|message| !message.tool_calls.is_empty());
    asker.seen.tool_turn = turn.map(|message| (request, message));
    verdict
}

fn judge_call(answer: &Answer) -> Verdict {
    let output = match &answer.result {
        Ok(output) => output,
        Err(error) => return Verdict::of_error(error),
    };
    let meaning = "tasks with tools measure the endpoint's form and not the model";
    let Some(call) = output.message.tool_calls.first() else {
        return Verdict::failed(format!("no call, but {}", quoted(&output.message.text())), meaning);
    };
    let came = format!(
        "{}({}), stop reason {:?}",
        clipped(&call.function),
        clipped(&call.arguments.to_string()),
        output.stop_reason
    );
    match wrong_with(call).or_else(|| wrong_end(output.stop_reason)) {
        None => Verdict::passed(came, "tasks with tools can be run"),
        Some(wrong) => Verdict::failed(format!("{came}: {wrong}"), meaning),
    }
}

fn wrong_with(call: &ToolCall) -> Option<String> {
    if let Some(error) = &call.parse_error {
        return Some(clipped(error));
    }
    let Some(arguments) = call.arguments.as_object() else { return Some("the arguments are not an object".to_owned()) };
    let city = arguments.get(PARAMETER).and_then(serde_json::Value::as_str);
    if call.function != TOOL {
        Some(format!("there is no tool of this name; the one offered is `{TOOL}`"))
    } else if call.id.is_empty() {
        Some("the call has no id".to_owned())
    } else if city.is_none() {
        Some(format!("the required `{PARAMETER}` is missing or no text"))
    } else if city.is_some_and(|city| !city.to_lowercase().contains(&CITY.to_lowercase())) {
        Some(format!("`{PARAMETER}` is not {CITY}"))
    } else {
        None
    }
}

fn wrong_end(reason: StopReason) -> Option<String> {
    (reason != StopReason::ToolCalls).then(|| "the stop reason does not say that a tool is called".to_owned())
}

pub(super) async fn result(asker: &mut Asker<'_>) -> Verdict {
    let Some((mut request, turn)) = asker.seen.tool_turn.take() else {
        return Verdict::not_checked("there was no call to answer", "tasks with tools may not work");
    };
    let results: Vec<Message> = turn
        .tool_calls
        .iter()
        .map(|call| Message::tool(call.id.as_str(), format!("The tool says {RESULT}.")))
        .collect();
    request.messages.push(turn);
    request.messages.extend(results);
    let answer = asker.ask(&request).await;
    judge_result(&answer)
}

fn judge_result(answer: &Answer) -> Verdict {
    let output = match &answer.result {
        Ok(output) => output,
        Err(error) => {
            let came = super::verdict::told(error);
            return Verdict::failed(came, "a conversation with a tool's result is not taken: agents cannot be run");
        }
    };
    let text = output.message.text();
    if text.to_lowercase().contains(RESULT) {
        Verdict::passed(quoted(&text), "what a tool returns reaches the model")
    } else {
        let calls = output.message.tool_calls.len();
        let came = if calls > 0 { format!("{calls} more calls and {}", quoted(&text)) } else { quoted(&text) };
        Verdict::failed(format!("{came}, without the result `{RESULT}`"), "what a tool returns may not reach the model")
    }
}

fn clipped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect()
}
