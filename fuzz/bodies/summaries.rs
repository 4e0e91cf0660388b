//! Any bytes as a list of summaries that is read piece by piece.

use std::io::{self, Read};

use ph_evallog::json_array::each_element;
use ph_evallog::{SampleSummary, lenient};
use serde_json::Value;

/// Reads the elements; where the whole is an array they are its elements, in whatever pieces it comes.
pub(crate) fn check(data: &[u8]) {
    let whole: Result<Vec<Value>, _> = serde_json::from_slice(data);
    for piece in [usize::MAX, 1, 7] {
        let elements = elements(Pieces { bytes: data, piece });
        if let Ok(whole) = &whole {
            let values: Option<Vec<Value>> = elements.ok().map(|all| all.into_iter().flatten().collect());
            assert_eq!(values.as_ref(), Some(whole));
        }
    }
}

/// The elements as values; one that is no JSON is `None`.
fn elements(source: impl Read) -> io::Result<Vec<Option<Value>>> {
    let mut all = Vec::new();
    each_element::<io::Error>(source, |element| {
        let _ = SampleSummary::parse(element).map(|summary| (summary.id(), summary.ending(), summary.scores().count()));
        let _ = lenient::parse::<Value>(element);
        all.push(serde_json::from_slice(element).ok());
        Ok(())
    })?;
    Ok(all)
}

/// Gives its bytes in pieces.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.bytes = later;
        Ok(length)
    }
}
