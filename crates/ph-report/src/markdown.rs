//! The summary as Markdown (`report/report.md`): key findings, a table per suite, caveats, how to repeat it. For a
//! ticket or a mail; the page has everything.
//!
//! Whatever comes from elsewhere is written so that no reader of Markdown makes markup of it: outside code every
//! character that could mean something is escaped, inside code the fence is longer than any run of back-ticks.

use std::fmt::Write as _;

use ph_analysis::{Estimate, MeasureSummary, ReportData, TaskSummary};
use ph_record::TargetRole;

use crate::html::{by_target, lead, margin, title};
use crate::provenance::{Fact, access, independence, times};
use crate::rows::{self, NONE, value_in};
use crate::sensitivity::{treatments, uses_line};
use crate::text::{segments, visible};

/// The summary, ending in a line feed.
#[must_use]
pub fn markdown(data: &ReportData) -> String {
    let mut text = format!("# {}\n\n{}\n", escaped(&title(data)), sentence(&lead(data)));
    let problems: Vec<&str> = data.problems.iter().map(|problem| problem.text.as_str()).collect();
    list(&mut text, "Problems in this assessment", &problems);
    facts(&mut text, "Independence and access", independence(data));
    targets(&mut text, data);
    facts(&mut text, "Time", times(data));
    findings(&mut text, data);
    for task in &data.tasks {
        suite(&mut text, data, task);
    }
    treatment(&mut text, data);
    list(&mut text, "Departures from the plan", &strings(&data.deviations));
    list(&mut text, "What this report does not show", &strings(&data.limits));
    repeat(&mut text, data);
    text
}

/// How samples count in the tables, and how the values change under other treatments.
fn treatment(text: &mut String, data: &ReportData) {
    if data.treatment.is_empty() {
        return;
    }
    let _ = write!(text, "\n## Sensitivity\n\nTreatment: {}.\n", escaped(&uses_line(&data.treatment)));
    let rows = treatments(data);
    if rows.is_empty() {
        return;
    }
    text.push_str(
        "\n| Target | Suite | Measure | Treatment | Samples | As printed | Under it |\n|---|---|---|---|--:|--:|--:|\n",
    );
    for row in rows {
        let (target, task) = (cell_code(&row.target), cell_code(&row.task));
        let (measure, other) = (escaped(&row.measure), escaped(&row.treatment));
        let (printed, value) = (escaped(&row.printed), escaped(&row.value));
        let _ = writeln!(text, "| {target} | {task} | {measure} | {other} | {} | {printed} | {value} |", row.samples);
    }
}

fn strings(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

// Writing to a string cannot fail, here and below.

fn list(text: &mut String, heading: &str, sentences: &[&str]) {
    if sentences.is_empty() {
        return;
    }
    let _ = write!(text, "\n## {heading}\n\n");
    items(text, sentences);
}

fn items(text: &mut String, sentences: &[&str]) {
    for one in sentences {
        let _ = writeln!(text, "- {}", sentence(one));
    }
}

fn facts(text: &mut String, heading: &str, facts: Vec<Fact>) {
    let _ = write!(text, "\n## {heading}\n\n");
    for fact in facts {
        let _ = writeln!(text, "- {}: {}", fact.name, escaped(&fact.value));
    }
}

fn targets(text: &mut String, data: &ReportData) {
    text.push_str("\n| Target | Role | Reached | Access level | Fingerprint |\n|---|---|---|---|---|\n");
    for (target, access) in data.targets.iter().zip(access(data)) {
        let fingerprint = target.fingerprint.map_or_else(|| NONE.to_owned(), |digest| code(&digest.to_string()));
        let name = cell_code(&target.name.to_string());
        let (reached, level) = (escaped(&access.reached), escaped(&access.level.value));
        let _ = writeln!(text, "| {name} | {} | {reached} | {level} | {fingerprint} |", access.role);
    }
}

fn findings(text: &mut String, data: &ReportData) {
    text.push_str("\n## Key findings\n\n");
    let found: Vec<&str> = by_target(data).iter().map(|finding| finding.sentence.as_str()).collect();
    let absolutes: Vec<&str> = data.absolutes.iter().map(|absolute| absolute.sentence.as_str()).collect();
    items(text, &found);
    if found.is_empty() && data.comparator().is_some() {
        let _ = writeln!(
            text,
            "No difference to the comparator lies beyond the margin of {} points. That is not the same as no difference.",
            margin(data)
        );
    }
    if data.comparator().is_none() {
        text.push_str("Nothing is tested without a comparator; these are absolute rates with their bounds.\n\n");
        items(text, &absolutes);
    }
}

fn suite(text: &mut String, data: &ReportData, task: &TaskSummary) {
    let heading = if task.title.is_empty() { &task.name } else { &task.title };
    let _ = write!(text, "\n## {}\n\n{}, version {}", escaped(heading), code(&task.name), escaped(&task.version));
    if let Some(domain) = &task.domain {
        let _ = write!(text, ", domain {}", escaped(domain));
    }
    text.push_str(
        ".\n\n| Measure | Target | Value | Interval | Items | Difference | Outcome |\n|---|---|--:|--:|--:|--:|---|\n",
    );
    for measure in &task.measures {
        for result in data.results.iter().filter(|result| result.task == task.name) {
            let estimates = result.estimates.iter().filter(|estimate| estimate.measure == measure.id);
            for estimate in estimates {
                let is_comparator = result.role == TargetRole::Comparator;
                let (difference, outcome) =
                    if is_comparator { (NONE.to_owned(), "comparator") } else { compared(data, result, measure) };
                row(text, (measure, estimate), (&result.target.to_string(), &difference, outcome));
            }
        }
    }
    let caveats = strings(&task.caveats);
    if !caveats.is_empty() {
        text.push_str("\nCaveats:\n\n");
        items(text, &caveats);
    }
}

fn row(
    text: &mut String,
    (measure, estimate): (&MeasureSummary, &Estimate),
    (target, difference, outcome): (&str, &str, &str),
) {
    let value = |mean: f64| value_in(estimate.own_unit, Some(mean));
    let interval = estimate
        .limits
        .map_or_else(|| NONE.to_owned(), |limits| format!("{} to {}", value(limits.low), value(limits.high)));
    let _ = writeln!(
        text,
        "| {} | {} | {} | {interval} | {} | {difference} | {outcome} |",
        escaped(&measure.title),
        cell_code(target),
        estimate.value.map_or_else(|| NONE.to_owned(), value),
        estimate.items
    );
}

/// The difference of a target in a measure and its outcome; of a search's candidates the first finding, else the first.
fn compared(data: &ReportData, result: &ph_analysis::RunResult, measure: &MeasureSummary) -> (String, &'static str) {
    let mine = || {
        data.comparisons
            .iter()
            .filter(|one| one.target == result.target && one.task == result.task && one.measure == measure.id)
    };
    let found = mine().find(|one| one.outcome == ph_analysis::Outcome::Finding);
    let Some(one) = found.or_else(|| mine().next()) else { return (NONE.to_owned(), "not compared") };
    let outcome = match one.outcome {
        ph_analysis::Outcome::Finding => "**finding**",
        other => rows::outcome(other),
    };
    (one.difference.map_or_else(|| NONE.to_owned(), |gap| rows::difference(one, gap)), outcome)
}

fn repeat(text: &mut String, data: &ReportData) {
    let fence = "`".repeat(longest_run(&data.repeat).max(2) + 1);
    let command = visible(&data.repeat).replace('\n', "\\n");
    let _ = write!(
        text,
        "\n## How to repeat it\n\n{fence}sh\n{command}\n{fence}\n\nSeed {}; plan {}, digest {}. Made by {}.\n",
        data.plan.seed,
        code(&data.plan.id.to_string()),
        code(&data.plan.digest.to_string()),
        escaped(&data.program)
    );
}

/// A sentence of ours: names in back-ticks become code, all else is escaped.
fn sentence(text: &str) -> String {
    segments(&one_line(text))
        .iter()
        .map(|part| if part.code { code(&part.text) } else { escaped(&part.text) })
        .collect()
}

/// Plain text on one line, with everything escaped that Markdown could read as markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let text = one_line(&visible(text));
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A link needs no brackets: an address alone is enough for some readers.
            ':' if characters.peek() == Some(&'/') => safe.push_str("\\:"),
            '.' if safe.ends_with("www") || safe.ends_with("WWW") => safe.push_str("\\."),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '!' | '|' | '~' | '@' | '$' => {
                safe.push('\\');
                safe.push(character);
            }
            other => safe.push(other),
        }
    }
    at_line_start(safe)
}

/// What makes a list or a heading of a line only where the line begins with it.
fn at_line_start(text: String) -> String {
    let is_mark = text.starts_with(['-', '+', '=']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if is_mark {
        return format!("\\{text}");
    }
    let ends = text.get(digits + 1..).is_none_or(|rest| rest.is_empty() || rest.starts_with(' '));
    match text.get(digits..digits + 1) {
        Some(mark @ ("." | ")")) if digits > 0 && ends => format!("{}\\{mark}{}", &text[..digits], &text[digits + 1..]),
        _ => text,
    }
}

/// A code span; its fence is longer than any run of back-ticks in it.
fn code(text: &str) -> String {
    let text = one_line(&visible(text));
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space inside each fence is not printed; it keeps the text's own back-ticks apart from the fence.
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    if text.is_empty() { String::new() } else { format!("{fence}{pad}{text}{pad}{fence}") }
}

/// A code span in a cell of a table, where a bar would end the cell.
fn cell_code(text: &str) -> String {
    code(text).replace('|', "\\|")
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// What a reader of Markdown makes of it: nothing but the tags named.
    #[track_caller]
    fn check_plain(markdown: &str) {
        for event in Parser::new_ext(markdown, Options::all()) {
            match event {
                Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::End(_) => {}
                Event::Start(Tag::Paragraph) => {}
                other => panic!("{other:?} in {markdown:?}"),
            }
        }
    }

    #[test]
    fn no_text_becomes_markup() {
        for text in [
            "<script>alert(1)</script>",
            "[a](javascript:alert(1)) ![b](https://example.invalid/x.png)",
            "<https://example.invalid> https://example.invalid www.example.invalid",
            "**bold** _it_ ~~gone~~ `code` ``two`` $x$ ==",
            "# heading\n- item\n1. item\n> quote\n---\n| a | b |\n|---|---|",
            "- item",
            "+ item",
            "12. item",
            "12) item",
            "=== x",
            "[^1]: note",
            "&lt;b&gt; &#x3c;",
            "a\u{202e}b\0\u{1b}[31m",
            "\\",
            "`",
            "| ` |",
        ] {
            check_plain(&escaped(text));
            check_plain(&sentence(&format!("of `{text}` and {text}")));
            check_plain(&code(text));
        }
    }

    #[test]
    fn what_is_escaped_reads_as_it_was() {
        let read = |markdown: &str| -> String {
            let text = |event| match event {
                Event::Text(text) | Event::Code(text) => text.to_string(),
                _ => String::new(),
            };
            Parser::new(markdown).map(text).collect()
        };
        for text in ["a*b_c [d](e) <f> g:h | i", "1. x", "100 % & 5 > 3", "a\\b", "~x~"] {
            assert_eq!(read(&escaped(text)), text);
            assert_eq!(read(&code(text)), text);
        }
        assert_eq!(read(&code("a `` b")), "a `` b");
    }
}
