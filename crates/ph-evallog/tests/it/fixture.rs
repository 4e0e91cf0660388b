//! Records and logs to order.

use std::path::{Path, PathBuf};

use ph_evallog::{LogWriter, Packer, entry_name, sample_json, start_json};
use ph_record::{RunManifest, SampleRecord};
use serde_json::{Value, json};

pub(crate) const TARGET: &str = "reference/sound";
const RUN: &str = "run_0198a0b0000070008000000000000001";
const START_MS: i64 = 1_795_333_411_250;

pub(crate) fn manifest() -> RunManifest {
    serde_json::from_value(json!({
        "version": 1, "id": RUN, "kind": "exploratory",
        "task": { "name": "capitals", "dataset": "items.jsonl", "solver": ["generate"], "scorer": ["exact"],
            "limits": { "messages": 9, "time_seconds": 2.5 }, "config": { "stop": ["x"], "temperature": 0.5 } },
        "task_digest": format!("sha256:{}", "0".repeat(64)),
        "target": TARGET, "seed": u64::MAX, "epochs": 1, "status": "success", "samples": 0,
        "started_at": START_MS, "completed_at": START_MS + 5000
    }))
    .unwrap()
}

/// A record with these fields over ordinary ones.
pub(crate) fn record(id: &str, more: Value) -> SampleRecord {
    let at = |ms: i64| START_MS + ms;
    let mut record = json!({
        "id": format!("sha256:{}", "1".repeat(64)), "run": RUN, "task": "capitals", "sample": id, "epoch": 1, "attempt": 1,
        "round": 0, "seed": u64::MAX, "input": "What is the capital of Norway?", "target": "Oslo",
        "metadata": { "cluster": "north", "n": 1 },
        "messages": [{ "role": "user", "content": "What is the capital of Norway?" }, { "role": "assistant", "content": "Oslo" }],
        "output": { "model": "m", "message": { "role": "assistant", "content": "Oslo" }, "stop_reason": "stop",
            "usage": { "input_tokens": 7, "output_tokens": 1 } },
        "ending": { "kind": "completed" }, "response": "answered",
        "scores": { "exact": { "value": "C", "answer": "Oslo" } },
        "usage": { "input_tokens": 7, "output_tokens": 1 },
        "started_at": at(0), "completed_at": at(40),
        "events": [
            { "sequence": 0, "span_id": "s1", "timestamp": at(0), "working_start_ms": 0, "event": "span_begin", "id": "s1", "type": "init", "name": "init" },
            { "sequence": 1, "span_id": "s1", "timestamp": at(1), "working_start_ms": 1, "event": "sample_init", "id": id,
              "input": "What is the capital of Norway?", "target": "Oslo" },
            { "sequence": 2, "span_id": "s1", "timestamp": at(2), "working_start_ms": 2, "event": "span_end", "id": "s1" },
            { "sequence": 3, "timestamp": at(3), "working_start_ms": 3, "event": "info", "source": "proofhouse.note", "data": { "k": [1] } }
        ]
    });
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    serde_json::from_value(record).unwrap()
}

/// Records of every shape that a run leaves behind.
pub(crate) fn all_shapes() -> Vec<SampleRecord> {
    let at = |ms: i64| START_MS + ms;
    let long = "a long text ".repeat(40);
    let turns: Vec<Value> = (0..12)
        .map(|turn| {
            let input: Vec<Value> = (0..=turn)
                .map(|n| json!({ "role": if n % 2 == 0 { "user" } else { "assistant" }, "content": format!("{n} {long}") }))
                .collect();
            json!({ "sequence": turn, "timestamp": at(turn), "working_start_ms": turn, "event": "model", "model": TARGET,
                "input": input, "tools": [
                    { "name": "add", "description": "adds", "parameters": { "type": "object", "properties": { "x": { "type": "integer" } }, "required": ["x"] } },
                    { "name": "odd", "description": long, "parameters": { "type": "strange" } } ],
                "tool_choice": { "function": "add" },
                "config": { "max_tokens": 5, "stop": ["a"], "seed": 3, "logprobs": true },
                "output": { "model": "m", "stop_reason": "tool_calls", "message": { "role": "assistant", "content": long,
                    "tool_calls": [{ "id": "c1", "function": "add", "arguments": "{broken", "parse_error": "no JSON" }] },
                    "logprobs": [{ "token": "a", "logprob": -0.25, "top": [{ "token": "b", "logprob": -1.5 }] }] },
                "completed": at(turn + 1) })
        })
        .collect();
    let other = json!([
        { "sequence": 0, "timestamp": at(0), "working_start_ms": 0, "event": "tool", "id": "c1", "function": "add",
          "arguments": "text", "result": { "deep": [1, { "x": null }] }, "error": "it failed", "completed": at(9) },
        { "sequence": 1, "timestamp": at(1), "working_start_ms": 1, "event": "sentinel", "suspicion": 0.5, "text": long },
        { "sequence": 2, "timestamp": at(2), "working_start_ms": 2, "event": "score", "scorer": "exact", "score": { "value": { "a": { "b": 1 } } } },
        { "sequence": 3, "timestamp": at(3), "working_start_ms": 3, "event": "error", "error": { "code": "timeout", "message": "late" } },
        { "sequence": 4, "timestamp": at(4), "working_start_ms": 4, "event": "sample_limit", "type": "token", "limit": 5.0, "message": "m" },
        { "sequence": 5, "timestamp": at(5), "working_start_ms": 5, "event": "model", "model": TARGET, "input": [],
          "config": {}, "tool_choice": "none", "error": { "kind": "rate_limited", "message": "slow down" }, "completed": at(6) },
        { "sequence": 6, "timestamp": at(6), "working_start_ms": 6, "event": "model", "model": TARGET, "input": [],
          "config": {}, "tool_choice": "auto", "completed": at(6), "cache": { "asked_at": at(-86_400_000), "took_ms": 812 },
          "output": { "model": "m", "stop_reason": "stop", "message": { "role": "assistant", "content": "Oslo" } } },
    ]);
    let error = |kind: &str| json!({ "ending": { "kind": kind, "code": "c", "message": "what failed" }, "scores": {}, "output": null, "response": null });
    vec![
        record("plain", json!({})),
        record("django/django-1 \u{e9}\u{6f22}", json!({ "epoch": 2, "target": ["a", "b"], "choices": ["x", "y"] })),
        record("../../etc/passwd\u{1b}[31m\\", json!({})),
        record(&"x".repeat(3_000), json!({ "metadata": { "proofhouse": { "mine": 1 }, "nested": { "a": [null] } } })),
        record("turns", json!({ "events": turns })),
        record("other", json!({ "events": other, "labels": [{ "kind": "void", "by": "me", "reason": "r", "at": 5 }] })),
        record("limit", json!({ "ending": { "kind": "limit", "limit": "token", "value": 50.0 } })),
        record("context", json!({ "ending": { "kind": "limit", "limit": "context" }, "response": "safeguard_block" })),
        record("model", error("model_error")),
        record("provider", error("provider_error")),
        record("grader", error("grader_error")),
        record("cut", error("access_cut")),
        record(
            "messages",
            json!({
                "input": [{ "role": "system", "content": "s" }, { "role": "user", "content": [{ "type": "text", "text": "t" }, { "type": "hologram", "x": 1 }] }],
                "messages": [{ "role": "tool", "content": "r", "tool_call_id": "c", "vendor": { "a": 1 }, "source": 5 },
                    { "role": "assistant", "content": [{ "type": "reasoning", "reasoning": "hm", "signature": "s" }, { "type": "text", "text": "attachment://x" }] }]
            }),
        ),
        record(
            "scores",
            json!({ "scores": { "exact": { "value": 0.25, "explanation": "e", "metadata": { "m": null } },
            "flag": { "value": true }, "list": { "value": [1, [2]] } } }),
        ),
    ]
}

/// Writes a log with these records; returns its path.
pub(crate) fn write_log(folder: &Path, records: &[SampleRecord]) -> PathBuf {
    write_log_of(folder, &manifest(), records)
}

/// Writes the log of this run.
pub(crate) fn write_log_of(folder: &Path, manifest: &RunManifest, records: &[SampleRecord]) -> PathBuf {
    let path = folder.join("2026-11-22T06-02-30-00-00_capitals_7iAf.eval");
    let mut log = LogWriter::create(&path, start_json(manifest, "proofhouse 0.1.0")).unwrap();
    let mut packer = Packer::new().unwrap();
    for record in records {
        let entry = packer.pack(&sample_json(record, TARGET).unwrap()).unwrap();
        log.sample(&entry_name(&record.sample, record.epoch), &entry, record, TARGET).unwrap();
    }
    log.finish(manifest).unwrap();
    path
}
