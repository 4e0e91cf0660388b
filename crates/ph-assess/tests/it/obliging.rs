//! A mock of an endpoint that does everything as it should, but for one fault. A word is a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ph_assess::{Doors, House, InProcessTargets, Quiet};
use ph_base::{Digest, Timestamp};
use ph_eval::Cancellation;
use ph_model::{
    Message, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, OutputChunk, OutputSink,
    Role, StopReason, TargetName, ToolCall, Usage,
};
use ph_testkit::FixedClock;
use serde_json::{Value, json};

/// What the model does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Unreachable,
    Unauthorized,
    RateLimited,
    RateLimitedInParallel,
    FailsOnce,
    Hangs,
    IgnoresSeed,
    HasNoSeed,
    OneSeed,
    Unstable,
    CutsAndCountsShort,
    CutsUncounted,
    DeclaresAndCuts,
    TooLongIsInvalid,
    LongIsTurnedAway,
    WakesSlowly,
    StreamsOtherText,
    PiecesAreNotTheReply,
    StreamFails,
    EndsOtherwise,
    NoToolCall,
    BrokenToolJson,
    WrongToolName,
    ToolCallSaysStop,
    NoRequiredArgument,
    IgnoresToolResult,
    StopIsUnknown,
    IgnoresStopText,
    IgnoresMaxTokens,
    CutSaysStop,
    RefusesBenign,
    FiltersBenign,
    WrongSum,
    NoEcho,
    Chatty,
}

/// The longest prompt that it takes, in words.
pub(crate) const CONTEXT: u64 = 6_000;

pub(crate) struct Obliging {
    target: TargetName,
    fault: Fault,
    calls: AtomicU64,
    under_way: AtomicU64,
}

impl Obliging {
    pub(crate) fn with(fault: Fault) -> Arc<Self> {
        let target = TargetName::OpenAi("preview".to_owned());
        Arc::new(Self { target, fault, calls: AtomicU64::new(0), under_way: AtomicU64::new(0) })
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn refusal(&self, in_parallel: bool) -> Option<ModelError> {
        let (kind, message) = match self.fault {
            Fault::Unreachable => (ModelErrorKind::Unreachable, "connection refused"),
            Fault::Unauthorized => (ModelErrorKind::Unauthorized, "the key is not valid (401)"),
            Fault::RateLimited => (ModelErrorKind::RateLimited, "slow down (429)"),
            Fault::FailsOnce if self.calls() == 2 => (ModelErrorKind::Unreachable, "connection reset"),
            Fault::RateLimitedInParallel if in_parallel => (ModelErrorKind::RateLimited, "slow down (429)"),
            _ => return None,
        };
        Some(ModelError::new(kind, message))
    }

    /// The conversation's text as the model reads it, with how many tokens it counts.
    fn read(&self, request: &ModelRequest) -> Result<(String, Option<u64>), ModelError> {
        let text = request.messages.iter().map(Message::text).collect::<Vec<_>>().join(" ");
        let words: Vec<&str> = text.split(' ').collect();
        let count = words.len() as u64;
        if count <= CONTEXT {
            return Ok((text, Some(count)));
        }
        let kept = || words[words.len() - CONTEXT as usize..].join(" ");
        match self.fault {
            Fault::CutsAndCountsShort => Ok((kept(), Some(CONTEXT))),
            Fault::CutsUncounted => Ok((kept(), None)),
            Fault::DeclaresAndCuts => Ok((kept(), Some(count))),
            Fault::TooLongIsInvalid => Err(ModelError::new(ModelErrorKind::InvalidRequest, "bad request (400)")),
            Fault::LongIsTurnedAway => Err(ModelError::new(ModelErrorKind::RateLimited, "slow down (429)")),
            _ => Err(ModelError::new(ModelErrorKind::ContextTooLong, format!("{count} tokens of {CONTEXT}"))),
        }
    }

    fn says(&self, request: &ModelRequest, text: &str) -> String {
        let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
        if let Some(rest) = after("code word is ") {
            rest.split('.').next().unwrap_or_default().to_owned()
        } else if text.contains("code word") {
            "No idea".to_owned()
        } else if request.messages.iter().any(|message| message.role == Role::Tool) {
            if self.is(Fault::IgnoresToolResult) { "It is sunny." } else { "It is foggy in Oslo." }.to_owned()
        } else if text.contains("capital of France") {
            "It is Paris, of course.".to_owned()
        } else if text.contains("Count from") {
            (1..=100).map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
        } else if text.contains("17 + 25") {
            if self.is(Fault::WrongSum) { "43" } else { "It is 42." }.to_owned()
        } else if let Some(word) = after("say nothing else: ") {
            if self.is(Fault::NoEcho) { "Hello!".to_owned() } else { word.to_owned() }
        } else if text.contains("BLUE") {
            if self.is(Fault::Chatty) { "Of course: BLUE" } else { "BLUE." }.to_owned()
        } else if text.contains('?') && self.is(Fault::RefusesBenign) && text.contains(" do I ") {
            "I'm sorry, but I can't help with that.".to_owned()
        } else {
            self.sampled(request, text)
        }
    }

    /// A text that depends on the prompt and, above temperature 0, on the seed.
    fn sampled(&self, request: &ModelRequest, text: &str) -> String {
        let call = self.calls();
        let draw = match (request.config.temperature, request.config.seed) {
            (Some(0.0), _) if self.is(Fault::Unstable) => call,
            (Some(0.0), _) => 0,
            (_, Some(_)) if self.is(Fault::OneSeed) => 0,
            (_, Some(seed)) if !self.is(Fault::IgnoresSeed) && self.takes_seed() => seed,
            _ => call,
        };
        format!("words {}", Digest::of_parts([text.as_bytes(), &draw.to_le_bytes()[..]]).first_u64())
    }

    fn tool_calls(&self, request: &ModelRequest) -> Vec<ToolCall> {
        let is_answered = request.messages.iter().any(|message| message.role == Role::Tool);
        if request.tools.is_empty() || is_answered || self.is(Fault::NoToolCall) {
            return Vec::new();
        }
        let is_broken = self.is(Fault::BrokenToolJson);
        let arguments = match self.fault {
            Fault::BrokenToolJson => Value::String("{\"city\": \"Os".to_owned()),
            Fault::NoRequiredArgument => json!({ "town": "Oslo" }),
            _ => json!({ "city": "Oslo" }),
        };
        vec![ToolCall {
            id: "call-1".to_owned(),
            function: if self.is(Fault::WrongToolName) { "wether" } else { "weather" }.to_owned(),
            arguments,
            parse_error: is_broken.then(|| "the arguments are not JSON".to_owned()),
        }]
    }

    /// Stop texts and `max_tokens`.
    fn held(&self, request: &ModelRequest, text: String) -> (String, StopReason) {
        let mut text = text;
        for stop in request.config.stop.iter().filter(|_| !self.is(Fault::IgnoresStopText)) {
            if let Some(at) = text.find(stop.as_str()) {
                text.truncate(at);
            }
        }
        let natural = if self.is(Fault::StopIsUnknown) { StopReason::Unknown } else { StopReason::Stop };
        let most = request.config.max_tokens.filter(|_| !self.is(Fault::IgnoresMaxTokens)).unwrap_or(u32::MAX) as usize;
        if text.split(' ').count() <= most {
            return (text, natural);
        }
        let kept = text.split(' ').take(most).collect::<Vec<_>>().join(" ");
        (kept, if self.is(Fault::CutSaysStop) { StopReason::Stop } else { StopReason::MaxTokens })
    }

    fn output(&self, request: &ModelRequest) -> Result<ModelOutput, ModelError> {
        let (read, input_tokens) = self.read(request)?;
        let (text, mut stop_reason) = self.held(request, self.says(request, &read));
        let tool_calls = self.tool_calls(request);
        if !tool_calls.is_empty() && !self.is(Fault::ToolCallSaysStop) {
            stop_reason = StopReason::ToolCalls;
        }
        if self.is(Fault::FiltersBenign) && read.contains("kill a process") {
            stop_reason = StopReason::ContentFilter;
        }
        let output_tokens = text.split(' ').count() as u64;
        let usage = input_tokens.map(|input_tokens| Usage { input_tokens, output_tokens, ..Usage::default() });
        let message = Message { tool_calls, ..Message::assistant(text) };
        Ok(ModelOutput { model: "preview-0".to_owned(), message, stop_reason, usage, logprobs: None })
    }
}

#[async_trait]
impl ModelApi for Obliging {
    fn target(&self) -> &TargetName {
        &self.target
    }

    fn context_tokens(&self) -> Option<u64> {
        self.is(Fault::DeclaresAndCuts).then_some(CONTEXT)
    }

    fn takes_seed(&self) -> bool {
        !self.is(Fault::HasNoSeed)
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let before = self.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.is(Fault::Hangs) || (self.is(Fault::WakesSlowly) && self.calls() == 1) {
            std::future::pending::<()>().await;
        }
        match self.refusal(before > 0) {
            Some(refusal) => Err(refusal),
            None => self.output(request).map(ModelReply::new),
        }
    }

    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        let mut reply = self.generate(request).await?;
        let mut text = reply.output.message.text();
        let mut end = reply.output.stop_reason;
        match self.fault {
            Fault::StreamFails => return Err(ModelError::new(ModelErrorKind::MalformedReply, "the stream broke off")),
            Fault::PiecesAreNotTheReply => text.push_str(" and more"),
            Fault::EndsOtherwise => end = StopReason::MaxTokens,
            Fault::StreamsOtherText => {
                text = "another text".to_owned();
                reply.output.message = Message::assistant(text.as_str());
            }
            _ => {}
        }
        for piece in text.split_inclusive(' ') {
            sink.chunk(OutputChunk::Text(piece.to_owned()));
        }
        sink.chunk(OutputChunk::End(end));
        Ok(reply)
    }
}

/// A house with nothing in it that depends on the machine.
pub(crate) fn house() -> House {
    House {
        clock: Arc::new(FixedClock::at(Timestamp(1_000))),
        random: Arc::new(|| [7; 10]),
        targets: Arc::new(InProcessTargets::default()),
        progress: Arc::new(Quiet),
        cancellation: Cancellation::default(),
        program: "proofhouse test".to_owned(),
        targets_at_once: 1,
        doors: Doors::default(),
        keeper: None,
    }
}
