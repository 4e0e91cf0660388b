//! The body of a reply: read in pieces under time limits, kept, never longer than allowed.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::{Instant, timeout_at};

/// The body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// A time limit passed.
    #[error("no byte of the reply's body came within {} s", .0.as_secs_f64())]
    FirstByte(Duration),
    /// A time limit passed.
    #[error("the reply stopped: no further byte came within {} s", .0.as_secs_f64())]
    BetweenChunks(Duration),
    /// Longer than allowed.
    #[error("the reply is longer than the {0} bytes allowed")]
    TooLong(usize),
    /// The connection broke, or what came is not HTTP.
    #[error("the reply broke off")]
    Broken(#[source] reqwest::Error),
}

/// Limits of reading a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// When the first byte must be there.
    pub(crate) first_byte_at: Instant,
    /// How long the first byte was allowed, for the message.
    pub(crate) first_byte: Duration,
    /// From piece to piece.
    pub(crate) between_chunks: Duration,
    /// Bytes.
    pub(crate) bytes_max: usize,
}

/// Reads a body and keeps every byte in `kept`.
pub(crate) struct Body<'a> {
    response: reqwest::Response,
    kept: &'a mut Vec<u8>,
    limits: BodyLimits,
}

impl<'a> Body<'a> {
    /// Refuses a body that announces itself as too long before any of it is read.
    pub(crate) fn new(
        response: reqwest::Response,
        kept: &'a mut Vec<u8>,
        limits: BodyLimits,
    ) -> Result<Self, BodyError> {
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limits.bytes_max) {
            return Err(BodyError::TooLong(limits.bytes_max));
        }
        Ok(Self { response, kept, limits })
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let is_first = self.kept.is_empty();
        let deadline = match is_first {
            true => self.limits.first_byte_at,
            false => Instant::now() + self.limits.between_chunks,
        };
        let piece = match timeout_at(deadline, self.response.chunk()).await {
            Ok(piece) => piece.map_err(BodyError::Broken)?,
            Err(_) if is_first => return Err(BodyError::FirstByte(self.limits.first_byte)),
            Err(_) => return Err(BodyError::BetweenChunks(self.limits.between_chunks)),
        };
        let Some(piece) = piece else { return Ok(None) };
        if self.kept.len().saturating_add(piece.len()) > self.limits.bytes_max {
            return Err(BodyError::TooLong(self.limits.bytes_max));
        }
        self.kept.extend_from_slice(&piece);
        Ok(Some(piece))
    }

    /// The pieces as a stream.
    pub(crate) fn into_stream(self) -> BoxStream<'a, Result<Bytes, BodyError>> {
        stream::unfold(self, |mut body| async move {
            let piece = body.next().await.transpose()?;
            Some((piece, body))
        })
        .boxed()
    }

    /// Reads to the end.
    pub(crate) async fn read_all(mut self) -> Result<(), BodyError> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}
