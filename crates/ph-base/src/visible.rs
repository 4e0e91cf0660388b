//! Text from elsewhere, made safe to look at: what has no shape of its own, or turns the text around it, as marks.

use std::fmt::Write as _;

/// The text with everything invisible or misleading written as `\u{…}`. Line feeds and tabs stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        }
    }
    shown
}

/// Whether a character shows as what it is: no control character, direction, joiner, filler or tag.
#[must_use]
pub fn is_plain(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        // Directions, joiners and other characters without a shape of their own; tags.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => false,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => false,
        other => !other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("a\u{202e}b\0\u{1b}[31m\u{85}\n\t"), "a\\u{202e}b\\u{0}\\u{1b}[31m\\u{85}\n\t");
        assert_eq!(visible("é 漢 🙂"), "é 漢 🙂");
    }

    #[test]
    fn marks_separators_fillers_and_tags_are_seen() {
        for hidden in ['\u{61c}', '\u{2028}', '\u{2029}', '\u{2060}', '\u{2065}', '\u{e0041}', '\u{ad}'] {
            assert_eq!(visible(&hidden.to_string()), format!("\\u{{{:x}}}", u32::from(hidden)));
        }
    }
}
