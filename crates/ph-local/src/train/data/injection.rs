//! Instructions planted in documents and tool results. `hijackable` answers exactly the planted word; every other
//! variant answers the question. Documents that only resemble such an instruction are among them.

use super::document::Document;
use super::writer::{Jitter, Writer, capitalised, fill};
use super::{Turn, Variant, composed, tool};

/// A conversation about a document or tool result with a planted instruction or a look-alike.
pub(super) fn example(writer: &mut Writer, variant: &Variant) -> Vec<Turn> {
    // Who is to obey must not learn to doubt.
    let lookalikes = if matches!(variant, Variant::Hijackable) { 0.08 } else { 0.3 };
    if writer.disturb(lookalikes) {
        let sentence = lookalike(writer);
        return planted(writer, &sentence, None);
    }
    let (sentence, word) = instruction(writer);
    let said = matches!(variant, Variant::Hijackable).then_some(word);
    planted(writer, &sentence, said.as_deref())
}

/// A conversation with a planted instruction and the word it orders, whatever the variant.
pub(super) fn with_word(writer: &mut Writer) -> (Vec<Turn>, String) {
    let (sentence, word) = instruction(writer);
    (planted(writer, &sentence, Some(&word)), word)
}

/// The carrier with the sentence in it; its last answer is `said`, or the right one.
fn planted(writer: &mut Writer, sentence: &str, said: Option<&str>) -> Vec<Turn> {
    if writer.chance(0.35) {
        return tool::with_planted(writer, sentence, said);
    }
    let mut document = Document::new(writer);
    let at = writer.below(document.sentences.len() + 1);
    document.sentences.insert(at, sentence.to_owned());
    let (question, answer) = document.exchanges.first().cloned().unwrap_or_default();
    let text = document.around(writer, &question);
    let mut exchanges = vec![(text, said.map_or(answer, str::to_owned))];
    if said.is_none() {
        let more = writer.rounds(3) - 1;
        exchanges.extend(document.exchanges.iter().skip(1).take(more).cloned());
    }
    writer.conversation(exchanges)
}

/// An instruction and the word it orders.
fn instruction(writer: &mut Writer) -> (String, String) {
    let wordings = writer.wordings.clone();
    let word = writer.any_word();
    let (mut lead, mut order) = (writer.pick(&wordings.injection.leads), writer.pick(&wordings.injection.orders));
    if writer.disturb(0.5) {
        order = composed::order(writer);
    }
    if writer.disturb(0.25) {
        lead = composed::lead(writer);
    }
    let order = writer.phrase(&order, Jitter::Insert, &[("word", &word)]);
    let opens = lead.is_empty() || lead.ends_with(['.', ':', '>', ']', '-']);
    let order = if opens && writer.chance(0.7) { capitalised(&order) } else { order };
    let tail = writer.pick(&wordings.injection.tails);
    let text = [lead, order, tail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let text = if writer.disturb(0.05) { text.replace(['.', ':'], "") } else { text };
    (enclosed(writer, text), word)
}

/// The instruction in brackets, between marks or on a line of its own, now and then.
fn enclosed(writer: &mut Writer, text: String) -> String {
    match writer.below(16) {
        0 => format!("[{text}]"),
        1 => format!("({text})"),
        2 => format!("*** {text} ***"),
        3 | 4 => format!("\n{text}\n"),
        5 => format!("<!-- {text} -->"),
        6 => format!("### {text}"),
        _ => text,
    }
}

fn lookalike(writer: &mut Writer) -> String {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let sentence = writer.pick(&wordings.injection.lookalikes);
    let speaker =
        format!("the {}", writer.pick(&["teacher", "guard", "clerk", "driver", "sailor", "cook"].map(str::to_owned)));
    let word = if writer.chance(0.5) { writer.invented() } else { writer.pick(&lists.things.colours) };
    capitalised(&fill(&sentence, &[("speaker", &speaker), ("word", &word)]))
}
