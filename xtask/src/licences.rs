//! Licences and sources of all dependencies, from `cargo metadata`.

use cargo_metadata::{MetadataCommand, Package};

/// Licences that the product may be built from.
const ALLOWED: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Licence files without an expression that were read by a person: (package, what it is).
const READ: [(&str, &str); 0] = [];

/// Fails for a dependency whose licence is not allowed or that does not come from the registry.
pub(crate) fn run() -> Result<(), String> {
    let metadata = MetadataCommand::new().exec().map_err(|error| error.to_string())?;
    let members = &metadata.workspace_members;
    let others = metadata.packages.iter().filter(|package| !members.contains(&package.id));
    let problems: Vec<String> = others.filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(format!("\n  {}", problems.join("\n  "))) }
}

fn problem(package: &Package) -> Option<String> {
    if package.source.as_ref().is_none_or(|source| !source.is_crates_io()) {
        return Some(format!("`{}` does not come from crates.io", package.name));
    }
    if READ.iter().any(|(name, _)| *name == package.name.as_str()) {
        return None;
    }
    match &package.license {
        Some(licence) if is_allowed(licence) => None,
        Some(licence) => Some(format!("`{}`: `{licence}` is not on the list", package.name)),
        None => Some(format!("`{}` names no licence", package.name)),
    }
}

/// Reads an SPDX expression of the forms that occur: alternatives (`OR`, `/`), of which one must be allowed, and
/// conjunctions (`AND`), of which all must be.
fn is_allowed(expression: &str) -> bool {
    let flat = expression.replace('/', " OR ");
    conjuncts(&flat).iter().all(|part| {
        let inner = part.trim().trim_start_matches('(').trim_end_matches(')');
        inner.split(" OR ").any(|name| inner_allowed(name.trim()))
    })
}

/// Splits at `AND` outside parentheses; an `OR` around an unparenthesised `AND` needs only one side.
fn conjuncts(expression: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for word in expression.split_whitespace() {
        depth += i32::try_from(word.matches('(').count()).unwrap_or(0)
            - i32::try_from(word.matches(')').count()).unwrap_or(0);
        match parts.last_mut() {
            Some(_) if depth == 0 && word == "AND" => parts.push(String::new()),
            Some(last) => {
                last.push_str(word);
                last.push(' ');
            }
            None => {}
        }
    }
    parts
}

fn inner_allowed(name: &str) -> bool {
    let name = name.trim_matches(|c| c == '(' || c == ')').trim();
    ALLOWED.contains(&name) || name.split(" AND ").all(|part| ALLOWED.contains(&part.trim()))
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_read_as_spdx_means_them() {
        for yes in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(is_allowed(yes), "{yes}");
        }
        for no in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND LGPL-2.1", "", "AGPL-3.0 OR GPL-2.0"] {
            assert!(!is_allowed(no), "{no}");
        }
    }
}
