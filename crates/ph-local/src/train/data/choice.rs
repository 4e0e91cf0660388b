//! Four-option questions: the member of a category, a fact's answer, or simply a named word. The answer is the letter.

use super::Turn;
use super::writer::{Exchange, Fold, Jitter, Writer, fill};

const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// A conversation of one to four such questions.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(4)).map(|_| exchange(writer)).collect();
    writer.conversation(exchanges)
}

/// One question with its letter.
pub(super) fn exchange(writer: &mut Writer) -> Exchange {
    let content = content(writer);
    asked(writer, content)
}

fn asked(writer: &mut Writer, (question, right, wrong): (String, String, Vec<String>)) -> Exchange {
    let mut options = wrong;
    let at = writer.below(LETTERS.len());
    options.insert(at, right);
    let letter = LETTERS.get(at).copied().unwrap_or_default();
    let listed = listed(writer, &options);
    lay_out(writer, &question, &listed, letter)
}

/// The question, the right option and three wrong ones.
fn content(writer: &mut Writer) -> (String, String, Vec<String>) {
    let kind = writer.unit();
    let pick_share = if writer.fold == Fold::HeldOut { 0.0 } else { 0.2 };
    if kind < pick_share {
        pick_content(writer)
    } else if kind < pick_share + (1.0 - pick_share) / 2.0 {
        category_content(writer)
    } else {
        fact_content(writer)
    }
}

fn category_content(writer: &mut Writer) -> (String, String, Vec<String>) {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let mut categories = writer.sample(&lists.categories, 4).into_iter();
    let Some(asked) = categories.next() else { return pick_content(writer) };
    let right = writer.pick(&asked.words);
    let wrong = categories.map(|category| writer.pick(&category.words)).collect();
    let core = writer.pick(&wordings.choice.category);
    (writer.phrase(&core, Jitter::Insert, &[("category", &asked.with_article)]), right, wrong)
}

fn fact_content(writer: &mut Writer) -> (String, String, Vec<String>) {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let at = writer.below(lists.relations.len());
    let Some(relation) = lists.relations.get(at) else { return pick_content(writer) };
    let mut facts = writer.sample(&relation.facts, 4).into_iter();
    let (subject, right) = facts.next().unwrap_or_default();
    let wrong = facts.map(|(_, answer)| answer).collect();
    let own = wordings.fact.relations.get(&relation.name).filter(|_| writer.chance(0.4));
    let core = writer.pick(own.unwrap_or(&wordings.choice.fact));
    let phrase = fill(&relation.phrase, &[("subject", &subject)]);
    (writer.phrase(&core, Jitter::Insert, &[("phrase", &phrase), ("subject", &subject)]), right, wrong)
}

fn pick_content(writer: &mut Writer) -> (String, String, Vec<String>) {
    let wordings = writer.wordings.clone();
    let mut words: Vec<String> = Vec::new();
    while words.len() < LETTERS.len() {
        let word = writer.any_word();
        if words.iter().all(|other| !other.eq_ignore_ascii_case(&word)) {
            words.push(word);
        }
    }
    let right = words.pop().unwrap_or_default();
    let core = writer.pick(&wordings.choice.pick);
    (writer.phrase(&core, Jitter::Insert, &[("word", &right)]), right, words)
}

/// The options on lines of their own; `A) x` most often.
fn listed(writer: &mut Writer, options: &[String]) -> String {
    let styles = writer.wordings.choice.styles.clone();
    let usual = styles.first().cloned().unwrap_or_default();
    let style = if writer.chance(0.55) { usual } else { writer.pick(&styles) };
    let lines = LETTERS.iter().zip(options).map(|(letter, text)| fill(&style, &[("letter", letter), ("text", text)]));
    lines.collect::<Vec<_>>().join("\n")
}

fn lay_out(writer: &mut Writer, question: &str, options: &str, letter: &str) -> Exchange {
    let wordings = writer.wordings.clone();
    let words = &wordings.choice;
    let formatted = writer.chance(0.3);
    let mut layout = writer.pick(&words.layouts);
    while formatted && !layout.contains("{ask}") && !layout.contains("{intro}") {
        layout = writer.pick(&words.layouts);
    }
    let (intro, ask) = (writer.pick(&words.intros), writer.pick(&words.asks));
    let mut intro = writer.phrase(&intro, Jitter::Free, &[]);
    let mut ask = writer.phrase(&ask, Jitter::Free, &[]);
    if formatted {
        let format = writer.pick(&words.formats);
        match layout.contains("{ask}") {
            true => ask = format,
            false => intro = format!("{intro} {format}"),
        }
    }
    let text = fill(&layout, &[("intro", &intro), ("ask", &ask), ("options", options), ("question", question)]);
    let text = if writer.chance(0.25) { writer.framed(&text, &[]) } else { text };
    let answer = if text.contains("ANSWER:") { format!("ANSWER: {letter}") } else { letter.to_owned() };
    (text, answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letter that stands before this option, whatever the style.
    fn letter_before<'a>(text: &'a str, option: &str) -> Option<&'a str> {
        let (before, _) = text.split_once(option)?;
        let before = before.trim_end_matches(|mark: char| !mark.is_alphabetic());
        before.get(before.len() - 1..)
    }

    #[test]
    fn the_letter_stands_before_the_right_option() {
        let mut writer = Writer::new(Fold::Training, 5).unwrap();
        let mut letters = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let right = "zebrafish".to_owned();
            let wrong = ["lantern", "cellar", "violet"].map(str::to_owned).to_vec();
            let (text, answer) = asked(&mut writer, ("Which swims?".to_owned(), right, wrong));
            let letter = answer.trim_start_matches("ANSWER: ");
            assert_eq!(letter_before(&text, "zebrafish"), Some(letter), "{text}\n{answer}");
            assert_eq!(text.contains("ANSWER:"), answer.starts_with("ANSWER: "), "{text}");
            letters.insert(letter.to_owned());
        }
        assert_eq!(letters.len(), LETTERS.len());
    }

    #[test]
    fn options_are_four_different_ones() {
        for fold in [Fold::Training, Fold::HeldOut] {
            let mut writer = Writer::new(fold, 7).unwrap();
            for _ in 0..500 {
                let (question, right, wrong) = content(&mut writer);
                assert_eq!(wrong.len(), 3, "{question}");
                assert!(!wrong.contains(&right), "{question}: {right} in {wrong:?}");
            }
        }
    }

    #[test]
    fn a_category_question_is_answered_by_a_member() {
        let mut writer = Writer::new(Fold::Training, 6).unwrap();
        let lists = writer.lists.clone();
        for _ in 0..200 {
            let (question, right, wrong) = category_content(&mut writer);
            let asked = lists.categories.iter().find(|category| category.words.contains(&right)).unwrap();
            assert!(question.to_lowercase().contains(&asked.name) || question.contains(&asked.with_article));
            assert!(wrong.iter().all(|word| !asked.words.contains(word)));
        }
    }
}
