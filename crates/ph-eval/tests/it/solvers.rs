use std::sync::{Arc, Mutex};

use ph_eval::RunRequest;
use ph_model::ModelRequest;

use crate::fixture::{Fake, door, output, request, run_kept, task};

/// The requests that a chain of solvers makes for one item.
async fn requests(solvers: &str, item: &str) -> Vec<ModelRequest> {
    let toml = format!("name = \"t\"\ndataset = \"items.jsonl\"\nsolver = {solvers}\nscorer = [\"refusal\"]\n");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let taken = seen.clone();
    let model = Fake::new(move |request: &ModelRequest| {
        taken.lock().unwrap().push(request.clone());
        Ok(output("x"))
    });
    let (manifest, _) = run_kept(request(task(&toml, item), model)).await;
    assert_eq!(manifest.unwrap().errors(), 0);
    let seen = seen.lock().unwrap();
    seen.clone()
}

async fn check(solvers: &str, item: &str, wanted: &[&str]) {
    let requests = requests(solvers, item).await;
    let shown: Vec<String> = requests
        .iter()
        .map(|request| {
            let lines = request.messages.iter().map(|message| format!("{}: {}", message.role.as_str(), message.text()));
            lines.collect::<Vec<_>>().join(" | ")
        })
        .collect();
    assert_eq!(shown, wanted, "{solvers}");
}

const PLAIN: &str = r#"{"id":"a","input":"Why?","metadata":{"tone":"calm","n":3}}"#;
const CHOICES: &str = r#"{"id":"a","input":"Which?","target":"A","choices":["red","blue"]}"#;

#[tokio::test]
async fn solvers_shape_the_conversation() {
    check(r#"["generate"]"#, PLAIN, &["user: Why?"]).await;
    check(
        r#"[{name="system_message",text="One."},{name="system_message",text="Two."},"generate"]"#,
        PLAIN,
        &["system: One. | system: Two. | user: Why?"],
    )
    .await;
    check(
        r#"[{name="template",text="Be {tone} {n} {{}}: {prompt}"},"generate"]"#,
        PLAIN,
        &["user: Be calm 3 {}: Why?"],
    )
    .await;
    check(r#"["generate","generate"]"#, PLAIN, &["user: Why?", "user: Why? | assistant: x"]).await;
    let conversation = r#"{"id":"a","input":[{"role":"system","content":"S"},{"role":"user","content":"U"}]}"#;
    check(r#"[{name="system_message",text="T"},"generate"]"#, conversation, &["system: S | system: T | user: U"]).await;
}

#[tokio::test]
async fn multiple_choice_asks_once() {
    let plain = r#"{name="multiple_choice",shuffle=false,template="{question} {choices} ({letters})"}"#;
    let asked = "user: Which? A) red\nB) blue (A, B)";
    check(&format!("[{plain}]"), CHOICES, &[asked]).await;
    check(&format!("[{plain}, \"generate\"]"), CHOICES, &[asked]).await;
}

#[test]
fn multiple_choice_without_choices_is_refused_at_its_line() {
    let toml = "name=\"t\"\ndataset=\"items.jsonl\"\nsolver=[\"multiple_choice\"]\nscorer=[\"match\"]\n";
    let refused = crate::fixture::task(toml, PLAIN).open(&ph_record::SourceOptions::default()).err();
    assert!(refused.is_some_and(|error| error.to_string().contains("no `choices`")));
}

#[tokio::test]
async fn tools_are_offered() {
    let item = r#"{"id":"a","input":"?","metadata":{"tools":[{"name":"own"}]}}"#;
    let names = async |solvers: &str, item: &str| -> Vec<String> {
        requests(solvers, item).await[0].tools.iter().map(|tool| tool.name.clone()).collect()
    };
    assert_eq!(names(r#"["use_tools","generate"]"#, item).await, ["own"]);
    assert_eq!(names(r#"[{name="use_tools",tools=[{name="given"}]},"generate"]"#, item).await, ["given", "own"]);
    assert_eq!(names(r#"[{name="use_tools",tools=[{name="given"}]},"generate"]"#, PLAIN).await, ["given"]);
}

#[tokio::test]
async fn the_shuffle_is_the_same_for_every_target_and_order() {
    let items: String = (0..30)
        .map(|k| {
            format!("{{\"id\":\"{k}\",\"input\":\"?\",\"target\":\"C\",\"choices\":[\"p\",\"q\",\"r\",\"s\",\"t\"]}}\n")
        })
        .collect();
    let toml = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"multiple_choice\"]\nscorer = [\"choice\"]\n";
    let mut all = Vec::new();
    for (max_connections, reply) in [(1, "A"), (16, "B"), (7, "nothing")] {
        let model = Fake::new(move |_| Ok(output(reply)));
        let (_, kept) =
            run_kept(RunRequest { door: door(model.clone(), max_connections), ..request(task(toml, &items), model) })
                .await;
        let asked: Vec<_> =
            kept.records().iter().map(|record| (record.choices.clone(), record.expected.clone())).collect();
        for (choices, expected) in &asked {
            let place = usize::from(expected.all()[0].as_bytes()[0] - b'A');
            assert_eq!(choices[place], "r");
        }
        all.push(asked);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    let orders: std::collections::BTreeSet<_> = all[0].iter().map(|(choices, _)| choices.clone()).collect();
    assert!(orders.len() > 15, "orders differ between items: {}", orders.len());
}
