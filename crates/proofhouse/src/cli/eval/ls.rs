//! `proofhouse eval ls`: the suites.

use clap::Args;
use comfy_table::{Table, presets};

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print `{suites: [{path, name, title, domain, sandbox}]}` on stdout.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let suites = ph_suites::suites();
    if arguments.json {
        output::json(&serde_json::json!({ "suites": suites }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["suite", "domain", "sandbox", "what it measures"]);
    for suite in &suites {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        table.add_row([suite.name.clone(), or_dash(&suite.domain), or_dash(&suite.sandbox), suite.title.clone()]);
    }
    output::data(&format!("{table}\n"))?;
    Ok(Exit::Done)
}
