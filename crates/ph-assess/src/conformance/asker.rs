//! Makes a check's calls: within its limits, on the clock, and written down.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use ph_analysis::CheckedCall;
use ph_base::{Clock, Digest, Money, Timestamp};
use ph_eval::{Cancellation, Meter};
use ph_model::{
    Exchange, Message, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, OutputChunk,
    OutputSink, StopReason,
};
use ph_record::RecordedError;

use super::context::Probe;
use super::{CheckSubject, ConformanceOptions};

/// Why no more calls are made after an interrupt.
const INTERRUPTED: &str = "interrupted";

/// What came of one call.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) result: Result<ModelOutput, ModelError>,
    pub(super) began: Timestamp,
    pub(super) latency_ms: u64,
}

impl Answer {
    /// The reply's text; empty where none came.
    pub(super) fn text(&self) -> String {
        self.result.as_ref().map(|output| output.message.text()).unwrap_or_default()
    }

    pub(super) fn error(&self) -> Option<&ModelError> {
        self.result.as_ref().err()
    }

    pub(super) fn output_tokens(&self) -> Option<u64> {
        self.result.as_ref().ok()?.usage.map(|usage| usage.output_tokens)
    }
}

/// What earlier checks saw and later ones use.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) reported_model: Option<String>,
    pub(super) natural: Option<ModelOutput>,
    pub(super) seeded: Option<String>,
    pub(super) tool_turn: Option<(ModelRequest, Message)>,
    pub(super) probes: Vec<Probe>,
    pub(super) answers_fingerprint: Option<Digest>,
}

/// The way from a check to the target.
pub(super) struct Asker<'a> {
    subject: &'a CheckSubject,
    options: &'a ConformanceOptions,
    clock: &'a dyn Clock,
    cancellation: &'a Cancellation,
    meter: Meter,
    check: &'static str,
    check_began_at_call: usize,
    check_began_at_token: u64,
    calls: Vec<CheckedCall>,
    failures: Vec<ModelError>,
    tokens: u64,
    cost: Option<Money>,
    stopped: Option<String>,
    pub(super) seen: Seen,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        subject: &'a CheckSubject,
        options: &'a ConformanceOptions,
        (clock, cancellation, meter): (&'a dyn Clock, &'a Cancellation, Meter),
    ) -> Self {
        Self {
            subject,
            options,
            clock,
            cancellation,
            check: "",
            check_began_at_call: 0,
            check_began_at_token: 0,
            calls: Vec::new(),
            failures: Vec::new(),
            tokens: 0,
            cost: meter.price().map(|price| Money::zero(price.currency)),
            meter,
            stopped: None,
            seen: Seen::default(),
        }
    }

    /// The next calls are of this check.
    pub(super) fn begin(&mut self, check: &'static str) {
        self.check = check;
        self.check_began_at_call = self.calls.len();
        self.check_began_at_token = self.tokens;
        self.failures.clear();
    }

    /// Calls and tokens of the present check.
    pub(super) fn used_by_check(&self) -> (u32, u64) {
        let calls = self.calls.len() - self.check_began_at_call;
        (u32::try_from(calls).unwrap_or(u32::MAX), self.tokens - self.check_began_at_token)
    }

    /// Why no more calls are made, where none are.
    pub(super) fn stopped(&self) -> Option<String> {
        self.stopped.clone()
    }

    /// Failed calls of the present check.
    pub(super) fn failures(&self) -> &[ModelError] {
        &self.failures
    }

    pub(super) fn calls(&self) -> &[CheckedCall] {
        &self.calls
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    pub(super) fn cost(&self) -> Option<Money> {
        self.cost
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn options(&self) -> &'a ConformanceOptions {
        self.options
    }

    pub(super) fn model(&self) -> &'a dyn ModelApi {
        self.subject.model.as_ref()
    }

    pub(super) fn stranger(&self) -> Result<&'a dyn ModelApi, &'a str> {
        self.subject.stranger.as_deref().map_err(String::as_str)
    }

    /// Makes one call.
    pub(super) async fn ask(&mut self, request: &ModelRequest) -> Answer {
        self.ask_of(self.model(), request).await
    }

    /// Makes one call to another opening of the target.
    pub(super) async fn ask_of(&mut self, model: &dyn ModelApi, request: &ModelRequest) -> Answer {
        if !self.may_call(1) {
            return self.unasked();
        }
        let way = self.way(model);
        let attempt = way.attempt(request, None).await;
        self.note(request, attempt)
    }

    /// Makes one streamed call; the pieces of text as they came.
    pub(super) async fn stream(&mut self, request: &ModelRequest) -> (Answer, Pieces) {
        let mut pieces = Pieces::default();
        if !self.may_call(1) {
            return (self.unasked(), pieces);
        }
        let way = self.way(self.model());
        let attempt = way.attempt(request, Some(&mut pieces)).await;
        (self.note(request, attempt), pieces)
    }

    /// Makes one call per request, `at_once` of them at a time; answers in the order of the requests.
    pub(super) async fn ask_all(&mut self, requests: &[ModelRequest], at_once: usize) -> Vec<Answer> {
        if !self.may_call(requests.len()) {
            return requests.iter().map(|_| self.unasked()).collect();
        }
        let way = self.way(self.model());
        let attempts: Vec<Attempt> =
            stream::iter(requests.iter().map(|request| way.attempt(request, None))).buffered(at_once).collect().await;
        requests.iter().zip(attempts).map(|(request, attempt)| self.note(request, attempt)).collect()
    }

    fn may_call(&mut self, calls: usize) -> bool {
        if self.stopped.is_none() {
            self.stopped = self.why_not(calls);
        }
        self.stopped.is_none()
    }

    fn why_not(&self, calls: usize) -> Option<String> {
        let (calls_max, tokens_max) = (self.options.calls_max, self.options.tokens_max);
        if self.cancellation.is_asked() {
            Some(INTERRUPTED.to_owned())
        } else if self.calls.len().saturating_add(calls) > calls_max as usize {
            Some(format!("the {calls_max} calls that a check may make are used up"))
        } else if self.tokens >= tokens_max {
            Some(format!("the {tokens_max} tokens that a check may use are used up"))
        } else {
            None
        }
    }

    fn unasked(&self) -> Answer {
        let why = self.stopped.clone().unwrap_or_default();
        Answer { result: Err(ModelError::new(ModelErrorKind::AccessCut, why)), began: self.now(), latency_ms: 0 }
    }

    fn way<'m>(&self, model: &'m dyn ModelApi) -> Way<'m>
    where
        'a: 'm,
    {
        Way {
            model,
            clock: self.clock,
            cancellation: self.cancellation,
            meter: self.meter.clone(),
            timeout: self.options.call_timeout,
        }
    }

    /// Writes a call down.
    fn note(&mut self, request: &ModelRequest, attempt: Attempt) -> Answer {
        let Attempt { result, began, ended, cost } = attempt;
        let result = match result {
            Ok(result) => result,
            Err(refused) => {
                self.stopped = Some(refused);
                return self.unasked();
            }
        };
        self.cost = self.cost.zip(cost).and_then(|(sum, cost)| sum.checked_add(cost).ok());
        let exchange = match &result {
            Ok(reply) => reply.exchange.as_deref(),
            Err(error) => error.exchange.as_deref(),
        };
        let tokens = result.as_ref().ok().and_then(|reply| reply.output.usage).map(|usage| usage.total_tokens());
        let latency_ms = ended.ms_since(began);
        self.calls.push(CheckedCall {
            check: self.check.to_owned(),
            request: request_digest(request, exchange),
            reply: reply_digest(&result, exchange),
            started_at: began,
            latency_ms,
            tokens,
            error: result.as_ref().err().map(|error| RecordedError::new(error.kind.to_string(), &error.message)),
        });
        self.tokens = self.tokens.saturating_add(tokens.unwrap_or(0));
        self.failures.extend(result.as_ref().err().cloned());
        if self.cancellation.abandon.is_cancelled() {
            self.stopped = Some(INTERRUPTED.to_owned());
        }
        let result = result.map(|reply| reply.output);
        if let (Ok(output), None) = (&result, &self.seen.reported_model) {
            self.seen.reported_model = Some(output.model.chars().take(200).collect());
        }
        Answer { result, began, latency_ms }
    }
}

fn request_digest(request: &ModelRequest, exchange: Option<&Exchange>) -> Digest {
    match exchange {
        Some(exchange) => Digest::of(&exchange.request),
        None => Digest::of(&serde_json::to_vec(request).unwrap_or_default()),
    }
}

fn reply_digest(result: &Result<ModelReply, ModelError>, exchange: Option<&Exchange>) -> Option<Digest> {
    match (exchange, result) {
        (Some(exchange), _) if !exchange.reply.is_empty() => Some(Digest::of(&exchange.reply)),
        (_, Ok(reply)) => Some(Digest::of(&serde_json::to_vec(&reply.output).unwrap_or_default())),
        (_, Err(_)) => None,
    }
}

/// One attempt: its outcome, or why the budget did not let it be made.
struct Attempt {
    result: Result<Result<ModelReply, ModelError>, String>,
    began: Timestamp,
    ended: Timestamp,
    cost: Option<Money>,
}

/// What an attempt needs, without the asker's books.
struct Way<'m> {
    model: &'m dyn ModelApi,
    clock: &'m dyn Clock,
    cancellation: &'m Cancellation,
    meter: Meter,
    timeout: Duration,
}

impl Way<'_> {
    async fn attempt(&self, request: &ModelRequest, pieces: Option<&mut Pieces>) -> Attempt {
        let reserved = self.meter.reserve(request).await;
        let began = self.clock.now();
        let reservation = match reserved {
            Ok(reservation) => reservation,
            Err(stop) => return Attempt { result: Err(stop.to_string()), began, ended: began, cost: None },
        };
        let call = async {
            match pieces {
                Some(pieces) => self.model.stream(request, pieces).await,
                None => self.model.generate(request).await,
            }
        };
        let late =
            || ModelError::new(ModelErrorKind::Timeout, format!("no reply within {} s", self.timeout.as_secs_f64()));
        let result = tokio::select! {
            biased;
            () = self.cancellation.abandon.cancelled() => {
                Err(ModelError::new(ModelErrorKind::AccessCut, "dropped by an interrupt"))
            }
            result = tokio::time::timeout(self.timeout, call) => result.unwrap_or_else(|_| Err(late())),
        };
        let ended = self.clock.now();
        let cost = self.meter.settle(reservation, &result);
        Attempt { result: Ok(result), began, ended, cost }
    }
}

/// The pieces of a streamed reply.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) text: String,
    pub(super) count: usize,
    pub(super) end: Option<StopReason>,
}

impl OutputSink for Pieces {
    fn chunk(&mut self, chunk: OutputChunk) -> bool {
        match chunk {
            OutputChunk::Text(text) => {
                self.text.push_str(&text);
                self.count += 1;
            }
            OutputChunk::Reasoning(_) => {}
            OutputChunk::End(reason) => self.end = Some(reason),
        }
        true
    }
}
