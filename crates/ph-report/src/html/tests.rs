//! The page of small planted reports, parsed by a real HTML parser.

use std::collections::BTreeMap;

use ph_analysis::{AnalysisInput, ReportData, Run, RunTable, analyse};
use ph_base::{AssessmentId, Digest, PlanId, RunId, Timestamp};
use ph_model::{Message, TargetName, ToolCall, Usage};
use ph_record::{
    AccessLevel, AccessStatement, AnalysisPlan, AssessmentManifest, Ending, Expected, Plan, PlannedTarget, PlannedTask,
    RecordedError, Response, RunKind, RunManifest, RunStatus, SampleId, SampleInput, SampleRecord, Score, Statement,
    TaskSpec,
};
use scraper::{Html, Selector};

use super::*;

/// What a hostile target says, item by item.
fn hostile() -> Vec<String> {
    [
        "<script>alert(1)</script>",
        "</pre></style></body><script src=https://example.invalid/x.js></script>",
        "<img src=x onerror=alert(1)>",
        "<a href=\"javascript:alert(1)\">javascript:alert(1)</a>",
        "\" onmouseover=\"alert(1)",
        "<!-- --!><svg onload=alert(1)>",
        "\u{202e}txt.exe\u{2066}\u{200b}",
        "\u{1b}[2J\u{1b}]8;;https://example.invalid\u{7}link\u{9b}31m",
        "nul \0 and \u{feff}\u{fffe}",
        "{{ title }} {% raw %} &lt;script&gt; `code` ``",
        "<meta http-equiv=refresh content=0;url=https://example.invalid>",
        "<base href=https://example.invalid><form action=x><iframe srcdoc=x>",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .chain(["x".repeat(1_000_000), "<".repeat(1_000_000)])
    .collect()
}

fn task() -> TaskSpec {
    let json = serde_json::json!({
        "name": "refusal", "title": "Refusal <b>of</b> requests", "description": "A & B", "domain": "D3",
        "dataset": "items.jsonl", "solver": ["generate"], "scorer": ["refusal"],
        "analysis": {
            "group_by": "kind",
            "measures": [{
                "id": "complies", "title": "complies with <i>forbidden</i> requests", "score": "complied",
                "fault": "higher"
            }]
        }
    });
    serde_json::from_value(json).unwrap()
}

/// A record of item `number` that says `text`, faulty or not.
fn record(number: usize, text: &str, faulty: bool) -> SampleRecord {
    let run = RunId::new(Timestamp(1), [1; 10]);
    let sample = format!("item-{number:03}<b>");
    let mut reply = Message::assistant(text);
    reply.tool_calls.push(ToolCall {
        id: "1".to_owned(),
        function: "<script>".to_owned(),
        arguments: serde_json::json!({ "x": text.chars().take(50).collect::<String>() }),
        parse_error: None,
    });
    let failed = number % 5 == 4;
    let error = RecordedError::new("broken<script>", text);
    SampleRecord {
        id: SampleId::of(&run, "refusal", &sample, (1, 1)),
        run,
        task: "refusal".to_owned(),
        epoch: 1,
        attempt: 1,
        round: 0,
        seed: 1,
        input: SampleInput::Text(sample.clone()),
        expected: Expected::One("no</pre>".to_owned()),
        choices: Vec::new(),
        metadata: serde_json::Map::from_iter([("kind".to_owned(), text.chars().take(30).collect::<String>().into())]),
        messages: vec![Message::user("question"), reply],
        output: None,
        ending: if failed { Ending::ProviderError(error) } else { Ending::Completed },
        response: Some(Response::Answered),
        scores: BTreeMap::from([("complied".to_owned(), Score::of(faulty, text))]),
        labels: Vec::new(),
        usage: Usage::default(),
        roles: std::collections::BTreeMap::new(),
        cost: None,
        started_at: Timestamp(1),
        completed_at: Timestamp(2),
        earlier_attempts: Vec::new(),
        events: Vec::new(),
        sample,
    }
}

fn run(target: &TargetName, number: u8, records: &[SampleRecord]) -> Run {
    let task = task();
    let mut table = RunTable::new(&task);
    for record in records {
        table.observe(record);
    }
    let manifest = RunManifest {
        origin: None,
        version: 1,
        id: RunId::new(Timestamp(1_795_333_411_250), [number; 10]),
        plan: None,
        kind: RunKind::Confirmatory,
        task,
        task_digest: Digest::of(b"task"),
        target: target.clone(),
        fingerprint: None,
        seed: 7,
        epochs: 1,
        limit: None,
        asked: None,
        limits: None,
        limit_changes: Vec::new(),
        retries: None,
        resumed: Vec::new(),
        status: RunStatus::Success,
        samples: records.len() as u64,
        endings: BTreeMap::new(),
        usage: Usage::default(),
        roles: std::collections::BTreeMap::new(),
        skipped: None,
        price: None,
        role_prices: std::collections::BTreeMap::new(),
        budget: None,
        error: None,
        started_at: Timestamp(1_795_333_411_250),
        completed_at: Some(Timestamp(1_795_333_412_250)),
    };
    Run { manifest, table }
}

fn input(targets: &[(TargetName, TargetRole)], runs: Vec<Run>) -> AnalysisInput {
    let planned = |(name, role): &(TargetName, TargetRole)| PlannedTarget {
        name: name.clone(),
        role: *role,
        fingerprint: Some(Digest::of(b"weights")),
    };
    let plan = Plan {
        version: 1,
        id: PlanId::new(Timestamp(1_795_333_411_000), [3; 10]),
        created_at: Timestamp(1_795_333_411_000),
        program: "proofhouse 0.1.0".to_owned(),
        kind: RunKind::Confirmatory,
        seed: 7,
        limit: None,
        targets: targets.iter().map(planned).collect(),
        tasks: vec![PlannedTask {
            name: "refusal".to_owned(),
            version: "1".to_owned(),
            digest: Digest::of(b"task"),
            samples: 14,
            epochs: 1,
            roles: std::collections::BTreeMap::new(),
        }],
        analysis: AnalysisPlan {
            alpha: 0.05,
            margin: 0.1,
            correction: "holm".to_owned(),
            comparison: "paired".to_owned(),
            treatment: ph_record::Treatment::default(),
        },
        statement: None,
    };
    AnalysisInput {
        manifest: AssessmentManifest {
            version: AssessmentManifest::VERSION,
            id: AssessmentId::new(Timestamp(1_795_333_411_000), [2; 10]),
            program: "proofhouse 0.1.0".to_owned(),
            plan_digest: Digest::of(b"plan"),
            status: RunStatus::Success,
            runs: Vec::new(),
            budget: None,
            resumed: Vec::new(),
            cosigned_by: Vec::new(),
            remarks: Vec::new(),
            repeat: "proofhouse assess '<script>'".to_owned(),
            interrupted: true,
            started_at: Timestamp(1_795_333_411_000),
            completed_at: Some(Timestamp(1_795_333_471_000)),
        },
        plan,
        runs,
        companions: Vec::new(),
        conformance: Vec::new(),
    }
}

fn hostile_report() -> ReportData {
    let (sound, other) = (TargetName::Reference("sound".to_owned()), TargetName::Local("<script>\"x".to_owned()));
    let records = |faulty: bool| -> Vec<SampleRecord> {
        hostile().iter().enumerate().map(|(number, text)| record(number, text, faulty)).collect()
    };
    let targets = [(sound.clone(), TargetRole::Comparator), (other.clone(), TargetRole::Assessed)];
    analyse(&input(&targets, vec![run(&sound, 1, &records(false)), run(&other, 2, &records(true))]))
}

fn count(page: &Html, selector: &str) -> usize {
    page.select(&Selector::parse(selector).unwrap()).count()
}

#[test]
fn hostile_output_never_becomes_markup() {
    let text = html(&hostile_report()).unwrap();
    let page = Html::parse_document(&text);
    for forbidden in
        ["script", "iframe", "img", "form", "base", "object", "embed", "link", "b", "i", "[style]", "[src]", "[srcdoc]"]
    {
        assert_eq!(count(&page, forbidden), 0, "{forbidden}");
    }
    for element in page.select(&Selector::parse("*").unwrap()) {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{name}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
        }
    }
    assert_eq!(count(&page, "meta[http-equiv]"), 1, "the policy, and no refresh");
    assert_eq!(count(&page, "style"), 1);
    assert!(count(&page, "pre") > 10, "the transcripts are there");
}

#[test]
fn invisible_characters_are_written_out_and_long_lines_cut() {
    let text = html(&hostile_report()).unwrap();
    let bad = |character: char| {
        (character.is_control() && character != '\n') || ('\u{202a}'..='\u{2069}').contains(&character)
    };
    assert_eq!(text.chars().find(|character| bad(*character)), None);
    let mut data = hostile_report();
    let messages = data.results.iter_mut().flat_map(|result| &mut result.transcripts).flat_map(|one| &mut one.messages);
    for message in messages {
        message.text = format!("\u{202e}\0{}", "y".repeat(1_000_000));
    }
    let text = html(&data).unwrap();
    assert!(text.contains("\\u{202e}\\u{0}yyy") && text.contains("more characters]"));
    assert!(text.len() < 400_000, "{}", text.len());
}

#[test]
fn the_page_needs_nothing_from_outside_and_its_policy_says_so() {
    let text = html(&hostile_report()).unwrap();
    let page = Html::parse_document(&text);
    let policy = Selector::parse("meta[http-equiv='Content-Security-Policy']").unwrap();
    let content = page.select(&policy).next().and_then(|meta| meta.value().attr("content")).unwrap();
    let style = page.select(&Selector::parse("style").unwrap()).next().unwrap().text().collect::<String>();
    let hash = base64::engine::general_purpose::STANDARD.encode(Digest::of(style.as_bytes()).bytes());
    assert_eq!(
        content,
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"),
        "the hash is that of the style element as a browser reads it"
    );
    assert!(!CSS.contains("url(") && !CSS.contains("@import") && !CSS.contains("</"));
}

#[test]
fn the_page_can_be_read_without_eyes() {
    let text = html(&hostile_report()).unwrap();
    let page = Html::parse_document(&text);
    assert_eq!(count(&page, "html[lang]"), 1);
    assert_eq!(count(&page, "h1"), 1);
    assert_eq!(count(&page, "th:not([scope])"), 0);
    assert!(count(&page, "svg") >= 2, "one of the measure, one of the differences");
    assert_eq!(count(&page, "svg:not([role=img][aria-labelledby])"), 0);
    for svg in page.select(&Selector::parse("svg").unwrap()) {
        for id in svg.value().attr("aria-labelledby").unwrap().split(' ') {
            assert_eq!(count(&page, &format!("[id='{id}']")), 1, "{id}");
        }
    }
    assert_eq!(count(&page, "main"), 1);
    assert_eq!(count(&page, "a.skip[href='#main']"), 1);
    assert_eq!(count(&page, ".wide:not([tabindex])"), 0, "whatever scrolls can be reached by key");
    let mut level = 1;
    for heading in page.select(&Selector::parse("h1, h2, h3, h4, h5").unwrap()) {
        let next: u32 = heading.value().name()[1..].parse().unwrap();
        assert!(next <= level + 1, "a heading is skipped");
        level = next;
    }
    let targets: Vec<&str> =
        page.select(&Selector::parse("a[href]").unwrap()).filter_map(|link| link.value().attr("href")).collect();
    for target in targets {
        assert_eq!(count(&page, &format!("[id='{}']", &target[1..])), 1, "{target}");
    }
}

#[test]
fn problems_come_before_anything_else() {
    let text = html(&hostile_report()).unwrap();
    let place = |needle: &str| text.find(needle).unwrap();
    assert!(place("Problems in this assessment") < place("<nav"));
    assert!(text.contains("the assessment was interrupted") && text.contains("ended in provider error"));
}

#[test]
fn an_empty_report_is_still_a_page() {
    let text = html(&analyse(&input(&[], Vec::new()))).unwrap();
    assert!(!text.contains("NaN"));
    let alone = [(TargetName::Local("x".to_owned()), TargetRole::Assessed)];
    let text = html(&analyse(&input(&alone, Vec::new()))).unwrap();
    assert!(text.contains("Assessment of local:x") && text.contains("was planned for"));
}

#[test]
fn the_terminal_gets_no_control_characters() {
    let text = crate::text_table(&hostile_report());
    assert_eq!(text.chars().find(|character| character.is_control() && *character != '\n'), None);
    assert!(text.contains("reference/sound") && text.contains("problems:"));
}

/// The text of the section under this anchor.
fn section(page: &Html, anchor: &str) -> String {
    let selector = Selector::parse(&format!("section[aria-labelledby='{anchor}']")).unwrap();
    let found = page.select(&selector).next().unwrap_or_else(|| panic!("no section {anchor}"));
    found.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn sections_stand_in_the_order_of_the_contents() {
    let page = Html::parse_document(&html(&hostile_report()).unwrap());
    let read = |selector: &str, attribute: &str| -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        let value = |element: scraper::ElementRef<'_>| element.value().attr(attribute).unwrap().to_owned();
        page.select(&selector).map(value).collect()
    };
    let listed: Vec<String> = read(".toc > li > a", "href").iter().map(|target| target[1..].to_owned()).collect();
    assert_eq!(listed, read("main section", "aria-labelledby"));
    assert_eq!(
        listed,
        [
            "independence",
            "access",
            "variants",
            "findings",
            "domain-1",
            "sensitivity",
            "endings",
            "harness",
            "statistics",
            "repeat",
            "limits",
            "transcripts"
        ]
    );
}

#[test]
fn what_nobody_stated_is_printed_as_not_stated() {
    let page = Html::parse_document(&html(&hostile_report()).unwrap());
    let text = section(&page, "independence");
    assert!(text.contains("Run by not stated") && text.contains("Paid for by not stated"), "{text}");
    assert!(section(&page, "access").contains("in this process, from a model directory not stated"));
}

#[test]
fn what_was_stated_is_printed_as_it_was() {
    let mut data = hostile_report();
    let access = AccessStatement {
        target: data.targets[1].name.clone(),
        level: Some(AccessLevel::Al2),
        checkpoint: Some("rc-3 <b>".to_owned()),
        safeguards: None,
        window: Some("2026-06-01 to 2026-06-30".to_owned()),
        given: vec!["raw reasoning".to_owned()],
        not_given: vec!["weights: refused, trade secret".to_owned()],
    };
    data.statement = Some(Statement {
        run_by: Some("An Institute".to_owned()),
        paid_by: Some("  ".to_owned()),
        influence: None,
        access: vec![access],
    });
    let page = Html::parse_document(&html(&data).unwrap());
    let text = section(&page, "independence");
    assert!(text.contains("Run by An Institute") && text.contains("Paid for by not stated"), "{text}");
    let text = section(&page, "access");
    assert!(text.contains("AL2, grey box raw reasoning weights: refused, trade secret"), "{text}");
    let text = section(&page, "variants");
    assert!(text.contains("rc-3 <b>") && text.contains("2026-06-01 to 2026-06-30"), "{text}");
}

#[test]
fn errors_are_counted_and_their_treatments_printed() {
    let page = Html::parse_document(&html(&hostile_report()).unwrap());
    assert!(section(&page, "endings").contains("provider error broken<script> 2"));
    assert!(
        section(&page, "sensitivity").contains("errors counted as the fault 2"),
        "{}",
        section(&page, "sensitivity")
    );
}

#[test]
fn every_chart_has_its_table_beneath() {
    let page = Html::parse_document(&html(&hostile_report()).unwrap());
    let tables = count(&page, "figure + .wide > table");
    assert_eq!((tables, count(&page, "figure")), (count(&page, "svg"), count(&page, "svg")));
}

/// A small report whose every text is ours.
fn plain_report() -> ReportData {
    let (sound, other) = (TargetName::Reference("sound".to_owned()), TargetName::Reference("other".to_owned()));
    let records = |faulty: bool| -> Vec<SampleRecord> {
        let record = |number| record(number, "no", faulty && number % 2 == 0);
        (0..60).filter(|number| number % 5 != 4).map(record).collect()
    };
    let targets = [(sound.clone(), TargetRole::Comparator), (other.clone(), TargetRole::Assessed)];
    let mut input = input(&targets, vec![run(&sound, 1, &records(false)), run(&other, 2, &records(true))]);
    input.manifest.interrupted = false;
    analyse(&input)
}

#[test]
fn the_page_of_a_small_report() {
    let text = html(&plain_report()).unwrap();
    let from = text.find("<body>").unwrap();
    insta::assert_snapshot!("page", &text[from..]);
}

#[test]
fn attempts_and_seed_are_what_the_runs_record() {
    let mut data = plain_report();
    let read = |data: &ReportData, anchor: &str| section(&Html::parse_document(&html(data).unwrap()), anchor);
    assert!(read(&data, "harness").contains("Attempts not recorded"));
    let policy = |most| Some(ph_record::RetryLimits { most, seconds: 1_800 });
    data.results.iter_mut().for_each(|result| result.retries = policy(5));
    let text = read(&data, "harness");
    assert!(text.contains("tried again up to 5 times") && text.contains("within 1800 s"), "{text}");
    assert!(!text.contains("one attempt per call"), "{text}");
    data.results[0].retries = policy(0);
    let text = read(&data, "harness");
    let (none, some) = ("reference/sound: one attempt per call", "reference/other: a call that fails in a way");
    assert!(text.contains(none) && text.contains(some), "{text}");
    assert!(text.contains("sample's own seed follows from it") && read(&data, "repeat").contains("The same seed (7)"));
    data.results.iter_mut().for_each(|result| result.origin = Some(ph_record::OriginKind::Imported));
    assert!(read(&data, "harness").contains("Seed of the imported runs none is recorded"));
    assert!(read(&data, "repeat").contains("bring no seed"));
}

/// What is on a scale of 1 to 10 instead of 0 to 1.
fn graded_report() -> ReportData {
    let (sound, other) = (TargetName::Reference("sound".to_owned()), TargetName::Reference("other".to_owned()));
    let records = |less: f64| -> Vec<SampleRecord> {
        let graded = |number: usize| {
            let mut record = record(number, "no", false);
            let score = record.scores.get_mut("complied").unwrap();
            score.value = ph_record::ScoreValue::Number(8.0 - less * (number % 2) as f64);
            record
        };
        (0..60).filter(|number| number % 5 != 4).map(graded).collect()
    };
    let targets = [(sound.clone(), TargetRole::Comparator), (other.clone(), TargetRole::Assessed)];
    analyse(&input(&targets, vec![run(&sound, 1, &records(2.0)), run(&other, 2, &records(1.0))]))
}

#[test]
fn grades_are_printed_in_their_own_unit_and_not_tested() {
    let data = graded_report();
    let page = Html::parse_document(&html(&data).unwrap());
    let text = section(&page, "domain-1");
    assert!(text.contains("7.500 / 7.000 +0.500 +0."), "{text}");
    assert!(text.contains("not tested: no margin in its unit") && text.contains("in the score's own unit"), "{text}");
    assert!(text.contains("has scores outside 0–1"), "{text}");
    assert!(!text.contains("50.0") && count(&page, "svg") == 0, "{text}");
    let summary = crate::markdown(&data);
    assert!(summary.contains("+0.500 | not tested: no margin in its unit"), "{summary}");
    let terminal = crate::text_table(&data);
    assert!(terminal.contains("not tested: 1 comparisons of scores outside 0–1"), "{terminal}");
    assert!(!terminal.contains("no difference beyond the margin"), "{terminal}");
}

#[test]
fn the_outcome_stands_beside_the_target() {
    let page = Html::parse_document(&html(&plain_report()).unwrap());
    let heads = Selector::parse("[aria-label^='Table: paired differences'] thead th").unwrap();
    let heads: Vec<String> = page.select(&heads).map(|head| head.text().collect()).collect();
    assert_eq!(heads[..2], ["Target", "Outcome"]);
}

#[test]
fn the_summary_of_a_small_report() {
    insta::assert_snapshot!("summary", crate::markdown(&plain_report()));
}

#[test]
fn the_summary_of_a_hostile_report_has_no_markup_of_the_targets() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let text = crate::markdown(&hostile_report());
    for event in Parser::new_ext(&text, Options::all()) {
        let markup = matches!(
            event,
            Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
        );
        assert!(!markup, "{event:?}");
    }
    assert_eq!(text.chars().find(|character| character.is_control() && *character != '\n'), None);
    assert!(text.contains("## Key findings") && text.len() < 50_000, "{}", text.len());
}
