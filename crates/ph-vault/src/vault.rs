//! The vault as a whole: where it is, who has it open, its logs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ph_base::{Digest, FileLayer};
use ph_record::BodyId;

use crate::crypt::Key;
use crate::disk::{make_folder, remove_leftovers};
use crate::error::cannot;
use crate::{Destroyed, MasterSecret, PassphraseCost, VaultError, VaultLog, master};

/// Fills bytes with randomness that nobody can guess; the machine's, outside tests.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Where a vault is and what it works with.
#[derive(Clone)]
pub struct VaultPlace {
    /// The data directory: keys are in its `keys/`, ciphertexts in its `blobs/`.
    pub folder: PathBuf,
    /// The way to its files. [`PrivateDisk`](crate::PrivateDisk) outside tests.
    pub files: Arc<dyn FileLayer>,
    /// Where keys and nonces come from.
    pub random: Random,
}

impl VaultPlace {
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    pub(crate) fn master(&self) -> PathBuf {
        self.keys().join("master.toml")
    }

    pub(crate) fn log_keys(&self) -> PathBuf {
        self.keys().join("logs")
    }

    pub(crate) fn log_key(&self, log: &str) -> PathBuf {
        self.log_keys().join(format!("{}.key", Digest::of(log.as_bytes()).hex()))
    }

    pub(crate) fn body_keys(&self, log: &str) -> PathBuf {
        self.keys().join("bodies").join(Digest::of(log.as_bytes()).hex())
    }

    pub(crate) fn packs(&self, log: &str) -> PathBuf {
        self.folder.join("blobs").join(Digest::of(log.as_bytes()).hex())
    }
}

/// What all logs of an open vault share.
pub(crate) struct Shared {
    pub(crate) place: VaultPlace,
    pub(crate) master: Key,
    /// Held as long as any log is in use.
    _lock: File,
}

/// An open vault.
pub struct Vault {
    shared: Arc<Shared>,
    logs: Mutex<BTreeMap<String, VaultLog>>,
}

impl Vault {
    /// Makes a new vault; `cost` matters to passphrases only.
    ///
    /// # Errors
    /// [`VaultError::VaultExists`], [`VaultError::InUse`], [`VaultError::Access`].
    pub fn create(place: VaultPlace, secret: &MasterSecret, cost: PassphraseCost) -> Result<Self, VaultError> {
        let logs = place.log_keys();
        make_folder(&logs).map_err(cannot("make", &logs))?;
        let lock = lock(&place)?;
        let has_logs = fs::read_dir(&logs).map_err(cannot("read", &logs))?.next().is_some();
        if has_logs || place.master().exists() {
            return Err(VaultError::VaultExists(place.folder));
        }
        let master = master::create(&place, secret, cost)?;
        Ok(Self::of(place, master, lock))
    }

    /// Opens a vault.
    ///
    /// # Errors
    /// [`VaultError::NoVault`], [`VaultError::WrongSecret`], [`VaultError::InUse`], [`VaultError::Damaged`],
    /// [`VaultError::Access`].
    pub fn open(place: VaultPlace, secret: &MasterSecret) -> Result<Self, VaultError> {
        if !place.master().exists() {
            return Err(VaultError::NoVault(place.folder));
        }
        let lock = lock(&place)?;
        let master = master::open(&place, secret)?;
        for folder in [place.keys(), place.log_keys()] {
            remove_leftovers(&folder).map_err(cannot("tidy up", &folder))?;
        }
        Ok(Self::of(place, master, lock))
    }

    fn of(place: VaultPlace, master: Key, lock: File) -> Self {
        Self { shared: Arc::new(Shared { place, master, _lock: lock }), logs: Mutex::default() }
    }

    /// The bodies of a log; begun if it is new. Every caller shares one.
    ///
    /// # Errors
    /// [`VaultError::Damaged`], [`VaultError::Access`].
    pub fn log(&self, name: &str) -> Result<VaultLog, VaultError> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(name) {
            return Ok(log.clone());
        }
        let log = VaultLog::open(self.shared.clone(), name)?;
        logs.insert(name.to_owned(), log.clone());
        Ok(log)
    }

    /// [`VaultLog::destroy`] of a log.
    ///
    /// # Errors
    /// As there.
    pub fn destroy(&self, log: &str, body: BodyId) -> Result<Destroyed, VaultError> {
        self.log(log)?.destroy(body)
    }

    /// [`VaultLog::hold`] of a log.
    ///
    /// # Errors
    /// As there.
    pub fn hold(&self, log: &str) -> Result<(), VaultError> {
        self.log(log)?.hold()
    }

    /// [`VaultLog::release`] of a log.
    ///
    /// # Errors
    /// As there.
    pub fn release(&self, log: &str) -> Result<(), VaultError> {
        self.log(log)?.release()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.shared.place.folder).finish_non_exhaustive()
    }
}

/// Keeps other processes out: each has its own picture of what is where.
fn lock(place: &VaultPlace) -> Result<File, VaultError> {
    let path: &Path = &place.keys().join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(cannot("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VaultError::InUse(place.folder.clone())),
        Err(TryLockError::Error(error)) => Err(cannot("lock", path)(error)),
    }
}
