//! The options of every command that keeps a record: the ledger's key, the witnesses.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_assess::{Keeper, Witnesses};
use ph_base::Digest;
use ph_evidence::Random;
use ph_evidence::witness::{ClientLimits, WitnessClient};
use ph_proof::note::{KeyName, NoteSigner, WitnessPolicy};

use crate::data_dir::data_dir;
use crate::env_vars::{PROOFHOUSE_LEDGER_KEY, PROOFHOUSE_WITNESS_POLICY, read};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::{clock, key_file};

/// How the name of a key begins that this program made for itself: nobody vouches for it.
const LOCAL: &str = "local.proofhouse";

/// With what the record is kept.
#[derive(Args, Default)]
pub(crate) struct LedgerArguments {
    /// The file of the key that signs the record (`proofhouse key new`) [default: a local key in the data directory]
    #[arg(long, value_name = "FILE")]
    ledger_key: Option<PathBuf>,
    /// Witnesses that cosign the record: a policy file (C2SP tlog-policy) with their addresses. What is confirmatory begins only
    /// once they have cosigned the plan
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
}

impl LedgerArguments {
    /// What records are kept with. Makes the local key where there is none and no other was named.
    pub(crate) fn keeper(&self) -> Result<Keeper, Failure> {
        Ok(Keeper { key: self.key()?, witnesses: self.witnesses()?, random: random()? })
    }

    /// The key that signs.
    pub(crate) fn key(&self) -> Result<NoteSigner, Failure> {
        match self.ledger_key.clone().or_else(|| read(PROOFHOUSE_LEDGER_KEY).map(PathBuf::from)) {
            Some(file) => key_file::read(&file),
            None => local_key(&data_dir()?.join("keys")),
        }
    }

    fn witnesses(&self) -> Result<Option<Arc<Witnesses>>, Failure> {
        let named = self.witness_policy.clone().or_else(|| read(PROOFHOUSE_WITNESS_POLICY).map(PathBuf::from));
        let Some(file) = named else { return Ok(None) };
        let shown = file.display();
        let bytes = fs::read(&file).map_err(|error| {
            Failure::new(Exit::Malformed, "witness::policy", format!("cannot read the policy `{shown}`: {error}"))
        })?;
        let policy = WitnessPolicy::parse(&bytes).map_err(|error| {
            Failure::new(Exit::Malformed, "witness::policy", format!("`{shown}` is not a policy of witnesses: {error}"))
                .with_hint("lines `witness NAME KEY URL`, `group NAME K NAMES…`, `quorum NAME` (c2sp.org/tlog-policy)")
        })?;
        let client = WitnessClient::new(ClientLimits::default())
            .map_err(|error| Failure::from_error(Exit::Resource, "witness::client", error))?;
        Ok(Some(Arc::new(Witnesses { policy, client })))
    }
}

/// Secret bytes of this machine.
pub(crate) fn random() -> Result<Random, Failure> {
    // Tried once here, so that a machine without randomness ends before anything is recorded.
    clock::secret_seed().map_err(|error| Failure::from_error(Exit::Resource, "ledger::randomness", error))?;
    Ok(Arc::new(clock::fill_secret))
}

/// The key that this program makes for itself, mode 0600.
fn local_key(folder: &Path) -> Result<NoteSigner, Failure> {
    let file = folder.join("ledger.key");
    if file.exists() {
        return key_file::read(&file);
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        let text = format!("cannot make the folder of keys `{}`: {error}", folder.display());
        Failure::new(Exit::Resource, "key::folder", text).with_hint(
            "set `PROOFHOUSE_DATA_DIR` to a directory that can be written, or name a key with `--ledger-key`",
        )
    })?;
    let seed = clock::secret_seed().map_err(|error| Failure::from_error(Exit::Resource, "key::randomness", error))?;
    let public = NoteSigner::new(name(LOCAL)?, &seed).verifier().public_key();
    let signer = NoteSigner::new(name(&format!("{LOCAL}/{}", &Digest::of(public.bytes()).hex()[..16]))?, &seed);
    match key_file::write_new(&file, &signer) {
        // Another process made it in the meantime.
        Err(_) if file.exists() => key_file::read(&file),
        made => made.map(|()| signer),
    }
}

fn name(text: &str) -> Result<KeyName, Failure> {
    KeyName::new(text).map_err(|error| Failure::from_error(Exit::Unexpected, "key::name", error))
}
