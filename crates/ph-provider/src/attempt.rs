//! One attempt: send once, read what comes.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use ph_base::Timestamp;
use ph_model::wire::{Dialect, ErrorClass, ErrorReply, StreamDecoder, WireError};
use ph_model::{Exchange, Message, ModelError, ModelErrorKind, ModelOutput, OutputChunk, OutputSink, StopReason};
use sse_stream::SseByteStream;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::body::{Body, BodyError, BodyLimits};
use crate::classify::{body_error, send_error};
use crate::retry_after::retry_after_ms;
use crate::settings::Timeouts;

/// How long a stream whose end was announced may take to close, so that its connection can be used again.
const CLOSING_MAX: Duration = Duration::from_millis(100);

/// What an attempt needs.
pub(crate) struct Attempt<'a> {
    pub(crate) client: &'a reqwest::Client,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) dialect: Dialect,
    pub(crate) model: &'a str,
    pub(crate) timeouts: Timeouts,
    pub(crate) proxy: Option<&'a str>,
    pub(crate) reply_bytes_max: usize,
    pub(crate) now: Timestamp,
}

impl Attempt<'_> {
    /// Makes the attempt. Whatever was sent and received is in `exchange`, also after a failure.
    pub(crate) async fn make(
        &self,
        body: Bytes,
        exchange: &mut Exchange,
        sink: Option<&mut (dyn OutputSink + '_)>,
    ) -> Result<ModelOutput, ModelError> {
        let first_byte_at = Instant::now() + self.timeouts.first_byte;
        let response = self.send(body).await?;
        exchange.status = Some(response.status().as_u16());
        exchange.headers = kept_headers(response.headers());
        let (status, headers) = (response.status(), response.headers().clone());
        let limits = BodyLimits {
            first_byte_at,
            first_byte: self.timeouts.first_byte,
            between_chunks: self.timeouts.between_chunks,
            bytes_max: self.reply_bytes_max,
        };
        let body = Body::new(response, &mut exchange.reply, limits);
        if !status.is_success() {
            if let Ok(body) = body {
                // The status tells enough; what is missing of its explanation changes nothing.
                let _ = body.read_all().await;
            }
            return self.failed(status, &headers, &exchange.reply);
        }
        let body = body.map_err(|error| body_error(&error))?;
        let content_type = content_type(&headers);
        match sink {
            Some(sink) if content_type.as_deref() == Some("text/event-stream") => self.read_stream(body, sink).await,
            sink => {
                body.read_all().await.map_err(|error| body_error(&error))?;
                self.whole(&exchange.reply, content_type.as_deref(), sink)
            }
        }
    }

    async fn send(&self, body: Bytes) -> Result<reqwest::Response, ModelError> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        match timeout(self.timeouts.first_byte, request.send()).await {
            Ok(sent) => sent.map_err(|error| send_error(error, &self.url, self.proxy, &self.timeouts)),
            Err(_) => {
                let limit = self.timeouts.first_byte.as_secs_f64();
                Err(ModelError::new(ModelErrorKind::Timeout, format!("no reply came within {limit} s")))
            }
        }
    }

    /// A reply that came whole, also where a stream was asked for and the server does not stream.
    fn whole(
        &self,
        body: &[u8],
        content_type: Option<&str>,
        sink: Option<&mut (dyn OutputSink + '_)>,
    ) -> Result<ModelOutput, ModelError> {
        if let Some(other) = content_type.filter(|content_type| !content_type.contains("json")) {
            let message = format!("the reply's content type is `{other}`, not JSON");
            return Err(ModelError::new(ModelErrorKind::MalformedReply, message));
        }
        let output = self.dialect.decode(body).or_else(|error| self.reported(error))?;
        if let Some(sink) = sink
            && sink.chunk(OutputChunk::Text(output.message.text()))
        {
            sink.chunk(OutputChunk::End(output.stop_reason));
        }
        Ok(output)
    }

    async fn read_stream(&self, body: Body<'_>, sink: &mut dyn OutputSink) -> Result<ModelOutput, ModelError> {
        let mut events = SseByteStream::new(body.into_stream());
        let mut decoder = self.dialect.stream_decoder();
        let mut chunks = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.map_err(sse_error)?;
            let data = event.data.unwrap_or_default();
            if let Err(error) = decoder.event(&data, &mut chunks) {
                return self.reported(error);
            }
            for chunk in chunks.drain(..) {
                if !sink.chunk(chunk) {
                    let message = "the caller ended the call before the reply's end";
                    return Err(ModelError::new(ModelErrorKind::AccessCut, message));
                }
            }
            if decoder.is_done() {
                let _ = timeout(CLOSING_MAX, async { while events.next().await.is_some() {} }).await;
                break;
            }
        }
        self.end_of_stream(decoder, sink)
    }

    fn end_of_stream(&self, decoder: StreamDecoder, sink: &mut dyn OutputSink) -> Result<ModelOutput, ModelError> {
        let output = decoder.finish().or_else(|error| self.reported(error))?;
        sink.chunk(OutputChunk::End(output.stop_reason));
        Ok(output)
    }

    /// A reply with an HTTP status of failure.
    fn failed(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<ModelOutput, ModelError> {
        if status.is_redirection() {
            let to = headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere unnamed");
            let message =
                format!("the endpoint redirects (HTTP {}) to `{to}`; redirects are not followed", status.as_u16());
            return Err(ModelError::new(ModelErrorKind::InvalidRequest, message));
        }
        let reply = self.dialect.decode_error(status.as_u16(), body);
        let retry_after = retry_after_ms(headers, self.now).or(reply.retry_after_ms);
        self.error_reply(reply).map_err(|mut error| {
            error.message = format!("HTTP {}: {}", status.as_u16(), error.message);
            error.retry_after_ms = retry_after;
            error
        })
    }

    /// A failure that showed in a reply that began well.
    fn reported(&self, error: WireError) -> Result<ModelOutput, ModelError> {
        match error {
            WireError::Reported(reply) => self.error_reply(reply),
            other => Err(ModelError::new(other.kind(), other.to_string())),
        }
    }

    /// A safeguard's block is what the target returned; everything else is a failed attempt.
    fn error_reply(&self, reply: ErrorReply) -> Result<ModelOutput, ModelError> {
        match reply.class {
            ErrorClass::SafeguardBlock => Ok(self.blocked(&reply)),
            ErrorClass::Failed(kind) => {
                let mut error = ModelError::new(kind, reply.to_string());
                error.retry_after_ms = reply.retry_after_ms;
                Err(error)
            }
        }
    }

    fn blocked(&self, reply: &ErrorReply) -> ModelOutput {
        let mut message = Message::assistant("");
        let kept = serde_json::json!({ "reply": { "code": reply.code, "message": reply.message } });
        message.extra.insert(self.dialect.name().to_owned(), kept);
        ModelOutput {
            model: self.model.to_owned(),
            message,
            stop_reason: StopReason::ContentFilter,
            usage: None,
            logprobs: None,
        }
    }
}

fn sse_error(error: sse_stream::Error) -> ModelError {
    match error {
        sse_stream::Error::Body(source) => match source.downcast::<BodyError>() {
            Ok(error) => body_error(&error),
            Err(other) => ModelError::new(ModelErrorKind::Unreachable, other.to_string()),
        },
        other => ModelError::new(ModelErrorKind::MalformedReply, format!("the stream cannot be read: {other}")),
    }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The content type without its parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!kind.is_empty()).then_some(kind)
}
