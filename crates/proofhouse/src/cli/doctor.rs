//! `proofhouse doctor`: whether this machine can do the work.

use std::path::Path;

use clap::Args;
use comfy_table::{Table, presets};
use ph_assess::{InProcessTargets, TargetOpener};
use ph_model::{GenerateConfig, Message, ModelRequest};
use serde::Serialize;

use super::work::{PROGRAM, block_on, house};
use crate::console::Console;
use crate::env_vars;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print `{program, checks: [{name, ok, detail}]}` on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

impl Check {
    fn new(name: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok, detail: detail.into() }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut checks = vec![processor(), memory(), folder()];
    checks.extend(reference_models()?);
    checks.push(suites());
    checks.extend(environment());
    let all_well = checks.iter().all(|check| check.ok);
    if arguments.json {
        output::json(&serde_json::json!({ "program": PROGRAM, "checks": checks }))?;
    } else {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["check", "", "detail"]);
        for check in &checks {
            table.add_row([check.name.as_str(), if check.ok { "ok" } else { "NO" }, check.detail.as_str()]);
        }
        output::data(&format!("{PROGRAM}\n{table}\n"))?;
    }
    Ok(if all_well { Exit::Done } else { Exit::Resource })
}

fn processor() -> Check {
    match std::thread::available_parallelism() {
        Ok(cores) => Check::new("processor", true, format!("{cores} cores, {}", std::env::consts::ARCH)),
        Err(error) => Check::new("processor", false, error.to_string()),
    }
}

/// Memory that the default assessment may need at its most.
const MEMORY_KIB_WANTED: u64 = 400 * 1024;

fn memory() -> Check {
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else {
        return Check::new("memory", true, "not known on this system");
    };
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    match available.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok()) {
        Some(kib) => Check::new("memory", kib >= MEMORY_KIB_WANTED, format!("{} MiB available", kib / 1024)),
        None => Check::new("memory", true, "not known on this system"),
    }
}

fn folder() -> Check {
    let probe = Path::new(".").join(format!(".proofhouse-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Check::new("present folder", true, "can be written: results go here unless `--out` says otherwise"),
        Err(error) => Check::new("present folder", false, format!("cannot be written ({error}); use `--out`")),
    }
}

/// Loads every reference model and asks it for a small fact, a known answer.
fn reference_models() -> Result<Vec<Check>, Failure> {
    let house = house(std::sync::Arc::new(Console::new()))?;
    let config = GenerateConfig { max_tokens: Some(8), temperature: Some(0.0), ..GenerateConfig::default() };
    let request = ModelRequest {
        messages: vec![Message::user("What is the capital of France?")],
        config,
        ..ModelRequest::default()
    };
    let mut checks = Vec::new();
    for name in ph_assess::reference::targets() {
        let check = match InProcessTargets::default().open(&name) {
            Ok(model) => match block_on(&house, model.generate(&request))? {
                Ok(reply) => {
                    let reply = reply.output.message.text();
                    Check::new(
                        name.to_string(),
                        reply.trim() == "Paris",
                        format!("capital of France: {}", output::visible(&reply)),
                    )
                }
                Err(error) => Check::new(name.to_string(), false, error.to_string()),
            },
            Err(error) => Check::new(name.to_string(), false, error.to_string()),
        };
        checks.push(check);
    }
    Ok(checks)
}

fn suites() -> Check {
    let mut problems = Vec::new();
    let suites = ph_suites::suites();
    for suite in &suites {
        if let Err(error) = ph_suites::load(&suite.name) {
            problems.push(error.to_string());
        }
    }
    let detail = if problems.is_empty() { format!("{} load", suites.len()) } else { problems.join("; ") };
    Check::new("suites", problems.is_empty(), detail)
}

fn environment() -> impl Iterator<Item = Check> {
    env_vars::ALL.into_iter().map(|(name, about)| {
        let state = match name.strip_prefix(env_vars::SERVICE) {
            Some(ending) => services(ending, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())),
            None if std::env::var_os(name).is_some() => "set".to_owned(),
            None => "not set".to_owned(),
        };
        Check::new(name, true, format!("{state} ({about})"))
    })
}

/// The variables of services: those with this ending that are not named in the list itself.
fn services(ending: &str, set: impl Iterator<Item = String>) -> String {
    let is_named = |name: &str| env_vars::ALL.iter().any(|(known, _)| *known == name);
    let mut found: Vec<String> =
        set.filter(|name| name.len() > ending.len() && name.ends_with(ending) && !is_named(name)).collect();
    found.sort();
    if found.is_empty() { "none set".to_owned() } else { format!("set: {}", output::visible(&found.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_variables_are_found_by_their_ending() {
        let set = ["ACME_API_KEY", "OPENAI_API_KEY", "_API_KEY", "ZED_API_KEY", "ACME_BASE_URL", "HOME"];
        let of = |ending: &str| services(ending, set.iter().map(|name| (*name).to_owned()));
        assert_eq!(of("_API_KEY"), "set: ACME_API_KEY, ZED_API_KEY");
        assert_eq!(of("_BASE_URL"), "set: ACME_BASE_URL");
        assert_eq!(services("_API_KEY", std::iter::empty()), "none set");
    }
}
