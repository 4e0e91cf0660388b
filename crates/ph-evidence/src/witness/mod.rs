//! Witnesses (C2SP `tlog-witness`): the service that cosigns tree heads of logs which it has seen grow, and the client by which a
//! log asks for cosignatures.
//!
//! | question | item |
//! |---|---|
//! | which logs does the witness accept? | [`AcceptedLogs`] |
//! | what may be answered to a request, without files and time | [`decision`] |
//! | the last head of each log on disk, and proof of misconduct | [`WitnessState`] |
//! | the whole, as a router | [`Witness`], [`router`] |
//! | asking witnesses | [`WitnessClient`] |
//!
//! A witness says one thing alone: that of this log it has never cosigned anything which this head does not continue. It does not
//! read entries, and extension lines of a head are cosigned with it but mean nothing to it.

mod client;
mod config;
pub mod decision;
mod exchange;
mod misconduct;
mod service;
mod state;

pub use client::{
    ClientLimits, ConsistencyError, ConsistencySource, CosignOutcome, RemoteWitness, WitnessClient, WitnessError,
    WitnessFault,
};
pub use config::{AcceptedLogs, AcceptedLogsError};
pub use decision::{Refusal, Submission};
pub use exchange::ExchangeError;
pub use misconduct::{CONFLICTS_OF_A_LOG_MAX, Conflict};
pub use service::{Answer, Told, Witness, router};
pub use state::{DamageError, HeldLog, LatestHead, ORIGINS_MAX, StateError, WitnessState};
