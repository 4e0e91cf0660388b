//! The file of a ledger's salt key: 32 random bytes, readable by its owner alone, made once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ph_proof::commitment::SaltKey;

use crate::file_ledger::access;
use crate::ledger_error::LedgerError;
use crate::recorder::Random;

const NAME: &str = "salt.key";
const KEY_BYTES: usize = 32;

/// Makes the key, unless it is there: a ledger that was begun keeps its own.
///
/// # Errors
/// [`LedgerError::Access`].
pub(crate) fn make(dir: &Path, random: &Random) -> Result<(), LedgerError> {
    let path = dir.join(NAME);
    if path.exists() {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let mut key = [0; KEY_BYTES];
        random(&mut key);
        let new = dir.join("salt.key.tmp");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(access("write", &path))
}

/// Reads the key.
///
/// # Errors
/// [`LedgerError::Access`], [`LedgerError::SaltKey`].
pub(crate) fn read(dir: &Path) -> Result<SaltKey, LedgerError> {
    let path = dir.join(NAME);
    let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
    let file = File::open(&path).map_err(access("read", &path))?;
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(access("read", &path))?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| LedgerError::SaltKey(path.display().to_string()))?;
    Ok(SaltKey::new(key))
}
