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
        let state = if std::env::var_os(name).is_some() { "set" } else { "not set" };
        Check::new(name, true, format!("{state} ({about})"))
    })
}
