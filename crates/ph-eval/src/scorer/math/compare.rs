//! Whether two answers are the same: numbers and expressions by value, sets without order, tuples and intervals in order,
//! everything else as words.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{Expression, Function};
use super::parser::parse;
use super::tokens::{TEXT_BYTES_MAX, tokens, uniform};

/// The most elements of a set or tuple.
const ELEMENTS_MAX: usize = 100;
/// Points at which expressions with variables are compared, as multiples of a step that differs per variable.
const POINTS: [f64; 6] = [0.37, 1.61, 2.23, -0.71, -1.83, 0.91];
/// At so many points two expressions with variables must have a value.
const POINTS_NEEDED: usize = 2;

/// An answer as it is compared.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    /// A number or expression, with whether it is a percentage and its unit.
    Value { expression: Expression, is_percentage: bool, unit: Option<String> },
    /// Elements whose order does not count.
    Set(Vec<Answer>),
    /// Elements in order between brackets: a point, or an interval.
    Bracketed { open: char, close: char, elements: Vec<Answer> },
    /// Intervals or sets together.
    Union(Vec<Answer>),
    /// No mathematics.
    Words(String),
}

/// Whether `one` is `two`, values up to `relative` of `two`.
pub(super) fn are_equal(one: &str, two: &str, relative: f64) -> bool {
    same(&answer(one), &answer(two), relative)
}

fn same(one: &Answer, two: &Answer, relative: f64) -> bool {
    match (one, two) {
        (
            Answer::Value { expression: ours, is_percentage: our_percentage, unit: our_unit },
            Answer::Value { expression: gold, is_percentage: gold_percentage, unit: gold_unit },
        ) => {
            let is_unit_right = our_unit.is_none() || gold_unit.is_none() || our_unit == gold_unit;
            let scaled = |factor: f64| same_value(ours, gold, (factor, relative));
            // Where one side alone has the sign, `50` and `0.5` both stand for 50 %.
            let is_same = match (our_percentage, gold_percentage) {
                (true, false) => scaled(1.0) || scaled(0.01),
                (false, true) => scaled(1.0) || scaled(100.0),
                _ => scaled(1.0),
            };
            is_unit_right && is_same
        }
        (Answer::Set(ours), Answer::Set(gold)) | (Answer::Union(ours), Answer::Union(gold)) => {
            same_elements(ours, gold, relative)
        }
        (
            Answer::Bracketed { open, close, elements: ours },
            Answer::Bracketed { open: gold_open, close: gold_close, elements: gold },
        ) => {
            (open, close) == (gold_open, gold_close)
                && ours.len() == gold.len()
                && ours.iter().zip(gold).all(|(ours, gold)| same(ours, gold, relative))
        }
        (Answer::Words(ours), Answer::Words(gold)) => ours == gold,
        // A set of one element is often written as that element.
        (Answer::Set(ours), gold @ Answer::Value { .. }) if ours.len() == 1 => same(&ours[0], gold, relative),
        (ours @ Answer::Value { .. }, Answer::Set(gold)) if gold.len() == 1 => same(ours, &gold[0], relative),
        _ => false,
    }
}

/// Whether every element has its own counterpart.
fn same_elements(ours: &[Answer], gold: &[Answer], relative: f64) -> bool {
    let mut left: Vec<&Answer> = gold.iter().collect();
    let all = ours.iter().all(|one| match left.iter().position(|other| same(one, other, relative)) {
        Some(place) => {
            left.swap_remove(place);
            true
        }
        None => false,
    });
    all && left.is_empty()
}

fn same_value(ours: &Expression, gold: &Expression, (factor, relative): (f64, f64)) -> bool {
    let mut names = BTreeSet::new();
    ours.variables(&mut names);
    gold.variables(&mut names);
    let points = if names.is_empty() { &POINTS[..1] } else { &POINTS[..] };
    let mut compared = 0;
    for point in points {
        let value = |place: usize| point * (1.0 + 0.317 * place as f64);
        let at: BTreeMap<&str, f64> = names.iter().enumerate().map(|(place, name)| (*name, value(place))).collect();
        let (ours, gold) = (counted(ours, &at) * factor, counted(gold, &at));
        if ours.is_nan() && gold.is_nan() {
            continue;
        }
        let is_finite = ours.is_finite() && gold.is_finite();
        let is_close = ours == gold || is_finite && (ours - gold).abs() <= relative * gold.abs();
        // Around zero only the rounding of the parts is left.
        let is_nothing = ours.abs() < 1e-12 && gold.abs() < 1e-12;
        if !(is_close || is_nothing) {
            return false;
        }
        compared += 1;
    }
    compared >= POINTS_NEEDED.min(points.len())
}

/// The value; one that has grown out of all numbers is none, unless infinity itself is meant.
fn counted(expression: &Expression, at: &BTreeMap<&str, f64>) -> f64 {
    let is_infinity = match expression {
        Expression::Function(Function::Negative, of) => matches!(**of, Expression::Number(_)),
        of => matches!(of, Expression::Number(_)),
    };
    let value = expression.value(at);
    if value.is_infinite() && !is_infinity { f64::NAN } else { value }
}

fn answer(text: &str) -> Answer {
    let words = || Answer::Words(words(text));
    if text.len() > TEXT_BYTES_MAX {
        return words();
    }
    let text = uniform(text);
    // An answer that is wrapped whole is no unit.
    let wrapped = text.strip_prefix("\\text{").and_then(|rest| rest.strip_suffix('}'));
    let text = wrapped.filter(|inner| !inner.contains(['{', '}'])).unwrap_or(&text);
    mathematics(text, 0).unwrap_or_else(words)
}

/// The answer of a uniform text; none where it is no mathematics.
fn mathematics(text: &str, depth: u32) -> Option<Answer> {
    const DEPTH_MAX: u32 = 4;
    if text.is_empty() || depth > DEPTH_MAX || is_word(text) {
        return None;
    }
    let text = right_side(text);
    let all = |parts: Vec<&str>| -> Option<Vec<Answer>> {
        (parts.len() <= ELEMENTS_MAX)
            .then(|| parts.into_iter().map(|part| mathematics(part.trim(), depth + 1)).collect::<Option<_>>())
            .flatten()
    };
    let parts = split(text, &['\u{222a}']);
    if parts.len() > 1 {
        return all(parts).map(Answer::Union);
    }
    if let Some(inner) = text.strip_prefix('\u{1}').and_then(|rest| rest.strip_suffix('\u{2}')) {
        return all(split(inner, &[','])).map(Answer::Set);
    }
    if let Some((open, inner, close)) = bracketed(text) {
        let parts = split(inner, &[',']);
        if parts.len() > 1 {
            return all(parts).map(|elements| Answer::Bracketed { open, close, elements });
        }
    }
    let listed = text.replace(" or ", ",").replace(" and ", ",");
    let parts = split(&listed, &[',']);
    if parts.len() > 1 && !is_one_number(&listed) {
        return all(parts).map(Answer::Set);
    }
    value(text)
}

/// A single value, or the two of `a ± b`.
fn value(text: &str) -> Option<Answer> {
    if text.matches('\u{b1}').count() == 1 {
        let sides = ["+", "-"].map(|sign| value(&text.replace('\u{b1}', sign)));
        let [Some(plus), Some(minus)] = sides else { return None };
        return Some(Answer::Set(vec![plus, minus]));
    }
    let (text, unit) = without_unit(text);
    let (text, is_percentage) = match text.strip_suffix('%') {
        Some(text) => (text.trim_end(), true),
        None => (text, unit.as_deref() == Some("percent")),
    };
    let unit = unit.filter(|_| !is_percentage);
    let expression = parse(tokens(text)?)?;
    Some(Answer::Value { expression, is_percentage, unit })
}

/// The right side of `x = …`, where the left is one name.
fn right_side(text: &str) -> &str {
    match text.split_once('=') {
        Some((left, right)) if !right.contains(['=', '<', '>']) => {
            let left = left.trim();
            let name = left.split(['(', '_']).next().unwrap_or_default().trim_start_matches('\\');
            let is_name = name.chars().count() == 1 && name.chars().all(char::is_alphabetic) && left.len() <= 8;
            if is_name { right.trim() } else { text }
        }
        _ => text,
    }
}

/// Opening bracket, inner text and closing bracket, where the first closes at the end.
fn bracketed(text: &str) -> Option<(char, &str, char)> {
    let (open, close) = (text.chars().next()?, text.chars().next_back()?);
    let is_pair = matches!(open, '(' | '[') && matches!(close, ')' | ']') && text.len() >= 2;
    let inner = is_pair.then(|| &text[1..text.len() - 1])?;
    let mut depth = 0_i32;
    for character in inner.chars() {
        depth += step(character);
        if depth < 0 {
            return None;
        }
    }
    (depth == 0).then_some((open, inner, close))
}

fn step(character: char) -> i32 {
    match character {
        '(' | '[' | '{' | '\u{1}' => 1,
        ')' | ']' | '}' | '\u{2}' => -1,
        _ => 0,
    }
}

/// The parts between `separators` that stand outside all brackets. A comma between groups of three figures is part of a
/// number, unless a blank follows.
fn split<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (place, character) in text.char_indices() {
        depth += step(character);
        if depth == 0 && separators.contains(&character) {
            parts.push(&text[start..place]);
            start = place + character.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether the commas of a text are those of one number: `1,234,567.8`.
fn is_one_number(text: &str) -> bool {
    let (whole, rest) =
        text.trim_start_matches('-').split_once(['.', ' ', '%', '\\']).unwrap_or((text.trim_start_matches('-'), ""));
    let mut groups = whole.split(',');
    let is_figures = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().is_some_and(|group| is_figures(group) && group.len() <= 3);
    first && groups.all(|group| is_figures(group) && group.len() == 3) && !rest.contains(',')
}

/// Whether a text is a word or several, such as `Tuesday`, and no product of variables.
fn is_word(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters > 1
        && text.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || matches!(c, '-' | '\''))
        && Function::named(text).is_none()
}

/// The text without the unit at its end, and the unit in one spelling.
fn without_unit(text: &str) -> (&str, Option<String>) {
    let text = text.trim();
    if let Some(body) = text.strip_suffix('\u{b0}') {
        return (body.trim_end(), Some("degree".to_owned()));
    }
    for command in ["\\text", "\\mathrm", "\\mbox", "\\textrm"] {
        if let Some(at) = text.rfind(command).filter(|at| *at > 0) {
            let unit = text[at + command.len()..].replace(['{', '}'], "");
            return (text[..at].trim_end(), Some(unit_name(&unit)));
        }
    }
    let is_unit = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '.');
    let power = text.strip_suffix("^2").or_else(|| text.strip_suffix("^3")).unwrap_or(text);
    let body = power.trim_end_matches(is_unit);
    let unit = text[body.len()..].trim();
    let letters = unit.split(|c: char| !c.is_ascii_alphabetic()).map(str::len).max().unwrap_or(0);
    let follows_figure = body.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '}' | ')'));
    if letters > 1 && follows_figure && is_unit_word(unit) { (body, Some(unit_name(unit))) } else { (text, None) }
}

/// Whether letters after a number are a unit: a constant or a function is none, and two letters are a product unless known.
fn is_unit_word(unit: &str) -> bool {
    const SHORT: [&str; 16] =
        ["cm", "mm", "km", "kg", "mg", "ml", "ft", "in", "hr", "kW", "lb", "oz", "Hz", "Pa", "mi", "yd"];
    let word = unit.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    word.len() >= 4 || SHORT.contains(&word) || matches!(word, "mph" | "kWh" | "deg" | "min" | "sec" | "day")
}

fn unit_name(unit: &str) -> String {
    let unit = unit.trim().trim_end_matches('.').to_lowercase();
    let unit: String = unit.split_whitespace().collect::<Vec<_>>().join(" ");
    match unit.as_str() {
        "inches" | "in" => "inch".to_owned(),
        "feet" | "ft" => "foot".to_owned(),
        "deg" | "degrees" => "degree".to_owned(),
        short if short.len() <= 2 => unit,
        _ => unit.strip_suffix('s').map_or(unit.clone(), str::to_owned),
    }
}

/// What is no mathematics, in one spelling.
fn words(text: &str) -> String {
    let mut text = uniform(text);
    for command in ["\\text", "\\textbf", "\\mathrm", "\\mbox"] {
        text = text.replace(command, "");
    }
    let plain: String = text.chars().filter(|c| !matches!(c, '{' | '}' | '"')).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().trim_end_matches(['.', '!']).to_owned()
}

impl Answer {
    #[cfg(test)]
    fn is_words(&self) -> bool {
        matches!(self, Answer::Words(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(one: &str, two: &str, wanted: bool) {
        assert_eq!(are_equal(one, two, 1e-9), wanted, "`{one}` and `{two}`: {:?}, {:?}", answer(one), answer(two));
        assert_eq!(are_equal(two, one, 1e-9), wanted, "`{two}` and `{one}`");
    }

    #[test]
    fn numbers_however_they_are_written() {
        check("1/2", "0.5", true);
        check("\\frac{1}{2}", "\\dfrac12", true);
        check("\\frac{1}{2}", "0.50", true);
        check("1\\frac{1}{2}", "3/2", true);
        check("1 1/2", "1.5", true);
        check("-\\frac{3}{4}", "-0.75", true);
        check("1,234,567", "1234567", true);
        check("1{,}000", "1000", true);
        check("\\$1,200.50", "1200.5", true);
        check("2^{10}", "1024", true);
        check("10^{-3}", "0.001", true);
        check("3.0 \\times 10^{8}", "300000000", true);
        check("5!", "120", true);
        check("1/3", "0.333", false);
        check("2", "3", false);
        check("12", "1 2", false);
        check(".5", "0.5", true);
        check("$x = 5$", "5", true);
        check("\\(7\\)", "7.", true);
        check("0", "-0", true);
        check("\\infty", "\u{221e}", true);
        check("\\infty", "-\\infty", false);
    }

    #[test]
    fn surds_and_constants() {
        check("\\sqrt{8}", "2\\sqrt{2}", true);
        check("\\frac{\\sqrt{3}}{3}", "1/\\sqrt{3}", true);
        check("\\sqrt[3]{27}", "3", true);
        check("sqrt(2)/2", "\\frac{1}{\\sqrt 2}", true);
        check("\\sqrt2", "\\sqrt{3}", false);
        check("2\\pi", "6.28", false);
        check("\\pi/2", "\\frac{\\pi}{2}", true);
        check("(1+\\sqrt{5})/2", "\\frac{1+\\sqrt5}{2}", true);
        check("\\sin(\\pi/6)", "1/2", true);
        check("\\log 100", "2", true);
    }

    #[test]
    fn expressions_with_variables() {
        check("2x+1", "1+2x", true);
        check("(x+1)^2", "x^2+2x+1", true);
        check("x^2", "2x", false);
        check("\\frac{a}{b}", "a/b", true);
        check("2xy", "2y x", true);
        check("x", "y", false);
        check("x_1+x_2", "x_2+x_1", true);
        check("x_1", "x_2", false);
        check("\\sqrt{x}", "x^{1/2}", true);
        check("\\alpha", "\\beta", false);
    }

    #[test]
    fn percentages_and_units() {
        check("50\\%", "50%", true);
        check("50%", "0.5", true);
        check("50%", "50", true);
        check("50%", "5", false);
        check("50 percent", "50%", true);
        check("5 cm", "5", true);
        check("5\\text{ cm}", "5 cm", true);
        check("5 cm", "5 km", false);
        check("30^\\circ", "30", true);
        check("30 degrees", "30\u{b0}", true);
        check("12\\text{ square meters}", "12 square meters", true);
        check("7 inches", "7 in", true);
    }

    #[test]
    fn sets_tuples_and_intervals() {
        check("\\{1, 2\\}", "\\{2,1\\}", true);
        check("1, -2", "-2, 1", true);
        check("1 or 2", "2 and 1", true);
        check("\\{1,1\\}", "\\{1\\}", false);
        check("\\{5\\}", "5", true);
        check("(1, 2)", "(2, 1)", false);
        check("(1,2)", "\\left( 1, 2 \\right)", true);
        check("(0, 1]", "(0,1]", true);
        check("(0, 1]", "[0,1]", false);
        check("(-\\infty, 0) \\cup (1, \\infty)", "(1,\\infty)\\cup(-\\infty,0)", true);
        check("[0,1]\\cup[2,3]", "[0,1]\\cup[2,4]", false);
        check("1 \\pm \\sqrt{2}", "1-\\sqrt2, 1+\\sqrt2", true);
        check("(\\frac12, 3)", "(0.5, 3)", true);
    }

    #[test]
    fn words_stay_words() {
        check("\\text{Tuesday}", "Tuesday", true);
        check("Tuesday", "Tuesady", false);
        check("no", "on", false);
        check("yes", "Yes.", true);
        check("\\text{(C)}", "(C)", true);
        check("even", "odd", false);
        assert!(answer("Tuesday").is_words());
    }

    #[test]
    fn hostile_texts_are_read_in_bounds() {
        let deep = "(".repeat(1_500);
        assert!(answer(&deep).is_words());
        assert!(answer(&format!("{}1{}", "\\sqrt{".repeat(200), "}".repeat(200))).is_words());
        assert!(answer(&"-".repeat(1_999)).is_words());
        assert!(answer(&"1^".repeat(900)).is_words());
        assert!(answer(&"sin".repeat(600)).is_words());
        check("9^9^9^9^9", "1", false);
        check("170!!", "1", false);
        assert!(!are_equal(&"1,".repeat(900), "1", 1e-9));
        assert!(!are_equal("0/0", "5", 1e-9));
        assert!(!are_equal("0/0", "0/0", 1e-9), "no value is no answer");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(one in "\\PC{0,60}", two in "([0-9x(){}\\[\\],.^_+*/=%|!\u{b1}\u{221e}\u{222a} -]|\\\\frac|\\\\sqrt|\\\\text|\\\\cup|pi|sin){0,20}") {
            are_equal(&one, &two, 1e-9);
            are_equal(&two, &two, 1e-9);
        }
    }
}
