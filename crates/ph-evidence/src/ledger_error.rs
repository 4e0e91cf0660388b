//! What can go wrong with a ledger in files.

use ph_proof::canonical_json::CanonicalJsonError;
use ph_proof::entry::EntryError;
use ph_proof::merkle::TileTreeError;
use ph_proof::note::{KeyError, NoteError, TreeHeadError};
use ph_proof::statement::StatementError;
use ph_record::entry_store::EntryStoreError;

use crate::key_rotation::RotationError;
use crate::recorder::RecorderError;
use crate::sequencer::SequencerError;
use crate::tile_dir::TileDirError;

/// A ledger cannot be made, opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is a ledger already.
    #[error("there is a ledger in `{0}` already")]
    AlreadyThere(String),
    /// There is none.
    #[error("there is no ledger in `{0}`")]
    NotThere(String),
    /// A file of the ledger cannot be read or written.
    #[error("cannot {verb} `{place}`")]
    Access {
        /// What was to be done.
        verb: &'static str,
        /// Which file.
        place: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// `ledger.json` is not what this program reads.
    #[error("`{place}` does not describe a ledger")]
    Description {
        /// Which file.
        place: String,
        /// What is wrong.
        #[source]
        source: CanonicalJsonError,
    },
    /// `ledger.json` of a later version.
    #[error("the ledger is of version {0}, which is later than this program reads")]
    Version(u32),
    /// The key in `ledger.json`.
    #[error("the key of the ledger cannot be read")]
    Key(#[from] KeyError),
    /// The salt key has not 32 bytes.
    #[error("`{0}` does not hold the 32 bytes of a key")]
    SaltKey(String),
    /// The signer is named by another log.
    #[error("the ledger is of `{ledger}`, but the signer is named `{signer}`")]
    OtherOrigin {
        /// The ledger's origin.
        ledger: String,
        /// The signer's name.
        signer: String,
    },
    /// The signer is not the key in force.
    #[error("the ledger's key is `{ledger}`, but the signer's is `{signer}`")]
    OtherKey {
        /// The key in force: the ledger's first, or that of its last rotation.
        ledger: String,
        /// The signer's.
        signer: String,
    },
    /// A rotation to the key that is in force.
    #[error("the new key is the one in force")]
    SameKey,
    /// The first entry does not open this ledger.
    #[error("entry 0 does not open this ledger: it is of another origin or key, or another event")]
    Opening,
    /// It was opened for reading.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// There is no such entry.
    #[error("there is no entry {index} among {size}")]
    NoEntry {
        /// Which.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// No head was signed yet.
    #[error("no tree head was signed yet")]
    NoHead,
    /// The latest head does not verify.
    #[error("the tree head is not one of this ledger")]
    Head(#[from] TreeHeadError),
    /// A tree head that is to be kept is none of this tree.
    #[error("the tree head of {size} entries is none of this ledger's tree")]
    OtherHead {
        /// Its size.
        size: u64,
    },
    /// A tree head that cannot be kept as a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// An entry that does not open.
    #[error("entry {index} does not open")]
    Entry {
        /// Which.
        index: u64,
        /// What is wrong.
        #[source]
        source: EntryError,
    },
    /// A rotation that does not hold.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// A statement that cannot be made.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The stores.
    #[error(transparent)]
    Store(#[from] EntryStoreError),
    /// The recorder.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// The sequencer.
    #[error(transparent)]
    Sequencer(#[from] SequencerError),
    /// The tiles.
    #[error(transparent)]
    Tiles(#[from] TileDirError),
    /// The tiles give no such proof.
    #[error(transparent)]
    Tree(#[from] TileTreeError<TileDirError>),
}
