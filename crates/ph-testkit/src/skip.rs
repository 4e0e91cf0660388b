//! A test that cannot run says so: `skip!("reason")` records test and reason, prints both and ends the test.
//! `cargo xtask ci` fails for every skip whose reason is not in `tests/skips.toml`.

use std::io::Write;

/// The variable that names the file to which skips are appended; `cargo xtask ci` sets it.
pub const SKIP_FILE_VARIABLE: &str = "PROOFHOUSE_SKIP_FILE";

/// Writes one skip down; called by [`crate::skip!`].
#[allow(clippy::print_stderr, reason = "a skipped test speaks to the person who runs it")]
pub fn record(place: &str, reason: &str) {
    eprintln!("skipped: {place}: {reason}");
    let Ok(path) = std::env::var(SKIP_FILE_VARIABLE) else { return };
    let line = format!("{place}\t{}\n", reason.replace(['\n', '\t'], " "));
    let written = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("cannot record the skip in `{path}`: {error}");
    }
}

/// Ends the running test as skipped, with the reason why it cannot run here.
#[macro_export]
macro_rules! skip {
    ($reason:expr) => {{
        $crate::skip::record(concat!(module_path!(), ":", line!()), $reason);
        return;
    }};
}
