//! `choice`: reads the letter that the reply chooses and compares it with the gold letter.

use async_trait::async_trait;
use ph_record::{Sample, Score};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Scorer, ScorerError, Subject, present};
use crate::role::RoleAsker;
use crate::solver::choice_letter::{CHOICES_MAX, letter, place_of};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Choice {}

#[async_trait]
impl Scorer for Choice {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let choices = &subject.state.choices;
        let count = letters(choices);
        let gold = places(subject.gold()?, count)?;
        match read_choice(&subject.reply, choices, count) {
            Some(place) => Ok(Score::of(gold.contains(&place), letter(place).to_string())),
            None => {
                let explanation = Some("no letter could be read from the reply".to_owned());
                Ok(Score { explanation, answer: None, ..Score::of(false, "") })
            }
        }
    }

    fn check(&self, gold: &[String], item: &Sample) -> Result<(), ScorerError> {
        places(present(gold)?, letters(&item.choices)).map(|_| ())
    }
}

/// How many letters an item has; without choices of its own, all.
fn letters(choices: &[String]) -> usize {
    if choices.is_empty() { CHOICES_MAX } else { choices.len() }
}

fn places(gold: &[String], count: usize) -> Result<Vec<usize>, ScorerError> {
    let place = |gold: &String| {
        place_of(gold, count)
            .ok_or_else(|| ScorerError(format!("the gold answer `{gold}` is not the letter of a choice")))
    };
    gold.iter().map(place).collect()
}

/// The place of the choice that the reply makes: the clearest sign first.
fn read_choice(reply: &str, choices: &[String], count: usize) -> Option<usize> {
    after_keyword(reply, &["answer"], count)
        .or_else(|| alone(reply, count))
        .or_else(|| at_start(reply, count))
        .or_else(|| after_keyword(reply, &["option", "choice", "choose", "pick", "select"], count))
        .or_else(|| in_brackets(reply, count))
        .or_else(|| by_text(reply, choices))
}

/// The letter after the last keyword that has one: `ANSWER: B`, `the answer is (b).`
fn after_keyword(reply: &str, keywords: &[&str], count: usize) -> Option<usize> {
    let lower = reply.to_ascii_lowercase();
    let mut ends: Vec<usize> =
        keywords.iter().flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len())).collect();
    ends.sort_unstable();
    ends.into_iter().rev().find_map(|end| next_letter(&reply[end..], count))
}

/// The first word that is a letter, where only words that lead to it come before.
fn next_letter(text: &str, count: usize) -> Option<usize> {
    const LEAD: [&str; 13] = [
        "is", "be", "would", "should", "the", "option", "letter", "choice", "correct", "right", "my", "final", "answer",
    ];
    let mut rest = text;
    loop {
        let at = rest.find(is_word)?;
        let word_end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |length| at + length);
        let word = &rest[at..word_end];
        rest = &rest[word_end..];
        if word.chars().count() == 1 {
            return place_of(word, count).filter(|_| !is_article(word, rest));
        }
        if !LEAD.contains(&word.to_ascii_lowercase().as_str()) {
            return None;
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}')
}

/// A small `a` or `i` before another word is an article or a person, not a choice.
fn is_article(word: &str, rest: &str) -> bool {
    matches!(word, "a" | "i") && rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(is_word))
}

/// The letter where the reply is nothing else but marks: `B`, `(b)`, `**B.**`
fn alone(reply: &str, count: usize) -> Option<usize> {
    place_of(reply.trim_matches(|c: char| !c.is_alphanumeric()), count)
}

/// The letter with which the reply begins, marked as one: `B) blue`, `(B) blue`, `B. blue`, `B: blue`, `B - blue`.
fn at_start(reply: &str, count: usize) -> Option<usize> {
    let text = reply.trim_start_matches(|c: char| !is_word(c));
    let place = place_of(text.get(..1)?, count)?;
    let after = &text[1..];
    let is_marked = after.starts_with([')', ']', '\n', '*'])
        || [". ", ": ", ".\n", ":\n", " - ", " \u{2013} ", " \u{2014} "].iter().any(|mark| after.starts_with(mark))
        || matches!(after, "." | ":");
    let goes_on = after.trim_start_matches(|c: char| !is_word(c));
    let is_one_of_two = goes_on.starts_with("or ") || goes_on.starts_with("and ");
    (is_marked && !is_one_of_two).then_some(place)
}

/// The letter in round brackets, where only one stands there.
fn in_brackets(reply: &str, count: usize) -> Option<usize> {
    let bracketed = reply.match_indices('(').filter_map(|(at, _)| {
        let (inside, _) = reply[at + 1..].split_once(')')?;
        place_of(inside, count).filter(|_| inside.chars().all(|c| c.is_ascii_uppercase()))
    });
    only_one(bracketed)
}

/// The choice whose text is the whole reply.
fn by_text(reply: &str, choices: &[String]) -> Option<usize> {
    let plain = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let reply = plain(reply);
    if reply.is_empty() {
        return None;
    }
    only_one(choices.iter().enumerate().filter(|(_, choice)| plain(choice) == reply).map(|(place, _)| place))
}

fn only_one(places: impl Iterator<Item = usize>) -> Option<usize> {
    let mut places: Vec<usize> = places.collect();
    places.dedup();
    match places[..] {
        [place] => Some(place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &str, wanted: Option<char>) {
        let choices = ["red", "green", "blue", "a grey one"].map(str::to_owned);
        assert_eq!(read_choice(reply, &choices, 4).map(letter), wanted, "`{reply}`");
    }

    #[test]
    fn letters_are_read() {
        for reply in [
            "B",
            "b",
            " B\n",
            "B)",
            "(B)",
            "b)",
            "B.",
            "B:",
            "**B**",
            "[B]",
            "\"B\"",
            "`B`",
            "ANSWER: B",
            "Answer: b",
            "answer:B",
            "ANSWER: $B",
            "ANSWER: (B)",
            "**ANSWER: B**",
            "B) green",
            "(B) green",
            "B. green",
            "B: green",
            "B - green",
            "B\ngreen",
            "b) green",
            "The answer is B.",
            "The correct answer is (B) green.",
            "the answer would be option B",
            "First I thought ANSWER: A, but ANSWER: B",
            "A is wrong and C too.\nANSWER: B",
            "I choose B.",
            "Option B",
            "I pick option B",
            "It must be (B).",
            "green",
            "Green.",
            "The final answer is: **B**",
        ] {
            check(reply, Some('B'));
        }
        check("A) red", Some('A'));
        check("Answer: a", Some('A'));
        check("a grey one", Some('D'));
    }

    #[test]
    fn what_is_no_choice_is_not_read_as_one() {
        for reply in [
            "",
            " ",
            "E",
            "e.g. something",
            "I do not know",
            "A man went home.",
            "The answer is a mystery to me.",
            "(A) or (B)",
            "yellow",
            "Because",
            "Ähnlich",
            "é) x",
            "I cannot help with that.",
            "None of these",
            "answer",
            "ANSWER:",
            "42",
            "ab",
            "B2",
        ] {
            check(reply, None);
        }
    }
}
