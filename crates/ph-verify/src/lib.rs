//! Verifies a bundle offline: proofs, signatures, logs, and every number of the report made again (`docs/bundle.md`).
//!
//! Level 5. No network, no async runtime, no SQL and no C code in what this crate is built from (a test lists it), so that
//! whoever holds a bundle can read and build all of what says yes. Each check says on whose word it rests; what cannot be
//! checked is said, never passed over. Nothing in a bundle is trusted before its check.

mod arguments;
mod bundle;
mod check;
mod ledger_checks;
mod numbers;
mod part_checks;
mod plan_checks;
mod run_checks;
mod statements;
mod text;
mod trust;
mod verify;

pub use arguments::VerifyArguments;
pub use check::{Basis, Check, Outcome, Verdict, Verification};
pub use numbers::differences;
pub use text::{line, summary};
pub use trust::{Trust, TrustError, read_key, read_policy};
pub use verify::{Pages, VerifyRequest, verify};
