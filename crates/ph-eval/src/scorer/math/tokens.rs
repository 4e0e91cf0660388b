//! From text to tokens: LaTeX and plain mathematics with the same meaning become the same tokens.

/// The most bytes of an answer that are read.
pub(super) const TEXT_BYTES_MAX: usize = 2_000;

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A number as written, without signs and commas.
    Number(String),
    /// A run of letters, or a LaTeX command without its backslash.
    Name(String),
    /// Any other character.
    Sign(char),
}

/// Texts that stand for others.
const REPLACED: &[(&str, &str)] = &[
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cfrac", "\\frac"),
    ("\\left", ""),
    ("\\right", ""),
    ("\\Big", ""),
    ("\\big", ""),
    ("\\displaystyle", ""),
    ("\\!", ""),
    ("\\,", " "),
    ("\\;", " "),
    ("\\:", " "),
    ("\\ ", " "),
    ("\\quad", " "),
    ("~", " "),
    ("\\%", "%"),
    ("\\$", ""),
    ("$", ""),
    ("\\(", ""),
    ("\\)", ""),
    ("\\[", ""),
    ("\\]", ""),
    ("\\{", "\u{1}"),
    ("\\}", "\u{2}"),
    ("\\lbrace", "\u{1}"),
    ("\\rbrace", "\u{2}"),
    ("\\cdot", "*"),
    ("\\times", "*"),
    ("\\div", "/"),
    ("\\cup", "\u{222a}"),
    ("\\infty", "\u{221e}"),
    ("\\pm", "\u{b1}"),
    ("^{\\circ}", "\u{b0}"),
    ("^\\circ", "\u{b0}"),
    ("\\circ", "\u{b0}"),
    ("{,}", ","),
    ("**", "^"),
    ("\u{2212}", "-"),
    ("\u{d7}", "*"),
    ("\u{b7}", "*"),
    ("\u{f7}", "/"),
    ("\u{3c0}", "\\pi "),
    ("\u{221a}", "\\sqrt "),
    ("\u{a0}", " "),
];

/// The text with one spelling of everything that has several.
pub(super) fn uniform(text: &str) -> String {
    let mut text = text.trim().to_owned();
    for (from, to) in REPLACED {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    let text = text.trim();
    text.strip_suffix(['.', ';']).unwrap_or(text).trim().to_owned()
}

/// The tokens of a uniform text; none where a character has no meaning here.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let run =
            |from: usize, is_part: fn(&char) -> bool| characters[from..].iter().take_while(|c| is_part(c)).count();
        match characters[at] {
            c if c.is_whitespace() => at += 1,
            c if c.is_ascii_digit() || c == '.' => {
                let length = number_length(&characters[at..]);
                if length == 0 {
                    return None;
                }
                let digits = characters[at..at + length].iter().filter(|c| **c != ',');
                tokens.push(Token::Number(digits.collect()));
                at += length;
            }
            '\\' => {
                let length = run(at + 1, char::is_ascii_alphabetic);
                if length == 0 {
                    return None;
                }
                tokens.push(Token::Name(characters[at + 1..at + 1 + length].iter().collect()));
                at += 1 + length;
            }
            c if c.is_alphabetic() => {
                let length = run(at, |c| c.is_alphabetic());
                tokens.push(Token::Name(characters[at..at + length].iter().collect()));
                at += length;
            }
            c if "+-*/^_()[]{}|!,=<>\u{b1}\u{221e}".contains(c) => {
                tokens.push(Token::Sign(c));
                at += 1;
            }
            _ => return None,
        }
    }
    Some(tokens)
}

/// How many characters at the start are a number: `12`, `1,234.5`, `.5`; 0 where there is none.
fn number_length(characters: &[char]) -> usize {
    let digits =
        |from: usize| characters[from.min(characters.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut end = digits(0);
    if (1..=3).contains(&end) {
        while characters.get(end) == Some(&',') && digits(end + 1) == 3 {
            end += 4;
        }
    }
    if characters.get(end) == Some(&'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    end
}
