//! How a check came out, and how model text is quoted in it.

use ph_analysis::CheckStatus;
use ph_model::ModelError;

/// The most characters of a reply that a check quotes.
const QUOTED_CHARS_MAX: usize = 160;

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: CheckStatus,
    pub(super) came: String,
    pub(super) meaning: String,
}

impl Verdict {
    pub(super) fn passed(came: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { status: CheckStatus::Passed, came: came.into(), meaning: meaning.into() }
    }

    pub(super) fn failed(came: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { status: CheckStatus::Failed, came: came.into(), meaning: meaning.into() }
    }

    pub(super) fn not_checked(why: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { status: CheckStatus::NotChecked, came: why.into(), meaning: meaning.into() }
    }

    /// The call itself failed, so the check could not be made: another check says what the failure means.
    pub(super) fn of_error(error: &ModelError) -> Self {
        Self::not_checked(told(error), "the call failed, so this could not be told")
    }
}

/// A reply in quotation marks, on one line, cut.
pub(super) fn quoted(text: &str) -> String {
    let flat: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown: String = flat.chars().take(QUOTED_CHARS_MAX).collect();
    if shown.is_empty() {
        "nothing".to_owned()
    } else if shown.len() < flat.len() {
        format!("“{shown}…”")
    } else {
        format!("“{shown}”")
    }
}

/// A failure in words.
pub(super) fn told(error: &ModelError) -> String {
    let message: String = error.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    format!("{}: {message}", error.kind)
}
