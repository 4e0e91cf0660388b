//! The options of every command that reaches a target behind an API.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ph_assess::{AllTargets, EndpointTargets, InProcessTargets, RenderHost, Timeouts};
use ph_model::TargetName;

use crate::clock::SystemClock;
use crate::env_vars;
use crate::exit_code::Exit;
use crate::failure::Failure;

/// The longest time limit, in seconds.
const SECONDS_MAX: f64 = 604_800.0;

/// How a target behind an API is reached.
#[derive(Args, Default, Clone)]
pub(crate) struct EndpointArguments {
    /// The address of TARGET, as the provider's own SDK takes it [default: as SERVICE_BASE_URL says]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    #[command(flatten)]
    timeouts: TimeoutArguments,
}

/// How long what is behind an API may take.
#[derive(Args, Default, Clone)]
pub(crate) struct TimeoutArguments {
    /// Seconds until the connection to an endpoint must stand [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    connect_timeout: Option<Duration>,
    /// Seconds until the first byte of a reply [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    first_byte_timeout: Option<Duration>,
    /// Seconds from one piece of a reply to the next [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    chunk_timeout: Option<Duration>,
    /// Seconds that a whole call may take [default: 1800]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    call_timeout: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= SECONDS_MAX => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("must be a number of seconds above 0 and at most {SECONDS_MAX}")),
    }
}

impl EndpointArguments {
    /// The way to targets; `--base-url` is the address of `target` alone, `render_host` makes the prompts of model directories.
    ///
    /// # Errors
    /// Where an address is given and `target` runs inside this process, or is none in particular.
    pub(crate) fn targets(
        &self,
        target: Option<&TargetName>,
        render_host: Option<RenderHost>,
    ) -> Result<AllTargets, Failure> {
        let base_url = match (&self.base_url, target) {
            (None, _) => None,
            (Some(url), Some(target)) if !target.is_in_process() => Some((target.clone(), url.clone())),
            (Some(_), target) => return Err(has_no_address(target)),
        };
        Ok(self.timeouts.reaching(base_url, render_host))
    }

    /// The same with this address where none was given.
    pub(crate) fn or_base_url(&self, base_url: Option<String>) -> Self {
        Self { base_url: self.base_url.clone().or(base_url), ..self.clone() }
    }

    /// The longest that a whole call may take.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.timeouts.call_timeout.unwrap_or(Timeouts::default().call)
    }

    /// What of it the same samples need again.
    pub(crate) fn repeat(&self) -> Option<&str> {
        self.base_url.as_deref()
    }
}

impl TimeoutArguments {
    /// The way to targets of which none is given an address.
    pub(crate) fn targets(&self, render_host: Option<RenderHost>) -> AllTargets {
        self.reaching(None, render_host)
    }

    fn reaching(&self, base_url: Option<(TargetName, String)>, render_host: Option<RenderHost>) -> AllTargets {
        let usual = Timeouts::default();
        let timeouts = Timeouts {
            connect: self.connect_timeout.unwrap_or(usual.connect),
            first_byte: self.first_byte_timeout.unwrap_or(usual.first_byte),
            between_chunks: self.chunk_timeout.unwrap_or(usual.between_chunks),
            call: self.call_timeout.unwrap_or(usual.call),
        };
        let proxy = env_vars::read(env_vars::PROOFHOUSE_PROXY);
        let variables = Arc::new(|name: &str| env_vars::read(name));
        let clock = Arc::new(SystemClock);
        let endpoints = EndpointTargets { variables, clock, base_url, timeouts, proxy };
        AllTargets { in_process: InProcessTargets { render_host }, endpoints }
    }
}

fn has_no_address(target: Option<&TargetName>) -> Failure {
    let message = match target {
        Some(target) => format!("`{target}` runs inside this process and has no address"),
        None => "the reference models run inside this process and have no address".to_owned(),
    };
    Failure::new(Exit::Usage, "target::base_url", message)
        .with_hint("leave `--base-url` out, or name a target behind an API, for instance `openai-api/SERVICE/NAME`")
}
