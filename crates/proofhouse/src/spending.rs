//! `--budget` and `--prices`: from what was typed to prices and a budget.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_eval::price::TABLE_BYTES_MAX;
use ph_eval::{Budget, PriceTable, PriceTableError, Prices, Spending, SpendingError};
use ph_record::BudgetLimit;

use crate::exit_code::Exit;
use crate::failure::{Failure, Place};
use crate::output;

/// What may be spent, and what things cost.
#[derive(Args)]
pub(crate) struct SpendingArguments {
    /// End once this much is spent: money (`5USD`) or tokens (`2000000tokens`, `500k tokens`, `2M tokens`)
    #[arg(long, value_name = "BUDGET")]
    budget: Option<BudgetLimit>,
    /// A price table (TOML) whose rows come before the built-in ones
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

impl SpendingArguments {
    /// Prices and budget.
    pub(crate) fn spending(&self) -> Result<Spending, Failure> {
        let mut tables = Vec::new();
        if let Some(path) = &self.prices {
            tables.push(read(path)?);
        }
        tables.push(PriceTable::built_in().map_err(|error| malformed(&error, Exit::Unexpected))?);
        let budget = self.budget.map(|limit| Arc::new(Budget::new(limit)));
        Ok(Spending { prices: Prices::new(tables), budget })
    }

    /// The flags again, for the command line that repeats the work.
    pub(crate) fn repeat(&self) -> impl Iterator<Item = String> + '_ {
        let budget = self.budget.map(|budget| format!("--budget '{budget}'"));
        let prices = self.prices.as_ref().map(|path| format!("--prices '{}'", path.display()));
        budget.into_iter().chain(prices)
    }
}

/// How a budget that cannot be kept ends the program: before anything is sent.
pub(crate) fn spending_failure(error: SpendingError) -> Failure {
    let hint = error.hint();
    Failure::from_error(Exit::Usage, "budget::price", error).with_hint(hint)
}

fn read(path: &Path) -> Result<PriceTable, Failure> {
    let shown = output::visible(&path.display().to_string());
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Malformed, "prices::read", format!("cannot read the price table `{shown}`: {error}"))
            .with_hint("give a TOML file with `as_of`, `currency` and a `[[price]]` per model")
    };
    let mut text = String::new();
    // One byte more than a table may have, so that a longer one is told from one that fits.
    let most = TABLE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(unreadable)?;
    PriceTable::read(&shown, &text).map_err(|error| malformed(&error, Exit::Malformed))
}

fn malformed(error: &PriceTableError, exit: Exit) -> Failure {
    let place = Place { file: &error.file, text: &error.text, offset: error.offset, length: error.length };
    let hint = error.hint.clone().unwrap_or_default();
    Failure::from_error(exit, "prices::malformed", error).with_hint(hint).at(&place)
}
