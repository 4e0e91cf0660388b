//! The logs of Inspect's own tests, by Inspects of 2024 and 2025: what Inspect reads, we read as it does, and what it
//! refuses, we refuse. Needs a Python with `inspect_ai` in `PROOFHOUSE_PYTHON` and the logs in `PROOFHOUSE_INSPECT_LOGS`.

use std::path::{Path, PathBuf};

use ph_evallog::EvalLog;

use crate::inspect::{SKIPPED, check_foreign, python, run};

const NO_LOGS: &str = "no logs of Inspect's own tests: set PROOFHOUSE_INSPECT_LOGS";

#[test]
fn the_logs_of_inspects_own_tests_read_here() {
    let Some(python) = python() else { ph_testkit::skip!(SKIPPED) };
    let Some(folder) = std::env::var_os("PROOFHOUSE_INSPECT_LOGS").map(PathBuf::from) else {
        ph_testkit::skip!(NO_LOGS)
    };
    let files = run(&python, "read_logs.py", &[&folder]);
    let (read, refused): (Vec<_>, Vec<_>) =
        files.as_array().unwrap().iter().partition(|file| file.get("status").is_some());
    assert!(read.len() >= 20, "{} logs in {}", read.len(), folder.display());
    for file in read {
        check_foreign(Path::new(file["path"].as_str().unwrap()), file);
    }
    for file in refused {
        let path = Path::new(file["path"].as_str().unwrap());
        assert!(EvalLog::open(path).and_then(|log| log.header()).is_err(), "{}", path.display());
    }
}
