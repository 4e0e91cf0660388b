//! A log's data key, wrapped by the master key: `keys/logs/<digest of the log's name>.key`. Whether the log is held is
//! sealed with it.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use crate::VaultError;
use crate::crypt::{Key, Purpose};
use crate::error::cannot;
use crate::vault::Shared;

const FORMAT: u32 = 1;

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogKeyFile {
    format: u32,
    log: String,
    held: bool,
    key: String,
}

fn purpose(log: &str, held: bool) -> Purpose {
    Purpose::new("proofhouse vault log key 1", &[log.as_bytes(), &[u8::from(held)]])
}

/// A log's data key and whether the log is held; none where the log is new.
pub(crate) fn read(shared: &Shared, log: &str) -> Result<Option<(Key, bool)>, VaultError> {
    let path = shared.place.log_key(log);
    let damaged = |problem: &str| VaultError::damaged(&path, problem);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged("it is no text")),
        text => text.map_err(cannot("read", &path))?,
    };
    let file: LogKeyFile = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
    if file.format != FORMAT || file.log != log {
        return Err(damaged("its format or its log is another"));
    }
    let wrapped = hex::decode(&file.key).map_err(|_| damaged("its key is not hexadecimal"))?;
    let key = shared.master.unwrap(&wrapped, &purpose(log, file.held));
    Ok(Some((key.ok_or_else(|| damaged("the master key does not open it"))?, file.held)))
}

/// Writes a log's key anew; once this returns, it outlives a power cut.
pub(crate) fn write(shared: &Shared, log: &str, key: &Key, held: bool) -> Result<(), VaultError> {
    let path = shared.place.log_key(log);
    let wrapped = shared.master.wrap(key, &purpose(log, held), &shared.place.random)?;
    let file = LogKeyFile { format: FORMAT, log: log.to_owned(), held, key: hex::encode(wrapped) };
    let text = toml::to_string(&file).map_err(|error| VaultError::damaged(&path, error.to_string()))?;
    shared.place.files.replace(&path, text.as_bytes()).map_err(cannot("write", &path))
}
