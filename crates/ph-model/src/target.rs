//! How a target is named on the command line, in plans and in reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a target (DESIGN §4, "Target names").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetName {
    /// `reference/NAME`: a reference model that ships with the program.
    Reference(String),
    /// `local:DIR`: a model directory, run in-process.
    Local(String),
    /// `openai/NAME`.
    OpenAi(String),
    /// `anthropic/NAME`.
    Anthropic(String),
    /// `google/NAME`.
    Google(String),
    /// `openai-api/SERVICE/NAME`: any endpoint that speaks the OpenAI API.
    OpenAiApi {
        /// The service, from which the environment variables' names are made.
        service: String,
        /// The model's name there.
        model: String,
    },
    /// `imported:NAME`: the model of an evaluation log made elsewhere, by the log's own name for it. Nothing reaches it.
    Imported(String),
}

/// What was given names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a target name; write `reference/NAME`, `local:DIR`, `openai/NAME`, `anthropic/NAME`, `google/NAME` or `openai-api/SERVICE/NAME`"
)]
pub struct TargetNameError(String);

impl TargetName {
    /// The target that an evaluation log made elsewhere names `model`: one of the forms where it is one, otherwise
    /// [`TargetName::Imported`]. Control characters are replaced, and of a long name the beginning is kept.
    #[must_use]
    pub fn of_log(model: &str) -> Self {
        const CHARS_MAX: usize = 200;
        let name =
            model.chars().take(CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>();
        match name.parse() {
            Ok(
                target @ (TargetName::OpenAi(_)
                | TargetName::Anthropic(_)
                | TargetName::Google(_)
                | TargetName::OpenAiApi { .. }),
            ) => target,
            _ if name.is_empty() => TargetName::Imported("unnamed".to_owned()),
            _ => TargetName::Imported(name),
        }
    }

    /// Whether the target runs inside this process.
    #[must_use]
    pub fn is_in_process(&self) -> bool {
        matches!(self, TargetName::Reference(_) | TargetName::Local(_))
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetName::Reference(name) => write!(f, "reference/{name}"),
            TargetName::Local(dir) => write!(f, "local:{dir}"),
            TargetName::OpenAi(name) => write!(f, "openai/{name}"),
            TargetName::Anthropic(name) => write!(f, "anthropic/{name}"),
            TargetName::Google(name) => write!(f, "google/{name}"),
            TargetName::OpenAiApi { service, model } => write!(f, "openai-api/{service}/{model}"),
            TargetName::Imported(name) => write!(f, "imported:{name}"),
        }
    }
}

impl FromStr for TargetName {
    type Err = TargetNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TargetNameError(text.chars().filter(|c| !is_hidden(*c)).take(200).collect());
        if text.chars().any(is_hidden) {
            return Err(wrong());
        }
        if let Some(dir) = text.strip_prefix("local:") {
            return if dir.is_empty() { Err(wrong()) } else { Ok(TargetName::Local(dir.to_owned())) };
        }
        if let Some(name) = text.strip_prefix("imported:") {
            return if name.is_empty() { Err(wrong()) } else { Ok(TargetName::Imported(name.to_owned())) };
        }
        let (provider, name) = text.split_once('/').ok_or_else(wrong)?;
        if name.is_empty() {
            return Err(wrong());
        }
        let name = name.to_owned();
        match provider {
            "reference" => Ok(TargetName::Reference(name)),
            "openai" => Ok(TargetName::OpenAi(name)),
            "anthropic" => Ok(TargetName::Anthropic(name)),
            "google" => Ok(TargetName::Google(name)),
            "openai-api" => match name.split_once('/') {
                Some((service, model)) if !service.is_empty() && !model.is_empty() => {
                    Ok(TargetName::OpenAiApi { service: service.to_owned(), model: model.to_owned() })
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

/// Control and direction characters: a name that is shown must be the name that is meant.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl Serialize for TargetName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TargetName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for TargetName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in [
            "reference/sound",
            "local:/models/a b",
            "openai/gpt",
            "anthropic/c",
            "google/g",
            "openai-api/acme/org/model",
            "imported:mockllm/model",
        ] {
            assert_eq!(name.parse::<TargetName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn any_name_in_a_log_is_a_target_that_reads_back() {
        for model in
            ["mockllm/model", "openai/gpt-4o", "", "reference/sound", "hf/a/b", "x\u{1b}[31m", "local:/etc", "none"]
        {
            let target = TargetName::of_log(model);
            assert_eq!(target.to_string().parse::<TargetName>(), Ok(target.clone()), "{model}");
            assert!(!target.is_in_process(), "{model}: a log cannot name a model of this machine");
        }
        assert_eq!(TargetName::of_log("openai/gpt-4o"), TargetName::OpenAi("gpt-4o".to_owned()));
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for wrong in
            ["", "sound", "reference/", "local:", "openai-api/acme", "openai-api//m", "ftp/x", "openai/\u{1b}[31m"]
        {
            let message = wrong.parse::<TargetName>().unwrap_err().to_string();
            assert!(message.contains("reference/NAME"), "{message}");
            assert!(!message.contains('\u{1b}'));
        }
    }
}
