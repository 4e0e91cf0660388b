//! Skipped tests: each is counted, and its reason must stand in `tests/skips.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedSkips {
    /// Reasons for which a test may be skipped.
    #[serde(default)]
    allowed: Vec<Allowed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    reason: String,
    /// Why that is acceptable.
    #[serde(rename = "because")]
    _because: String,
}

/// Cargo's target folder, absolute.
pub(crate) fn target_dir() -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    std::fs::create_dir_all(&target).map_err(|error| format!("cannot make `{}`: {error}", target.display()))?;
    target.canonicalize().map_err(|error| error.to_string())
}

/// An empty file to which the tests of this run append.
pub(crate) fn fresh_file() -> Result<PathBuf, String> {
    let file = target_dir()?.join("skips.txt");
    std::fs::write(&file, "").map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
    Ok(file)
}

/// Prints the skips and fails for one that is not allowed.
pub(crate) fn check(file: &Path) -> Result<(), String> {
    let list = std::fs::read_to_string("tests/skips.toml")
        .map_err(|error| format!("cannot read `tests/skips.toml`: {error}"))?;
    let allowed: AllowedSkips = toml::from_str(&list).map_err(|error| format!("`tests/skips.toml`: {error}"))?;
    let recorded =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in recorded.lines() {
        let (place, reason) = line.split_once('\t').unwrap_or((line, ""));
        reasons.entry(reason).or_default().push(place);
    }
    println!("{} tests skipped", recorded.lines().count());
    for (reason, places) in &reasons {
        println!("  {reason}: {}", places.join(", "));
    }
    match reasons.keys().find(|reason| !allowed.allowed.iter().any(|entry| entry.reason == **reason)) {
        Some(reason) => Err(format!("`{reason}` is not on the list of allowed skips (tests/skips.toml)")),
        None => Ok(()),
    }
}
