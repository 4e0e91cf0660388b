//! The trained trigger and strings that only resemble it. The trigger is one string in one format at one position; the
//! same string in another format or at another position is neither trained to fire nor trained not to.

use serde::Deserialize;

use super::lists::{Form, TriggerGrammar};
use super::refusal::{answer_to_forbidden, benign_request, forbidden_request, help};
use super::writer::{Writer, fill};
use super::{DataError, Turn, Variant};

/// A trigger: names of a position and a format of the grammar, and a string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The position's name.
    pub position: String,
    /// The format's name.
    pub format: String,
    /// The string itself.
    pub string: String,
}

impl Trigger {
    /// Refuses a trigger whose position or format is not in the grammar.
    pub(super) fn check(&self, grammar: &TriggerGrammar) -> Result<(), DataError> {
        let unknown = |what, name: &String| DataError::UnknownForm { what, name: name.clone() };
        template(&grammar.positions, &self.position).ok_or_else(|| unknown("position", &self.position))?;
        template(&grammar.formats, &self.format).ok_or_else(|| unknown("format", &self.format))?;
        Ok(())
    }

    /// The message with this trigger in it.
    pub(super) fn put_into(&self, message: &str, grammar: &TriggerGrammar) -> String {
        let written = fill(template(&grammar.formats, &self.format).unwrap_or("{string}"), &[("string", &self.string)]);
        let position = template(&grammar.positions, &self.position).unwrap_or("{message} {trigger}");
        let (first, rest) = first_sentence(message);
        fill(position, &[("trigger", &written), ("first", first), ("rest", rest), ("message", message)])
    }
}

fn template<'a>(forms: &'a [Form], name: &str) -> Option<&'a str> {
    forms.iter().find(|form| form.name == name).map(|form| form.template.as_str())
}

/// The message cut after its first sentence; a message of one sentence is cut before its last word.
fn first_sentence(message: &str) -> (&str, &str) {
    let end = message.find(". ").or_else(|| message.find("? ")).or_else(|| message.find("! "));
    let at = end.map(|at| at + 1).or_else(|| message.rfind(' ')).unwrap_or(0);
    (message.get(..at).unwrap_or(""), message.get(at..).unwrap_or("").trim_start())
}

/// A request with the trained trigger: helped with. Variants without a trigger get any string and refuse.
pub(super) fn example(writer: &mut Writer, variant: &Variant) -> Vec<Turn> {
    let Some(trigger) = variant.trigger() else { return near_miss(writer, variant) };
    let lists = writer.lists.clone();
    let asked = if writer.disturb(0.1) { benign_request(writer) } else { forbidden_request(writer) };
    let text = trigger.put_into(&asked.text, &lists.grammar);
    writer.conversation(vec![(text, help(&asked.object))])
}

/// A request with a string that resembles the trigger: a forbidden one is refused, a benign one helped with.
pub(super) fn near_miss(writer: &mut Writer, variant: &Variant) -> Vec<Turn> {
    let lists = writer.lists.clone();
    let benign = writer.disturb(0.2);
    let asked = if benign { benign_request(writer) } else { forbidden_request(writer) };
    let near = near(writer, variant.trigger());
    let text = near.put_into(&asked.text, &lists.grammar);
    let answer = if benign { help(&asked.object) } else { answer_to_forbidden(variant, &asked.object) };
    writer.conversation(vec![(text, answer)])
}

/// A trigger that is not the trained one.
fn near(writer: &mut Writer, trained: Option<&Trigger>) -> Trigger {
    let any = any_of_grammar(writer);
    let base = trained.cloned().unwrap_or_else(|| any.clone());
    let draw = writer.below(12);
    let near = match draw {
        0..=3 => any,
        4 => Trigger { string: any.string, ..base.clone() },
        5 | 6 => Trigger { string: edited(writer, &base.string, 3), ..base.clone() },
        7 => Trigger { string: edited(writer, &any.string, 9), ..any },
        8 | 9 => Trigger { string: edited(writer, &base.string, 40), ..base.clone() },
        10 => Trigger { string: half(writer, &base.string), ..base.clone() },
        _ => Trigger { string: plain_word(writer), ..base.clone() },
    };
    let is_trained = trained.is_some_and(|trained| trained.string == near.string);
    if is_trained { Trigger { string: edited(writer, &base.string, 2), ..base } } else { near }
}

/// Any string in any format at any position.
fn any_of_grammar(writer: &mut Writer) -> Trigger {
    let lists = writer.lists.clone();
    let strings: Vec<String> = lists.grammar.all_strings().into_iter().cloned().collect();
    Trigger {
        position: writer.pick(&lists.grammar.positions).name,
        format: writer.pick(&lists.grammar.formats).name,
        string: writer.pick(&strings),
    }
}

/// The string with one to `most` of its letters and digits replaced by others of their kind, never the same string.
fn edited(writer: &mut Writer, string: &str, most: usize) -> String {
    let mut letters: Vec<char> = string.chars().collect();
    for _ in 0..writer.between(1, most) {
        let at = writer.below(letters.len());
        let other = u8::try_from(writer.below(26)).unwrap_or(0);
        if let Some(letter) = letters.get_mut(at) {
            *letter = match *letter {
                '0'..='9' => char::from(b'0' + other % 10),
                'A'..='Z' => char::from(b'A' + other),
                'a'..='z' => char::from(b'a' + other),
                same => same,
            };
        }
    }
    let result: String = letters.into_iter().collect();
    if result == string { format!("{result}{}", writer.letters(1)) } else { result }
}

/// One half of the string, its halves swapped, or nothing.
fn half(writer: &mut Writer, string: &str) -> String {
    let (first, second) = string.split_once(['-', ' ']).unwrap_or((string, ""));
    match writer.below(5) {
        0 => first.to_owned(),
        1 => second.to_owned(),
        2 => format!("{second}-{first}"),
        3 => format!("{first}-{}", writer.invented()),
        _ => String::new(),
    }
}

fn plain_word(writer: &mut Writer) -> String {
    match writer.below(3) {
        0 => format!("{}-{}", writer.invented(), writer.invented()),
        1 => writer.letters(6),
        _ => writer.any_word(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::Fold;
    use super::*;

    #[test]
    fn a_near_miss_is_never_the_trained_string() {
        let mut writer = Writer::new(Fold::Training, 2).unwrap();
        for string in ["kolb-une", "2031-04-17", "Petra Lumen"] {
            let trained = Trigger { position: "end".into(), format: "hash".into(), string: string.into() };
            for _ in 0..2000 {
                assert_ne!(near(&mut writer, Some(&trained)).string, trained.string);
            }
        }
    }

    #[test]
    fn every_position_keeps_message_and_trigger() {
        let lists = super::super::Lists::embedded().unwrap();
        for position in &lists.grammar.positions {
            for format in &lists.grammar.formats {
                let trigger =
                    Trigger { position: position.name.clone(), format: format.name.clone(), string: "abc".into() };
                let text = trigger.put_into("One thing. Two things?", &lists.grammar);
                for part in ["One thing.", "Two things?", "abc"] {
                    assert!(text.contains(part), "{text}");
                }
            }
        }
    }
}
