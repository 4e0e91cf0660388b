//! Logs that somebody made to be read wrong: directories that lie, entries over the same bytes, bombs, links.

use std::path::{Path, PathBuf};

use ph_evallog::zip::Method;
use ph_evallog::{EvalLog, LogWriter, PackedEntry, Packer, ReadLimits, SampleSummary, start_json};

use crate::damage::{HEADER, archive, read_all, sample, stored};
use crate::fixture::{manifest, record, write_log};

/// Signatures of the records of an archive.
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

const NAME: &str = "samples/a_epoch_1.json";

/// A log of two samples, `a` and `b`.
fn two_samples(folder: &Path) -> PathBuf {
    let (a, b) = (sample("of a"), sample("of b").replace("\"a\"", "\"b\""));
    let entries = [(NAME, stored(&a)), ("samples/b_epoch_1.json", stored(&b)), ("header.json", stored(HEADER))];
    archive(folder, &entries)
}

/// Where the first record of this signature begins.
fn find(bytes: &[u8], signature: &[u8]) -> usize {
    bytes.windows(4).position(|four| four == signature).unwrap()
}

/// Changes a field, its place and width given, of the first record of this signature.
fn patch(path: &Path, signature: &[u8], (field, width): (usize, usize), change: &dyn Fn(u32) -> u32) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = find(&bytes, signature) + field;
    let old = bytes[at..at + width].iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
    bytes[at..at + width].copy_from_slice(&change(old).to_le_bytes()[..width]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_directory_that_lies_about_a_sample_fails_that_sample_only() {
    let folder = tempfile::tempdir().unwrap();
    let check = |field: (usize, usize), change: &dyn Fn(u32) -> u32, wanted: &str| {
        let path = two_samples(folder.path());
        patch(&path, CENTRAL, field, change);
        let log = EvalLog::open(&path).unwrap();
        let error = log.sample("a", 1).unwrap_err().to_string();
        assert!(error.contains("made.eval") && error.contains(NAME) && error.contains(wanted), "{wanted}: {error}");
        assert_eq!(log.sample("b", 1).unwrap()["metadata"]["answer"], "of b", "other samples go on");
        assert_eq!(log.samples().unwrap().len(), 2);
    };
    let (flags, method, crc, packed, size, offset) = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (42, 4));
    check(flags, &|_| 1, "it is encrypted");
    check(method, &|_| 12, "compression method 12");
    check(method, &|_| 93, "another compression method than the directory");
    check(crc, &|crc| crc ^ 1, "its checksum is wrong");
    check(packed, &|packed| packed - 1, "bytes where it declares");
    check(packed, &|packed| packed + 3, "it becomes more than the");
    check(packed, &|_| 0x7fff_ffff, "it reaches beyond the end of the file");
    check(size, &|size| size + 1, "bytes where it declares");
    check(size, &|size| size - 1, "it becomes more than the");
    check(size, &|_| 0, "it becomes more than the 0 bytes");
    check(size, &|_| 0xffff_fffe, "more than the 2147483648 allowed");
    check(offset, &|_| 0xffff_fff0, "its local header lies outside the file");
    check(offset, &|offset| offset + 1, "its local header is damaged");
    let second = u32::try_from(30 + NAME.len() + sample("of a").len()).unwrap();
    check(offset, &|_| second, "its local header has another name than the directory");
}

#[test]
fn a_directory_that_lies_about_itself_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let check = |field: (usize, usize), change: &dyn Fn(u32) -> u32, wanted: &str| {
        let path = two_samples(folder.path());
        patch(&path, END, field, change);
        let error = read_all(&path).unwrap_err();
        assert!(error.contains("made.eval") && error.contains(wanted), "{wanted}: {error}");
    };
    let (entries, size, start) = ((10, 2), (12, 4), (16, 4));
    check(entries, &|entries| entries - 1, "its directory holds more than the 2 entries declared");
    check(entries, &|entries| entries + 1, "its directory is damaged");
    check(entries, &|_| 0x7fff, "impossible directory");
    check(entries, &|_| 0, "its directory holds more than the 0 entries declared");
    check(size, &|size| size - 1, "its directory is damaged");
    check(size, &|size| size + 1, "impossible directory");
    check(start, &|start| start - 1, "its directory is damaged");
    check(start, &|_| 0x7fff_ffff, "impossible directory");
    let path = two_samples(folder.path());
    patch(&path, CENTRAL, (28, 2), &|_| 0xffff);
    let error = read_all(&path).unwrap_err();
    assert!(error.contains("its directory is damaged"), "the name reaches beyond the directory: {error}");
}

#[test]
fn entries_over_the_same_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let large = sample(&"x".repeat(50_000));
    let path = archive(folder.path(), &[(NAME, stored(&large)), ("header.json", stored(HEADER))]);
    let bytes = std::fs::read(&path).unwrap();
    let (start, end) = (find(&bytes, CENTRAL), find(&bytes, END));
    let one = &bytes[start..start + 46 + NAME.len()];
    let mut bomb = [&bytes[..end], &one.repeat(9), &bytes[end..]].concat();
    let record = end + one.len() * 9;
    let size = u32::try_from(record - start).unwrap();
    bomb[record + 8..record + 12].copy_from_slice(&[11, 0, 11, 0]);
    bomb[record + 12..record + 16].copy_from_slice(&size.to_le_bytes());
    std::fs::write(&path, bomb).unwrap();
    let error = read_all(&path).unwrap_err();
    assert!(error.contains("made.eval") && error.contains("its entries overlap"), "{error}");
}

#[test]
fn pieces_that_are_small_one_by_one_are_bounded_together() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ReadLimits { entry_bytes_max: 1 << 20, ratio_max: 100, small_bytes: 50_000 };
    let spaces = Packer::new().unwrap().pack(format!("[{}]", " ".repeat(40_000)).as_bytes()).unwrap();
    let check =
        |entries: &[(&str, PackedEntry<'_>)], wanted: Option<&str>, read: fn(&EvalLog) -> ph_evallog::Result<()>| {
            let done = read(&EvalLog::open_with(&archive(folder.path(), entries), limits).unwrap());
            match (done, wanted) {
                (Ok(()), None) => {}
                (Err(error), Some(entry)) => {
                    let error = error.to_string();
                    assert!(error.contains(entry) && error.contains("decompression bomb"), "{error}");
                }
                (done, _) => panic!("{wanted:?}: {done:?}"),
            }
        };
    let shell = ("samples/b_epoch_1/sample.json", stored(r#"{"id":"b","epoch":1}"#));
    let piece = |name| (name, spaces.clone());
    let read = |log: &EvalLog| log.sample("b", 1).map(drop);
    check(&[shell.clone(), piece("samples/b_epoch_1/events/0.json")], None, read);
    let two = [shell, piece("samples/b_epoch_1/events/0.json"), piece("samples/b_epoch_1/messages/0.json")];
    check(&two, Some("samples/b_epoch_1/"), read);
    let start = ("_journal/start.json", stored(r#"{"eval":{"task":"t"}}"#));
    let read = |log: &EvalLog| log.header().map(drop);
    check(&[start.clone(), piece("_journal/config_updates/1.json")], None, read);
    let two = [start, piece("_journal/config_updates/1.json"), piece("_journal/config_updates/2.json")];
    check(&two, Some("_journal/config_updates/"), read);
}

#[test]
fn values_that_take_far_more_memory_than_their_bytes_are_refused() {
    const VALUES_MAX: usize = 32 << 20;
    let folder = tempfile::tempdir().unwrap();
    let zeros = |count: usize| format!("[{}0]", "0,".repeat(count));
    let check = |entries: &[(&str, PackedEntry<'_>)], id: &str, wanted: &str| {
        let error = EvalLog::open(&archive(folder.path(), entries)).unwrap().sample(id, 1).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("more than 33554432 values"), "{error}");
    };
    let whole = format!(r#"{{"id":"a","epoch":1,"metadata":{}}}"#, zeros(VALUES_MAX));
    check(&[(NAME, stored(&whole))], "a", NAME);
    // Each piece alone may be read.
    let half = zeros(VALUES_MAX / 2);
    let pieces = ["samples/b_epoch_1/events/0.json", "samples/b_epoch_1/messages/0.json"];
    let [first, second] = pieces.map(|piece| (piece, stored(&half)));
    check(&[("samples/b_epoch_1/sample.json", stored(r#"{"id":"b","epoch":1}"#)), first, second], "b", pieces[1]);
    let json = folder.path().join("large.json");
    std::fs::write(&json, format!(r#"{{"eval":{{"task":"t"}},"samples":{}}}"#, zeros(VALUES_MAX))).unwrap();
    let error = EvalLog::open(&json).unwrap_err().to_string();
    assert!(error.contains("large.json") && error.contains("more than 33554432 values"), "{error}");
}

#[test]
fn frames_that_ask_for_too_much_or_never_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |method: Method, payload: &[u8], wanted: &str| {
        let entry = PackedEntry { method, crc32: 0, size: 9, payload: payload.into() };
        let path = archive(folder.path(), &[(NAME, entry), ("header.json", stored(HEADER))]);
        let error = EvalLog::open(&path).unwrap().sample("a", 1).unwrap_err().to_string();
        assert!(error.contains(NAME) && error.contains(wanted), "{error}");
    };
    // A frame whose window has 2^41 bytes, and one whose window has 2^28.
    check(Method::Zstd, b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", "indow");
    check(Method::Zstd, b"\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", "indow");
    // A block that repeats one byte 128 KiB times, again and again.
    let block = b"\x02\x00\x10x".repeat(100);
    check(Method::Zstd, &[b"\x28\xb5\x2f\xfd\x00\x38", &block[..]].concat(), "it becomes more than the 9 bytes");
    check(Method::Zstd, b"\x28\xb5\x2f\xfd", "");
    check(Method::Zstd, b"\x50\x2a\x4d\x18\xff\xff\xff\xff", "cut off");
    check(Method::Zstd, b"", "it has 0 bytes where it declares 9");
    check(Method::Deflate, b"", "incomplete deflate stream");
    check(Method::Deflate, b"\xff\xff\xff\xff", "");
    // Blocks of fixed codes that copy 258 bytes from one before, without end.
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut deflated, &vec![b' '; 10 << 20]).unwrap();
    check(Method::Deflate, &deflated.finish().unwrap(), "it becomes more than the 9 bytes");
}

#[test]
fn of_entries_of_the_same_name_the_last_counts() {
    let folder = tempfile::tempdir().unwrap();
    let first = HEADER.replace("success", "error");
    let lists = [r#"[{"id":1,"epoch":1}]"#, r#"[{"id":2,"epoch":1},{"id":3,"epoch":1}]"#];
    let ids = |path: &Path| {
        let mut ids = Vec::new();
        let log = EvalLog::open(path).unwrap();
        let each = |summary: &[u8]| {
            ids.push(SampleSummary::parse(summary).unwrap().id());
            Ok(())
        };
        log.summaries(each).unwrap();
        (log.header().unwrap().value["status"].as_str().unwrap().to_owned(), ids)
    };
    let wanted = ("success".to_owned(), vec!["2".to_owned(), "3".to_owned()]);
    for name in ["summaries.json", "_journal/summaries/1.json"] {
        let [one, two] = lists.map(|list| (name, stored(list)));
        let entries = [one, ("header.json", stored(&first)), two, ("header.json", stored(HEADER))];
        assert_eq!(ids(&archive(folder.path(), &entries)), wanted, "{name}");
    }
}

#[test]
fn what_is_no_file_is_refused_and_links_are_followed_only_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |name: &str, wanted: &str| {
        let error = EvalLog::open(&at(name)).unwrap_err();
        let shown = format!("{error}: {:?}", std::error::Error::source(&error));
        assert!(shown.contains(name) && shown.contains(wanted), "{shown}");
    };
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(at(to), at(name)).unwrap();
    std::fs::create_dir(at("folder.eval")).unwrap();
    refused("folder.eval", "it is not a regular file");
    assert!(std::process::Command::new("mkfifo").arg(at("pipe.eval")).status().unwrap().success());
    refused("pipe.eval", "it is not a regular file");
    link("loop.eval", "loop.eval");
    refused("loop.eval", "symbolic links");
    link("nothing", "dangling.eval");
    refused("dangling.eval", "NotFound");
    let log = write_log(folder.path(), &[record("a", serde_json::json!({}))]);
    link(log.file_name().unwrap().to_str().unwrap(), "link.eval");
    assert_eq!(read_all(&at("link.eval")), Ok(1));

    // Somebody put a link where the writer keeps the unfinished log, and one where the log is to be.
    std::fs::write(at("victim"), "untouched").unwrap();
    link("victim", "new.eval.part");
    link("victim", "new.eval");
    LogWriter::create(&at("new.eval"), start_json(&manifest(), "test 1")).unwrap().finish(&manifest()).unwrap();
    assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "untouched");
    assert!(std::fs::symlink_metadata(at("new.eval")).unwrap().is_file() && !at("new.eval.part").exists());
    assert_eq!(read_all(&at("new.eval")), Ok(0));
}
