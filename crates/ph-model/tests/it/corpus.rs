//! The bodies and streams in `tests/corpus/wire`: `DIALECT/NAME.json` is a whole reply, `DIALECT/NAME.events` the data
//! of the events that stream the same, one a line; `any` holds what no server should send.

use std::fs;
use std::path::{Path, PathBuf};

use ph_model::wire::Dialect;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/wire")
}

/// The bytes of one file.
pub(crate) fn read(dialect: Dialect, file: &str) -> Vec<u8> {
    let path = root().join(dialect.name()).join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The events of one file.
pub(crate) fn events(dialect: Dialect, name: &str) -> Vec<String> {
    let text = String::from_utf8(read(dialect, &format!("{name}.events"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The names of a dialect's replies.
pub(crate) fn names(dialect: Dialect) -> Vec<String> {
    let mut names: Vec<String> = files(&root().join(dialect.name()))
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no replies of {dialect}");
    names
}

/// Every file of the corpus.
pub(crate) fn all() -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = files(&root());
    assert_eq!(folders.len(), Dialect::ALL.len() + 1);
    folders.iter().flat_map(|folder| files(folder)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
