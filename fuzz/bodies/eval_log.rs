//! Any bytes as the file of an evaluation log.

use std::path::Path;

use ph_evallog::{EvalLog, LogError, ReadLimits, SampleContext, SampleSummary, import_header, sample_in};

/// Small, so that what is read takes no time; the rules are those of the default limits.
const LIMITS: ReadLimits = ReadLimits { entry_bytes_max: 1 << 20, ratio_max: 2_000, small_bytes: 1 << 16 };

/// Reads everything of the log. An error is one line that names the file.
pub(crate) fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("fuzzed.eval");
    std::fs::write(&path, data).expect("a file can be written");
    if let Err(error) = read_all(&path, LIMITS) {
        assert!(error.contains("fuzzed.eval"), "the file is not named: {error}");
        assert!(!error.contains(char::is_control), "not one line: {error:?}");
    }
}

/// Reads everything of a log, every sample where others fail too; how many samples, or the first error in words.
pub(crate) fn read_all(path: &Path, limits: ReadLimits) -> Result<usize, String> {
    let words = |error: LogError| error.to_string();
    let log = EvalLog::open_with(path, limits).map_err(words)?;
    let header = log.header().map_err(words)?;
    let _ = import_header(&header, &ph_base::Digest::of(b""));
    let summaries = log.summaries(|summary| {
        let _ = SampleSummary::parse(summary).map(|summary| summary.scores().count());
        Ok(())
    });
    let context = SampleContext { run: ph_base::RunId::new(ph_base::Timestamp(0), [0; 10]), task: "t".to_owned() };
    let mut first = summaries.map_err(words).err();
    let places = log.samples().map_err(words)?;
    for place in &places {
        match log.sample_at(place) {
            Ok(sample) => drop(sample_in(sample, &context)),
            Err(error) => first = first.or(Some(words(error))),
        }
        let _ = log.packed_at(place);
    }
    first.map_or(Ok(places.len()), Err)
}
