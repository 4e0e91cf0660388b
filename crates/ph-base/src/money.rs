//! Money: whole millionths of a currency's unit. Integers only; nothing here rounds down what somebody has to pay.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Millionths in one unit of a currency.
const MICROS_PER_UNIT: u64 = 1_000_000;
/// Decimal places that an amount can have.
const DECIMALS_MAX: usize = 6;
/// Decimal places that an amount is printed with at least.
const DECIMALS_SHOWN_MIN: usize = 2;

/// A currency by its three capital letters (ISO 4217), for instance `USD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount of money, never negative: whole millionths of a currency's unit. Displays as `1.25 USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Millionths of its unit.
    pub micros: u64,
}

/// What was given is no money, or two amounts do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency.
    #[error("`{0}` is not a currency of three letters, for instance `USD`")]
    Currency(String),
    /// Not an amount.
    #[error("`{0}` is not an amount: digits, and after a point at most 6 more")]
    Amount(String),
    /// Larger than can be held.
    #[error("`{0}` is more money than can be counted")]
    TooMuch(String),
    /// Two currencies.
    #[error("{left} and {right} cannot be added: there is no rate here")]
    Mixed {
        /// The one.
        left: Currency,
        /// The other.
        right: Currency,
    },
    /// The sum is larger than can be held.
    #[error("the sum is more money than can be counted")]
    Overflow,
}

impl Currency {
    /// The United States dollar.
    pub const USD: Currency = Currency(*b"USD");

    /// Its three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of three capital letters only, so this always is text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Money {
    /// Nothing, in this currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { currency, micros: 0 }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`] where the sum cannot be held.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed { left: self.currency, right: other.currency });
        }
        let micros = self.micros.checked_add(other.micros).ok_or(MoneyError::Overflow)?;
        Ok(Money { micros, ..self })
    }

    /// This amount over `parts`, rounded up to a millionth; none for no parts.
    #[must_use]
    pub fn divided_by(self, parts: u64) -> Option<Money> {
        if parts == 0 {
            return None;
        }
        Some(Money { micros: self.micros.div_ceil(parts), ..self })
    }
}

/// Millionths of a unit from a decimal number such as `2.50`.
///
/// # Errors
/// [`MoneyError`] where it is no number, has more than six decimal places or cannot be held.
pub fn micros_of_decimal(text: &str) -> Result<u64, MoneyError> {
    let wrong = || MoneyError::Amount(clipped(text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_point = text.ends_with('.');
    if whole.is_empty() || ends_in_point || fraction.len() > DECIMALS_MAX || !is_digits(whole) || !is_digits(fraction) {
        return Err(wrong());
    }
    let too_much = || MoneyError::TooMuch(clipped(text));
    let units: u64 = whole.parse().map_err(|_| too_much())?;
    let fraction: u64 = format!("{fraction:0<DECIMALS_MAX$}").parse().map_err(|_| wrong())?;
    units.checked_mul(MICROS_PER_UNIT).and_then(|micros| micros.checked_add(fraction)).ok_or_else(too_much)
}

fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// The decimal number of these millionths, with at least two decimal places.
#[must_use]
pub fn decimal_of_micros(micros: u64) -> String {
    let fraction = format!("{:06}", micros % MICROS_PER_UNIT);
    let shown = fraction.trim_end_matches('0').len().max(DECIMALS_SHOWN_MIN);
    format!("{}.{}", micros / MICROS_PER_UNIT, &fraction[..shown])
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", decimal_of_micros(self.micros), self.currency)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `5USD`, `0.25 EUR`: amount, then currency, in capital or small letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (amount, currency) = text.split_at(at);
        let micros = micros_of_decimal(amount.trim())?;
        Ok(Money { currency: currency.trim().to_ascii_uppercase().parse()?, micros })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Currency([a, b, c])),
            _ => Err(MoneyError::Currency(clipped(text))),
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, micros: u64, shown: &str) {
        let money: Money = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((money.micros, money.to_string().as_str()), (micros, shown), "{text}");
    }

    #[test]
    fn amounts_are_read_and_printed() {
        check("5USD", 5_000_000, "5.00 USD");
        check("0.25 eur", 250_000, "0.25 EUR");
        check("0.000001USD", 1, "0.000001 USD");
        check("12.3456 USD", 12_345_600, "12.3456 USD");
        check("18446744073709.551615USD", u64::MAX, "18446744073709.551615 USD");
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "USD",
            "5",
            "-5USD",
            "+5USD",
            "5.USD",
            ".5USD",
            "0.0000001USD",
            "5 US",
            "5 USDT",
            "1e3USD",
            "5,0USD",
            "$5",
            "5USD 6",
            "18446744073709.551616USD",
            "99999999999999999999USD",
            "\u{665}USD",
        ] {
            assert!(wrong.parse::<Money>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn currencies_are_not_mixed() {
        let euro = Money { currency: "EUR".parse().unwrap(), micros: 1 };
        assert!(matches!(Money::zero(Currency::USD).checked_add(euro), Err(MoneyError::Mixed { .. })));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(micros in any::<u64>()) {
            let money = Money { currency: Currency::USD, micros };
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        #[test]
        fn a_sum_is_exact_or_refused(a in any::<u64>(), b in any::<u64>()) {
            let money = |micros| Money { currency: Currency::USD, micros };
            match money(a).checked_add(money(b)) {
                Ok(sum) => prop_assert_eq!(u128::from(sum.micros), u128::from(a) + u128::from(b)),
                Err(error) => {
                    prop_assert_eq!(error, MoneyError::Overflow);
                    prop_assert!(u128::from(a) + u128::from(b) > u128::from(u64::MAX));
                }
            }
        }

        #[test]
        fn shares_never_add_up_to_less(micros in any::<u64>(), parts in 1_u64..1_000_000) {
            let share = Money { currency: Currency::USD, micros }.divided_by(parts).unwrap().micros;
            prop_assert!(u128::from(share) * u128::from(parts) >= u128::from(micros));
            prop_assert!(u128::from(share) * u128::from(parts) < u128::from(micros) + u128::from(parts));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Money>();
            let _ = micros_of_decimal(&text);
        }
    }
}
