//! Any bytes as a stream of server-sent events. The first byte says into pieces of which length the network cuts it.

use std::convert::Infallible;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use ph_model::wire::Dialect;
use sse_stream::SseByteStream;

/// Reads the events twice: how the bytes were cut changes nothing. Every dialect answers to them.
pub(crate) fn check(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let whole = events(bytes, bytes.len().max(1));
    assert_eq!(events(bytes, usize::from(*cut) + 1), whole, "events depend on how the stream was cut");
    for dialect in Dialect::ALL {
        let mut decoder = dialect.stream_decoder();
        let mut chunks = Vec::new();
        let _ = whole.0.iter().try_for_each(|data| decoder.event(data, &mut chunks));
        let _ = decoder.finish();
    }
}

/// The data of the events, and whether the stream could be read to its end.
fn events(bytes: &[u8], length: usize) -> (Vec<String>, bool) {
    let pieces = stream::iter(bytes.chunks(length).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))));
    let mut events = SseByteStream::new(pieces);
    let mut data = Vec::new();
    loop {
        match events.next().now_or_never().expect("nothing is waited for") {
            Some(Ok(event)) => data.push(event.data.unwrap_or_default()),
            Some(Err(_)) => return (data, false),
            None => return (data, true),
        }
    }
}
