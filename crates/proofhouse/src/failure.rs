//! How a command fails: what, where, what to do, and the exit code. Printed once, at the edge.

use std::error::Error;
use std::fmt;

use miette::Diagnostic;

use crate::exit_code::Exit;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: &'static str,
    hint: Option<String>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Text(String),
    Chain(Box<dyn Error + Send + Sync>),
    Located(Box<dyn Diagnostic + Send + Sync>),
}

impl Failure {
    /// A failure in our own words.
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, hint: None, cause: Cause::Text(message.into()) }
    }

    /// A failure with the errors behind it.
    pub(crate) fn from_error(exit: Exit, code: &'static str, error: impl Error + Send + Sync + 'static) -> Self {
        Self { exit, code, hint: None, cause: Cause::Chain(Box::new(error)) }
    }

    /// A failure that points into a file.
    pub(crate) fn located(exit: Exit, code: &'static str, error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit, code, hint: None, cause: Cause::Located(Box::new(error)) }
    }

    /// The same with what to do.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.hint = (!hint.is_empty()).then_some(hint);
        self
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Text(text) => f.write_str(text),
            Cause::Chain(error) => fmt::Display::fmt(error, f),
            Cause::Located(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Text(_) => None,
            Cause::Chain(error) => error.source(),
            Cause::Located(error) => error.source(),
        }
    }
}

impl Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("proofhouse::{}", self.code)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if let Some(hint) = &self.hint {
            return Some(Box::new(hint));
        }
        match &self.cause {
            Cause::Located(error) => error.help(),
            _ => None,
        }
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        match &self.cause {
            Cause::Located(error) => error.source_code(),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        match &self.cause {
            Cause::Located(error) => error.labels(),
            _ => None,
        }
    }
}
