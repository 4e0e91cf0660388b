//! Replies piece by piece, and raw prompts: the same as whole, the same beside neighbours.

use futures::future::join_all;
use ph_local::{LoadOptions, LocalModel, LocalRuntime, RuntimeOptions};
use ph_model::{
    CompletionApi as _, CompletionOutput, CompletionRequest, GenerateConfig, Message, ModelApi as _, ModelErrorKind,
    ModelRequest, NoSink, OutputChunk, OutputSink, RawPrompt, StopReason, ToolDefinition,
};

use crate::tiny;

fn runtime() -> LocalRuntime {
    let model = LocalModel::load(&tiny::files(&tiny::Shape::default()), &LoadOptions::default()).unwrap();
    LocalRuntime::start(model, RuntimeOptions::new("local:tiny".parse().unwrap())).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Keeps what it hears; wants no more after `most` pieces.
#[derive(Default)]
struct Heard {
    pieces: Vec<String>,
    stop_text: Option<String>,
    end: Option<StopReason>,
    most: Option<usize>,
}

impl OutputSink for Heard {
    fn chunk(&mut self, chunk: OutputChunk) -> bool {
        match chunk {
            OutputChunk::Text(text) => self.pieces.push(text),
            OutputChunk::Reasoning(_) => {}
            OutputChunk::End(stop) => self.end = Some(stop),
        }
        self.most.is_none_or(|most| self.pieces.len() < most)
    }

    fn stop_text(&mut self, text: &str) {
        self.stop_text = Some(text.to_owned());
    }
}

fn request(seed: u64) -> ModelRequest {
    let tool = ToolDefinition { name: "f".into(), description: String::new(), parameters: serde_json::json!({}) };
    ModelRequest {
        messages: vec![Message::user("hello")],
        tools: if seed % 3 == 1 { vec![tool] } else { Vec::new() },
        config: GenerateConfig {
            max_tokens: Some(40),
            temperature: Some(1.0),
            seed: Some(seed),
            stop: if seed % 2 == 1 { ["e", "a", "\u{FFFD}x"].map(str::to_owned).to_vec() } else { Vec::new() },
            ..GenerateConfig::default()
        },
        ..ModelRequest::default()
    }
}

#[test]
fn pieces_together_are_the_whole() {
    let runtime = runtime();
    let (mut most, mut stopped) = (0, 0);
    for seed in 0..40 {
        let request = request(seed);
        let whole = block_on(runtime.generate(&request)).unwrap();
        let mut heard = Heard::default();
        let streamed = block_on(runtime.stream(&request, &mut heard)).unwrap();
        assert_eq!(streamed, whole, "seed {seed}");
        assert_eq!(heard.pieces.concat(), whole.output.message.text(), "seed {seed}");
        assert!(heard.pieces.iter().all(|piece| !piece.is_empty()));
        assert_eq!(heard.end, Some(whole.output.stop_reason));
        if let Some(text) = heard.stop_text {
            assert!(request.config.stop.contains(&text) && !whole.output.message.text().contains(&text));
            stopped += 1;
        }
        most = most.max(heard.pieces.len());
    }
    assert!(most > 10 && stopped > 0, "{most} pieces at most, {stopped} stopped by a text");
}

#[test]
fn a_sink_that_wants_no_more_ends_the_call() {
    let runtime = runtime();
    let mut heard = Heard { most: Some(2), ..Heard::default() };
    let endless = ModelRequest { config: GenerateConfig { max_tokens: None, ..request(2).config }, ..request(2) };
    assert!(block_on(runtime.stream(&endless, &mut heard)).is_err());
    assert_eq!(heard.pieces.len(), 2);
}

fn raw(prompt: RawPrompt, echo: bool, max_tokens: u32) -> CompletionRequest {
    let config = GenerateConfig {
        max_tokens: Some(max_tokens),
        temperature: Some(0.8),
        seed: Some(3),
        logprobs: true,
        top_logprobs: Some(3),
        ..GenerateConfig::default()
    };
    CompletionRequest { prompt, echo, config }
}

#[test]
fn a_prompts_scores_do_not_depend_on_neighbours() {
    let runtime = runtime();
    let text = |n: usize| "raw text é that is scored ".repeat(1 + n % 4);
    let ask = |n: usize| raw(RawPrompt::Text(text(n)), true, (n % 3) as u32 * 5);
    let alone: Vec<CompletionOutput> =
        (0..20).map(|n| block_on(runtime.complete(&ask(n), &mut NoSink)).unwrap()).collect();
    let together = block_on(join_all((0..20).map(|n| {
        let (runtime, ask, chat) = (&runtime, ask(n), request(n as u64));
        async move {
            let mut sink = NoSink;
            let (raw, chat) = futures::join!(runtime.complete(&ask, &mut sink), runtime.generate(&chat));
            chat.unwrap();
            raw.unwrap()
        }
    })));
    assert_eq!(together, alone);
    for (n, output) in alone.iter().enumerate() {
        let tokens = output.tokens.as_ref().unwrap();
        assert_eq!(output.prompt_text.as_deref(), Some(text(n).as_str()));
        assert_eq!(tokens.len() as u64, output.usage.total_tokens());
        assert!(tokens[0].logprob.is_none() && tokens[1..].iter().all(|token| token.logprob.unwrap() <= 0.0));
        assert!(tokens[1..].iter().all(|token| token.top.len() == 3));
    }
}

#[test]
fn reading_a_prompt_generates_nothing() {
    let output = block_on(runtime().complete(&raw(RawPrompt::Tokens(vec![104, 105]), true, 0), &mut NoSink)).unwrap();
    assert_eq!((output.prompt_text.as_deref(), output.text.as_str()), (Some("hi"), ""));
    assert_eq!((output.usage.input_tokens, output.usage.output_tokens), (2, 0));
    assert_eq!(output.stop_reason, StopReason::MaxTokens);
}

#[test]
fn raw_prompts_that_cannot_run_keep_their_kind() {
    let runtime = runtime();
    let fail = |prompt| block_on(runtime.complete(&raw(prompt, false, 1), &mut NoSink)).unwrap_err().kind;
    assert_eq!(fail(RawPrompt::Text(String::new())), ModelErrorKind::InvalidRequest);
    assert_eq!(fail(RawPrompt::Tokens(vec![u32::MAX])), ModelErrorKind::InvalidRequest);
    assert_eq!(fail(RawPrompt::Text("x".repeat(257))), ModelErrorKind::ContextTooLong);
}
