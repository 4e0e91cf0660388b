//! A model server that answers and fails to order, in the four dialects that `ph-provider` speaks. A mock, and named
//! so: it stands where a test needs a real socket and an answer, or a failure, that no real model gives on demand.
//!
//! Tests start it in their own process ([`Stub::start`]); `cargo xtask stub` starts it by itself. It takes any model
//! name and any key (unless the configuration names one), and everything it does is a function of (seed, prompt, times
//! the prompt was seen): the conversation, as asked of one model in one dialect.
//!
//! What it says, in order of precedence: markers in the last user message, the configuration's [`Rule`]s, an echo.
//!
//! | marker | effect |
//! |---|---|
//! | `[[stub:say=TEXT]]` | the text |
//! | `[[stub:words=N]]` | N words |
//! | `[[stub:tool]]`, `[[stub:tool=NAME]]`, `[[stub:arguments=JSON]]` | a call of a tool that is offered, and after its result a text |
//! | `[[stub:reasoning]]`, `[[stub:reasoning=TEXT]]` | reasoning before the answer |
//! | `[[stub:refuse]]`, `[[stub:filter]]` | a refusal; an answer stopped by the service's filter |
//! | `[[stub:cached=N]]` | N input tokens from the cache |
//! | `[[stub:fault=NAME]]`, `[[stub:fault=NAME~N]]` | the [`Fault`]; only the first N times that the prompt is seen |
//!
//! A fault can be ordered as well by the header `x-stub-fault: NAME~N`, by the model's name, `ANY~NAME~N`, by a rule or
//! by rate. `GET /stats` counts, `POST /reset` forgets.

mod answer;
mod call;
mod config;
mod delivery;
mod dialect;
mod fault;
mod http_request;
mod latency;
mod reply;
mod route;
mod script;
mod server;
mod stats;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use call::Dialect;
pub use config::{ConfigError, Rule, StubConfig};
pub use fault::{Fault, FaultNameError};
pub use latency::{Latency, LatencyError};
use server::Server;
pub use stats::Stats;
use tokio::sync::oneshot;

/// A stub that runs in a thread of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A stub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// The configuration is not possible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// Why.
        source: io::Error,
    },
}

impl Stub {
    /// Starts a stub on 127.0.0.1.
    ///
    /// # Errors
    /// The configuration is not possible, or the port cannot be had.
    pub fn start(config: StubConfig) -> Result<Self, StubError> {
        config.check()?;
        let port = config.port;
        let cannot = |source| StubError::Listen { port, source };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let server = Arc::new(Server::new(config));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&server);
        let thread = std::thread::Builder::new()
            .name("stub".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                        serving.serve(listener, stopped).await;
                    }
                });
            })
            .map_err(cannot)?;
        Ok(Self { address, server, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The base URL as the dialect's official SDK takes it: with `/v1` for OpenAI's, without for the others.
    #[must_use]
    pub fn base_url(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => format!("http://{}/v1", self.address),
            Dialect::Anthropic | Dialect::Google => format!("http://{}", self.address),
        }
    }

    /// The counts up to now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.counter().stats.clone()
    }

    /// Forgets counts and prompts.
    pub fn reset(&self) {
        self.server.counter().reset();
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
