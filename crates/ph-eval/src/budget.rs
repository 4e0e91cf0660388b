//! Budgets: what calls may cost together, and the meter through which every call goes.
//!
//! A call first reserves what it may cost at most, as far as that can be known before; once it has ended, what it did
//! cost takes the place of that. So many calls may be under way at once and the budget is still not overspent by more
//! than those calls came out above their estimate. A call that would exceed it is never sent, and from then on the
//! budget is at its end: nothing else is sent against it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::Money;
use ph_model::{EarlierAttempts, Message, ModelError, ModelErrorKind, ModelReply, ModelRequest, Usage};
use ph_record::{BudgetLimit, BudgetUse, LimitKind, Price, SampleRecord};
use tokio::sync::Notify;

use crate::generate::Stop;
use crate::price::Prices;
use crate::sample_scope;

/// Bytes of a request that make a token, at least: the estimate of an input counts one token for so many.
const BYTES_PER_TOKEN: u64 = 3;
/// Tokens that a message takes besides its text.
const TOKENS_PER_MESSAGE: u64 = 4;

/// How the refusal of a call begins; a replay finds it again by that.
pub(crate) const BUDGET_OVER: &str = "the next call would exceed the budget of ";

/// A budget, shared by everything that spends from it.
#[derive(Debug)]
pub struct Budget {
    limit: BudgetLimit,
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Millionths or tokens that ended calls cost.
    spent: u64,
    /// What calls under way may cost.
    reserved: u64,
    /// The most output tokens that a reply had: the estimate for a call without `max_tokens`.
    output_tokens_max: u64,
    ended: bool,
}

/// How trying to reserve went.
enum Tried {
    Reserved(u64),
    NeverFits,
    Later,
}

impl Budget {
    /// A budget of which nothing is spent.
    #[must_use]
    pub fn new(limit: BudgetLimit) -> Self {
        Self { limit, state: Mutex::default(), settled: Notify::new() }
    }

    /// The most that may be spent.
    #[must_use]
    pub fn limit(&self) -> BudgetLimit {
        self.limit
    }

    /// What ended calls cost; a call whose cost nobody told counts as estimated.
    #[must_use]
    pub fn spent(&self) -> BudgetLimit {
        self.limit.with_amount(self.state().spent)
    }

    /// Counts what was spent before outside of any sample; a cost in another currency, or unknown, counts nothing.
    pub fn spent_before(&self, cost: Option<Money>, tokens: u64) {
        let spent = match (self.limit, cost) {
            (BudgetLimit::Tokens(_), _) => tokens,
            (BudgetLimit::Money(limit), Some(cost)) if cost.currency == limit.currency => cost.micros,
            (BudgetLimit::Money(_), _) => 0,
        };
        self.settle(0, spent, 0);
    }

    /// Whether a call was refused: nothing more is sent against this budget.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state().ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves `amount`, waiting for calls under way where only they are in the way; none where it cannot fit.
    async fn reserve(&self, amount: impl Fn(&State) -> u64) -> Option<u64> {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // Listening before looking, so that no settling in between is missed.
            settled.as_mut().enable();
            match self.try_reserve(&amount) {
                Tried::Reserved(amount) => return Some(amount),
                Tried::NeverFits => return None,
                Tried::Later => {
                    let _waiting = sample_scope::wait_begins();
                    settled.await;
                }
            }
        }
    }

    fn try_reserve(&self, amount: impl Fn(&State) -> u64) -> Tried {
        let mut state = self.state();
        let amount = amount(&state);
        if state.ended || state.spent.saturating_add(amount) > self.limit.amount() {
            state.ended = true;
            drop(state);
            self.settled.notify_waiters();
            return Tried::NeverFits;
        }
        let promised = state.reserved.saturating_add(amount);
        if state.spent.saturating_add(promised) > self.limit.amount() {
            return Tried::Later;
        }
        state.reserved = promised;
        Tried::Reserved(amount)
    }

    fn settle(&self, reserved: u64, spent: u64, output_tokens: u64) {
        let mut state = self.state();
        state.reserved = state.reserved.saturating_sub(reserved);
        state.spent = state.spent.saturating_add(spent);
        state.output_tokens_max = state.output_tokens_max.max(output_tokens);
        drop(state);
        self.settled.notify_waiters();
    }
}

/// Prices and budget of a whole assessment or run.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    /// What targets' tokens cost.
    pub prices: Prices,
    /// What all calls together may cost.
    pub budget: Option<Arc<Budget>>,
}

/// A budget in money cannot be kept for this target, so nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpendingError {
    /// No price is known.
    #[error("the price of `{target}` is not known, so a budget in money cannot be kept")]
    NoPrice {
        /// The target.
        target: String,
    },
    /// The price is in another currency.
    #[error("the price of `{target}` is in {price}, the budget in {budget}")]
    Currency {
        /// The target.
        target: String,
        /// The price's currency.
        price: ph_base::Currency,
        /// The budget's currency.
        budget: ph_base::Currency,
    },
}

impl SpendingError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            SpendingError::NoPrice { target } => format!(
                "give a budget in tokens (`--budget 500k tokens`), or the price in a file for `--prices FILE`: `as_of`, \
                 `currency` and a `[[price]]` with `model = \"{target}\"`, `input`, `output` and `source`"
            ),
            SpendingError::Currency { price, .. } => {
                format!("give the budget in {price}; there is no exchange rate here")
            }
        }
    }
}

impl Spending {
    /// Whether the budget can be kept for this target.
    ///
    /// # Errors
    /// [`SpendingError`] for a budget in money where the price is not known or in another currency.
    pub fn check(&self, target: &str) -> Result<(), SpendingError> {
        let Some(BudgetLimit::Money(Money { currency: budget, .. })) = self.budget.as_ref().map(|budget| budget.limit)
        else {
            return Ok(());
        };
        match self.prices.price(target) {
            None => Err(SpendingError::NoPrice { target: target.to_owned() }),
            Some(Price { currency: price, .. }) if *price != budget => {
                Err(SpendingError::Currency { target: target.to_owned(), price: *price, budget })
            }
            Some(_) => Ok(()),
        }
    }

    /// The meter of one run on this target.
    #[must_use]
    pub fn meter(&self, target: &str) -> Meter {
        Meter {
            price: self.prices.price(target).cloned().map(Arc::new),
            budget: self.budget.clone(),
            refused: Arc::new(AtomicBool::new(false)),
            recorded: None,
        }
    }

    /// Whether the budget is at its end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.is_ended())
    }
}

/// Through which the calls of one run go. The default knows no price and no budget. Clones are of the same run.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    price: Option<Arc<Price>>,
    budget: Option<Arc<Budget>>,
    refused: Arc<AtomicBool>,
    recorded: Option<Arc<dyn RecordedBudget>>,
}

/// What a replay has in the place of a budget.
pub(crate) trait RecordedBudget: std::fmt::Debug + Send + Sync {
    /// The refusal of the present sample's next call, where that is what the record has next.
    fn refusal(&self) -> Option<Stop>;

    /// How far the budget was used in the end.
    fn used(&self) -> Option<BudgetUse>;
}

/// What a call may cost, held until it is settled. Dropped unsettled, for instance because the sample's time is over,
/// the estimate counts as spent: nobody knows what the provider did.
#[derive(Debug)]
pub struct Reservation {
    budget: Option<Arc<Budget>>,
    reserved: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.take() {
            budget.settle(self.reserved, self.reserved, 0);
        }
    }
}

impl Meter {
    /// The meter of a replay: nothing is spent, and a call is refused where it was refused then.
    pub(crate) fn of_replay(price: Option<Price>, recorded: Arc<dyn RecordedBudget>) -> Self {
        Self { price: price.map(Arc::new), recorded: Some(recorded), ..Self::default() }
    }

    /// Whether it is the meter of a replay, in which neither money nor time is spent.
    pub(crate) fn is_replay(&self) -> bool {
        self.recorded.is_some()
    }

    /// The price of the target's tokens, where it is known.
    #[must_use]
    pub fn price(&self) -> Option<&Price> {
        self.price.as_deref()
    }

    /// Whether the budget is at its end, through this run or another.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.is_ended())
    }

    /// How far the budget was used; `ended_run` where a call of this run was refused, or `was_cut_short`.
    pub(crate) fn budget_use(&self, was_cut_short: bool) -> Option<BudgetUse> {
        if let Some(recorded) = &self.recorded {
            return recorded.used();
        }
        let budget = self.budget.as_ref()?;
        let ended_run = self.refused.load(Ordering::Relaxed) || was_cut_short;
        Some(BudgetUse { limit: budget.limit, spent: budget.spent(), ended_run })
    }

    /// Counts what a sample used before the run was gone on with; unknown costs as far as they can be told.
    pub fn spent_earlier(&self, record: &SampleRecord) {
        let Some(budget) = &self.budget else { return };
        let own = self.spent(budget, record.cost_of_all_attempts(), &record.usage_of_all_attempts());
        let roles = record.roles_of_all_attempts();
        let roles = roles.values().map(|used| self.spent(budget, used.cost, &used.usage));
        budget.settle(0, roles.fold(own, u64::saturating_add), 0);
    }

    /// In the budget's measure, as far as it can be told.
    fn spent(&self, budget: &Budget, cost: Option<Money>, usage: &Usage) -> u64 {
        match (budget.limit, cost) {
            (BudgetLimit::Money(limit), Some(cost)) if cost.currency == limit.currency => cost.micros,
            _ => self.amount(budget, usage).unwrap_or(0),
        }
    }

    /// Reserves what `request` may cost.
    ///
    /// # Errors
    /// [`Stop::Limit`] where the budget does not have it; the call must then not be sent.
    pub async fn reserve(&self, request: &ModelRequest) -> Result<Reservation, Stop> {
        if let Some(refusal) = self.recorded.as_ref().and_then(|recorded| recorded.refusal()) {
            return Err(refusal);
        }
        let Some(budget) = &self.budget else { return Ok(Reservation { budget: None, reserved: 0 }) };
        let input_tokens = input_tokens_estimate(request);
        let amount = |state: &State| {
            let output_tokens = request.config.max_tokens.map_or(state.output_tokens_max, u64::from);
            self.amount(budget, &Usage { input_tokens, output_tokens, ..Usage::default() }).unwrap_or(u64::MAX)
        };
        match budget.reserve(amount).await {
            Some(reserved) => Ok(Reservation { budget: Some(budget.clone()), reserved }),
            None => {
                self.refused.store(true, Ordering::Relaxed);
                Err(over(budget))
            }
        }
    }

    /// Puts what the call did cost in the place of its reservation; returns it, where it is known.
    pub fn settle(&self, mut reservation: Reservation, result: &Result<ModelReply, ModelError>) -> Option<Money> {
        let usage = used(result);
        if let Some(budget) = reservation.budget.take() {
            let spent = usage.map_or(Some(reservation.reserved), |usage| self.amount(&budget, &usage));
            // An earlier attempt of which nobody knows what the provider did counts as estimated.
            let unknown = earlier(result).failed.iter().filter(|failed| used_by(&failed.error).is_none()).count();
            let before = reservation.reserved.saturating_mul(unknown as u64);
            let spent = spent.map(|spent| spent.saturating_add(before));
            let output_tokens = usage.map_or(0, |usage| usage.output_tokens);
            budget.settle(reservation.reserved, spent.unwrap_or(u64::MAX), output_tokens);
        }
        self.price.as_ref()?.cost(&usage?)
    }

    /// This usage in the budget's measure; none where it cannot be told.
    fn amount(&self, budget: &Budget, usage: &Usage) -> Option<u64> {
        match budget.limit {
            BudgetLimit::Tokens(_) => Some(usage.total_tokens()),
            BudgetLimit::Money(limit) => {
                let price = self.price.as_ref().filter(|price| price.currency == limit.currency)?;
                price.cost(usage).map(|money| money.micros)
            }
        }
    }
}

/// The tokens of a call that has ended; none where nobody knows. A call that was turned away costs nothing.
fn used(result: &Result<ModelReply, ModelError>) -> Option<Usage> {
    match result {
        Ok(reply) => reply.output.usage,
        Err(error) => used_by(error),
    }
}

fn used_by(error: &ModelError) -> Option<Usage> {
    match error.kind {
        ModelErrorKind::Timeout
        | ModelErrorKind::MalformedReply
        | ModelErrorKind::Model
        | ModelErrorKind::AccessCut => None,
        ModelErrorKind::Unreachable
        | ModelErrorKind::RateLimited
        | ModelErrorKind::Overloaded
        | ModelErrorKind::Unauthorized
        | ModelErrorKind::NotFound
        | ModelErrorKind::InvalidRequest
        | ModelErrorKind::ContextTooLong => Some(Usage::default()),
    }
}

fn earlier(result: &Result<ModelReply, ModelError>) -> &EarlierAttempts {
    match result {
        Ok(reply) => &reply.earlier,
        Err(error) => &error.earlier,
    }
}

/// Tokens of a request, as far as they can be told before it is sent.
pub(crate) fn input_tokens_estimate(request: &ModelRequest) -> u64 {
    let bytes = |message: &Message| {
        let calls = message.tool_calls.iter().map(|call| call.function.len() + call.arguments.to_string().len());
        message.text().len() + calls.sum::<usize>()
    };
    let messages: usize = request.messages.iter().map(bytes).sum();
    let tools =
        request.tools.iter().map(|tool| tool.name.len() + tool.description.len() + tool.parameters.to_string().len());
    let bytes = messages + tools.sum::<usize>();
    (bytes as u64).div_ceil(BYTES_PER_TOKEN) + request.messages.len() as u64 * TOKENS_PER_MESSAGE
}

fn over(budget: &Budget) -> Stop {
    let (limit, value) = match budget.limit {
        // Whole millionths below 2⁵³ are exact; the value is for people.
        BudgetLimit::Money(money) => (LimitKind::Cost, money.micros as f64 / 1e6),
        BudgetLimit::Tokens(tokens) => (LimitKind::Token, tokens as f64),
    };
    let message = format!("{BUDGET_OVER}{}; {} are spent", budget.limit, budget.spent());
    Stop::Limit { limit, value: Some(value), message }
}

#[cfg(test)]
mod tests {
    use ph_model::{GenerateConfig, ModelOutput, StopReason};

    use super::*;
    use crate::price::PriceTable;

    fn request(max_tokens: Option<u32>) -> ModelRequest {
        let config = GenerateConfig { max_tokens, ..GenerateConfig::default() };
        ModelRequest { messages: vec![Message::user("123456")], config, ..ModelRequest::default() }
    }

    fn reply(usage: Option<Usage>) -> Result<ModelReply, ModelError> {
        let message = Message::assistant("x");
        let output =
            ModelOutput { model: "m".to_owned(), message, stop_reason: StopReason::Stop, usage, logprobs: None };
        Ok(ModelReply::new(output))
    }

    fn usage(input_tokens: u64, output_tokens: u64) -> Option<Usage> {
        Some(Usage { input_tokens, output_tokens, ..Usage::default() })
    }

    fn spending(limit: &str) -> Spending {
        let table =
            "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"m\"\ninput = 1\noutput = 2\nsource = \"s\"\n";
        let prices = Prices::new(vec![PriceTable::read("p", table).unwrap()]);
        Spending { prices, budget: Some(Arc::new(Budget::new(limit.parse().unwrap()))) }
    }

    #[tokio::test]
    async fn what_a_call_did_cost_takes_the_place_of_its_estimate() {
        let spending = spending("100 tokens");
        let meter = spending.meter("m");
        let held = meter.reserve(&request(Some(50))).await.unwrap();
        assert_eq!(meter.settle(held, &reply(usage(6, 4))), Some("0.000014USD".parse().unwrap()));
        assert_eq!(spending.budget.as_ref().unwrap().spent(), BudgetLimit::Tokens(10));
        assert!(!meter.budget_use(false).unwrap().ended_run);
    }

    #[tokio::test]
    async fn a_call_that_does_not_fit_ends_the_budget_for_everybody() {
        let spending = spending("0.00001USD");
        let meter = spending.meter("m");
        let stop = meter.reserve(&request(Some(5))).await.unwrap_err();
        assert!(matches!(stop, Stop::Limit { limit: LimitKind::Cost, value: Some(_), .. }), "{stop}");
        assert!(stop.to_string().contains("0.00001 USD"), "{stop}");
        assert!(spending.is_ended() && meter.budget_use(false).unwrap().ended_run);
        let other = spending.meter("m");
        assert!(other.reserve(&request(Some(0))).await.is_err(), "even a call that would fit");
    }

    #[tokio::test]
    async fn a_call_waits_for_those_under_way_instead_of_giving_up() {
        let spending = spending("100 tokens");
        let meter = spending.meter("m");
        let first = meter.reserve(&request(Some(80))).await.unwrap();
        let settle = async {
            tokio::task::yield_now().await;
            meter.settle(first, &reply(usage(6, 4)));
        };
        let wanted = request(Some(80));
        let (second, ()) = tokio::join!(meter.reserve(&wanted), settle);
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn a_call_of_unknown_cost_counts_as_estimated() {
        for result in [reply(None), Err(ModelError::new(ModelErrorKind::Timeout, "late"))] {
            let spending = spending("1000 tokens");
            let meter = spending.meter("m");
            let held = meter.reserve(&request(Some(50))).await.unwrap();
            assert_eq!(meter.settle(held, &result), None);
            assert_eq!(spending.budget.as_ref().unwrap().spent(), BudgetLimit::Tokens(56));
            drop(meter.reserve(&request(Some(50))).await.unwrap());
            assert_eq!(spending.budget.as_ref().unwrap().spent(), BudgetLimit::Tokens(112), "dropped under way");
        }
    }

    #[tokio::test]
    async fn a_call_that_was_turned_away_costs_nothing() {
        let spending = spending("1USD");
        let meter = spending.meter("m");
        let held = meter.reserve(&request(Some(50))).await.unwrap();
        let refused = Err(ModelError::new(ModelErrorKind::RateLimited, "slow down"));
        assert_eq!(meter.settle(held, &refused), Some("0USD".parse().unwrap()));
        assert_eq!(spending.budget.as_ref().unwrap().spent().amount(), 0);
    }

    #[test]
    fn money_needs_a_price_in_its_currency() {
        assert!(spending("5USD").check("m").is_ok());
        let error = spending("5USD").check("n").unwrap_err();
        assert!(error.hint().contains("--prices") && error.hint().contains("\"n\""), "{}", error.hint());
        assert!(matches!(spending("5EUR").check("m"), Err(SpendingError::Currency { .. })));
        assert!(spending("5 tokens").check("n").is_ok());
        assert!(Spending::default().check("n").is_ok());
    }
}
