//! `ledger.json`: what a ledger is called, and the key with which it began.

use std::path::Path;

use ph_base::FileLayer;
use ph_proof::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use ph_proof::note::NoteVerifier;
use serde::{Deserialize, Serialize};

use crate::file_ledger::access;
use crate::ledger_error::LedgerError;

const DESCRIPTION: &str = "ledger.json";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    key: String,
    origin: String,
    version: u32,
}

/// Whether a ledger was begun here.
pub(crate) fn is_there(dir: &Path) -> bool {
    dir.join(DESCRIPTION).exists()
}

/// Begins a ledger: once this returns it is there for ever.
pub(crate) fn write(dir: &Path, key: &NoteVerifier, files: &dyn FileLayer) -> Result<(), LedgerError> {
    let place = dir.join(DESCRIPTION);
    let description = Description { key: key.to_string(), origin: key.name().as_str().to_owned(), version: VERSION };
    let bytes = to_canonical_exact(&description).map_err(described(&place))?;
    files.replace(&place, &bytes).map_err(access("write", &place))
}

/// Origin and first key.
pub(crate) fn read(dir: &Path) -> Result<(String, NoteVerifier), LedgerError> {
    let place = dir.join(DESCRIPTION);
    let bytes = match std::fs::read(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(LedgerError::NotThere(dir.display().to_string()));
        }
        read => read.map_err(access("read", &place))?,
    };
    let Description { key, origin, version } = parse_canonical_exact(&bytes).map_err(described(&place))?;
    if version != VERSION {
        return Err(LedgerError::Version(version));
    }
    let key: NoteVerifier = key.parse()?;
    if key.name().as_str() == origin {
        Ok((origin, key))
    } else {
        Err(LedgerError::OtherOrigin { ledger: origin, signer: key.name().as_str().to_owned() })
    }
}

fn described(place: &Path) -> impl Fn(CanonicalJsonError) -> LedgerError + use<> {
    let place = place.display().to_string();
    move |source| LedgerError::Description { place: place.clone(), source }
}
