//! A call in a transcript: an event per attempt, whoever was called.

use ph_base::Timestamp;
use ph_model::{ModelError, ModelOutput, ModelReply, ModelRequest};
use ph_record::event::{CacheHit, KnownEvent, ModelCallError, ModelEvent};

use crate::transcript::Transcript;

/// Who was called, and when.
pub(crate) struct Called<'a> {
    /// The target.
    pub(crate) model: &'a str,
    /// Its role, where it is not the target.
    pub(crate) role: Option<&'a str>,
    /// When the call began.
    pub(crate) began: Timestamp,
    /// Where the reply came from a cache: what is known of the call that it stands for.
    pub(crate) cache: Option<CacheHit>,
}

/// Writes a call down; the time that it waited is no work.
pub(crate) fn write_down(
    transcript: &mut Transcript,
    called: &Called<'_>,
    request: ModelRequest,
    result: &Result<ModelReply, ModelError>,
) {
    let earlier = match result {
        Ok(reply) => &reply.earlier,
        Err(error) => &error.earlier,
    };
    // The door has a clock of its own.
    let mut latest = called.began;
    for failed in &earlier.failed {
        let began = failed.began.max(latest);
        latest = failed.ended.max(began);
        transcript.add_at(began, event(called, request.clone(), (None, Some(&failed.error)), latest));
    }
    transcript.waited(earlier.waited_ms);
    let began = earlier.last_began.map_or(called.began, |began| began.max(latest));
    let outcome = (result.as_ref().ok().map(|reply| &reply.output), result.as_ref().err());
    let completed = transcript.now_after(began);
    transcript.add_at(began, event(called, request, outcome, completed));
}

fn event(
    called: &Called<'_>,
    request: ModelRequest,
    (output, error): (Option<&ModelOutput>, Option<&ModelError>),
    completed: Timestamp,
) -> KnownEvent {
    KnownEvent::Model(Box::new(ModelEvent {
        model: called.model.to_owned(),
        role: called.role.map(str::to_owned),
        input: request.messages,
        tools: request.tools,
        tool_choice: request.tool_choice,
        config: request.config,
        output: output.cloned(),
        error: error.map(|error| ModelCallError { kind: error.kind, message: error.message.clone() }),
        cache: called.cache.filter(|_| output.is_some()),
        completed,
    }))
}
