//! What the program prints: data on stdout, talk on stderr.
use std::io::{IsTerminal, Write};

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

/// The text with control and direction characters spelled out, tabs and line feeds kept.
pub(crate) fn visible(text: &str) -> String {
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\td\n"), "a\\u{1b}[31mb\\u{202e}c\td\n");
        assert_eq!(visible("plain é 漢"), "plain é 漢");
    }
}
