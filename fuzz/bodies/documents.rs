//! Any bytes as the documents of a log whose archive is sound: behind checksums a fuzzer sees nothing.

use std::fs::File;

use ph_base::{Digest, RunId, Timestamp};
use ph_evallog::spool::Spool;
use ph_evallog::zip::{Method, ZipWriter};
use ph_evallog::{EvalLog, PackedEntry, ReadLimits, SampleContext, SampleSummary, import_header, lenient, sample_in};
use ph_record::SampleRecord;

/// Stands between two documents; no JSON text holds it.
const SEPARATOR: u8 = 0x1e;

/// The entries that the documents become; an empty document is an entry that is not there.
const ENTRIES: [&str; 12] = [
    "header.json",
    "samples/a_epoch_1.json",
    "summaries.json",
    "_journal/start.json",
    "_journal/summaries/1.json",
    "_journal/config_updates/1.json",
    "samples/b_epoch_2/sample.json",
    "samples/b_epoch_2/metadata.json",
    "samples/b_epoch_2/messages/0.json",
    "samples/b_epoch_2/events/0.json",
    "samples/b_epoch_2/calls/0.json",
    "samples/b_epoch_2/attachments/0.json",
];

/// Reads the log. A sample that is understood can be written, and reads back as the same.
pub(crate) fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("fuzzed.eval");
    let mut zip = ZipWriter::new(File::create(&path).expect("a file can be made"), Spool::new_in(folder.path()));
    for (name, document) in ENTRIES.iter().zip(data.split(|byte| *byte == SEPARATOR)) {
        if !document.is_empty() {
            zip.add(name, &stored(document)).expect("an entry can be added");
        }
    }
    zip.finish().expect("an archive can be ended");
    let limits = ReadLimits { entry_bytes_max: 1 << 20, ratio_max: 2_000, small_bytes: 1 << 16 };
    let log = EvalLog::open_with(&path, limits).expect("the archive is sound");
    if let Ok(header) = log.header() {
        let _ = import_header(&header, &Digest::of(b""));
    }
    let _ = log.summaries(|summary| {
        let _ = SampleSummary::parse(summary).map(|summary| (summary.id(), summary.ending(), summary.scores().count()));
        Ok(())
    });
    for place in log.samples().expect("the directory is sound") {
        if let Ok(record) = log.sample_at(&place).map_err(|error| error.to_string()).and_then(read) {
            check_record(&record);
        }
    }
}

fn stored(document: &[u8]) -> PackedEntry<'_> {
    let (crc32, size) = (crc32fast::hash(document), document.len() as u64);
    PackedEntry { method: Method::Stored, crc32, size, payload: document.into() }
}

fn read(sample: serde_json::Value) -> Result<SampleRecord, String> {
    sample_in(sample, &SampleContext { run: RunId::new(Timestamp(0), [0; 10]), task: "t".to_owned() })
}

fn check_record(record: &SampleRecord) {
    let document = ph_evallog::sample_json(record, "t").expect("a record can be written");
    let sample = lenient::parse(&document).expect("what was written can be parsed");
    let again = read(sample).expect("what was written can be read");
    assert_eq!((&again.sample, again.epoch, &again.ending), (&record.sample, record.epoch, &record.ending));
    assert_eq!(again.messages.len(), record.messages.len());
    assert_eq!(again.events.len(), record.events.len());
    assert!(again.scores.keys().eq(record.scores.keys()));
    let summary = ph_evallog::summary_json(record, "t").expect("a summary can be written");
    SampleSummary::parse(&summary).expect("a summary can be read");
}
