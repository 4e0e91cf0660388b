//! A model made to order: a mock, for replies that no tiny model gives on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ph_model::{
    Message, ModelApi, ModelError, ModelOutput, ModelReply, ModelRequest, OutputChunk, OutputSink, StopReason,
    TargetName, ToolCall, Usage,
};
use serde_json::json;

/// Hands out its pieces, then ends as told.
#[derive(Clone)]
pub(crate) struct Staged {
    pub(crate) target: TargetName,
    pub(crate) pieces: Vec<&'static str>,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) stop: StopReason,
    pub(crate) stop_text: Option<&'static str>,
    /// What comes instead of the end.
    pub(crate) failure: Option<ModelError>,
    /// Panics instead of answering.
    pub(crate) panics: bool,
    /// Waits after each piece.
    pub(crate) pause: Duration,
    /// Calls that began and calls that were dropped before their end.
    pub(crate) begun: Arc<AtomicUsize>,
    pub(crate) dropped: Arc<AtomicUsize>,
}

impl Staged {
    pub(crate) fn saying(pieces: &[&'static str]) -> Self {
        Self {
            target: TargetName::Reference("staged".to_owned()),
            pieces: pieces.to_vec(),
            calls: Vec::new(),
            stop: StopReason::Stop,
            stop_text: None,
            failure: None,
            panics: false,
            pause: Duration::ZERO,
            begun: Arc::default(),
            dropped: Arc::default(),
        }
    }

    pub(crate) fn calling(pieces: &[&'static str]) -> Self {
        let call = |n: u32, city: &str| ToolCall {
            id: format!("call-{n}"),
            function: "weather".to_owned(),
            arguments: json!({ "city": city }),
            parse_error: None,
        };
        Self { calls: vec![call(1, "Oslo"), call(2, "Rome")], stop: StopReason::ToolCalls, ..Self::saying(pieces) }
    }
}

struct DropCount(Arc<AtomicUsize>, bool);

impl Drop for DropCount {
    fn drop(&mut self) {
        if !self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl ModelApi for Staged {
    fn target(&self) -> &TargetName {
        &self.target
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.stream(request, &mut ph_model::NoSink).await
    }

    async fn stream(&self, _: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        assert!(!self.panics, "a broken model");
        self.begun.fetch_add(1, Ordering::SeqCst);
        let mut count = DropCount(Arc::clone(&self.dropped), false);
        for piece in &self.pieces {
            sink.chunk(OutputChunk::Text((*piece).to_owned()));
            tokio::time::sleep(self.pause).await;
        }
        count.1 = true;
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if let Some(text) = self.stop_text {
            sink.stop_text(text);
        }
        sink.chunk(OutputChunk::End(self.stop));
        let output = ModelOutput {
            model: self.target.to_string(),
            message: Message { tool_calls: self.calls.clone(), ..Message::assistant(self.pieces.concat()) },
            stop_reason: self.stop,
            usage: Some(Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() }),
            logprobs: None,
        };
        Ok(ModelReply::new(output))
    }
}
