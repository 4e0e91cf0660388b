//! The one way to write a JSON value (RFC 8785), and reading that refuses every other way.
//!
//! What is hashed or signed is written here. Our own shapes hold no fractions and no integers beyond those that every
//! reader of JSON has exactly (RFC 7493 §2.2): they go through [`to_canonical_exact`] and [`parse_canonical_exact`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

mod numbers;

use numbers::Numbers;

/// How deep arrays and objects may nest.
pub const DEPTH_MAX: usize = 64;
/// The largest integer that every reader of JSON has exactly: 2⁵³ − 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why a value cannot be written, or bytes are not the canonical form of one.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalJsonError {
    /// It cannot be written as JSON: not a number, a map whose keys are no strings.
    #[error("the value cannot be written as canonical JSON")]
    Write(#[source] serde_json::Error),
    /// It is not JSON, or not of the shape that is wanted.
    #[error("the bytes are not JSON of the shape that is wanted")]
    Read(#[source] serde_json::Error),
    /// It nests too deep.
    #[error("the JSON nests deeper than {DEPTH_MAX} levels")]
    Depth,
    /// It is JSON, but written otherwise: spaces, another order, a repeated key, another spelling of a number or string.
    #[error("the JSON is not in canonical form: it differs at byte {at}")]
    NotCanonical {
        /// The first byte that is not as RFC 8785 has it.
        at: usize,
    },
    /// A number that is not an integer which every reader has exactly.
    #[error("the number {0} is not an integer within ±(2^53 - 1)")]
    Inexact(String),
    /// A number that is not finite, which JSON has not.
    #[error("a number is infinite or none at all")]
    NotFinite,
}

/// Writes `value` in its canonical form.
///
/// # Errors
/// [`CanonicalJsonError`] where it cannot be, or nests too deep to be read again.
pub fn to_canonical(value: &impl Serialize) -> Result<Vec<u8>, CanonicalJsonError> {
    write(value, Numbers { is_exact: false })
}

/// Writes `value` in its canonical form, if all of its numbers are integers that every reader has exactly.
///
/// # Errors
/// [`CanonicalJsonError::Inexact`] where one is not; otherwise as [`to_canonical`].
pub fn to_canonical_exact(value: &impl Serialize) -> Result<Vec<u8>, CanonicalJsonError> {
    write(value, Numbers { is_exact: true })
}

fn write(value: &impl Serialize, numbers: Numbers) -> Result<Vec<u8>, CanonicalJsonError> {
    value.serialize(numbers)?;
    let bytes = serde_json_canonicalizer::to_vec(value).map_err(CanonicalJsonError::Write)?;
    if depth(&bytes) > DEPTH_MAX { Err(CanonicalJsonError::Depth) } else { Ok(bytes) }
}

/// Reads a value from its canonical form and from nothing else.
///
/// # Errors
/// [`CanonicalJsonError`] where the bytes are no JSON, another form of it (a repeated key is one), nest too deep, or are not
/// of the shape of `T`.
pub fn parse_canonical<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalJsonError> {
    canonical_value(bytes)?;
    serde_json::from_slice(bytes).map_err(CanonicalJsonError::Read)
}

/// Reads a value from its canonical form, if all of its numbers are integers that every reader has exactly.
///
/// # Errors
/// [`CanonicalJsonError::Inexact`] where one is not; otherwise as [`parse_canonical`].
pub fn parse_canonical_exact<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalJsonError> {
    canonical_value(bytes)?.serialize(Numbers { is_exact: true })?;
    serde_json::from_slice(bytes).map_err(CanonicalJsonError::Read)
}

/// The value that these bytes are the canonical form of.
fn canonical_value(bytes: &[u8]) -> Result<Value, CanonicalJsonError> {
    if depth(bytes) > DEPTH_MAX {
        return Err(CanonicalJsonError::Depth);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(CanonicalJsonError::Read)?;
    let again = serde_json_canonicalizer::to_vec(&value).map_err(CanonicalJsonError::Write)?;
    if again == bytes {
        return Ok(value);
    }
    let same = again.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
    Err(CanonicalJsonError::NotCanonical { at: same })
}

/// How deep the brackets outside of strings nest at most.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_string, mut is_escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
