//! How a command fails: what, where, what to do, and the exit code. Printed once, at the edge.
//!
//! Every text in it is made [`visible()`] when it is taken in: messages quote files and arguments, which may be hostile.

use std::error::Error;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::exit_code::Exit;
use crate::output::visible;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: &'static str,
    hint: Option<String>,
    said: Said,
    place: Option<Box<(NamedSource<String>, LabeledSpan)>>,
}

/// A message and the ones behind it.
#[derive(Debug)]
struct Said {
    text: String,
    behind: Option<Box<Said>>,
}

/// Where in a file something is wrong; `offset` and `length` are bytes in `text`.
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Failure {
    /// A failure in our own words.
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl AsRef<str>) -> Self {
        let said = Said { text: visible(message.as_ref()), behind: None };
        Self { exit, code, hint: None, said, place: None }
    }

    /// A failure with the errors behind it.
    pub(crate) fn from_error(exit: Exit, code: &'static str, error: impl Error) -> Self {
        Self { exit, code, hint: None, said: Said::of(&error), place: None }
    }

    /// The same with the place in a file.
    pub(crate) fn at(mut self, place: &Place<'_>) -> Self {
        let shown = |text: &str| visible(&text.replace("\r\n", "\n"));
        let before = place.text.get(..place.offset).map(shown);
        let inside = place.text.get(place.offset..place.offset.saturating_add(place.length)).map(shown);
        if let (Some(before), Some(inside)) = (before, inside) {
            let label = LabeledSpan::new(Some("here".to_owned()), before.len(), inside.len());
            self.place = Some(Box::new((NamedSource::new(visible(place.file), shown(place.text)), label)));
        }
        self
    }

    /// The same with what to do.
    pub(crate) fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        let hint = visible(hint.as_ref());
        self.hint = (!hint.is_empty()).then_some(hint);
        self
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl Said {
    fn of(error: &dyn Error) -> Self {
        Self { text: visible(&error.to_string()), behind: error.source().map(|source| Box::new(Self::of(source))) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.behind.as_ref().map(|said| &**said as &(dyn Error + 'static))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.said, f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.said.source()
    }
}

impl Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("proofhouse::{}", self.code)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.0 as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self.place.as_ref()?.1.clone();
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_controls_the_terminal() {
        let error = std::io::Error::other("inner \u{1b}[31m");
        let text = "a = \"\u{1b}[31m\"\r\nb = \u{202e}2\r\n";
        let offset = text.find('\u{202e}').unwrap();
        let place = Place { file: "f\u{7}", text, offset, length: '\u{202e}'.len_utf8() };
        let failure = Failure::from_error(Exit::Malformed, "x", error).at(&place).with_hint("hint \u{9b}2J");
        let shown = format!("{:?}", miette::Report::new(failure));
        let is_control = |c: char| c.is_control() && c != '\n' && c != '\u{1b}';
        assert!(!shown.contains(is_control) && !shown.contains('\u{202e}'), "{shown:?}");
        assert!(!shown.contains("\u{1b}[31m\""), "{shown:?}");
        for wanted in ["inner \\u{1b}[31m", "\\u{202e}", "f\\u{7}", "hint \\u{9b}2J"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
    }
}
