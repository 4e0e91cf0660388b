//! Finds the final answer in a reply: the last `\boxed{…}`, else what follows the last `ANSWER:` or `answer is`, else the
//! last `$…$`, else the reply itself where it is one short line, else its last number.

use super::super::number::numbers;
use super::tokens::TEXT_BYTES_MAX;

/// The most characters of a reply that is taken whole.
const WHOLE_CHARS_MAX: usize = 120;

/// The final answer of a reply; none where there is nothing that could be one.
pub(super) fn final_answer(reply: &str) -> Option<String> {
    let found = boxed(reply).or_else(|| marked(reply)).or_else(|| in_dollars(reply)).or_else(|| whole(reply));
    let number = || numbers(reply).last().map(f64::to_string);
    found.filter(|answer| !answer.trim().is_empty() && answer.len() <= TEXT_BYTES_MAX).or_else(number)
}

/// What stands in the last `\boxed{…}` whose braces close.
pub(super) fn boxed(text: &str) -> Option<String> {
    let places = text.rmatch_indices("\\boxed").chain(text.rmatch_indices("\\fbox"));
    places.into_iter().find_map(|(at, command)| {
        let inner = text[at + command.len()..].trim_start().strip_prefix('{')?;
        let mut depth = 1_u32;
        for (place, character) in inner.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(inner[..place].trim().to_owned());
            }
            if place > TEXT_BYTES_MAX {
                return None;
            }
        }
        None
    })
}

/// The rest of the line after the last mark.
fn marked(reply: &str) -> Option<String> {
    let lower = reply.to_ascii_lowercase();
    let after = ["answer:", "answer is"].iter().filter_map(|mark| Some(lower.rfind(mark)? + mark.len())).max()?;
    let rest = reply[after..].trim_start_matches(['*', '_', ':', ' ']);
    let line = rest.trim_start().lines().next()?;
    Some(bare(line))
}

fn in_dollars(reply: &str) -> Option<String> {
    let end = reply.rfind('$')?;
    let start = reply[..end].trim_end_matches('$').rfind('$')?;
    let inner = reply[start + 1..end].trim_matches('$').trim();
    (!inner.is_empty() && !inner.contains('\n')).then(|| inner.to_owned())
}

fn whole(reply: &str) -> Option<String> {
    let reply = reply.trim();
    (reply.chars().count() <= WHOLE_CHARS_MAX && !reply.contains('\n') && is_terse(reply)).then(|| bare(reply))
}

/// Whether a line is an answer and no sentence: at most two words of letters alone, unless it has no figures at all.
fn is_terse(line: &str) -> bool {
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | ','));
    let words = line.split_whitespace().filter(is_word).count();
    words <= 2 || !line.contains(|c: char| c.is_ascii_digit())
}

/// Without marks of emphasis and the full stop of a sentence.
fn bare(line: &str) -> String {
    let line = line.trim().trim_matches(['*', '_', '`', '"']).trim();
    line.strip_suffix('.').unwrap_or(line).trim_end_matches(['*', '`']).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &str, wanted: Option<&str>) {
        assert_eq!(final_answer(reply).as_deref(), wanted, "{reply}");
    }

    #[test]
    fn the_final_answer_is_found() {
        check("So \\boxed{3}, or rather \\boxed{\\frac{1}{2}}.", Some("\\frac{1}{2}"));
        check("\\boxed{1} and then \\boxed{2", Some("1"));
        check("Work: 2+2.\nANSWER: 4.", Some("4"));
        check("**Answer:** $x = 5$", Some("$x = 5$"));
        check("The answer is 12, because", Some("12, because"));
        check("We get $a=1$ and so $2\\pi$ remains.", Some("2\\pi"));
        check("  1/2 ", Some("1/2"));
        check("There are seven, that is 7, of them", Some("7"));
        check("Adding up all the parts gives 3 and 4 which sum to 7", Some("7"));
        check("", None);
        check("\\boxed{}", None);
        check("é$", Some("é$"));
    }
}
