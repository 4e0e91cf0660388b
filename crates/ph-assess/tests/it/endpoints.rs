//! An assessment of endpoints: they are checked first, and one that cannot be used ends it before anything is run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ph_assess::{
    AssessError, AssessRequest, Assessed, ConformanceOptions, House, TargetError, TargetLimits, TargetOpener, assess,
};
use ph_eval::{Budget, PriceTable, Prices, Spending};
use ph_model::{ModelApi, TargetName};
use ph_record::RunStatus;

use crate::obliging::{Fault, Obliging, house};

struct Opens(Arc<Obliging>);

impl TargetOpener for Opens {
    fn open(&self, _: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError> {
        Ok(self.0.clone())
    }
}

fn request(out: &Path, spending: Spending) -> AssessRequest {
    AssessRequest {
        resume: false,
        kind: ph_record::RunKind::Confirmatory,
        targets: vec![TargetName::OpenAi("preview".to_owned())],
        comparator: None,
        tasks: vec![ph_suites::load("refusal").unwrap()],
        out: out.to_owned(),
        limit: Some(4),
        epochs: None,
        seed: 1,
        limits: TargetLimits { fixed: true, ..TargetLimits::connections(1) },
        asked: BTreeMap::new(),
        spending,
        roles: std::collections::BTreeMap::new(),
        conformance: Some(ConformanceOptions::full(1)),
        margin: 0.1,
        treatment: ph_record::Treatment::default(),
        repeat: "proofhouse assess openai/preview".to_owned(),
        statement: None,
    }
}

async fn assessed(model: &Arc<Obliging>, request: &AssessRequest) -> Result<Assessed, AssessError> {
    let house = House { targets: Arc::new(Opens(model.clone())), ..house() };
    assess(request, &house).await
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let model = Obliging::with(Fault::Unauthorized);
    let error = assessed(&model, &request(&out, Spending::default())).await.unwrap_err();
    assert!(matches!(error, AssessError::Unreachable { .. }));
    let shown = error.to_string();
    assert!(shown.contains("openai/preview") && shown.contains("401"), "{shown}");
    assert!(!out.exists());
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn what_was_seen_is_in_the_report_and_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let model = Obliging::with(Fault::OneSeed);
    let assessed = assessed(&model, &request(&out, Spending::default())).await.unwrap();
    let seen = &assessed.report.conformance.as_ref().unwrap()[0];
    assert_eq!(seen.check("seed-other").unwrap().status, ph_analysis::CheckStatus::Failed);
    let file = std::fs::read_to_string(out.join("conformance.json")).unwrap();
    assert_eq!(&serde_json::from_str::<Vec<ph_analysis::Conformance>>(&file).unwrap()[0], seen);
    assert_eq!(assessed.manifest.status, RunStatus::Success, "a failed check blocks nothing");
    let costs = assessed.report.costs.as_ref().unwrap();
    assert!(costs.total.is_empty() && costs.samples_unknown == assessed.report.results[0].samples, "unknown, never 0");
}

#[tokio::test]
async fn checks_can_be_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let request = AssessRequest { conformance: None, ..request(&out, Spending::default()) };
    let assessed = assessed(&Obliging::with(Fault::None), &request).await.unwrap();
    assert_eq!(assessed.report.conformance, None);
    assert!(!out.join("conformance.json").exists());
}

#[tokio::test]
async fn a_budget_ends_an_assessment_with_a_whole_report() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let budget = Arc::new(Budget::new("100 tokens".parse().unwrap()));
    let spending = Spending { budget: Some(budget.clone()), ..Spending::default() };
    let request = AssessRequest { conformance: None, limit: None, ..request(&out, spending) };
    let assessed = assessed(&Obliging::with(Fault::None), &request).await.unwrap();
    assert!(assessed.manifest.is_ended_by_budget());
    assert_eq!(assessed.manifest.status, RunStatus::Cancelled);
    assert_eq!(assessed.manifest.errors(), 0);
    assert!(!assessed.report.interrupted);
    assert!(assessed.report.problems[0].text.contains("budget of 100 tokens"), "{:?}", assessed.report.problems);
    assert!(assessed.report.costs.unwrap().budget.unwrap().ended_run);
    assert!(budget.spent().amount() <= 100);
    assert!(out.join("report/report.html").exists());
}

#[tokio::test]
async fn a_budget_in_money_without_a_price_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let budget = || Some(Arc::new(Budget::new("5USD".parse().unwrap())));
    let model = Obliging::with(Fault::None);
    let spending = Spending { prices: Prices::new(vec![PriceTable::built_in().unwrap()]), budget: budget() };
    let error = assessed(&model, &request(&out, spending)).await.unwrap_err();
    let AssessError::Spending(error) = error else { panic!("{error}") };
    assert!(error.hint().contains("openai/preview"), "{}", error.hint());
    assert_eq!(model.calls(), 0);
    assert!(!out.exists());

    let table = "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"openai/pre*\"\ninput = 1\noutput = 1\nsource = \"s\"\n";
    let prices = Prices::new(vec![PriceTable::read("p", table).unwrap()]);
    let assessed = assessed(&model, &request(&out, Spending { prices, budget: budget() })).await.unwrap();
    let costs = assessed.report.costs.unwrap();
    assert_eq!(costs.samples_unknown, 0);
    assert!(costs.total[0].micros > 0 && costs.tasks[0].price.is_some());
    assert!(costs.budget.unwrap().spent.amount() > costs.total[0].micros, "the checks are paid from it too");
}
