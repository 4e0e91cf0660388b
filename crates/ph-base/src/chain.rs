//! An error with its causes in one line.

use std::error::Error;

/// The error and what is behind it, joined by `: `.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let (mut text, mut behind) = (error.to_string(), error.source());
    while let Some(cause) = behind {
        text.push_str(&format!(": {cause}"));
        behind = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `plan.json`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_the_error() {
        assert_eq!(
            chain(&Outer(std::io::Error::other("the disk is gone"))),
            "cannot read `plan.json`: the disk is gone"
        );
    }
}
