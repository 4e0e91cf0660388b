//! `proofhouse cache ls`: what the response cache holds, by target.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::{Table, presets};
use ph_base::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::cache_arguments::{SIZE_DEFAULT, failure, open};
use crate::data_dir::response_cache;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print `{dir, entries, bytes, damaged, targets: [{target, entries, bytes, oldest, used}]}` on stdout
    #[arg(long)]
    json: bool,
}

/// The replies of one target.
#[derive(Serialize)]
struct OfTarget {
    target: String,
    entries: u64,
    bytes: u64,
    /// When the oldest reply was given.
    oldest: Timestamp,
    /// When one was used last.
    used: Timestamp,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dir = response_cache()?;
    // Looking makes nothing.
    let (targets, damaged) = if dir.exists() { targets()? } else { Default::default() };
    let entries: u64 = targets.iter().map(|target| target.entries).sum();
    let bytes: u64 = targets.iter().map(|target| target.bytes).sum();
    if arguments.json {
        let document =
            json!({ "dir": dir, "entries": entries, "bytes": bytes, "damaged": damaged, "targets": targets });
        output::json(&document)?;
        return Ok(Exit::Done);
    }
    if !targets.is_empty() {
        output::data(&format!("{}\n", table(&targets)))?;
    }
    let damaged = if damaged > 0 { format!(", {damaged} damaged") } else { String::new() };
    let dir = output::visible(&dir.display().to_string());
    output::data(&format!("{entries} replies, {bytes} bytes{damaged} in {dir}\n"))?;
    Ok(Exit::Done)
}

fn targets() -> Result<(Vec<OfTarget>, u64), Failure> {
    let cache = open(SIZE_DEFAULT)?;
    let mut targets: BTreeMap<String, OfTarget> = BTreeMap::new();
    let mut damaged = 0;
    for stored in cache.entries().map_err(failure)? {
        let Ok(reply) = stored.reply else {
            damaged += 1;
            continue;
        };
        let of = targets.entry(reply.target.clone()).or_insert(OfTarget {
            target: reply.target,
            entries: 0,
            bytes: 0,
            oldest: reply.asked_at,
            used: stored.used_at,
        });
        of.entries += 1;
        of.bytes += stored.bytes;
        of.oldest = of.oldest.min(reply.asked_at);
        of.used = of.used.max(stored.used_at);
    }
    Ok((targets.into_values().collect(), damaged))
}

fn table(targets: &[OfTarget]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["target", "replies", "bytes", "oldest", "used last"]);
    for of in targets {
        table.add_row([
            output::visible(&of.target),
            of.entries.to_string(),
            of.bytes.to_string(),
            of.oldest.to_string(),
            of.used.to_string(),
        ]);
    }
    table
}
