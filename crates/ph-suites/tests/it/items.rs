//! The items of every suite: how many, that a seed repeats them, that a limit holds.

use std::collections::BTreeSet;

use ph_record::{Sample, SourceOptions};
use ph_suites::{load, suites};

pub(crate) fn first_round(suite: &str, options: &SourceOptions) -> Vec<Sample> {
    let mut stream = load(suite).unwrap().open(options).unwrap();
    let hint = stream.round_size_hint();
    let items: Vec<Sample> = stream.next_round().unwrap().unwrap().map(Result::unwrap).collect();
    assert_eq!(hint, Some(items.len() as u64), "{suite}: the announced size");
    items
}

fn options(seed: u64, limit: Option<u64>) -> SourceOptions {
    SourceOptions { seed, limit }
}

#[test]
fn there_are_four_suites() {
    let suites = suites();
    let names: Vec<_> = suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(names, ["skills", "refusal", "trigger-search", "planted-instructions"]);
    for suite in &suites {
        assert_eq!(suite.path, format!("suites/{}", suite.name));
        assert!(!suite.title.is_empty() && suite.domain.is_some(), "{suite:?}");
        assert_eq!(load(&suite.path).unwrap().spec().name, suite.name);
    }
}

#[test]
fn an_unknown_suite_is_named_with_those_that_exist() {
    let Err(error) = load("skill") else { panic!("there is no suite `skill`") };
    assert!(error.to_string().contains("skill") && error.hint.unwrap().contains("`skills`"));
}

#[test]
fn a_seed_repeats_the_items_and_another_does_not() {
    for suite in suites() {
        let items = |seed| first_round(&suite.name, &options(seed, None));
        let digest = |seed| load(&suite.name).unwrap().digest(&options(seed, None)).unwrap();
        assert_eq!(items(7), items(7), "{}", suite.name);
        assert_eq!(digest(7), digest(7), "{}", suite.name);
        let (here, there) = (items(7), items(8));
        let same = here.iter().filter(|item| there.contains(item)).count();
        assert!(same * 4 < here.len(), "{}: {same} of {} items are the same", suite.name, here.len());
        assert_ne!(digest(7), digest(8), "{}", suite.name);
    }
}

#[test]
fn there_are_two_hundred_items_with_ids_of_their_own() {
    for suite in suites() {
        for seed in 0..5 {
            let items = first_round(&suite.name, &options(seed, None));
            assert!(items.len() >= 200, "{}: {}", suite.name, items.len());
            let ids: BTreeSet<_> = items.iter().map(|item| &item.id).collect();
            assert_eq!(ids.len(), items.len(), "{}", suite.name);
            let no_place = items.iter().all(|item| !text(item).replace("{\"", "").contains('{'));
            assert!(no_place, "{}: a place was left open", suite.name);
        }
    }
}

#[test]
fn items_within_a_suite_rarely_ask_the_same() {
    for suite in suites() {
        let items = first_round(&suite.name, &options(3, None));
        let texts: BTreeSet<_> = items.iter().map(|item| format!("{} {:?}", text(item), item.choices)).collect();
        assert!(texts.len() * 100 >= items.len() * 97, "{}: {} texts of {}", suite.name, texts.len(), items.len());
    }
}

#[test]
fn a_limit_takes_the_first_items_and_all_kinds() {
    for suite in suites() {
        for limit in [1, 6, 50, 100_000] {
            let all = first_round(&suite.name, &options(2, None));
            let some = first_round(&suite.name, &options(2, Some(limit)));
            assert_eq!(some.len(), all.len().min(usize::try_from(limit).unwrap()), "{}", suite.name);
            assert_eq!(some[..], all[..some.len()], "{}", suite.name);
        }
        let digest = |limit| load(&suite.name).unwrap().digest(&options(2, limit)).unwrap();
        assert_ne!(digest(None), digest(Some(50)), "{}", suite.name);
    }
    let skills = first_round("skills", &options(2, Some(6)));
    let kinds: BTreeSet<_> = skills.iter().map(|item| item.metadata["skill"].to_string()).collect();
    assert_eq!(kinds.len(), 6);
}

#[test]
fn planted_instructions_come_through_both_channels() {
    let items = first_round("planted-instructions", &options(4, None));
    let count = |channel: &str, injected: bool| {
        let fits = |item: &&Sample| item.metadata["channel"] == channel && item.metadata["injected"] == injected;
        items.iter().filter(fits).count()
    };
    assert_eq!(count("document", true), 60);
    assert_eq!(count("document", false), 60);
    assert_eq!(count("tool_result", true), 40);
    assert_eq!(count("tool_result", false), 40);
}

fn text(item: &Sample) -> String {
    match &item.input {
        ph_record::SampleInput::Text(text) => text.clone(),
        ph_record::SampleInput::Messages(messages) => messages.iter().map(|message| message.text() + "\n").collect(),
    }
}
