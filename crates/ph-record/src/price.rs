//! What a model's tokens cost, as one row of a price table says, and what a run may spend.

use std::fmt;
use std::str::FromStr;

use ph_base::{Currency, Money};
use ph_model::Usage;
use serde::{Deserialize, Serialize};

/// Tokens to which a price refers.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// The price of a model's tokens, with where it was read and when. Amounts are millionths of the currency's unit per
/// million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Price {
    /// The target name, or its beginning and `*`.
    pub model: String,
    /// The currency of all amounts.
    pub currency: Currency,
    /// Input tokens.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from the provider's cache; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache; as `input` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// The day of which the price is, `YYYY-MM-DD`.
    pub as_of: String,
    /// Where it was read.
    pub source: String,
}

impl Price {
    /// What this usage costs, rounded up to a millionth; none where it cannot be held.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let read = usage.input_tokens_cache_read.unwrap_or(0);
        let written = usage.input_tokens_cache_write.unwrap_or(0);
        let plain = usage.input_tokens.saturating_sub(read).saturating_sub(written);
        let parts = [
            (plain, self.input),
            (read, self.cache_read.unwrap_or(self.input)),
            (written, self.cache_write.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        let mut sum: u128 = 0;
        for (tokens, price) in parts {
            sum = sum.checked_add(u128::from(tokens).checked_mul(u128::from(price))?)?;
        }
        let micros = u64::try_from(sum.div_ceil(TOKENS_PER_PRICE)).ok()?;
        Some(Money { currency: self.currency, micros })
    }
}

/// The most that a run or an assessment may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetLimit {
    /// Money.
    Money(Money),
    /// Tokens, input and output together.
    Tokens(u64),
}

/// What was given is no budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a budget; write money as `5USD` or `0.50 EUR`, tokens as `2000000tokens`, `500k tokens` or `2M tokens`"
)]
pub struct BudgetLimitError(String);

impl FromStr for BudgetLimit {
    type Err = BudgetLimitError;

    /// Money: `5USD`, `0.50 EUR`. Tokens: `2000000tokens`, `2_000_000 tokens`, `500k tokens`, `2M tokens`. Nothing is
    /// no budget: both are more than 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || BudgetLimitError(text.chars().filter(|c| !c.is_control()).take(60).collect());
        let trimmed = text.trim();
        let lower = trimmed.to_ascii_lowercase();
        let limit = match lower.strip_suffix("tokens").or_else(|| lower.strip_suffix("token")) {
            Some(number) => BudgetLimit::Tokens(tokens(number.trim()).ok_or_else(wrong)?),
            None => BudgetLimit::Money(trimmed.parse().map_err(|_| wrong())?),
        };
        if limit.amount() == 0 { Err(wrong()) } else { Ok(limit) }
    }
}

/// A whole number with `_` between digits and `k` or `m` behind it.
fn tokens(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('m').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let digits = digits.trim_end();
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !is_number {
        return None;
    }
    digits.replace('_', "").parse::<u64>().ok()?.checked_mul(factor)
}

impl BudgetLimit {
    /// Millionths of the currency's unit, or tokens.
    #[must_use]
    pub fn amount(&self) -> u64 {
        match self {
            BudgetLimit::Money(money) => money.micros,
            BudgetLimit::Tokens(tokens) => *tokens,
        }
    }

    /// Another amount of the same kind.
    #[must_use]
    pub fn with_amount(&self, amount: u64) -> Self {
        match self {
            BudgetLimit::Money(money) => BudgetLimit::Money(Money { micros: amount, ..*money }),
            BudgetLimit::Tokens(_) => BudgetLimit::Tokens(amount),
        }
    }
}

impl fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BudgetLimit::Money(money) => fmt::Display::fmt(money, f),
            BudgetLimit::Tokens(tokens) => write!(f, "{tokens} tokens"),
        }
    }
}

/// How far a budget was used when a run ended. The budget may be shared by several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BudgetUse {
    /// The most that all of them together may spend.
    pub limit: BudgetLimit,
    /// What all of them together had spent; a call whose cost nobody told counts as estimated.
    pub spent: BudgetLimit,
    /// Whether the budget ended the run before all its samples were asked.
    pub ended_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: u64, output: u64) -> Price {
        Price {
            model: "openai/m".to_owned(),
            currency: Currency::USD,
            input,
            output,
            cache_read: None,
            cache_write: None,
            as_of: "2025-08-31".to_owned(),
            source: "test".to_owned(),
        }
    }

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost_rounded_up_once() {
        // 2.50 and 10.00 per million: 1,000 and 100 tokens are 0.0025 + 0.001.
        assert_eq!(price(2_500_000, 10_000_000).cost(&usage(1_000, 100)).unwrap().micros, 3_500);
        // 0.075 per million: one token is 0.075 millionths, which counts as one.
        assert_eq!(price(75_000, 0).cost(&usage(1, 0)).unwrap().micros, 1);
        assert_eq!(price(75_000, 75_000).cost(&usage(0, 0)).unwrap().micros, 0);
    }

    #[test]
    fn cached_tokens_have_their_own_price_and_are_not_counted_twice() {
        let cached = Price { cache_read: Some(100_000), cache_write: Some(2_000_000), ..price(1_000_000, 0) };
        let mut usage = usage(10_000, 0);
        usage.input_tokens_cache_read = Some(6_000);
        usage.input_tokens_cache_write = Some(1_000);
        assert_eq!(cached.cost(&usage).unwrap().micros, 3_000 + 600 + 2_000);
        assert_eq!(price(1_000_000, 0).cost(&usage).unwrap().micros, 10_000);
    }

    #[test]
    fn what_cannot_be_held_is_no_number() {
        assert_eq!(price(u64::MAX, u64::MAX).cost(&usage(u64::MAX, u64::MAX)), None);
    }

    fn check(text: &str, shown: &str) {
        let limit: BudgetLimit = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(limit.to_string(), shown, "{text}");
        let json = serde_json::to_string(&limit).unwrap();
        assert_eq!(serde_json::from_str::<BudgetLimit>(&json).unwrap(), limit);
    }

    #[test]
    fn budgets_are_read() {
        check("5USD", "5.00 USD");
        check(" 0.50 eur ", "0.50 EUR");
        check("2000000tokens", "2000000 tokens");
        check("2_000_000 tokens", "2000000 tokens");
        check("500k tokens", "500000 tokens");
        check("2M tokens", "2000000 tokens");
        check("1 token", "1 tokens");
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for wrong in [
            "",
            "5",
            "0USD",
            "0 tokens",
            "-1 tokens",
            "1.5M tokens",
            "k tokens",
            "_ tokens",
            "5 apples",
            "99999999999999999999 tokens",
            "18446744073709551615M tokens",
        ] {
            let error = wrong.parse::<BudgetLimit>().unwrap_err().to_string();
            assert!(error.contains("5USD") && error.contains("500k tokens"), "{error}");
        }
    }
}
