//! A sample in pieces, as newer Inspects can write it: `samples/{id}_epoch_{n}/` with a shell `sample.json`, `metadata.json`,
//! and lists `messages|events|calls|attachments/{start}.json`, each named by the index of its first item.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::condense::{GROWTH_BYTES_MAX, TOO_LARGE, weight};
use crate::error::{LogError, Result};
use crate::zip::{DirectoryEntry, ZipFile};

const LISTS: [&str; 4] = ["messages", "events", "calls", "attachments"];

/// Joins the pieces under `prefix` (with its slash) into one sample as [`crate::sample::sample_in`] reads it: the pooled
/// messages and calls become its `events_data`, the attachments are keyed by their index.
pub(crate) fn join(
    mut shell: Value,
    prefix: &str,
    zip: &ZipFile,
    mut read: impl FnMut(&DirectoryEntry<'_>) -> Result<Value>,
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
    let messages = final_messages(&shell, &pool, GROWTH_BYTES_MAX);
    if let Some(messages) = messages.map_err(|problem| LogError::entry(zip.path(), prefix, problem))? {
        shell["messages"] = Value::Array(messages);
    }
    shell["events_data"] = serde_json::json!({ "messages": pool, "calls": take("calls") });
    shell["events"] = Value::Array(take("events"));
    Ok(shell)
}

/// The conversation at the end: ranges of the pool. Together its messages may take `budget` bytes of memory.
fn final_messages(shell: &Value, pool: &[Value], mut budget: usize) -> Result<Option<Vec<Value>>, &'static str> {
    let Some(ranges) = shell.get("message_refs").and_then(Value::as_array) else { return Ok(None) };
    let bound = |range: &Value, at: usize| usize::try_from(range.get(at)?.as_u64()?).ok();
    let weights: Vec<usize> = pool.iter().map(weight).collect();
    let mut messages = Vec::new();
    for range in ranges {
        let bounds = bound(range, 0).zip(bound(range, 1));
        let Some((start, end)) = bounds.filter(|(start, end)| start <= end && *end <= pool.len()) else {
            return Ok(None);
        };
        for at in start..end {
            budget = budget.checked_sub(weights[at]).ok_or(TOO_LARGE)?;
            messages.push(pool[at].clone());
        }
    }
    Ok(Some(messages))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_conversation_at_the_end_is_bounded() {
        let pool = [json!({ "role": "user", "content": "x".repeat(10_000) })];
        let take = |ranges: Value| final_messages(&json!({ "message_refs": ranges }), &pool, 1 << 20);
        assert_eq!(take(json!([[0, 1], [0, 1]])).unwrap().unwrap(), [pool[0].clone(), pool[0].clone()]);
        assert_eq!(take(json!([[0, 2]])), Ok(None));
        assert_eq!(take(json!([[1, 0]])), Ok(None));
        assert_eq!(take(json!(vec![json!([0, 1]); 1_000])), Err(TOO_LARGE));
    }
}
