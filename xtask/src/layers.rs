//! The levels of the house: a crate depends only on crates of a strictly smaller level.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

const GRAPH: &str = "docs/layers.txt";

/// Checks the levels and the printed graph; with `write` prints the graph anew.
pub(crate) fn run(write: bool) -> Result<(), String> {
    let metadata = MetadataCommand::new().no_deps().exec().map_err(|error| error.to_string())?;
    let packages: Vec<&Package> = metadata.workspace_packages();
    let levels = levels(&packages)?;
    let problems = violations(&packages, &levels);
    if !problems.is_empty() {
        return Err(format!("arrows must go downwards:\n  {}", problems.join("\n  ")));
    }
    let graph = print(&packages, &levels);
    if write {
        return std::fs::write(GRAPH, graph).map_err(|error| format!("cannot write `{GRAPH}`: {error}"));
    }
    let committed = std::fs::read_to_string(GRAPH).unwrap_or_default();
    if committed == graph {
        Ok(())
    } else {
        Err(format!("`{GRAPH}` is not the present graph; run `cargo xtask layers --write`"))
    }
}

/// Development tools may be used by any crate's tests.
const TOOL_LEVEL: u64 = 9;

fn levels(packages: &[&Package]) -> Result<BTreeMap<String, u64>, String> {
    packages
        .iter()
        .map(|package| {
            let level = package.metadata["proofhouse"]["level"].as_u64();
            let level =
                level.ok_or_else(|| format!("`{}` names no level ([package.metadata.proofhouse])", package.name))?;
            Ok((package.name.to_string(), level))
        })
        .collect()
}

fn arrows<'a>(package: &'a Package, levels: &'a BTreeMap<String, u64>) -> impl Iterator<Item = (&'a str, u64)> {
    let own = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    own.filter_map(|dependency| levels.get_key_value(&dependency.name).map(|(name, level)| (name.as_str(), *level)))
}

fn violations(packages: &[&Package], levels: &BTreeMap<String, u64>) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let own = levels[package.name.as_str()];
        for (name, level) in arrows(package, levels) {
            if level >= own {
                problems.push(format!("`{}` (level {own}) depends on `{name}` (level {level})", package.name));
            }
        }
    }
    problems
}

fn print(packages: &[&Package], levels: &BTreeMap<String, u64>) -> String {
    let mut rows: Vec<(u64, String, Vec<&str>)> = Vec::new();
    for package in packages {
        let mut names: Vec<&str> = arrows(package, levels).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        rows.push((levels[package.name.as_str()], package.name.to_string(), names));
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut graph =
        String::from("The levels of the house; made by `cargo xtask layers --write`, checked by every CI run.\n\n");
    for (level, name, names) in rows {
        let level = if level == TOOL_LEVEL { "tool".to_owned() } else { level.to_string() };
        let on = if names.is_empty() { String::new() } else { format!(" -> {}", names.join(", ")) };
        let _ = writeln!(graph, "{level:>4}  {name}{on}");
    }
    graph
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_stands_as_drawn() {
        std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        super::run(false).unwrap();
    }
}
