//! Budgets in the engine: what is never sent, what ends, what the records say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ph_eval::{Budget, PriceTable, Prices, RunRequest, Spending};
use ph_model::{ModelError, ModelErrorKind, ModelOutput, Usage};
use ph_record::{BudgetLimit, Ending, LimitKind, RunStatus};

use crate::fixture::{Fake, counting_task, door, output, request, run_kept, task};

const TABLE: &str = "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"reference/fake\"\ninput = 2\noutput = 10\nsource = \"s\"\n";

fn spending(budget: Option<&str>) -> Spending {
    let prices = Prices::new(vec![PriceTable::read("p.toml", TABLE).unwrap()]);
    Spending { prices, budget: budget.map(|text| Arc::new(Budget::new(text.parse().unwrap()))) }
}

/// A model whose every call takes 3 + 2 tokens: 26 millionths.
fn metered(budget: Option<&str>, samples: usize, max_connections: u32) -> (RunRequest, Arc<Fake>, Spending) {
    let (model, spending) = (Fake::echo(), spending(budget));
    let meter = spending.meter("reference/fake");
    let request = RunRequest {
        meter,
        door: door(model.clone(), max_connections),
        ..request(counting_task(samples), model.clone())
    };
    (request, model, spending)
}

#[tokio::test]
async fn every_sample_has_its_cost() {
    let (request, _, _) = metered(None, 5, 2);
    let (manifest, kept) = run_kept(request).await;
    let manifest = manifest.unwrap();
    assert_eq!(manifest.price.unwrap().input, 2_000_000);
    assert_eq!(manifest.budget, None);
    for record in kept.records() {
        assert_eq!(record.cost.unwrap().to_string(), "0.000026 USD");
    }
}

#[tokio::test]
async fn an_unknown_price_or_usage_is_an_unknown_cost() {
    let (manifest, kept) = run_kept(request(counting_task(2), Fake::echo())).await;
    assert_eq!(manifest.unwrap().price, None);
    assert!(kept.records().iter().all(|record| record.cost.is_none()));

    let silent = Fake::new(|_| Ok(ModelOutput { usage: None, ..output("1") }));
    let meter = spending(None).meter("reference/fake");
    let (_, kept) = run_kept(RunRequest { meter, ..request(counting_task(2), silent) }).await;
    assert!(kept.records().iter().all(|record| record.cost.is_none()), "never 0");
}

#[tokio::test]
async fn a_budget_ends_the_run_cleanly() {
    let (request, model, spending) = metered(Some("42 tokens"), 100, 1);
    let (manifest, kept) = run_kept(request).await;
    let manifest = manifest.unwrap();
    assert_eq!(manifest.status, RunStatus::Cancelled);
    assert!(manifest.is_ended_by_budget() && manifest.error.is_none());
    let used = manifest.budget.unwrap();
    assert_eq!(used.limit, BudgetLimit::Tokens(42));
    assert_eq!(used.spent, BudgetLimit::Tokens(5 * model.calls() as u64));
    assert!(used.spent.amount() <= 42, "{used:?}");
    let records = kept.records();
    assert_eq!(records.len(), model.calls(), "what was never asked is not recorded");
    assert!(records.iter().all(|record| record.ending == Ending::Completed));
    assert_eq!(manifest.errors(), 0, "a budget's end is no error");
    assert!(spending.is_ended());
}

#[tokio::test]
async fn a_budget_in_money_ends_with_the_limit_cost() {
    let toml =
        "name = \"twice\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\", \"generate\"]\nscorer = [\"match\"]\n";
    let items = "{\"id\":\"a\",\"input\":\"say 1\",\"target\":\"1\"}\n";
    let model = Fake::new(|_| Ok(output("1")));
    let meter = spending(Some("0.00005USD")).meter("reference/fake");
    let (manifest, kept) = run_kept(RunRequest { meter, ..request(task(toml, items), model.clone()) }).await;
    assert!(manifest.unwrap().is_ended_by_budget());
    assert_eq!(model.calls(), 1, "a second call of 26 millionths does not fit");
    let limits = kept
        .records()
        .iter()
        .filter(|record| matches!(record.ending, Ending::Limit { limit: LimitKind::Cost, .. }))
        .count();
    assert_eq!(limits, 1);
}

#[tokio::test]
async fn a_budget_that_suffices_changes_nothing() {
    let (request, model, _) = metered(Some("2000 tokens"), 100, 8);
    let manifest = run_kept(request).await.0.unwrap();
    assert_eq!((manifest.status, manifest.samples, model.calls()), (RunStatus::Success, 100, 100));
    assert!(!manifest.is_ended_by_budget());
    assert_eq!(manifest.budget.unwrap().spent, BudgetLimit::Tokens(500));
}

/// Never overspends by more than the calls under way, however wrong the estimates are.
#[tokio::test]
async fn the_budget_holds_up_to_the_calls_under_way() {
    for connections in [1, 2, 7, 16] {
        // Every reply is dearer than any estimate before it.
        let dear = Arc::new(AtomicU64::new(10));
        let growing = dear.clone();
        let model = Fake::new(move |_| {
            let output_tokens = growing.fetch_add(10, Ordering::SeqCst);
            let usage = Usage { input_tokens: 3, output_tokens, ..Usage::default() };
            Ok(ModelOutput { usage: Some(usage), ..output("1") })
        });
        let spending = spending(Some("5000 tokens"));
        let meter = spending.meter("reference/fake");
        let run =
            RunRequest { meter, door: door(model.clone(), connections), ..request(counting_task(500), model.clone()) };
        let manifest = run_kept(run).await.0.unwrap();
        assert!(manifest.is_ended_by_budget());
        let spent = manifest.budget.unwrap().spent.amount();
        let dearest = dear.load(Ordering::SeqCst);
        assert!(spent <= 5_000 + connections as u64 * dearest, "{connections}: {spent}");
        assert_eq!(spent, manifest.usage.total_tokens());
    }
}

#[tokio::test]
async fn a_sample_under_way_ends_by_the_limit_and_keeps_its_score() {
    let toml =
        "name = \"twice\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\", \"generate\"]\nscorer = [\"match\"]\n";
    let items = "{\"id\":\"a\",\"input\":\"say 1\",\"target\":\"1\"}\n";
    let spending = spending(Some("14 tokens"));
    let meter = spending.meter("reference/fake");
    let (manifest, kept) =
        run_kept(RunRequest { meter, ..request(task(toml, items), Fake::new(|_| Ok(output("1")))) }).await;
    assert!(manifest.unwrap().is_ended_by_budget(), "though the source had no more to give");
    let record = kept.record_of("a");
    assert!(matches!(record.ending, Ending::Limit { limit: LimitKind::Token, .. }));
    assert_eq!(record.scores.len(), 1);
    assert_eq!(record.cost.unwrap().to_string(), "0.000026 USD");
}

#[tokio::test]
async fn a_budget_at_its_end_starts_no_run() {
    let (request, _, spending) = metered(Some("42 tokens"), 100, 1);
    run_kept(request).await.0.unwrap();
    let model = Fake::echo();
    let second = RunRequest {
        meter: spending.meter("reference/fake"),
        ..crate::fixture::request(counting_task(3), model.clone())
    };
    let manifest = run_kept(second).await.0.unwrap();
    assert_eq!((model.calls(), manifest.samples), (0, 0));
    assert!(manifest.is_ended_by_budget());
}

#[tokio::test]
async fn a_call_that_timed_out_has_no_known_cost_but_counts() {
    let late = Fake::new(|_| Err(ModelError::new(ModelErrorKind::Timeout, "late")));
    let spending = spending(Some("1000 tokens"));
    let meter = spending.meter("reference/fake");
    let (manifest, kept) = run_kept(RunRequest { meter, ..request(counting_task(1), late) }).await;
    assert!(kept.records()[0].cost.is_none());
    assert!(manifest.unwrap().budget.unwrap().spent.amount() > 0);
    let away = Fake::new(|_| Err(ModelError::new(ModelErrorKind::RateLimited, "slow down")));
    let meter = crate::budget::spending(None).meter("reference/fake");
    let (_, kept) = run_kept(RunRequest { meter, ..request(counting_task(1), away) }).await;
    assert_eq!(kept.records()[0].cost.unwrap().micros, 0, "turned away: nothing was used");
}
