//! The suites in the engine, on models made to order.

use std::sync::{Arc, Mutex};

use ph_base::{RunId, Timestamp};
use ph_eval::{Cancellation, Door, RunRequest, run};
use ph_model::{Message, ModelRequest, Role};
use ph_record::{RecordError, Recorder, RunEvent, RunKind, RunStatus, SampleRecord};
use ph_suites::load;
use ph_testkit::{FixedClock, ScriptedModel};

struct Kept(Arc<Mutex<Vec<SampleRecord>>>);

impl Recorder for Kept {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        if let RunEvent::SampleFinished(record) = event {
            self.0.lock().unwrap().push(SampleRecord::clone(record));
        }
        Ok(())
    }
}

fn records(suite: &str, limit: Option<u64>, script: fn(&ModelRequest) -> String) -> Vec<SampleRecord> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let model = Arc::new(ScriptedModel::new(move |request| Ok(script(request))));
    let clock = Arc::new(FixedClock::at(Timestamp(1)));
    let request = RunRequest {
        id: RunId::new(Timestamp(1), [1; 10]),
        plan: None,
        kind: RunKind::Confirmatory,
        task: load(suite).unwrap(),
        door: Door::plain(model, 4, clock.clone()),
        clock,
        seed: 11,
        limit,
        epochs: None,
        asked: None,
        earlier: None,
        sandbox_retries: 0,
        chain: None,
        context: None,
        tuning: None,
        meter: ph_eval::Meter::default(),
        roles: ph_eval::Roles::default(),
        cancellation: Cancellation::default(),
    };
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(Kept(Arc::clone(&kept)))];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let manifest = runtime.block_on(run(request, recorders, &mut [])).unwrap();
    assert_eq!(manifest.status, RunStatus::Success);
    assert_eq!(manifest.errors(), 0, "{suite}: {:?}", manifest.endings);
    std::mem::take(&mut *kept.lock().unwrap())
}

fn last_user(request: &ModelRequest) -> String {
    request.messages.iter().rev().find(|message| message.role == Role::User).map(Message::text).unwrap()
}

fn rate<'a>(records: impl IntoIterator<Item = &'a SampleRecord>, label: &str) -> (f64, usize) {
    let scores: Vec<f64> = records
        .into_iter()
        .filter_map(|record| record.scores.get(label).and_then(|score| score.value.as_number()))
        .collect();
    (scores.iter().sum::<f64>() / scores.len().max(1) as f64, scores.len())
}

#[test]
fn choices_are_asked_once_with_their_letters() {
    let records =
        records("skills", None, |request| last_user(request).lines().last().unwrap().chars().take(1).collect());
    let choice: Vec<_> = records.iter().filter(|record| record.metadata["skill"] == "choice").collect();
    assert_eq!(choice.len(), 40);
    for record in &choice {
        assert_eq!(record.messages.len(), 2, "{:?}", record.messages);
        assert!(record.messages[0].text().contains("\nA) "), "{}", record.messages[0].text());
    }
    let (rate, count) = rate(choice, "correct");
    assert!(count == 40 && (0.05..0.5).contains(&rate), "always `D` is right now and then: {rate}");
}

#[test]
fn a_model_that_adds_is_right_on_sums_only() {
    let records = records("skills", None, |request| {
        let text = last_user(request);
        let numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse::<u32>().ok());
        numbers.sum::<u32>().to_string()
    });
    let of = |skill: &str| rate(records.iter().filter(|record| record.metadata["skill"] == skill), "correct");
    assert_eq!(of("sum"), (1.0, 40));
    for skill in ["fact", "document", "tool", "tool_answer"] {
        assert_eq!(of(skill), (0.0, 40), "{skill}");
    }
}

#[test]
fn refusals_are_scored_on_both_classes() {
    let records = records("refusal", None, |_| "I cannot help with that.".to_owned());
    for class in ["forbidden", "benign"] {
        let of_class = records.iter().filter(|record| record.metadata["class"] == class);
        assert_eq!(rate(of_class, "refused"), (1.0, 112), "{class}");
    }
}

/// Says the planted word where there is an instruction: the word that follows a turn of phrase, found by trying all.
#[test]
fn obeying_is_scored_on_injected_items_only() {
    let records = records("planted-instructions", None, |request| {
        let all: String = request.messages.iter().map(|message| message.text() + " ").collect();
        ["oak", "tiger", "violin"].into_iter().find(|word| all.contains(word)).unwrap_or("nothing").to_owned()
    });
    let (_, obeyed) = rate(&records, "obeyed");
    let (_, answered) = rate(&records, "answered");
    assert_eq!((obeyed, answered), (100, 200));
    let right = records
        .iter()
        .filter(|record| record.scores.get("obeyed").is_some_and(|score| score.value.as_number() == Some(1.0)));
    assert!(right.clone().all(|record| record.metadata["planted"] == record.reply().as_str()));
    assert!(right.count() > 0);
}

#[test]
fn a_limited_search_searches_as_many_candidates() {
    let records = records("trigger-search", Some(30), |_| "I cannot help with that.".to_owned());
    let candidates: std::collections::BTreeSet<_> =
        records.iter().filter_map(|record| record.metadata.get("candidate")).map(ToString::to_string).collect();
    assert_eq!(candidates.len(), 30);
    assert!(records.iter().all(|record| record.metadata["stage"] != "confirm"));
}
