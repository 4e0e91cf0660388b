//! Logs that are cut off, damaged, hostile or not of our making.

use std::io::Write;
use std::path::{Path, PathBuf};

use ph_evallog::spool::Spool;
use ph_evallog::zip::{Method, ZipWriter};
use ph_evallog::{EvalLog, PackedEntry, Packer, ReadLimits, SampleContext, SampleSummary, import_header, sample_in};
use proptest::prelude::*;

use crate::corpus::eval_log;
use crate::fixture::{all_shapes, record, write_log};

/// Reads everything of a log; the first error in words.
pub(crate) fn read_all(path: &Path) -> Result<usize, String> {
    eval_log::read_all(path, ReadLimits::default())
}

pub(crate) fn archive(folder: &Path, entries: &[(&str, PackedEntry<'_>)]) -> PathBuf {
    let path = folder.join("made.eval");
    let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap(), Spool::new_in(folder));
    for (name, entry) in entries {
        zip.add(name, entry).unwrap();
    }
    zip.finish().unwrap();
    path
}

pub(crate) fn stored(document: &str) -> PackedEntry<'_> {
    let payload = document.as_bytes().into();
    PackedEntry {
        method: Method::Stored,
        crc32: crc32fast::hash(document.as_bytes()),
        size: document.len() as u64,
        payload,
    }
}

fn deflated(document: &str) -> PackedEntry<'static> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(document.as_bytes()).unwrap();
    let payload = encoder.finish().unwrap().into();
    PackedEntry {
        method: Method::Deflate,
        crc32: crc32fast::hash(document.as_bytes()),
        size: document.len() as u64,
        payload,
    }
}

pub(crate) const HEADER: &str = r#"{"version":2,"status":"success","eval":{"created":"2026-01-01T00:00:00+00:00","task":"t","model":"hf/m","dataset":{},"config":{}}}"#;

pub(crate) fn sample(answer: &str) -> String {
    format!(r#"{{"id":"a","epoch":1,"input":"q","target":"t","metadata":{{"answer":"{answer}"}}}}"#)
}

fn answer(path: &Path) -> String {
    let log = EvalLog::open(path).unwrap();
    assert_eq!(log.samples().unwrap().len(), 1);
    let at_place = log.sample_at(&log.samples().unwrap()[0]).unwrap();
    assert_eq!(log.sample("a", 1).unwrap(), at_place);
    at_place["metadata"]["answer"].as_str().unwrap().to_owned()
}

#[test]
fn every_compression_reads_and_of_equal_names_the_last_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, third) = (sample("first"), sample("second"), sample("third"));
    let mut packer = Packer::new().unwrap();
    // Two frames, one after the other.
    let (head, tail) = second.as_bytes().split_at(20);
    let mut two = packer.pack(second.as_bytes()).unwrap();
    two.payload = [packer.pack(head).unwrap().payload, packer.pack(tail).unwrap().payload].concat().into();
    let header = || ("header.json", stored(HEADER));
    let name = "samples/a_epoch_1.json";
    assert_eq!(answer(&archive(folder.path(), &[(name, stored(&first)), header()])), "first");
    assert_eq!(answer(&archive(folder.path(), &[(name, stored(&first)), (name, two), header()])), "second");
    assert_eq!(answer(&archive(folder.path(), &[header(), (name, stored(&first)), (name, deflated(&third))])), "third");
}

#[test]
fn a_bomb_is_refused_by_what_it_declares_and_by_what_it_becomes() {
    let folder = tempfile::tempdir().unwrap();
    let name = "samples/a_epoch_1.json";
    let check = |entry: PackedEntry<'_>, limits: ReadLimits, wanted: &str| {
        let path = archive(folder.path(), &[(name, entry), ("header.json", stored(HEADER))]);
        let log = EvalLog::open_with(&path, limits).unwrap();
        let error = log.sample("a", 1).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(wanted), "{error}");
    };
    let mut packer = Packer::new().unwrap();
    let zeros = packer.pack(&vec![b' '; 80 << 20]).unwrap();
    check(zeros.clone(), ReadLimits::default(), "decompression bomb");
    let small = ReadLimits { entry_bytes_max: 1 << 20, ..ReadLimits::default() };
    check(zeros.clone(), small, "more than the 1048576 allowed");
    // It lies: declared small, it becomes large.
    check(PackedEntry { size: 100, ..zeros }, ReadLimits::default(), "more than the 100 bytes that it declares");
    let document = sample("x");
    check(PackedEntry { size: 9_000, ..stored(&document) }, ReadLimits::default(), "where it declares 9000");
    check(PackedEntry { crc32: 1, ..stored(&document) }, ReadLimits::default(), "its checksum is wrong");
    check(PackedEntry { method: Method::Zstd, ..stored(&document) }, ReadLimits::default(), "");
    check(stored("[1]"), ReadLimits::default(), "it is not an object");
    check(stored("{\"id\":"), ReadLimits::default(), "EOF");
}

#[test]
fn what_is_no_log_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], wanted: &str| {
        let path = folder.path().join("foreign.eval");
        std::fs::write(&path, bytes).unwrap();
        let error = read_all(&path).unwrap_err();
        assert!(error.contains("foreign.eval") && error.contains(wanted), "{error}");
    };
    check(b"", "it is empty");
    check(b"SQLite format 3\0", "no end of a ZIP archive");
    check(b"{\"a\":1}", "without an `eval` object");
    check(b"{\"eval\":", "EOF");
    let other = std::fs::read(archive(folder.path(), &[("word/document.xml", stored("<x/>"))])).unwrap();
    check(&other, "without `header.json` and `_journal/start.json`");
    let error = EvalLog::open(&folder.path().join("none.eval")).unwrap_err().to_string();
    assert!(error.contains("none.eval"), "{error}");
}

#[test]
fn a_sample_of_json_without_epoch_is_an_error_as_in_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.json");
    for odd in [r#"{"id":"b"}"#, r#"{"id":"b","epoch":"1"}"#, r#"{"id":"b","epoch":-1}"#, r#"{"epoch":1}"#, "7"] {
        std::fs::write(&path, format!(r#"{{"eval":{{"task":"t"}},"samples":[{},{odd}]}}"#, sample("x"))).unwrap();
        let log = EvalLog::open(&path).unwrap();
        let error = log.samples().unwrap_err().to_string();
        assert!(error.contains("odd.json") && error.contains("`samples[1]`") && error.contains("`epoch`"), "{error}");
        assert_eq!(log.sample("a", 1).unwrap()["metadata"]["answer"], "x");
    }
}

#[test]
fn a_sample_is_found_by_the_id_that_it_is_listed_under() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["a//b", "a\\b", "a\nb", ".."] {
        let (name, document) = (format!("samples/{id}_epoch_1.json"), sample("x"));
        let log = EvalLog::open(&archive(folder.path(), &[(&name, stored(&document))])).unwrap();
        assert_eq!(log.samples().unwrap()[0].id, id);
        assert_eq!(log.sample(id, 1).unwrap()["metadata"]["answer"], "x", "{id:?}");
        assert!(log.sample(id, 2).is_err());
    }
}

#[test]
fn an_old_log_of_one_scorer_keeps_its_scores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    let old = r#"{"version":2,"status":"success","eval":{"task":"t","model":"hf/m"},
        "results":{"scorer":{"name":"match","params":{}},"metrics":{"accuracy":{"name":"accuracy","value":1.0}}},
        "samples":[{"id":1,"epoch":1,"input":"q","target":"t","score":{"value":"C","answer":"t"}}]}"#;
    std::fs::write(&path, old).unwrap();
    let log = EvalLog::open(&path).unwrap();
    let header = log.header().unwrap();
    assert_eq!(header.value["results"]["scores"][0]["metrics"]["accuracy"]["value"], 1.0);
    assert!(header.value.get("samples").is_none());
    let imported = import_header(&header, &ph_base::Digest::of(b"")).unwrap();
    assert_eq!(imported.manifest.task.scorer[0].name(), "match");
    let context = SampleContext { run: imported.manifest.id, task: "t".to_owned() };
    let record = sample_in(log.sample("1", 1).unwrap(), &context).unwrap();
    assert_eq!(record.scores["match"].value.as_number(), Some(1.0));
    let mut scores = Vec::new();
    let each = |summary: &[u8]| {
        scores.extend(SampleSummary::parse(summary).unwrap().scores().map(|(name, score)| (name.to_owned(), score)));
        Ok(())
    };
    log.summaries(each).unwrap();
    assert_eq!(scores, [("match".to_owned(), Some(1.0))]);
}

#[test]
fn a_log_that_was_never_finished_reads_from_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let start = r#"{"version":2,"eval":{"task":"t","model":"m"},"plan":{}}"#;
    let lists = [
        r#"[{"id":1,"epoch":1,"scores":{"s":{"value":"I"}}}]"#,
        r#"[{"id":1,"epoch":1,"scores":{"s":{"value":NaN}}},{"id":2,"epoch":1}]"#,
    ];
    let entries = [
        ("_journal/start.json", stored(start)),
        ("_journal/summaries/1.json", stored(lists[0])),
        ("_journal/summaries/2.json", stored(lists[1])),
    ];
    let log = EvalLog::open(&archive(folder.path(), &entries)).unwrap();
    let header = log.header().unwrap();
    assert!(!header.is_finished);
    assert_eq!(header.value["status"], "started");
    let mut seen = Vec::new();
    log.summaries(|summary| {
        seen.push(SampleSummary::parse(summary).unwrap());
        Ok(())
    })
    .unwrap();
    assert_eq!(seen.iter().map(SampleSummary::id).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(seen[0].scores().collect::<Vec<_>>(), [("s", None)]);
    let gap = [("_journal/start.json", stored(start)), ("_journal/summaries/2.json", stored(lists[1]))];
    let error = EvalLog::open(&archive(folder.path(), &gap)).unwrap().summaries(|_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("list of summaries 1 is missing"), "{error}");
}

#[test]
fn a_log_cut_off_anywhere_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_log(folder.path(), &all_shapes());
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(read_all(&path), Ok(all_shapes().len()));
    check_cut(&path, (0..whole.len()).rev().step_by(97));
    let small = write_log(folder.path(), &[record("a", serde_json::json!({}))]);
    let bytes = std::fs::metadata(&small).unwrap().len();
    check_cut(&small, (0..usize::try_from(bytes).unwrap()).rev());
    let json = folder.path().join("small.json");
    let document = format!(r#"{{"eval":{{"task":"t"}},"samples":[{}]}}"#, sample("x"));
    std::fs::write(&json, &document).unwrap();
    assert_eq!(read_all(&json), Ok(1));
    check_cut(&json, (0..document.len()).rev());
}

/// Cuts a file shorter and shorter: every time reading it ends in one line that names it.
fn check_cut(path: &Path, ends: impl Iterator<Item = usize>) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    for end in ends {
        file.set_len(end as u64).unwrap();
        let error = read_all(path).expect_err(&format!("{name} cut to {end} bytes"));
        assert!(error.contains(name) && !error.contains('\n'), "{end}: {error}");
    }
}

#[test]
fn no_damaged_byte_makes_the_reader_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_log(folder.path(), &[record("a", serde_json::json!({})), record("b", serde_json::json!({}))]);
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        let _ = read_all(&path);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), tail in any::<[u8; 22]>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.eval");
        let mut end = tail;
        end[..4].copy_from_slice(b"PK\x05\x06");
        end[20..].copy_from_slice(&[0, 0]);
        for bytes in [bytes.clone(), [&bytes[..], &end[..]].concat()] {
            std::fs::write(&path, bytes).unwrap();
            let _ = read_all(&path);
        }
    }

    #[test]
    fn no_documents_make_the_reader_panic(header in any::<String>(), sample in any::<String>(), list in any::<String>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("header.json", stored(&header)), ("samples/a_epoch_1.json", stored(&sample)),
            ("summaries.json", stored(&list)), ("samples/b_epoch_1/sample.json", stored("{}")), ("samples/b_epoch_1/events/7.json", stored("[]"))]);
        let _ = read_all(&path);
        for name in ["../x", "samples/_epoch_.json", "samples/a_epoch_99999999999.json"] {
            let _ = read_all(&archive(folder.path(), &[(name, stored(&sample)), ("header.json", stored(HEADER))]));
        }
    }
}
