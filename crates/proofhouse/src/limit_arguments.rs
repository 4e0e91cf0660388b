//! The options of every command that presses a target: how many calls at once and a minute, how often again.

use std::time::Duration;

use clap::Args;
use ph_assess::TargetLimits;
use ph_eval::RetryPolicy;

/// How hard a target may be pressed.
#[derive(Args, Default, Clone, Copy)]
pub(crate) struct LimitArguments {
    /// The most calls under way at once per target [default: 16 in this process, 100 behind an API]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: Option<u32>,
    /// Keep all connections busy from the beginning; without it an endpoint is felt out: more while replies stay as
    /// quick, fewer when it says it is overloaded
    #[arg(long)]
    fixed_connections: bool,
    /// The most requests a minute per target
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests_per_minute: Option<u64>,
    /// The most tokens a minute per target, of requests and replies together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tokens_per_minute: Option<u64>,
    /// How often a call is tried again that failed in a way that another may not; 0 for never [default: 5]
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Seconds that a call may take with all its retries and waits [default: 1800]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    retry_time: Option<u64>,
}

impl LimitArguments {
    /// The flags again that decide how often a call is asked, for the command line that repeats the work.
    pub(crate) fn repeat(&self) -> impl Iterator<Item = String> + '_ {
        let retries = self.retries.map(|count| format!("--retries {count}"));
        retries.into_iter().chain(self.retry_time.map(|seconds| format!("--retry-time {seconds}")))
    }

    pub(crate) fn limits(&self) -> TargetLimits {
        let usual = RetryPolicy::default();
        let retry = RetryPolicy {
            retries_max: self.retries.unwrap_or(usual.retries_max),
            time_max: self.retry_time.map_or(usual.time_max, Duration::from_secs),
        };
        TargetLimits {
            connections: self.max_connections,
            fixed: self.fixed_connections,
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            retry,
        }
    }
}
