//! The model's chat template: a conversation to the prompt text, as `transformers`' `apply_chat_template` renders it.
//!
//! Called by the runtime for every request. A template is foreign code: it runs in minijinja without files, clock or
//! network, on a fuel allowance and with a cap on its output. `strftime_now` is not defined, because a prompt must not
//! depend on the day; templates of the Llama family then use the date written in them.

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value as JinjaValue};
use minijinja::{Environment, Error, ErrorKind};
use ph_model::{Message, ToolCall, ToolDefinition};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::LocalError;
use crate::config::{clip, parse};
use crate::files::ModelFiles;

pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const TEMPLATE_FILE: &str = "chat_template.jinja";
const SPECIAL_TOKENS: [&str; 4] = ["bos_token", "eos_token", "pad_token", "unk_token"];

/// Template instructions that one rendering may execute: thousands of messages need less than a tenth of it.
const FUEL: u64 = 5_000_000;
/// Bytes that one rendering may produce.
const OUTPUT_BYTES_MAX: usize = 16 << 20;
/// Bytes of a template's source.
const SOURCE_BYTES_MAX: usize = 1 << 20;

const NO_TEMPLATE: &str = "the model has none, in neither chat_template.jinja nor tokenizer_config.json";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    origin: String,
    special_tokens: Map<String, Value>,
}

impl ChatTemplate {
    /// Reads and compiles the template from `chat_template.jinja` or `tokenizer_config.json`.
    ///
    /// # Errors
    /// When a file is malformed or the template does not compile. A model without a template is read; see [`Self::check`].
    pub fn read(files: &ModelFiles) -> Result<Self, LocalError> {
        let config: Map<String, Value> = match files.read_text_if_any(TOKENIZER_CONFIG)? {
            Some(text) => parse(files, TOKENIZER_CONFIG, &text)?,
            None => Map::new(),
        };
        let mut template =
            Self { environment: environment(), origin: files.origin(), special_tokens: special_tokens(&config) };
        if let Some(source) = files.read_text_if_any(TEMPLATE_FILE)? {
            template.add("default", &source)?;
        } else {
            match config.get("chat_template") {
                Some(Value::String(source)) => template.add("default", source)?,
                Some(Value::Array(list)) => template.add_named(list)?,
                _ => {}
            }
        }
        Ok(template)
    }

    /// The spelling of the end-of-reply token in `tokenizer_config.json`.
    #[must_use]
    pub fn eos_token(&self) -> Option<&str> {
        self.special_tokens.get("eos_token").and_then(Value::as_str)
    }

    /// Refuses a model that has no template: it cannot be asked anything.
    ///
    /// # Errors
    /// When there is none.
    pub fn check(&self) -> Result<(), LocalError> {
        self.environment.get_template("default").map(|_| ()).map_err(|_| self.failed(NO_TEMPLATE))
    }

    /// The prompt for the model's next message.
    ///
    /// # Errors
    /// When there is no template, or it fails, runs too long or produces too much.
    pub fn render(&self, messages: &[Message], tools: &[ToolDefinition]) -> Result<String, LocalError> {
        let name =
            if tools.is_empty() || self.environment.get_template("tool_use").is_err() { "default" } else { "tool_use" };
        let template = self.environment.get_template(name).map_err(|_| self.failed(NO_TEMPLATE))?;
        let mut output = CappedOutput::default();
        let context = JinjaValue::from(Serde(self.context(messages, tools)));
        match template.render_captured_to(context, &mut output) {
            Err(_) if output.full => Err(self.failed(&format!("it produced more than `{OUTPUT_BYTES_MAX}` bytes"))),
            Err(error) => Err(self.failed(&describe(&error))),
            Ok(_) => String::from_utf8(output.bytes).map_err(|_| self.failed("it produced bytes that are not UTF-8")),
        }
    }

    fn context(&self, messages: &[Message], tools: &[ToolDefinition]) -> Map<String, Value> {
        let mut context = self.special_tokens.clone();
        context.insert("messages".to_owned(), messages.iter().map(message_value).collect());
        let tools: Vec<Value> = tools.iter().map(tool_value).collect();
        context.insert("tools".to_owned(), if tools.is_empty() { Value::Null } else { Value::Array(tools) });
        context.insert("add_generation_prompt".to_owned(), Value::Bool(true));
        context
    }

    fn add_named(&mut self, list: &[Value]) -> Result<(), LocalError> {
        for entry in list {
            let (Some(Value::String(name)), Some(Value::String(source))) = (entry.get("name"), entry.get("template"))
            else {
                return Err(self.failed("an entry of the list lacks `name` or `template`"));
            };
            self.add(name, source)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, source: &str) -> Result<(), LocalError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(self.failed(&format!("`{name}` has `{}` bytes, too many", source.len())));
        }
        let source = without_generation_tags(source);
        self.environment.add_template_owned(name.to_owned(), source).map_err(|error| self.failed(&describe(&error)))
    }

    fn failed(&self, what: &str) -> LocalError {
        LocalError::Template { origin: self.origin.clone(), what: clip(what) }
    }
}

/// The environment that `transformers` gives its templates.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("the template refuses: {message}")))
    });
    environment
}

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`: a space after commas and colons.
#[expect(clippy::needless_pass_by_value, reason = "the template engine hands keyword arguments over by value")]
fn to_json(value: &JinjaValue, indent: Option<usize>, options: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        None => options.get::<Option<usize>>("indent")?,
        given => given,
    };
    let _ = options.get::<Option<bool>>("ensure_ascii")?;
    options.assert_all_used()?;
    let mut out = Vec::new();
    let failed = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    match indent {
        Some(width) => {
            let spaces = vec![b' '; width.min(16)];
            let formatter = serde_json::ser::PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter)).map_err(failed)?;
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)).map_err(failed)?,
    }
    String::from_utf8(out).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// JSON on one line with `, ` and `: `, as Python writes it.
pub(crate) struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A message in the form that templates expect (OpenAI's chat form).
fn message_value(message: &Message) -> Value {
    let mut value = message.extra.clone();
    value.insert("role".to_owned(), json!(message.role.as_str()));
    value.insert("content".to_owned(), json!(message.text()));
    if !message.tool_calls.is_empty() {
        value.insert("tool_calls".to_owned(), message.tool_calls.iter().map(call_value).collect());
    }
    if let Some(id) = &message.tool_call_id {
        value.insert("tool_call_id".to_owned(), json!(id));
    }
    Value::Object(value)
}

fn call_value(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.function, "arguments": call.arguments } })
}

fn tool_value(tool: &ToolDefinition) -> Value {
    let ToolDefinition { name, description, parameters } = tool;
    json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
}

/// `bos_token` and its like: a string, or an object with the string in `content`.
fn special_tokens(config: &Map<String, Value>) -> Map<String, Value> {
    let spelled = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => fields.get("content").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let pairs = SPECIAL_TOKENS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::String(spelled(config.get(*name)?)?))));
    pairs.collect()
}

/// `{% generation %}` marks what a trainer learns from; for rendering it is a block that is always there.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (before, tag) = (&rest[..start], &rest[start..start + length + 2]);
        out.push_str(before);
        let inner = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        match inner {
            "generation" => out.push_str(&tag.replacen("generation", "if true", 1)),
            "endgeneration" => out.push_str(&tag.replacen("endgeneration", "endif", 1)),
            _ => out.push_str(tag),
        }
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

fn describe(error: &Error) -> String {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{error}{line}")
}

#[derive(Default)]
struct CappedOutput {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for CappedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the template's output is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> Result<ChatTemplate, LocalError> {
        let config = json!({ "chat_template": source, "bos_token": {"content": "<s>"}, "eos_token": "</s>" });
        ChatTemplate::read(&ModelFiles::embedded("m", [(TOKENIZER_CONFIG, config.to_string().into_bytes())]))
    }

    fn check(source: &str, expected: &str) {
        let messages = [Message::system("be brief"), Message::user(" hi <b> ")];
        assert_eq!(template(source).unwrap().render(&messages, &[]).unwrap(), expected, "{source}");
    }

    #[test]
    fn what_templates_use_is_there() {
        check(
            "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}",
            "<s>[system]be brief[user] hi <b> ",
        );
        check("{{ messages[1]['content'].strip().upper() }}", "HI <B>");
        check("{{ messages[1].content | trim }}{{ eos_token }}", "hi <b></s>");
        check(
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            "2",
        );
        check(
            "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% break %}{% endfor %}",
            "user",
        );
        check("{{ messages[0] | tojson }}", r#"{"role": "system", "content": "be brief"}"#);
        check("{{ {'a': [1, 2.5, 'é<', none]} | tojson }}", r#"{"a": [1, 2.5, "é<", null]}"#);
        check("{{ [1] | tojson(indent=2) }}", "[\n  1\n]");
        check("{% if strftime_now is defined %}now{% else %}fixed{% endif %}", "fixed");
        check("{% if tools %}t{% endif %}{% if add_generation_prompt %}g{% endif %}", "g");
        check("{%- generation -%} x {%- endgeneration %}", "x");
        check("  {% if true %}\n a\n  {% endif %}\n", " a\n");
        check("{{ messages[1]['content'][1:3] }}{{ messages | length }}", "hi2");
        check("{{ 'a,b'.split(',')[1] }}{{ 'x' if 'abc'.startswith('ab') else 'y' }}", "bx");
    }

    #[test]
    fn a_hostile_template_is_stopped() {
        let messages = [Message::user("hi")];
        let cases = [
            ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "fuel"),
            ("{% for a in range(9999) %}{{ 'x' * 100000 }}{% endfor %}", "more than"),
            ("{{ 'x' * 10000000000 }}", "too large"),
            ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
            ("{% include '/etc/passwd' %}", "template"),
            ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
            ("{{ nothing.at.all }}", "undefined"),
            ("{{ strftime_now('%d') }}", "strftime_now"),
        ];
        for (source, named) in cases {
            let message = template(source).unwrap().render(&messages, &[]).unwrap_err().to_string();
            assert!(message.contains(named), "{source}: {message}");
        }
    }

    #[test]
    fn a_template_that_does_not_compile_is_refused_at_load() {
        let message = template("{% if %}").unwrap_err().to_string();
        assert!(message.contains("syntax error") && message.contains("line 1"), "{message}");
    }

    #[test]
    fn named_templates_choose_the_one_for_tools() {
        let list = json!({ "chat_template": [
            {"name": "default", "template": "plain"}, {"name": "tool_use", "template": "{{ tools[0].function.name }}"}] });
        let files = ModelFiles::embedded("m", [(TOKENIZER_CONFIG, list.to_string().into_bytes())]);
        let chat = ChatTemplate::read(&files).unwrap();
        let tool = ToolDefinition { name: "weather".into(), description: String::new(), parameters: json!({}) };
        assert_eq!(chat.render(&[], &[]).unwrap(), "plain");
        assert_eq!(chat.render(&[], &[tool]).unwrap(), "weather");
    }

    #[test]
    fn without_a_template_rendering_says_so() {
        let chat = ChatTemplate::read(&ModelFiles::embedded::<String, Vec<u8>>("m", [])).unwrap();
        let message = chat.render(&[], &[]).unwrap_err().to_string();
        assert!(message.contains("has none"), "{message}");
    }
}
