//! `template {text}`: puts the prompt (the last user message) into a text. `{prompt}` stands for the prompt, any other
//! `{name}` for a metadata field; `{{` and `}}` are braces.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Solver;
use crate::generate::{Generate, Stop};
use crate::parameters::{ParameterError, list};
use crate::sample_state::SampleState;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct TemplateParameters {
    text: String,
}

pub(super) struct PromptTemplate(Template);

impl PromptTemplate {
    pub(super) fn new(parameters: &TemplateParameters) -> Result<Self, ParameterError> {
        let template = Template::parse(&parameters.text).map_err(|problem| ParameterError::of("text", problem))?;
        if template.names().any(|name| name == "prompt") {
            Ok(Self(template))
        } else {
            Err(ParameterError::of("text", "the text does not contain `{prompt}`"))
        }
    }
}

#[async_trait]
impl Solver for PromptTemplate {
    async fn solve(&self, state: &mut SampleState, _: &mut Generate) -> Result<(), Stop> {
        let prompt = state.prompt().text();
        let text = self.0.fill(|name| match name {
            "prompt" => Some(prompt.clone()),
            field => state.metadata.get(field).map(plain),
        });
        let text = text.map_err(|name| Stop::Failed(format!("the item has no metadata field `{name}`")))?;
        state.prompt().content = text.into();
        Ok(())
    }
}

/// A text without quotes, anything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text with places to fill.
pub(super) struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Place(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(more) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = more;
                continue;
            }
            let name = (brace == "{").then(|| after.split_once('}')).flatten();
            let Some((name, more)) = name.filter(|(name, _)| is_name(name)) else {
                return Err(format!(
                    "a single `{brace}` at byte {}; write `{brace}{brace}` for a brace",
                    text.len() - rest.len() + at
                ));
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Place(name.to_owned()));
            rest = more;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// The template of the parameter `needed.0`: it contains every place of `needed.1` and none but those that are `known`.
    pub(super) fn with_places(text: &str, needed: (&str, &[&str]), known: &[&str]) -> Result<Self, ParameterError> {
        let wrong = |problem: String| ParameterError::of(needed.0, problem);
        let template = Self::parse(text).map_err(wrong)?;
        if let Some(place) = needed.1.iter().find(|place| !template.names().any(|name| name == **place)) {
            return Err(wrong(format!("the text does not contain `{{{place}}}`")));
        }
        let unknown = template.names().find(|name| !known.contains(name)).map(str::to_owned);
        match unknown {
            None => Ok(template),
            Some(unknown) => {
                let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
                Err(wrong(format!("`{{{unknown}}}` is not {}", list(known.iter().map(String::as_str)))))
            }
        }
    }

    /// The places' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with every place filled; the name of a place that has no value is the error.
    pub(super) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Place(name) => text.push_str(&value(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(text)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Result<&str, &str>) {
        let filled = Template::parse(text)
            .and_then(|template| template.fill(|name| (name != "none").then(|| format!("<{name}>"))));
        match (filled, wanted) {
            (Ok(text), Ok(wanted)) => assert_eq!(text, wanted),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error}"),
            (filled, wanted) => panic!("`{text}`: {filled:?}, wanted {wanted:?}"),
        }
    }

    #[test]
    fn places_are_filled() {
        check("a {prompt} b {x-1}", Ok("a <prompt> b <x-1>"));
        check("{{\"k\": {prompt}}}", Ok("{\"k\": <prompt>}"));
        check("", Ok(""));
        check("é{none}", Err("none"));
        check("ab { c", Err("single `{` at byte 3"));
        check("ab }", Err("single `}` at byte 3"));
        check("{a b}", Err("single `{` at byte 0"));
        check("{}", Err("single `{` at byte 0"));
    }
}
