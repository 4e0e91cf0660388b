//! Every environment variable that the program reads.

/// Any value: no colours (<https://no-color.org>).
pub(crate) const NO_COLOR: &str = "NO_COLOR";

/// All of them, with what they do; `doctor` prints this.
pub(crate) const ALL: [(&str, &str); 1] = [(NO_COLOR, "any value: no colours")];
