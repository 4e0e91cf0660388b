//! One tool call, and the answer to a tool's result.

use ph_model::{Message, ToolCall, ToolDefinition};
use ph_record::{SampleInput, TaskSourceError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Item, Part};
use crate::draw::Draw;
use crate::lists::{Lists, Tool};
use crate::wordings::{self, fill};

/// The wordings of requests for a tool and of results.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wordings {
    asks: Vec<String>,
    results: Vec<String>,
}

/// A conversation in which a tool was called and gave its result.
pub(crate) struct Consultation {
    pub(crate) ask: String,
    call: ToolCall,
    pub(crate) result: String,
    pub(crate) answer: String,
    tools: Value,
}

/// Items answered by the right call.
pub(super) fn call_items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    consultations(draw, part.items, &wordings::read(&part.wordings)?)?
        .into_iter()
        .map(|consultation| {
            let call = json!({ "name": consultation.call.function, "arguments": consultation.call.arguments });
            Ok(Item { tools: Some(consultation.tools), ..Item::asking(consultation.ask, call.to_string()) })
        })
        .collect()
}

/// Items answered by the word in the result.
pub(super) fn answer_items(draw: &mut Draw, part: &Part) -> Result<Vec<Item>, TaskSourceError> {
    let all = consultations(draw, part.items, &wordings::read(&part.wordings)?)?;
    Ok(all.into_iter().map(|consultation| consultation.with_result(&consultation.result)).collect())
}

/// `count` consultations, each tool as often as the others.
pub(crate) fn consultations(
    draw: &mut Draw,
    count: usize,
    wordings: &Wordings,
) -> Result<Vec<Consultation>, TaskSourceError> {
    let asks = draw.deal(&wordings.asks, count)?;
    let results = draw.deal(&wordings.results, count)?;
    let tools = draw.deal(&Lists::embedded()?.tools, count)?;
    let all = asks.into_iter().zip(results).zip(tools);
    all.map(|((ask, result), tool)| consultation(draw, tool, ask, result)).collect()
}

fn consultation(draw: &mut Draw, tool: &Tool, ask: &str, result: &str) -> Result<Consultation, TaskSourceError> {
    let value = draw.pick(&tool.values)?;
    let answer = draw.pick(&tool.results)?;
    let want = fill(&tool.want, &[("value", value)]);
    Ok(Consultation {
        ask: fill(ask, &[("want", &want)]),
        call: ToolCall {
            id: "call-1".to_owned(),
            function: tool.name.clone(),
            arguments: json!({ tool.parameter.as_str(): value }),
            parse_error: None,
        },
        result: fill(result, &[("value", value), ("result", answer)]),
        answer: answer.clone(),
        tools: offered(draw, tool)?,
    })
}

/// The tool among one to three others.
fn offered(draw: &mut Draw, needed: &Tool) -> Result<Value, TaskSourceError> {
    let others: Vec<&Tool> = Lists::embedded()?.tools.iter().filter(|tool| tool.name != needed.name).collect();
    let count = 1 + draw.below(3);
    let mut tools: Vec<&Tool> = draw.sample(&others, count).into_iter().copied().collect();
    tools.push(needed);
    draw.shuffle(&mut tools);
    Ok(tools.into_iter().map(definition).collect())
}

fn definition(tool: &Tool) -> Value {
    let definition = ToolDefinition {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: json!({
            "type": "object",
            "properties": { tool.parameter.as_str(): { "type": "string" } },
            "required": [tool.parameter],
        }),
    };
    json!(definition)
}

impl Consultation {
    /// The item in which the tool's result has this text.
    pub(crate) fn with_result(&self, text: &str) -> Item {
        let mut call = Message::assistant("");
        call.tool_calls = vec![self.call.clone()];
        let messages = vec![Message::user(self.ask.as_str()), call, Message::tool(self.call.id.as_str(), text)];
        Item {
            input: SampleInput::Messages(messages),
            tools: Some(self.tools.clone()),
            ..Item::asking("", self.answer.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_fits_an_offered_tool_and_the_request() {
        let part = Part { items: 200, wordings: "skills/tool.toml".to_owned() };
        for item in call_items(&mut Draw::new(3, &[]), &part).unwrap() {
            let call: Value = serde_json::from_str(&item.expected).unwrap();
            let tools: Vec<ToolDefinition> = serde_json::from_value(item.tools.unwrap()).unwrap();
            assert!((2..=4).contains(&tools.len()));
            let tool = tools.iter().find(|tool| tool.name == call["name"]).unwrap();
            let (parameter, value) = call["arguments"].as_object().unwrap().iter().next().unwrap();
            assert!(tool.parameters["properties"].get(parameter).is_some());
            let SampleInput::Text(text) = item.input else { panic!("one message") };
            assert!(text.contains(value.as_str().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_answer_stands_in_the_result() {
        let part = Part { items: 200, wordings: "skills/tool.toml".to_owned() };
        for item in answer_items(&mut Draw::new(3, &[]), &part).unwrap() {
            let SampleInput::Messages(messages) = item.input else { panic!("a conversation") };
            assert_eq!(messages.len(), 3);
            assert!(messages[2].text().contains(&item.expected), "{messages:?}");
            assert!(!messages[0].text().contains(&item.expected), "{messages:?}");
        }
    }
}
