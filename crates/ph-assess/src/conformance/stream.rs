//! Whether a streamed reply is the reply that comes whole.

use ph_model::{GenerateConfig, Message, ModelRequest};

use super::asker::{Answer, Asker, Pieces};
use super::verdict::{Verdict, quoted};

pub(super) async fn streaming(asker: &mut Asker<'_>) -> Verdict {
    let config = GenerateConfig {
        max_tokens: Some(128),
        temperature: Some(0.0),
        seed: Some(asker.options().seed),
        ..GenerateConfig::default()
    };
    let messages = vec![Message::user("Name three colours of the rainbow, in one short sentence.")];
    let request = ModelRequest { messages, config, ..ModelRequest::default() };
    let before = asker.ask(&request).await;
    let (streamed, pieces) = asker.stream(&request).await;
    let after = asker.ask(&request).await;
    judge([&before, &streamed, &after], &pieces)
}

fn judge([before, streamed, after]: [&Answer; 3], pieces: &Pieces) -> Verdict {
    let (whole, at_end, again) = match (&before.result, &streamed.result, &after.result) {
        (Ok(whole), Ok(at_end), Ok(again)) => (whole, at_end, again),
        (Err(error), ..) | (.., Err(error)) => return Verdict::of_error(error),
        (_, Err(error), _) => {
            return Verdict::failed(super::verdict::told(error), "replies can be had whole, but not streamed");
        }
    };
    let text = at_end.message.text();
    let came = format!("{} pieces, {}; whole {}", pieces.count, quoted(&pieces.text), quoted(&whole.message.text()));
    let is_repeatable = whole.message.text() == again.message.text();
    if pieces.text != text {
        Verdict::failed(came, "the pieces are not the reply: what a person sees is not what is recorded")
    } else if pieces.end.is_some_and(|end| end != at_end.stop_reason) {
        Verdict::failed(came, "the stream ends for another reason than the reply says")
    } else if text == whole.message.text() && at_end.stop_reason == whole.stop_reason {
        Verdict::passed(came, "streamed and whole replies may be compared")
    } else if is_repeatable {
        Verdict::failed(came, "streamed and whole replies differ: results of the two ways may not be compared")
    } else {
        Verdict::not_checked(came, "whole replies differ among themselves at temperature 0, so nothing can be told")
    }
}
