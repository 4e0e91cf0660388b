//! What several logs used together: the `stats` of a log that is merged of them.

use serde_json::Value;

use crate::shape::instant_in;

/// The `stats` of logs with these headers: from the first beginning to the last end, with the usage of all models and roles
/// summed. The files of one run have the whole run's stats each, so that a run counts once. `None` where no log has any.
#[must_use]
pub fn merged_stats(headers: &[&Value]) -> Option<Value> {
    let mut runs = Vec::new();
    let mut merged: Option<Value> = None;
    for header in headers {
        let Some(stats) = header.get("stats").filter(|stats| stats.is_object()) else { continue };
        let run = ["eval_id", "run_id"].map(|name| header.pointer(&format!("/eval/{name}")));
        let is_known = run.iter().any(Option::is_some) && runs.contains(&run);
        runs.push(run);
        match &mut merged {
            None => merged = Some((*stats).clone()),
            Some(_) if is_known => {}
            Some(merged) => add(merged, stats),
        }
    }
    merged
}

fn add(merged: &mut Value, stats: &Value) {
    for name in ["model_usage", "role_usage"] {
        if let Some(more) = stats.get(name).filter(|more| more.is_object()) {
            add_counts(&mut merged[name], more);
        }
    }
    for (name, is_end) in [("started_at", false), ("completed_at", true)] {
        let (so_far, other) = (instant_in(merged.get(name)), instant_in(stats.get(name)));
        let is_further = |so_far, other| if is_end { other > so_far } else { other < so_far };
        if other.is_some_and(|other| so_far.is_none_or(|so_far| is_further(so_far, other))) {
            merged[name] = stats[name].clone();
        }
    }
}

/// Adds the numbers of two values of the same shape; what only one has stays as it is.
fn add_counts(sum: &mut Value, more: &Value) {
    match (&mut *sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, more) in more {
                add_counts(sum.entry(name.clone()).or_insert(Value::Null), more);
            }
        }
        (Value::Null, more) => *sum = more.clone(),
        (Value::Number(number), Value::Number(more)) => {
            *sum = match (number.as_u64(), more.as_u64()) {
                (Some(number), Some(more)) => number.saturating_add(more).into(),
                _ => (number.as_f64().unwrap_or(0.0) + more.as_f64().unwrap_or(0.0)).into(),
            };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log(run: &str, started: &str, completed: &str, usage: &Value) -> Value {
        json!({ "eval": { "eval_id": run, "run_id": run }, "stats": { "started_at": started, "completed_at": completed,
            "model_usage": { "m": usage }, "role_usage": { "grader": usage } } })
    }

    #[test]
    fn runs_are_summed_and_every_run_counts_once() {
        let usage = |input: u64, cost: f64| json!({ "input_tokens": input, "total_cost": cost });
        let first = log("a", "2026-01-01T10:00:00+00:00", "2026-01-01T11:00:00+00:00", &usage(5, 0.5));
        // The same instant in another zone is later than it looks.
        let mut second = log("b", "2026-01-01T10:30:00+01:00", "2026-01-01T10:59:00+00:00", &usage(7, 0.25));
        second["stats"]["model_usage"]["n"] = json!({ "input_tokens": 1, "reasoning_tokens": null });
        let unfinished = json!({ "eval": { "eval_id": "c" } });
        let merged = merged_stats(&[&first, &first, &unfinished, &second, &second]).unwrap();
        let wanted = json!({
            "started_at": "2026-01-01T10:30:00+01:00", "completed_at": "2026-01-01T11:00:00+00:00",
            "model_usage": { "m": usage(12, 0.75), "n": { "input_tokens": 1, "reasoning_tokens": null } },
            "role_usage": { "grader": usage(12, 0.75) },
        });
        assert_eq!(merged, wanted);
        assert_eq!(merged_stats(&[&unfinished]), None);
        assert_eq!(merged_stats(&[&first]).unwrap(), first["stats"]);
    }
}
