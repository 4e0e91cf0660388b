//! The plan: the one that was locked, before anything confirmatory ran.

use std::collections::BTreeMap;

use ph_base::{Digest, RunId, Timestamp};
use ph_proof::note::WitnessPolicy;
use ph_proof::statement::{PlanPredicate, RunKind, Statement};
use ph_record::Plan;

use crate::bundle::Bundle;
use crate::check::{Findings, Found};
use crate::ledger_checks::{Head, Ledger};
use crate::statements::Statements;
use crate::trust::Trust;

/// The name of the plan's part.
pub(crate) const PLAN: &str = "plan.json";

/// Whether `plan.json` is the plan that was locked last, and says what the statement says.
pub(crate) fn plan(bundle: &mut Bundle, statements: &Statements) -> Found {
    let Some((index, statement)) = statements.plans.last() else {
        return if statements.is_partial {
            Found::not_checkable("no entry that locks a plan is in this edition")
        } else {
            Found::failed("no plan was ever locked")
        };
    };
    let bytes = match bundle.part(PLAN) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Found::not_checkable("`plan.json` is withheld"),
        Err(problem) => return Found::failed(problem),
    };
    let mut locked = statements.plans.iter().map(|(_, statement)| plan_digest(statement));
    let first = locked.next().flatten();
    if locked.any(|other| other != first) {
        return Found::failed("several plans were locked: which one the runs were to follow is anybody's choice");
    }
    if plan_digest(statement) != Some(Digest::of(&bytes)) {
        return Found::failed(format!("`plan.json` is not the plan that entry {index} locked"));
    }
    match serde_json::from_slice::<Plan>(&bytes) {
        Err(error) => Found::failed(format!("`plan.json`: {error}")),
        Ok(plan) if !says(&statement.predicate, &plan) => {
            Found::failed(format!("entry {index} says something else of the plan than `plan.json`"))
        }
        Ok(_) => Found::ok(format!("`plan.json` is what entry {index} locked")),
    }
}

fn plan_digest(statement: &Statement<PlanPredicate>) -> Option<Digest> {
    match &statement.subject[..] {
        [one] if one.name == PLAN => Some(one.digest),
        _ => None,
    }
}

/// Whether a statement says of a plan what is in it.
fn says(predicate: &PlanPredicate, plan: &Plan) -> bool {
    let tasks = predicate.tasks.iter().map(|task| (task.digest, task.epochs, task.samples));
    let kind = match plan.kind {
        ph_record::RunKind::Exploratory => RunKind::Exploratory,
        ph_record::RunKind::Confirmatory => RunKind::Confirmatory,
    };
    predicate.plan == plan.id
        && predicate.kind == kind
        && predicate.locked_at == plan.created_at
        && predicate.seed == plan.seed.to_string()
        && predicate.targets.iter().eq(plan.targets.iter().map(|target| &target.fingerprint))
        && tasks.eq(plan.tasks.iter().map(|task| (task.digest, task.epochs, task.samples)))
}

/// Whether every confirmatory run was opened after its plan was locked and a head covered it; and whether the quorum of
/// witnesses had cosigned such a head before the run's first sample began.
pub(crate) fn plan_first(
    ledger: &Ledger,
    statements: &Statements,
    starts: &BTreeMap<RunId, Timestamp>,
    trust: &Trust,
) -> (Found, bool) {
    let (mut findings, mut count, mut witnessed) = (Findings::default(), 0, true);
    for (run, entries) in &statements.runs {
        for (opened, kind, plan, resumed) in &entries.opened {
            if *kind == RunKind::Exploratory {
                continue;
            }
            count += 1;
            if *opened == first(entries) && *resumed {
                findings.wrong(format!("run {run} is gone on with at entry {opened} and was never begun"));
            }
            let locked = statements.plans.iter().filter(|(index, _)| index < opened);
            let Some((locked, _)) = locked.into_iter().find(|(_, one)| plan.is_some() && plan_digest(one) == *plan)
            else {
                findings.wrong(format!(
                    "the confirmatory run {run} was opened at entry {opened}, before its plan was locked"
                ));
                continue;
            };
            let between: Vec<&Head> = ledger.heads.range(locked + 1..=*opened).map(|(_, head)| head).collect();
            if between.is_empty() {
                let what = format!(
                    "no tree head covers the plan (entry {locked}) before run {run} was opened (entry {opened})"
                );
                findings.wrong(what);
            }
            let start = starts.get(run).copied();
            let in_time = |head: &&Head| trust.policy.as_ref().is_some_and(|policy| is_in_time(head, policy, start));
            // A run that is gone on with was opened before: what counts is the first time.
            witnessed &= *opened != first(entries) || between.iter().any(in_time);
        }
    }
    if statements.is_partial {
        findings.lacking("not all entries are here: a run may have been opened in one that is not");
    }
    if count == 0 {
        let text =
            if statements.is_partial { "no confirmatory run is in this edition" } else { "no run is confirmatory" };
        return (findings.found(format!("{text}; nothing had to be planned before")), true);
    }
    let cosigned = if witnessed {
        ", which witnesses had cosigned by the times that the runs began, as the operator's clock has them"
    } else {
        "; nobody else had cosigned that in time"
    };
    (findings.found(format!("{count} confirmatory runs were opened after the plan was locked{cosigned}")), witnessed)
}

fn first(entries: &crate::statements::RunEntries) -> u64 {
    entries.opened.iter().map(|(index, ..)| *index).min().unwrap_or(0)
}

/// Whether the quorum had cosigned a head by then. Cosignatures have seconds: one of the same second counts.
fn is_in_time(head: &Head, policy: &WitnessPolicy, start: Option<Timestamp>) -> bool {
    let (Some(evaluation), Some(start)) = (&head.evaluation, start) else { return false };
    let by = u64::try_from(start.0).unwrap_or(0) / 1000;
    policy.is_satisfied_by(|name| evaluation.signed.get(name).is_some_and(|seconds| *seconds <= by))
}
