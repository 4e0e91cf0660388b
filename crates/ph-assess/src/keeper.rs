//! What a ledger is kept with: the operator's key, and the witnesses that cosign.

use std::sync::Arc;

use ph_evidence::Random;
use ph_evidence::witness::WitnessClient;
use ph_proof::note::{NoteSigner, WitnessPolicy};

/// The key, the witnesses, and randomness for salts.
#[derive(Clone)]
pub struct Keeper {
    /// The operator's key. A ledger's origin lies below its name.
    pub key: NoteSigner,
    /// Which witnesses are asked, and how many must cosign a plan before anything confirmatory is sent.
    pub witnesses: Option<Arc<Witnesses>>,
    /// Secret bytes.
    pub random: Random,
}

/// The witnesses that are asked.
pub struct Witnesses {
    /// Which, and how many of them.
    pub policy: WitnessPolicy,
    /// Asks them.
    pub client: WitnessClient,
}
