//! Every check catches its misbehaviour, and nothing else fails for it.

use std::sync::Arc;
use std::time::Duration;

use ph_analysis::{CheckStatus, Conformance};
use ph_assess::{CheckSubject, ConformanceOptions, check_conformance};
use ph_eval::{Budget, Spending};
use ph_model::ModelApi;

use crate::obliging::{Fault, Obliging, house};

fn options() -> ConformanceOptions {
    ConformanceOptions { call_timeout: Duration::from_millis(50), ..ConformanceOptions::full(3) }
}

fn subject(model: &Arc<Obliging>, stranger: Fault) -> CheckSubject {
    let stranger: Arc<dyn ModelApi> = Obliging::with(stranger);
    CheckSubject { model: model.clone(), stranger: Ok(stranger) }
}

async fn checked(fault: Fault, options: &ConformanceOptions) -> Conformance {
    let model = Obliging::with(fault);
    let subject = subject(&model, Fault::Unauthorized);
    let seen = check_conformance(&subject, options, &house(), &Spending::default()).await;
    assert!(
        seen.calls.len() as u64 == model.calls() + u64::from(seen.check("auth").unwrap().calls),
        "every call is told"
    );
    assert!(seen.calls.len() <= options.calls_max as usize);
    seen
}

fn ids(seen: &Conformance, status: CheckStatus) -> Vec<&str> {
    seen.checks.iter().filter(|check| check.status == status).map(|check| check.id.as_str()).collect()
}

fn shown(seen: &Conformance) -> String {
    let line = |check: &ph_analysis::ConformanceCheck| format!("{} {}: {}", check.id, check.status.name(), check.came);
    seen.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_good_endpoint_passes_everything_within_its_bounds() {
    for options in
        [options(), ConformanceOptions { call_timeout: options().call_timeout, ..ConformanceOptions::quick(3) }]
    {
        let seen = checked(Fault::None, &options).await;
        assert_eq!(ids(&seen, CheckStatus::Failed), Vec::<&str>::new(), "{}", shown(&seen));
        let unmade: &[&str] = if options.quick { &["rate"] } else { &[] };
        let not_checked = ids(&seen, CheckStatus::NotChecked);
        assert!(
            not_checked.iter().all(|id| unmade.contains(id) || options.quick && *id == "context-too-long"),
            "{}",
            shown(&seen)
        );
        assert!(seen.tokens <= options.tokens_max && seen.unreachable.is_none());
        assert_eq!(seen.reported_model.as_deref(), Some("preview-0"));
        assert!(seen.answers_fingerprint.is_some());
        assert_eq!(seen.quick, options.quick);
    }
}

#[track_caller]
fn check(seen: &Conformance, failed: &[&str]) {
    assert_eq!(ids(seen, CheckStatus::Failed), failed, "{}", shown(seen));
    assert!(seen.unreachable.is_none());
    for check in &seen.checks {
        assert!(!check.came.is_empty() && !check.meaning.is_empty() && !check.asked.is_empty(), "{}", check.id);
    }
}

#[tokio::test]
async fn every_fault_fails_its_check_and_no_other() {
    let cases: [(Fault, &[&str]); 27] = [
        (Fault::FailsOnce, &["reachability"]),
        (Fault::RateLimitedInParallel, &["rate"]),
        (Fault::IgnoresSeed, &["seed-same"]),
        (Fault::OneSeed, &["seed-other"]),
        (Fault::Unstable, &["fingerprint"]),
        (Fault::CutsAndCountsShort, &["context-too-long"]),
        (Fault::CutsUncounted, &["context-too-long"]),
        (Fault::DeclaresAndCuts, &["context-too-long"]),
        (Fault::TooLongIsInvalid, &["context-too-long"]),
        (Fault::StreamsOtherText, &["streaming"]),
        (Fault::PiecesAreNotTheReply, &["streaming"]),
        (Fault::StreamFails, &["streaming"]),
        (Fault::EndsOtherwise, &["streaming"]),
        (Fault::NoToolCall, &["tool-call"]),
        (Fault::BrokenToolJson, &["tool-call"]),
        (Fault::WrongToolName, &["tool-call"]),
        (Fault::NoRequiredArgument, &["tool-call"]),
        (Fault::ToolCallSaysStop, &["tool-call"]),
        (Fault::IgnoresToolResult, &["tool-result"]),
        (Fault::StopIsUnknown, &["stop-natural", "stop-text"]),
        (Fault::IgnoresStopText, &["stop-text"]),
        (Fault::IgnoresMaxTokens, &["stop-max-tokens"]),
        (Fault::CutSaysStop, &["stop-max-tokens"]),
        (Fault::RefusesBenign, &["benign-refusal"]),
        (Fault::FiltersBenign, &["benign-refusal"]),
        (Fault::WrongSum, &["canary-arithmetic"]),
        (Fault::NoEcho, &["canary-echo"]),
    ];
    for (fault, failed) in cases {
        let seen = checked(fault, &options()).await;
        println!("{fault:?}");
        check(&seen, failed);
    }
    check(&checked(Fault::Chatty, &options()).await, &["canary-instruction"]);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_is_asked_nothing_more() {
    let cases = [
        (Fault::Unreachable, "unreachable", 1),
        (Fault::Unauthorized, "unauthorized", 1),
        (Fault::Hangs, "timeout", 3),
        (Fault::RateLimited, "rate_limited", 3),
    ];
    for (fault, code, calls) in cases {
        let seen = checked(fault, &options()).await;
        assert_eq!(seen.unreachable.as_ref().map(|error| error.code.as_str()), Some(code));
        assert_eq!(seen.calls.len(), calls, "{fault:?}");
        assert_eq!(ids(&seen, CheckStatus::Failed), ["reachability"]);
        assert_eq!(ids(&seen, CheckStatus::NotChecked).len(), seen.checks.len() - 1);
        assert!(seen.calls.iter().all(|call| call.error.is_some() && call.reply.is_none()));
    }
}

#[tokio::test]
async fn an_endpoint_that_answers_strangers_is_told_on() {
    let model = Obliging::with(Fault::None);
    let seen = check_conformance(&subject(&model, Fault::None), &options(), &house(), &Spending::default()).await;
    check(&seen, &["auth"]);
    let closed = CheckSubject { model, stranger: Err("runs in this process".to_owned()) };
    let seen = check_conformance(&closed, &options(), &house(), &Spending::default()).await;
    let auth = seen.check("auth").unwrap();
    assert_eq!((auth.status, auth.came.as_str(), auth.calls), (CheckStatus::NotChecked, "runs in this process", 0));
}

#[tokio::test]
async fn calls_tokens_and_budget_bound_it() {
    let few = ConformanceOptions { calls_max: 5, ..options() };
    let seen = checked(Fault::None, &few).await;
    assert_eq!(seen.calls.len(), 5);
    assert!(seen.check("fingerprint").unwrap().came.contains("5 calls"), "{}", shown(&seen));

    let few = ConformanceOptions { tokens_max: 3_000, ..options() };
    let seen = checked(Fault::None, &few).await;
    assert!(seen.tokens < 3_000 + 4_200, "{}", seen.tokens);
    assert!(seen.check("rate").unwrap().came.contains("tokens"), "{}", shown(&seen));

    let budget = Arc::new(Budget::new("200 tokens".parse().unwrap()));
    let spending = Spending { budget: Some(budget.clone()), ..Spending::default() };
    let model = Obliging::with(Fault::None);
    let seen = check_conformance(&subject(&model, Fault::Unauthorized), &options(), &house(), &spending).await;
    assert!(budget.spent().amount() <= 200 && budget.is_ended());
    assert_eq!(budget.spent().amount(), seen.tokens);
    assert!(seen.check("rate").unwrap().came.contains("budget of 200 tokens"), "{}", shown(&seen));
    assert_eq!(ids(&seen, CheckStatus::Failed), Vec::<&str>::new());
}

#[tokio::test]
async fn an_interrupt_ends_it() {
    let house = house();
    house.cancellation.interrupt();
    let model = Obliging::with(Fault::None);
    let seen = check_conformance(&subject(&model, Fault::Unauthorized), &options(), &house, &Spending::default()).await;
    assert_eq!(model.calls(), 0);
    assert!(seen.checks.iter().all(|check| check.status == CheckStatus::NotChecked && check.came == "interrupted"));
    assert!(seen.unreachable.is_none());
}

#[tokio::test]
async fn a_second_interrupt_drops_the_call_under_way() {
    let house = house();
    let model = Obliging::with(Fault::Hangs);
    let patient = ConformanceOptions { call_timeout: Duration::from_secs(3_600), ..options() };
    let (subject, spending) = (subject(&model, Fault::Unauthorized), Spending::default());
    let interrupt = async {
        while model.calls() == 0 {
            tokio::task::yield_now().await;
        }
        house.cancellation.interrupt();
        house.cancellation.interrupt();
    };
    let (seen, ()) = tokio::join!(check_conformance(&subject, &patient, &house, &spending), interrupt);
    assert_eq!((model.calls(), seen.calls.len()), (1, 1), "what was sent is written down");
    assert!(seen.checks.iter().all(|check| check.status == CheckStatus::NotChecked && check.came == "interrupted"));
    assert!(seen.unreachable.is_none());
}

#[tokio::test]
async fn a_seed_that_is_never_sent_is_not_checked() {
    let seen = checked(Fault::HasNoSeed, &options()).await;
    check(&seen, &[]);
    for id in ["seed-same", "seed-other"] {
        let seed = seen.check(id).unwrap();
        assert_eq!((seed.status, seed.calls), (CheckStatus::NotChecked, 0));
        assert!(seed.came.contains("no seed"), "{}", seed.came);
    }
}

#[tokio::test]
async fn one_slow_start_is_not_out_of_reach() {
    let seen = checked(Fault::WakesSlowly, &options()).await;
    check(&seen, &["reachability"]);
    assert_eq!(ConformanceOptions::full(1).call_timeout, ph_assess::Timeouts::default().call);
}

#[tokio::test]
async fn a_call_that_fails_for_another_reason_is_no_limit_of_the_context() {
    let seen = checked(Fault::LongIsTurnedAway, &options()).await;
    check(&seen, &[]);
    let limit = seen.check("context-limit").unwrap();
    assert_eq!(limit.status, CheckStatus::NotChecked);
    assert!(limit.came.starts_with("takes 4096 words") && limit.came.contains("the call with 8192 words failed"));
    assert_eq!((limit.calls, seen.check("context-too-long").unwrap().status), (4, CheckStatus::NotChecked));
}

#[tokio::test]
async fn the_fingerprint_shows_a_change_and_only_that() {
    let first = checked(Fault::None, &options()).await;
    let again = checked(Fault::WrongSum, &options()).await;
    assert_eq!(first.answers_fingerprint, again.answers_fingerprint, "its fixed prompts are answered alike");
    let unstable = checked(Fault::Unstable, &options()).await;
    assert_eq!(unstable.answers_fingerprint, None);
}

#[tokio::test]
async fn the_result_reads_back() {
    let seen = checked(Fault::None, &options()).await;
    let json = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Conformance>(&json).unwrap(), seen);
    assert!(json.contains("sha256:") && json.contains("\"not_checked\"") == json.contains("not_checked"));
}
