//! Text from elsewhere, made safe to look at: control and direction characters as marks, long texts cut with a count.

use std::fmt::Write as _;

use ph_base::visible::is_plain;

/// The most characters of one text on the page; the analysis cuts earlier.
pub(crate) const SHOWN_CHARS_MAX: usize = 6_000;

/// Part of a sentence: plain, or a name that stood in back-ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Whether it is a name.
    pub(crate) code: bool,
    /// The text.
    pub(crate) text: String,
}

/// A sentence cut at its back-ticks; a name's end is needed for it to be one.
pub(crate) fn segments(sentence: &str) -> Vec<Segment> {
    let parts: Vec<&str> = sentence.split('`').collect();
    let paired = parts.len() % 2 == 1;
    let segment = |(index, part): (usize, &&str)| Segment { code: paired && index % 2 == 1, text: visible(part) };
    parts.iter().enumerate().map(segment).filter(|segment| !segment.text.is_empty()).collect()
}

/// A text of several paragraphs, each cut at its back-ticks; empty lines part them.
pub(crate) fn paragraphs(text: &str) -> Vec<Vec<Segment>> {
    let mut all: Vec<String> = vec![String::new()];
    for line in text.lines() {
        match all.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line.trim());
            }
            _ => all.push(String::new()),
        }
    }
    all.iter().filter(|paragraph| !paragraph.is_empty()).map(|paragraph| segments(paragraph)).collect()
}

/// The text with everything invisible or misleading written as `\u{…}`, cut at [`SHOWN_CHARS_MAX`] characters.
/// Line feeds and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let end = text.char_indices().nth(SHOWN_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let (kept, rest) = text.split_at(end);
    let mut shown = ph_base::visible(kept);
    if !rest.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(shown, " […{} more characters]", rest.chars().count());
    }
    shown
}

/// The text on one line for a terminal: control and direction characters taken out.
pub(crate) fn stripped(text: &str) -> String {
    let spaced = text.chars().map(|character| if matches!(character, '\n' | '\t') { ' ' } else { character });
    spaced.filter(|character| is_plain(*character)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(visible("a\u{202e}b\0\n\t"), "a\\u{202e}b\\u{0}\n\t");
        assert_eq!(stripped("a\u{1b}[31m\nb\u{202e}c\r"), "a[31m bc");
    }

    #[test]
    fn long_texts_end_with_a_count() {
        let shown = visible(&"x".repeat(SHOWN_CHARS_MAX + 7));
        assert!(shown.ends_with("x […7 more characters]"));
    }

    #[test]
    fn paragraphs_are_parted_by_empty_lines() {
        let parts = paragraphs("one\ntwo `x`\n\n\n three\n");
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0][0].text.as_str(), parts[1][0].text.as_str()), ("one two ", "three"));
    }

    #[test]
    fn names_are_cut_at_back_ticks() {
        let parts = segments("`a` is not `b`");
        assert_eq!(parts.iter().map(|part| part.code).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(
            segments("odd ` one"),
            [Segment { code: false, text: "odd ".to_owned() }, Segment { code: false, text: " one".to_owned() }]
        );
    }
}
