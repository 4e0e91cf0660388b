//! The master key: from a passphrase (Argon2id) or a file of 32 random bytes; `keys/master.toml` says which, and holds
//! something sealed with it, so that a wrong one is told at once.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::VaultError;
use crate::crypt::{KEY_BYTES, Key, Purpose};
use crate::error::cannot;
use crate::vault::{Random, VaultPlace};

const FORMAT: u32 = 1;
const CHECK: &[u8] = b"the master key of a vault";
const SALT_BYTES: usize = 16;

/// What opens the vault. Wiped when it goes; never shown.
pub enum MasterSecret {
    /// A passphrase: the bytes as they were typed or read, without a line's end.
    Passphrase(Zeroizing<Vec<u8>>),
    /// The master key itself.
    Key(Zeroizing<[u8; KEY_BYTES]>),
}

impl MasterSecret {
    /// Reads a master key from a file of exactly 32 bytes that nobody but its owner may read (mode 0600).
    ///
    /// # Errors
    /// [`VaultError::KeyFile`], [`VaultError::Access`].
    pub fn key_file(path: &Path) -> Result<Self, VaultError> {
        let not = |problem| VaultError::KeyFile { path: path.to_owned(), problem };
        let file = File::open(path).map_err(cannot("read", path))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(cannot("read", path))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(not("others than its owner may read it; its mode must be 0600"));
            }
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot("read", path))?;
        let key = bytes.as_slice().try_into().map_err(|_| not("it does not hold exactly 32 bytes"))?;
        Ok(Self::Key(Zeroizing::new(key)))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::Key(_) => "master key",
        }
    }
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterSecret({}, not shown)", self.name())
    }
}

/// What one guess at the passphrase costs. The default is the second of RFC 9106 §4: 64 MiB, 3 passes, 4 lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

impl PassphraseCost {
    /// A file that was tampered with shall not make opening take all memory or for ever.
    fn is_within_bounds(self) -> bool {
        self.memory_kib <= 4 << 20 && self.passes <= 64 && self.lanes <= 64
    }
}

/// `keys/master.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterFile {
    format: u32,
    /// Something known, sealed with the master key.
    check: String,
    /// How the master key comes from a passphrase; absent where it is a key file's.
    argon2id: Option<Derivation>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Derivation {
    salt: String,
    cost: PassphraseCost,
}

fn purpose() -> Purpose {
    Purpose::new("proofhouse vault master check 1", &[])
}

/// Makes `keys/master.toml` for a new vault.
pub(crate) fn create(place: &VaultPlace, secret: &MasterSecret, cost: PassphraseCost) -> Result<Key, VaultError> {
    let path = place.master();
    let (key, argon2id) = match secret {
        MasterSecret::Key(key) => (Key::new(key.clone()), None),
        MasterSecret::Passphrase(passphrase) => {
            let mut salt = [0; SALT_BYTES];
            (place.random)(&mut salt);
            let key = derive(passphrase, &salt, cost).ok_or_else(|| VaultError::damaged(&path, BAD_COST))?;
            (key, Some(Derivation { salt: hex::encode(salt), cost }))
        }
    };
    let check = check_value(&key, &place.random)?;
    let text = toml::to_string(&MasterFile { format: FORMAT, check, argon2id });
    let text = text.map_err(|error| VaultError::damaged(&path, error.to_string()))?;
    place.files.replace(&path, text.as_bytes()).map_err(cannot("write", &path))?;
    Ok(key)
}

const BAD_COST: &str = "its argon2id cost is out of bounds";

fn check_value(key: &Key, random: &Random) -> Result<String, VaultError> {
    let mut sealed = Vec::new();
    key.seal_into(CHECK, &purpose(), random, &mut sealed)?;
    Ok(hex::encode(sealed))
}

/// The master key of a vault.
pub(crate) fn open(place: &VaultPlace, secret: &MasterSecret) -> Result<Key, VaultError> {
    let path = place.master();
    let damaged = |problem: String| VaultError::damaged(&path, problem);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(VaultError::NoVault(place.folder.clone()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(damaged("it is no text".into())),
        text => text.map_err(cannot("read", &path))?,
    };
    let file: MasterFile = toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))?;
    if file.format != FORMAT {
        return Err(damaged(format!("its format is {}, and this version reads {FORMAT}", file.format)));
    }
    let key = match (secret, &file.argon2id) {
        (MasterSecret::Key(key), None) => Key::new(key.clone()),
        (MasterSecret::Passphrase(passphrase), Some(Derivation { salt, cost })) => {
            let salt = hex::decode(salt).map_err(|error| damaged(format!("its salt: {error}")))?;
            derive(passphrase, &salt, *cost).ok_or_else(|| damaged(BAD_COST.to_owned()))?
        }
        (other, _) => return Err(VaultError::WrongSecret(other.name())),
    };
    let check = hex::decode(&file.check).map_err(|error| damaged(format!("its check value: {error}")))?;
    let is_right = key.open(&check, &purpose()).is_some_and(|content| content == CHECK);
    if is_right { Ok(key) } else { Err(VaultError::WrongSecret(secret.name())) }
}

fn derive(passphrase: &[u8], salt: &[u8], cost: PassphraseCost) -> Option<Key> {
    if !cost.is_within_bounds() {
        return None;
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_BYTES)).ok()?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(passphrase, salt, &mut *key).ok()?;
    Some(Key::new(key))
}
