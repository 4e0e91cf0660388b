//! The process that makes prompts: reads conversations as JSON lines and answers with tokens.
//!
//! Called by the program where it was started as [`crate::RenderHost`] says. It limits its own memory, processor time and
//! core dumps before it reads anything foreign; a template that asks for more ends this process and nothing else.

use std::io::{self, BufRead, Write};

use rlimit::Resource;
use serde::Serialize;

use crate::LocalError;
use crate::chat_template::ChatTemplate;
use crate::files::ModelFiles;
use crate::render_host::{Answer, Conversation, Setup};
use crate::tokenizer::LocalTokenizer;

/// Answers conversations from `requests` until they end, under the limits that their first line sets.
///
/// # Errors
/// When a line cannot be read, is not what the parent sends, or an answer cannot be written.
pub fn serve_rendering(requests: impl BufRead, answers: impl Write) -> io::Result<()> {
    let mut requests = requests.lines();
    let Some(setup) = requests.next() else { return Ok(()) };
    let setup: Setup = serde_json::from_str(&setup?)?;
    limit_resources(&setup)?;
    answer_all(&Worker::new(setup), requests, answers)
}

struct Worker {
    /// Template and tokenizer, or the answer to everything.
    model: Result<(ChatTemplate, LocalTokenizer), Answer>,
    tokens_max: usize,
}

impl Worker {
    fn new(setup: Setup) -> Self {
        let texts = setup.files.into_iter().map(|(name, text)| (name, text.into_bytes()));
        let files = ModelFiles::embedded(setup.origin, texts);
        let read = || Ok((ChatTemplate::read(&files)?, LocalTokenizer::read(&files, setup.vocab_size)?));
        Self { model: read().map_err(refusal), tokens_max: setup.tokens_max }
    }

    /// Makes the prompt; `step` is told when the template is through.
    fn answer(&self, conversation: &Conversation, step: impl FnOnce() -> io::Result<()>) -> io::Result<Answer> {
        let (template, tokenizer) = match &self.model {
            Ok(model) => model,
            Err(answer) => return Ok(answer.clone()),
        };
        let text = match template.render(&conversation.messages, &conversation.tools) {
            Ok(text) => text,
            Err(error) => return Ok(refusal(error)),
        };
        step()?;
        Ok(match tokenizer.encode(&text) {
            Ok(mut tokens) => {
                let count = tokens.len();
                tokens.truncate(self.tokens_max);
                Answer::Tokens { count, tokens }
            }
            Err(error) => refusal(error),
        })
    }
}

fn answer_all(
    worker: &Worker,
    requests: impl Iterator<Item = io::Result<String>>,
    mut answers: impl Write,
) -> io::Result<()> {
    for line in requests {
        let conversation: Conversation = serde_json::from_str(&line?)?;
        let answer = worker.answer(&conversation, || send(&mut answers, &Answer::Rendered))?;
        send(&mut answers, &answer)?;
    }
    Ok(())
}

fn send(answers: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    answers.write_all(&line)?;
    answers.flush()
}

fn refusal(error: LocalError) -> Answer {
    match error {
        LocalError::Template { what, .. } => Answer::Template { what },
        LocalError::Tokenizer { what, .. } => Answer::Tokenizer { what },
        other => Answer::Template { what: other.to_string() },
    }
}

/// No more memory, processor time and core dumps than the parent says; nothing foreign has been read yet.
fn limit_resources(setup: &Setup) -> io::Result<()> {
    let limits = [(Resource::AS, setup.memory_bytes_max), (Resource::CPU, setup.seconds_max), (Resource::CORE, 0)];
    for (resource, wanted) in limits {
        let wanted = wanted.min(resource.get_hard()?);
        resource.set(wanted, wanted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat_template::TOKENIZER_CONFIG;
    use crate::tiny;
    use crate::tokenizer::TOKENIZER;
    use ph_model::Message;

    fn check(template: &str, wanted: &[&str]) {
        let map = tiny::map(&tiny::Shape::default());
        let text = |name: &str| String::from_utf8(map[name].clone()).unwrap();
        let config = serde_json::json!({ "chat_template": template }).to_string();
        let setup = Setup {
            origin: "m".to_owned(),
            files: [(TOKENIZER.to_owned(), text(TOKENIZER)), (TOKENIZER_CONFIG.to_owned(), config)].into(),
            vocab_size: 1 << 20,
            memory_bytes_max: 0,
            seconds_max: 0,
            tokens_max: 3,
        };
        let conversation = Conversation { messages: vec![Message::user("hi")], tools: Vec::new() };
        let line = serde_json::to_string(&conversation).unwrap();
        let mut answers = Vec::new();
        answer_all(&Worker::new(setup), [Ok(line)].into_iter(), &mut answers).unwrap();
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(answers.lines().count(), wanted.len(), "{answers}");
        for (answer, wanted) in answers.lines().zip(wanted) {
            assert!(answer.contains(wanted), "{answer}");
        }
    }

    #[test]
    fn conversations_are_answered_with_tokens_or_with_why_not() {
        check("{{ messages[0].content }}", &["rendered", r#"{"tokens":{"count":2,"tokens":["#]);
        check("{{ 'abcdefgh' }}", &["rendered", r#""count":8,"#]);
        check("{{ raise_exception('no') }}", &["template"]);
        check("{% if %}", &["template"]);
    }

    #[test]
    fn a_parent_that_sends_something_else_is_an_error() {
        assert!(serve_rendering(&b""[..], Vec::new()).is_ok(), "a parent that goes away is none");
        assert!(serve_rendering(&b"{}\n"[..], Vec::new()).is_err());
    }
}
