//! Where what ran departs from the locked plan.

use crate::input::{AnalysisInput, Run};

/// Every departure, in words, in the order of the plan.
pub(crate) fn deviations(input: &AnalysisInput) -> Vec<String> {
    let mut found = Vec::new();
    for task in &input.plan.tasks {
        for target in &input.plan.targets {
            let Some(run) = input.run(&target.name, &task.name) else {
                found.push(format!("`{}` did not run on `{}`", task.name, target.name));
                continue;
            };
            let place = format!("`{}` on `{}`", task.name, target.name);
            found.extend(of_run(input, run, &place));
            if run.manifest.task_digest != task.digest {
                found.push(format!("{place}: the task or its items are not those of the plan (digest differs)"));
            }
            if run.manifest.epochs != task.epochs {
                let (ran, planned) = (run.manifest.epochs, task.epochs);
                found.push(format!("{place}: {ran} epochs instead of {planned}"));
            }
            if target.fingerprint.is_some() && run.manifest.fingerprint != target.fingerprint {
                found.push(format!("{place}: the target's fingerprint is not that of the plan"));
            }
            let (recorded, planned) = (run.table.len() as u64, task.samples.saturating_mul(task.epochs.into()));
            if recorded < planned {
                found.push(format!("{place}: {recorded} of {planned} planned samples have a record"));
            }
        }
    }
    found.extend(unplanned(input));
    found
}

fn of_run(input: &AnalysisInput, run: &Run, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    if run.manifest.plan.is_some_and(|plan| plan != input.plan.id) {
        found.push(format!("{place}: ran under another plan"));
    }
    if run.manifest.seed != input.plan.seed {
        found.push(format!("{place}: seed {} instead of {}", run.manifest.seed, input.plan.seed));
    }
    if run.manifest.started_at < input.plan.created_at {
        found.push(format!("{place}: began before the plan was locked"));
    }
    let target = &run.manifest.target;
    let again = input
        .runs
        .iter()
        .filter(|other| other.manifest.target == *target && other.manifest.task.name == run.manifest.task.name);
    let count = again.count();
    if count > 1 {
        found.push(format!("{place}: ran {count} times; the last is printed"));
    }
    found
}

/// Runs that the plan does not name; they are not printed elsewhere.
fn unplanned(input: &AnalysisInput) -> Vec<String> {
    let planned = |run: &Run| {
        let target = input.plan.targets.iter().any(|target| target.name == run.manifest.target);
        target && input.plan.tasks.iter().any(|task| task.name == run.manifest.task.name)
    };
    let mut found: Vec<String> = input
        .runs
        .iter()
        .filter(|run| !planned(run))
        .map(|run| {
            format!(
                "`{}` on `{}` ran without being planned and is left out",
                run.manifest.task.name, run.manifest.target
            )
        })
        .collect();
    found.sort();
    found
}
