//! The vault: bodies of ledger entries, encrypted, each under a key of its own, so that one can be destroyed for good.
//!
//! Level 3. A body's key is wrapped by its log's data key, that by the master key, and that comes from a passphrase or a
//! key file. Ciphertexts lie in packs that are only appended to; wrapped keys lie apart from them, and destroying a body
//! is taking its wrapped key away. `docs/vault.md` has the layout and what is protected against whom.
//!
//! *Who* may destroy, and that it takes two people, is not decided here, and no tombstone is written: both are the
//! caller's (`ph-evidence`). The vault only refuses while a log is held. It draws no random numbers of its own and
//! prompts nobody: both are handed in. One process at a time has it open.

mod crypt;
mod disk;
mod error;
mod key_segment;
mod log_key;
mod master;
mod pack;
mod vault;
mod vault_log;

pub use disk::PrivateDisk;
pub use error::VaultError;
pub use master::{MasterSecret, PassphraseCost};
pub use vault::{Random, Vault, VaultPlace};
pub use vault_log::{BODY_BYTES_MAX, Destroyed, VaultCheck, VaultLog};
