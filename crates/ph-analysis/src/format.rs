//! Numbers as sentences and tables print them. One spelling for report, terminal and JSON's sentences.

/// A proportion as per cent with one decimal: `97.5 %`.
#[must_use]
pub fn percent(value: f64) -> String {
    format!("{} %", decimal(value * 100.0))
}

/// A difference of proportions in points with its sign: `+97.5`, `−3.0`, `0.0`.
#[must_use]
pub fn points(value: f64) -> String {
    let text = decimal(value * 100.0);
    if text.starts_with('\u{2212}') || text == "0.0" { text } else { format!("+{text}") }
}

/// A difference of scores in their own unit, with its sign: `+0.500`, `−3.000`, `0.000`.
#[must_use]
pub fn in_own_unit(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.strip_prefix('-') {
        Some("0.000") => "0.000".to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None if text == "0.000" => text,
        None => format!("+{text}"),
    }
}

/// A p-value: `p < 0.001` or `p = 0.042`.
#[must_use]
pub fn probability(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// One decimal, a true minus sign, and no negative zero.
fn decimal(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_prefix('-') {
        Some("0.0") => "0.0".to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_the_report() {
        assert_eq!(percent(0.975), "97.5 %");
        assert_eq!(points(0.975), "+97.5");
        assert_eq!(points(-0.03), "\u{2212}3.0");
        assert_eq!(points(-0.0001), "0.0");
        assert_eq!(in_own_unit(0.5), "+0.500");
        assert_eq!(in_own_unit(-3.0), "\u{2212}3.000");
        assert_eq!(in_own_unit(-0.0001), "0.000");
        assert_eq!(probability(0.000_9), "p < 0.001");
        assert_eq!(probability(0.042), "p = 0.042");
    }
}
