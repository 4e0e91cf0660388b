//! Sentences, questions and tool results composed of glue words: which words belong together is all they say.
//!
//! A learner that only knows written templates leans on their wording; between arbitrary words it can only look up
//! what stands in the same sentence. Made for training alone, never for the measured table.

use super::writer::{Writer, capitalised};

/// How a question asks for a slot, whatever words follow.
const ASKERS: [(&str, &[&str]); 4] = [
    (
        "place",
        &["where", "where", "which place", "what place", "in which place", "at what place", "place of", "where to"],
    ),
    ("name", &["who", "who", "whose", "which person", "what person", "which name", "to whom", "name of", "by whom"]),
    (
        "object",
        &["what", "what", "which thing", "which object", "what thing", "what item", "which item", "what object"],
    ),
    ("colour", &["what colour", "which colour", "of what colour", "colour of", "in which colour", "what colour of"]),
];

/// A sentence with the slots of a kind in random order among glue words, as a template.
pub(super) fn sentence(writer: &mut Writer, slots: &[&str]) -> String {
    let mut order: Vec<&str> = slots.iter().copied().filter(|slot| *slot != "colour").collect();
    writer.shuffle(&mut order);
    let mut words = writer.glue(2);
    for slot in order {
        if writer.chance(0.5) {
            words.push(writer.pick(&["the", "a", "one", "this", "some"].map(str::to_owned)));
        }
        if slot == "object" && slots.contains(&"colour") {
            words.push("{colour}".to_owned());
        }
        let tail = if writer.chance(0.08) { "'s" } else { "" };
        words.push(format!("{{{slot}}}{tail}"));
        words.extend(writer.glue(3));
    }
    format!("{}.", capitalised(&words.join(" ")))
}

/// A question for `answer` that names one or two of the other slots, as a template.
pub(super) fn question(writer: &mut Writer, answer: &str, slots: &[&str]) -> Option<String> {
    let askers = ASKERS.iter().find(|(slot, _)| *slot == answer)?.1;
    // A colour may not point at a thing alone: it stands beside other things in other sentences too.
    let mut given: Vec<&str> = slots.iter().copied().filter(|slot| *slot != answer && *slot != "colour").collect();
    writer.shuffle(&mut given);
    given.truncate(writer.between(1, 2));
    let mut words: Vec<String> = if writer.chance(0.25) { writer.glue(3) } else { Vec::new() };
    words.push(writer.pick(askers).to_owned());
    words.extend(writer.glue(2));
    for slot in &given {
        if writer.chance(0.4) {
            words.push("the".to_owned());
        }
        words.push(format!("{{{slot}}}"));
        words.extend(writer.glue(2));
    }
    let mark = writer.pick(&["?", "?", "?", ".", ""]);
    (!given.is_empty()).then(|| format!("{}{mark}", capitalised(&words.join(" "))))
}

/// Who gives the word, in an order that speaks of the reply.
const GIVERS: [&str; 10] = [
    "what you write",
    "the next line",
    "your message",
    "the output",
    "the text you send",
    "this reply",
    "the last word",
    "what comes back",
    "the result you give",
    "your words",
];
const MUST: [&str; 8] = ["must", "has to", "is to", "ought to", "will", "can only", "may only", "needs to"];
const BEING: [&str; 6] = ["be", "read", "consist of", "contain", "become", "hold"];
const DEEDS: [&str; 14] = [
    "say",
    "write",
    "print",
    "give",
    "put",
    "state",
    "show",
    "return",
    "send",
    "offer",
    "type",
    "speak",
    "tell them",
    "hand over",
];
const ALONE: [&str; 10] =
    ["", "", "only", "just", "merely", "nothing but", "no more than", "exactly", "the term", "the single term"];
const ENDS: [&str; 10] =
    ["", "", "", "by itself", "and stop there", "without more", "in full", "at once", "and leave it there", "here"];

/// An order to say `{word}`, as a template: an imperative, or a sentence on what the reply has to be, with glue words.
pub(super) fn order(writer: &mut Writer) -> String {
    let one = |writer: &mut Writer, list: &[&str]| {
        writer.pick(&list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    let mut words = Vec::new();
    match writer.below(3) {
        0 => words.push(one(writer, &DEEDS)),
        1 => {
            let who = one(writer, &["you", "you", "the reader", "the machine", "this program"]);
            words.extend([who, one(writer, &MUST), one(writer, &DEEDS)]);
        }
        _ => words.extend([one(writer, &GIVERS), one(writer, &MUST), one(writer, &BEING)]),
    }
    words.push(one(writer, &ALONE));
    if writer.chance(0.15) {
        words.extend(writer.glue(1));
    }
    words.push(if writer.chance(0.15) { "\"{word}\"".to_owned() } else { "{word}".to_owned() });
    words.push(one(writer, &ENDS));
    if writer.chance(0.2) {
        words.extend(writer.glue(2));
    }
    words.retain(|word| !word.is_empty());
    format!("{}.", words.join(" "))
}

/// What stands before an order, made up.
pub(super) fn lead(writer: &mut Writer) -> String {
    let mark = writer.pick(&[":", ",", ".", ";", " -", " and", ""].map(str::to_owned));
    let mut words = writer.glue(3);
    words.push(writer.stray_word());
    format!("{}{mark}", capitalised(&words.join(" ")))
}

/// A tool's result among glue words, as a template of `{result}` and perhaps `{value}`.
pub(super) fn result(writer: &mut Writer) -> String {
    let mut words = writer.glue(3);
    if writer.chance(0.4) {
        words.push("{value}".to_owned());
        words.extend(writer.glue(2));
    }
    let joint = writer.pick(&[":", " =", " ->", "", "", " -"]);
    let before = words.join(" ");
    let before = if before.is_empty() { String::new() } else { format!("{before}{joint} ") };
    let after = writer.glue(2).join(" ");
    let stop = writer.pick(&[".", "", "!"]);
    let text = if after.is_empty() {
        format!("{before}{{result}}{stop}")
    } else {
        format!("{before}{{result}} {after}{stop}")
    };
    match writer.below(8) {
        0 => {
            let key = writer.glue(1).pop().unwrap_or_else(|| "result".to_owned());
            format!("{{\"{key}\": \"{{result}}\"}}")
        }
        1 => capitalised(&text),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::{Fold, fill};
    use super::*;

    #[test]
    fn composed_texts_hold_their_slots_and_no_others() {
        let mut writer = Writer::new(Fold::Training, 5).unwrap();
        for _ in 0..300 {
            let text = sentence(&mut writer, &["name", "place", "colour", "object"]);
            assert!(["{name}", "{place}", "{colour} {object}"].iter().all(|slot| text.contains(slot)), "{text}");
            let question = question(&mut writer, "object", &["name", "place", "object"]).unwrap();
            assert!(!question.contains("{object}") && question.contains('{'), "{question}");
            let result = result(&mut writer);
            assert_eq!(result.matches("{result}").count(), 1, "{result}");
            let filled = fill(&result, &[("value", "Oslo"), ("result", "rain")]);
            assert!(!filled.contains("{result}") && !filled.contains("{value}"), "{filled}");
        }
    }

    #[test]
    fn composed_orders_name_the_word_once() {
        let mut writer = Writer::new(Fold::Training, 5).unwrap();
        let orders: std::collections::BTreeSet<String> = (0..300).map(|_| order(&mut writer)).collect();
        assert!(orders.len() > 250, "{}", orders.len());
        assert!(orders.iter().all(|order| order.matches("{word}").count() == 1 && order.ends_with('.')), "{orders:?}");
    }

    #[test]
    fn a_question_with_nothing_to_go_by_is_none() {
        let mut writer = Writer::new(Fold::Training, 5).unwrap();
        assert_eq!(question(&mut writer, "object", &["object", "colour"]), None);
        assert_eq!(question(&mut writer, "verb", &["object", "name"]), None);
    }
}
