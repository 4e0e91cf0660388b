//! What the program prints: data on stdout, talk on stderr.
use std::io::{IsTerminal, Write};

pub(crate) use ph_base::visible;
use serde::Serialize;

use crate::exit_code::Exit;
use crate::failure::Failure;

/// Says a line to the person; control characters in it are shown, not obeyed.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", visible(line));
}

/// Prints one JSON document on stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::from_error(Exit::Unexpected, "output::json", error))?;
    text.push('\n');
    data(&text)
}

/// Prints text on stdout. A reader that went away is no failure.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::from_error(Exit::Resource, "output::stdout", error))
        }
        _ => Ok(()),
    }
}

/// Prints a failure; where stderr cannot be written, the exit code alone tells it.
pub(crate) fn failure(failure: Failure) {
    let _ = writeln!(std::io::stderr(), "{:?}", miette::Report::new(failure));
}

/// Whether a person watches stderr.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
