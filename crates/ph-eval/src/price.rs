//! Price tables: what a target's tokens cost. A table is TOML, dated, every row with its source:
//!
//! ```toml
//! as_of = "2026-06-21"
//! currency = "USD"
//! [[price]]
//! model = "openai/gpt-4o-mini"      # a target name, or its beginning and `*`
//! input = 0.15                      # per million tokens
//! output = 0.60
//! cache_read = 0.075                # optional; as `input` where absent
//! cache_write = 0.15                # optional
//! source = "https://…"
//! ```
//!
//! Amounts are read from their digits, never through a floating-point number. A model that no row names has no price:
//! its cost is unknown, never nothing.

use std::ops::Range;
use std::sync::Arc;

use ph_base::Currency;
use ph_base::money::micros_of_decimal;
use ph_record::Price;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::parameters::{list, nearest};
use crate::toml_shape::get;

/// The table that ships with the program.
const BUILT_IN: &str = include_str!("../../../prices.toml");

/// The most bytes of a price table.
pub const TABLE_BYTES_MAX: usize = 4 << 20;

const TABLE_KEYS: [&str; 3] = ["as_of", "currency", "price"];
const ROW_KEYS: [&str; 7] = ["model", "input", "output", "cache_read", "cache_write", "as_of", "source"];

/// The prices of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    rows: Vec<Price>,
}

/// A price table is wrong. `offset` and `length` are bytes in `text`, as `miette::SourceSpan` has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", self.place())]
pub struct PriceTableError {
    /// The file.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Where in the text the problem begins.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: Option<String>,
}

impl PriceTableError {
    /// Line and column of the problem, from 1; the column counts characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn place(&self) -> String {
        let (line, column) = self.line_and_column();
        format!("{}:{line}:{column}", self.file)
    }
}

impl PriceTable {
    /// The table that ships with the program.
    ///
    /// # Errors
    /// [`PriceTableError`] where it is wrong, which a test rules out.
    pub fn built_in() -> Result<Self, PriceTableError> {
        Self::read("prices.toml", BUILT_IN)
    }

    /// Reads a table; `file` is its name in errors.
    ///
    /// # Errors
    /// [`PriceTableError`] with the place of whatever is wrong.
    pub fn read(file: &str, text: &str) -> Result<Self, PriceTableError> {
        let located = |wrong: Wrong| PriceTableError {
            file: file.to_owned(),
            text: text.to_owned(),
            offset: wrong.span.start,
            length: wrong.span.len(),
            problem: wrong.problem,
            hint: wrong.hint,
        };
        if text.len() > TABLE_BYTES_MAX {
            return Err(located(Wrong::at(0..0, format!("a price table has at most {TABLE_BYTES_MAX} bytes"))));
        }
        let table = DeTable::parse(text)
            .map_err(|error| located(Wrong::at(error.span().unwrap_or(0..0), error.message().trim_end().to_owned())))?;
        rows(table.get_ref()).map(|rows| Self { rows }).map_err(located)
    }

    /// The row for this target name: the one that names it whole, else the one with the longest beginning.
    #[must_use]
    pub fn price(&self, target: &str) -> Option<&Price> {
        let fits = |row: &&Price| match row.model.strip_suffix('*') {
            Some(beginning) => target.starts_with(beginning),
            None => row.model == target,
        };
        let is_whole = |row: &Price| !row.model.ends_with('*');
        self.rows.iter().filter(fits).max_by_key(|row| (is_whole(row), row.model.len()))
    }
}

/// Tables in the order in which they are asked; the first that has a row wins.
#[derive(Debug, Clone, Default)]
pub struct Prices(Arc<[PriceTable]>);

impl Prices {
    /// These tables, the first first.
    #[must_use]
    pub fn new(tables: Vec<PriceTable>) -> Self {
        Self(tables.into())
    }

    /// The price of this target; none where no table names it.
    #[must_use]
    pub fn price(&self, target: &str) -> Option<&Price> {
        self.0.iter().find_map(|table| table.price(target))
    }
}

struct Wrong {
    span: Range<usize>,
    problem: String,
    hint: Option<String>,
}

impl Wrong {
    fn at(span: Range<usize>, problem: impl Into<String>) -> Self {
        Self { span, problem: problem.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

type Field<'a, 'i> = Option<&'a Spanned<DeValue<'i>>>;

fn rows(table: &DeTable<'_>) -> Result<Vec<Price>, Wrong> {
    known_keys(table, &TABLE_KEYS)?;
    let day = match get(table, "as_of") {
        Some(day) => date(day)?,
        None => {
            return Err(Wrong::at(0..0, "there is no `as_of`")
                .hint("write the day of which the prices are: `as_of = \"2026-06-21\"`"));
        }
    };
    let currency = match get(table, "currency") {
        Some(currency) => text(currency)?.parse().map_err(|error| Wrong::at(currency.span(), format!("{error}")))?,
        None => return Err(Wrong::at(0..0, "there is no `currency`").hint("write for instance `currency = \"USD\"`")),
    };
    let Some(list) = get(table, "price") else { return Ok(Vec::new()) };
    let DeValue::Array(items) = list.get_ref() else {
        return Err(Wrong::at(list.span(), "`price` is not a list").hint("write every price as `[[price]]`"));
    };
    let mut rows: Vec<Price> = Vec::with_capacity(items.len());
    for item in items {
        let row = row(item, &day, currency)?;
        if rows.iter().any(|earlier| earlier.model == row.model) {
            return Err(Wrong::at(item.span(), format!("the model `{}` comes twice", row.model)));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(item: &Spanned<DeValue<'_>>, day: &str, currency: Currency) -> Result<Price, Wrong> {
    let Some(table) = item.get_ref().as_table() else {
        return Err(Wrong::at(item.span(), "a price is a table").hint("write every price as `[[price]]`"));
    };
    known_keys(table, &ROW_KEYS)?;
    let needed = |key: &str| get(table, key).ok_or_else(|| Wrong::at(item.span(), format!("the price has no `{key}`")));
    let model = needed("model")?;
    Ok(Price {
        model: pattern(model)?,
        currency,
        input: amount(needed("input")?)?,
        output: amount(needed("output")?)?,
        cache_read: optional_amount(get(table, "cache_read"))?,
        cache_write: optional_amount(get(table, "cache_write"))?,
        as_of: get(table, "as_of").map_or_else(|| Ok(day.to_owned()), date)?,
        source: text(needed("source")?)?.to_owned(),
    })
}

fn known_keys(table: &DeTable<'_>, known: &[&str]) -> Result<(), Wrong> {
    let Some((key, _)) = table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) else { return Ok(()) };
    let name = key.get_ref().as_ref();
    let wrong = Wrong::at(key.span(), format!("unknown key `{name}`; there are {}", list(known.iter().copied())));
    Err(match nearest(name, known.iter().copied()) {
        Some(near) => wrong.hint(format!("did you mean `{near}`?")),
        None => wrong,
    })
}

fn text<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<&'a str, Wrong> {
    let text = value.get_ref().as_str().filter(|text| !text.trim().is_empty() && !text.chars().any(char::is_control));
    text.ok_or_else(|| Wrong::at(value.span(), "must be a text on one line"))
}

/// A target name, or its beginning and `*`.
fn pattern(value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    let pattern = text(value)?;
    let beginning = pattern.strip_suffix('*').unwrap_or(pattern);
    if beginning.is_empty() || beginning.contains('*') {
        let wrong = Wrong::at(value.span(), format!("`{pattern}` is neither a target name nor a beginning with `*`"));
        return Err(wrong.hint("write `openai/gpt-4o` or `openai/gpt-4o-2024*`; one `*`, at the end"));
    }
    Ok(pattern.to_owned())
}

fn optional_amount(value: Field<'_, '_>) -> Result<Option<u64>, Wrong> {
    value.map(amount).transpose()
}

/// Millionths per million tokens, from the digits as they stand.
fn amount(value: &Spanned<DeValue<'_>>) -> Result<u64, Wrong> {
    let digits = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::String(text) => text,
        _ => return Err(Wrong::at(value.span(), "must be a number")),
    };
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    micros_of_decimal(&digits).map_err(|error| {
        Wrong::at(value.span(), format!("{error}")).hint("write the price per million tokens, for instance `2.50`")
    })
}

/// A day, `YYYY-MM-DD`, as text or as TOML's own date.
fn date(value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    let day = match value.get_ref() {
        DeValue::Datetime(day) => day.to_string(),
        _ => text(value)?.to_owned(),
    };
    let parts: Vec<&str> = day.split('-').collect();
    let number = |part: &str, digits: usize| {
        part.parse::<u32>().ok().filter(|_| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_day = match parts[..] {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    };
    if is_day { Ok(day) } else { Err(Wrong::at(value.span(), format!("`{day}` is not a day; write `2026-06-21`"))) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "as_of = \"2026-06-21\"\ncurrency = \"USD\"\n";

    fn table(rows: &str) -> Result<PriceTable, PriceTableError> {
        PriceTable::read("p.toml", &format!("{HEAD}{rows}"))
    }

    fn row(model: &str, input: &str) -> String {
        format!("[[price]]\nmodel = \"{model}\"\ninput = {input}\noutput = 1\nsource = \"s\"\n")
    }

    #[test]
    fn the_built_in_table_reads_and_every_row_has_its_source() {
        let table = PriceTable::built_in().unwrap();
        assert!(table.rows.len() >= 10);
        assert!(table.rows.iter().all(|row| row.source.starts_with("https://") && row.output >= row.input));
        assert_eq!(table.price("openai/gpt-4o-mini").unwrap().input, 150_000);
        assert_eq!(table.price("anthropic/claude-haiku-4-5-20251001").unwrap().cache_write, Some(1_250_000));
        for unknown in ["openai/gpt-4o-mini-audio", "reference/sound", "local:x", "openai/gpt", ""] {
            assert_eq!(table.price(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_whole_name_wins_then_the_longest_beginning_then_the_first_table() {
        let rows = row("a/*", "1") + &row("a/b*", "2") + &row("a/bc", "3") + &row("a/bcd*", "4");
        let mine = table(&rows).unwrap();
        let input = |name: &str| mine.price(name).map(|row| row.input);
        assert_eq!(input("a/bc"), Some(3_000_000));
        assert_eq!(input("a/bcd"), Some(4_000_000));
        assert_eq!(input("a/bx"), Some(2_000_000));
        assert_eq!(input("a/x"), Some(1_000_000));
        assert_eq!(input("x/a/"), None);
        let prices = Prices::new(vec![mine, table(&row("a/bc", "9")).unwrap(), table(&row("x/y", "7")).unwrap()]);
        assert_eq!(prices.price("a/bc").unwrap().input, 3_000_000);
        assert_eq!(prices.price("x/y").unwrap().input, 7_000_000);
        assert_eq!(Prices::default().price("a/bc"), None);
    }

    #[test]
    fn digits_are_taken_as_they_stand() {
        for (written, micros) in [("0.1", 100_000), ("\"0.1\"", 100_000), ("1_000", 1_000_000_000), ("0.000001", 1)] {
            assert_eq!(table(&row("a/b", written)).unwrap().rows[0].input, micros, "{written}");
        }
    }

    #[track_caller]
    fn check(text: &str, place: (usize, usize), problem: &str) {
        let error = PriceTable::read("p.toml", text).unwrap_err();
        assert_eq!(error.line_and_column(), place, "{error}");
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("p.toml:{}:{}: ", place.0, place.1)) && shown.contains(problem), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_column() {
        let with = |rows: &str| format!("{HEAD}{rows}");
        check("currency = \"USD\"\n", (1, 1), "no `as_of`");
        check("as_of = \"2026-06-21\"\n", (1, 1), "no `currency`");
        check("as_of = \"June\"\ncurrency = \"USD\"\n", (1, 9), "not a day");
        check("as_of = \"2026-13-01\"\ncurrency = \"USD\"\n", (1, 9), "not a day");
        check("as_of = 2026-06-21T10:00:00Z\ncurrency = \"USD\"\n", (1, 9), "not a day");
        check("as_of = 2026-06-21\ncurrency = \"dollars\"\n", (2, 12), "not a currency");
        check("as_of = \"2026-06-21\"\ncurrency = \"USD\"\nprise = 1\n", (3, 1), "unknown key `prise`");
        check(&with("[price]\n"), (3, 1), "not a list");
        check(&with("[[price]]\nmodel = \"a/b\"\n"), (3, 1), "no `input`");
        check(&with(&row("a/b", "-1")), (5, 9), "not an amount");
        check(&with(&row("a/b", "0.0000001")), (5, 9), "not an amount");
        check(&with(&row("a/b", "inf")), (5, 9), "not an amount");
        check(&with(&row("a/b", "0x10")), (5, 9), "must be a number");
        check(&with(&row("a/b", "true")), (5, 9), "must be a number");
        check(&with(&row("a/b", "99999999999999999999")), (5, 9), "more money");
        check(&with(&row("*", "1")), (4, 9), "neither a target name");
        check(&with(&row("a*b", "1")), (4, 9), "neither a target name");
        check(&with(&(row("a/b", "1") + &row("a/b", "2"))), (8, 1), "comes twice");
        check(&with("[[price]]\nmodel = \n"), (4, 9), "");
    }

    #[test]
    fn a_huge_table_is_refused_unread() {
        let text = format!("{HEAD}# {}", "x".repeat(TABLE_BYTES_MAX));
        assert!(PriceTable::read("p.toml", &text).unwrap_err().problem.contains("at most"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(as_of|currency|price|\\[\\[price\\]\\]|model|=|\"2026-01-01\"|\"USD\"|[0-9.]|\n| |\\PC){0,40}") {
            let _ = PriceTable::read("p.toml", &text);
        }
    }
}
