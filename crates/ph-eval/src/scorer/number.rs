//! Finds the numbers in a text.

use super::ScorerError;

/// All numbers of a text, in order: `1,234.5`, `-3`, `−3`, `1e3`. Digits inside a word are none.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    let text = text.replace('\u{2212}', "-");
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let before = text[..at].chars().next_back();
        let is_inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let length = if is_inside { 0 } else { number_length(&bytes[at..]) };
        if length > 0 {
            let digits = text[at..at + length].replace(',', "");
            found.extend(digits.parse::<f64>().ok().filter(|number| number.is_finite()));
            at += length;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// A gold answer that must be one number.
pub(super) fn gold_number(gold: &str) -> Result<f64, ScorerError> {
    match numbers(gold)[..] {
        [one] => Ok(one),
        _ => Err(ScorerError(format!("the gold answer `{gold}` is not a number"))),
    }
}

/// How many bytes at the start are a number; 0 where none begins here.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let mut end = sign + digits(sign);
    if end == sign {
        return 0;
    }
    while bytes.get(end) == Some(&b',') && digits(end + 1) == 3 {
        end += 4;
    }
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        if digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[f64]) {
        assert_eq!(numbers(text), wanted, "{text}");
    }

    #[test]
    fn numbers_are_found() {
        check("42", &[42.0]);
        check("The sum is 42.", &[42.0]);
        check("23 + 19 = 42", &[23.0, 19.0, 42.0]);
        check("3-4", &[3.0, 4.0]);
        check("it is -4 or \u{2212}5", &[-4.0, -5.0]);
        check("$1,234,567.50!", &[1_234_567.5]);
        check("1,23", &[1.0, 23.0]);
        check("1.5e3 and 2E-2", &[1500.0, 0.02]);
        check("A4 x2y", &[]);
        check("é7 7é", &[7.0]);
        check("1e999", &[]);
        check("- + . e", &[]);
        check("", &[]);
    }
}
