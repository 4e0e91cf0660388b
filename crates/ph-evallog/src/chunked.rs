//! A sample in pieces, as newer Inspects can write it: `samples/{id}_epoch_{n}/` with a shell `sample.json`, `metadata.json`,
//! and lists `messages|events|calls|attachments/{start}.json`, each named by the index of its first item.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{LogError, Result};
use crate::zip::{DirectoryEntry, ZipFile};

const LISTS: [&str; 4] = ["messages", "events", "calls", "attachments"];

/// Joins the pieces under `prefix` (with its slash) into one sample as [`crate::sample::sample_in`] reads it: the pooled
/// messages and calls become its `events_data`, the attachments are keyed by their index.
pub(crate) fn join(
    mut shell: Value,
    prefix: &str,
    zip: &ZipFile,
    read: impl Fn(&DirectoryEntry<'_>) -> Result<Value>,
) -> Result<Value> {
    let pieces = pieces(prefix, zip)?;
    zip.check_together(prefix, pieces.lists.values().chain(&pieces.metadata))?;
    let wrong = |entry: &DirectoryEntry<'_>, problem: &str| LogError::entry(zip.path(), &entry.name, problem);
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for ((list, start), entry) in &pieces.lists {
        let all = lists.entry(list).or_default();
        if all.len() as u64 != *start {
            return Err(wrong(entry, "the pieces before it are missing or overlap"));
        }
        match read(entry)? {
            Value::Array(items) => all.extend(items),
            _ => return Err(wrong(entry, "it is not a list")),
        }
    }
    if let Some(entry) = &pieces.metadata {
        shell["metadata"] = read(entry)?;
    }
    let mut take = |list: &str| lists.remove(list).unwrap_or_default();
    let attachments = take("attachments").into_iter().enumerate().map(|(at, text)| (at.to_string(), text));
    shell["attachments"] = Value::Object(attachments.collect::<Map<_, _>>());
    let pool = take("messages");
    if let Some(messages) = final_messages(&shell, &pool) {
        shell["messages"] = Value::Array(messages);
    }
    shell["events_data"] = serde_json::json!({ "messages": pool, "calls": take("calls") });
    shell["events"] = Value::Array(take("events"));
    Ok(shell)
}

/// The conversation at the end: ranges of the pool.
fn final_messages(shell: &Value, pool: &[Value]) -> Option<Vec<Value>> {
    let ranges = shell.get("message_refs")?.as_array()?;
    let bound = |range: &Value, at: usize| usize::try_from(range.get(at)?.as_u64()?).ok();
    let mut messages = Vec::new();
    for range in ranges {
        messages.extend_from_slice(pool.get(bound(range, 0)?..bound(range, 1)?)?);
    }
    Some(messages)
}

struct Pieces {
    metadata: Option<DirectoryEntry<'static>>,
    lists: BTreeMap<(&'static str, u64), DirectoryEntry<'static>>,
}

fn pieces(prefix: &str, zip: &ZipFile) -> Result<Pieces> {
    let mut pieces = Pieces { metadata: None, lists: BTreeMap::new() };
    let mut scan = zip.scan();
    while let Some(entry) = scan.next_entry()? {
        let Some(rest) = entry.name.strip_prefix(prefix) else { continue };
        if rest == "metadata.json" {
            pieces.metadata = Some(entry.into_owned());
        } else if let Some(place) = list_of(rest) {
            pieces.lists.insert(place, entry.into_owned());
        }
    }
    Ok(pieces)
}

/// The list and first index of a piece.
fn list_of(rest: &str) -> Option<(&'static str, u64)> {
    let (folder, file) = rest.split_once('/')?;
    let list = LISTS.iter().find(|list| **list == folder)?;
    Some((list, file.strip_suffix(".json")?.parse().ok()?))
}
