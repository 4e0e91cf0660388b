//! The options of both programs that verify.

use std::path::PathBuf;

use clap::Args;

use crate::trust::{Trust, TrustError, read_key, read_policy};

/// What is verified, and whom to trust.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// The bundle
    pub bundle: PathBuf,
    /// The ledger's key, `NAME+ID+BASE64`, or a file that holds it; may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    key: Vec<String>,
    /// A witness's key, a file that holds it, or a policy file (C2SP tlog-policy); may be repeated
    #[arg(long, value_name = "KEY|FILE")]
    witness: Vec<String>,
    /// So many of the witnesses must have cosigned [default: all]
    #[arg(long, value_name = "K", requires = "witness")]
    quorum: Option<usize>,
    /// What opens a part that the bundle withholds; may be repeated
    #[arg(long = "opening", value_name = "FILE")]
    pub openings: Vec<PathBuf>,
}

impl VerifyArguments {
    /// Whom to trust.
    ///
    /// # Errors
    /// [`TrustError`] naming what is no key or policy.
    pub fn trust(&self) -> Result<Trust, TrustError> {
        let keys = self.key.iter().map(|given| read_key(given)).collect::<Result<_, _>>()?;
        Ok(Trust { keys, policy: read_policy(&self.witness, self.quorum)? })
    }
}
