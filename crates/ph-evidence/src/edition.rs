//! Makes a bundle out of a ledger and the parts that an edition attests (`docs/bundle.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ph_base::{Digest, RunId, digest::DigestBuilder};
use ph_proof::bundle::edition::{
    EDITION, EDITION_VERSION, EditionDocument, OPENED_CONTENT, OPENING, OpeningDocument, PROOFS, ProofsDocument, SEAL,
    entry_member, head_member, part_member,
};
use ph_proof::bundle::{BundleWriter, EditionError, WriteError};
use ph_proof::canonical_json::{CanonicalJsonError, to_canonical_exact};
use ph_proof::commitment::{Commitment, CommitmentError, Salt};
use ph_proof::dsse::DsseError;
use ph_proof::entry::EntryError;
use ph_proof::note::{SignedNote, TreeHead, TreeHeadError};
use ph_proof::statement::edition::commit_part;
use ph_proof::statement::{self, SealPredicate, Statement, StatementError, Subject};

use crate::file_ledger::{FileLedger, LedgerError};

const PIECE_BYTES: usize = 256 << 10;

/// A part: a file of the record, by its name in the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its path below the output directory, with `/`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What a file is, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigest {
    /// SHA-256.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// CRC-32.
    pub crc32: u32,
}

/// What is to be in a bundle.
#[derive(Debug, Clone)]
pub struct EditionRequest<'a> {
    /// The index of the `report.attested` entry.
    pub attested: u64,
    /// The number of that edition, from which the salts follow.
    pub attested_number: u64,
    /// The number of this one: 1 where it holds everything.
    pub number: u64,
    /// All parts that were attested.
    pub parts: &'a [Part],
    /// The names of those that are withheld.
    pub withheld: &'a BTreeSet<String>,
    /// The runs that were closed.
    pub runs: &'a [RunId],
    /// The tree heads, ascending; the last covers everything.
    pub heads: &'a [SignedNote],
}

/// A bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A part cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bundle cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A member cannot be written.
    #[error("cannot write a member of the bundle")]
    Member(#[from] WriteError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A document cannot be written.
    #[error(transparent)]
    Edition(#[from] EditionError),
    /// A document cannot be written.
    #[error(transparent)]
    Json(#[from] CanonicalJsonError),
    /// An entry cannot be written.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The seal cannot be made.
    #[error("the seal cannot be made")]
    Seal(#[from] StatementError),
    /// The seal cannot be written.
    #[error("the seal cannot be written")]
    Envelope(#[from] DsseError),
    /// A tree head that is none.
    #[error(transparent)]
    Head(#[from] TreeHeadError),
    /// A commitment cannot be made.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    /// There is no tree head, or none that covers the attestation.
    #[error("no tree head covers entry {0}")]
    NotCovered(u64),
    /// A name that no attested part has.
    #[error("there is no part `{0}`")]
    NoPart(String),
}

/// Reads a file once: digest, size, checksum.
///
/// # Errors
/// [`BundleError::Read`].
pub fn file_digest(path: &Path) -> Result<FileDigest, BundleError> {
    let failed = |source| BundleError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut crc, mut size) = (DigestBuilder::default(), crc32fast::Hasher::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok(FileDigest { digest: digest.finish(), size, crc32: crc.finalize() });
        }
        digest.bytes(&piece[..read]);
        crc.update(&piece[..read]);
        size += read as u64;
    }
}

/// The commitments of an edition's parts.
///
/// # Errors
/// [`BundleError`] where a part cannot be read.
pub fn commit_parts(
    ledger: &FileLedger,
    number: u64,
    parts: &[Part],
) -> Result<Vec<(String, Commitment)>, BundleError> {
    let commit = |part: &Part| {
        let digest = file_digest(&part.path)?.digest;
        Ok((part.name.clone(), commit_part(&ledger.part_salt(number, &part.name), &digest)?))
    };
    parts.iter().map(commit).collect()
}

/// A member that is made here, or a file that is copied.
enum Content {
    Bytes(Vec<u8>),
    File(PathBuf, FileDigest),
}

impl Content {
    fn digest(&self) -> Digest {
        match self {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::File(_, file) => file.digest,
        }
    }
}

/// Writes a bundle. It has its name only once it is whole.
///
/// # Errors
/// [`BundleError`].
pub fn write_bundle(ledger: &FileLedger, request: &EditionRequest<'_>, out: &Path) -> Result<(), BundleError> {
    let mut members = members(ledger, request)?;
    let seal = seal(ledger, request, &members)?;
    members.insert(SEAL.to_owned(), Content::Bytes(seal));
    write_container(&members, out)
}

fn members(ledger: &FileLedger, request: &EditionRequest<'_>) -> Result<BTreeMap<String, Content>, BundleError> {
    let heads = request.heads.iter().map(|note| Ok((TreeHead::parse(note.unverified_text())?.size(), note)));
    let heads: BTreeMap<u64, &SignedNote> = heads.collect::<Result<_, TreeHeadError>>()?;
    let last = heads.last_key_value().map_or(0, |(size, _)| *size);
    if last <= request.attested {
        return Err(BundleError::NotCovered(request.attested));
    }
    let mut members = BTreeMap::new();
    let mut proofs = ProofsDocument { consistency: BTreeMap::new(), inclusion: BTreeMap::new(), size: last };
    for (size, note) in &heads {
        members.insert(head_member(*size), Content::Bytes(note.to_string().into_bytes()));
        if *size < last {
            proofs.consistency.insert(*size, ledger.consistency(*size, last)?);
        }
    }
    for index in 0..last {
        let Some(entry) = ledger.entry(index)? else { continue };
        members.insert(entry_member(index), Content::Bytes(entry.to_bytes()?));
        proofs.inclusion.insert(index, ledger.inclusion(index, last)?);
    }
    for part in request.parts.iter().filter(|part| !request.withheld.contains(&part.name)) {
        let digest = file_digest(&part.path)?;
        members.insert(part_member(&part.name), Content::File(part.path.clone(), digest));
    }
    members.insert(PROOFS.to_owned(), Content::Bytes(proofs.to_bytes()?));
    let document = document(ledger, request, heads.keys().copied().collect());
    members.insert(EDITION.to_owned(), Content::Bytes(to_canonical_exact(&document)?));
    Ok(members)
}

fn document(ledger: &FileLedger, request: &EditionRequest<'_>, heads: Vec<u64>) -> EditionDocument {
    let salt = |part: &Part| {
        let shown = !request.withheld.contains(&part.name);
        (part.name.clone(), shown.then(|| ledger.part_salt(request.attested_number, &part.name)))
    };
    // The key of a run's samples opens all of them: who is not to have the logs must not have it.
    let is_shown = |run: &RunId| !request.withheld.iter().any(|name| name.starts_with(&format!("runs/{run}/log-")));
    let samples = |run: &RunId| (run.to_string(), is_shown(run).then(|| Salt(ledger.sample_salt_key(run))));
    EditionDocument {
        attested: request.attested,
        heads,
        key: ledger.verifier().to_string(),
        number: request.number,
        origin: ledger.origin().to_owned(),
        parts: request.parts.iter().map(salt).collect(),
        samples: request.runs.iter().map(samples).collect(),
        version: EDITION_VERSION,
    }
}

fn seal(
    ledger: &FileLedger,
    request: &EditionRequest<'_>,
    members: &BTreeMap<String, Content>,
) -> Result<Vec<u8>, BundleError> {
    let last = request.heads.last().ok_or(BundleError::NotCovered(request.attested))?;
    let last = TreeHead::parse(last.unverified_text())?;
    let subject =
        members.iter().map(|(name, content)| Subject { name: name.clone(), digest: content.digest() }).collect();
    let predicate =
        SealPredicate { origin: ledger.origin().to_owned(), root: Digest::from_bytes(*last.root()), size: last.size() };
    Ok(statement::seal(&Statement { subject, predicate }, &[ledger.signer()?.secret_key()])?.to_bytes()?)
}

/// Writes what opens a part that an edition withheld.
///
/// # Errors
/// [`BundleError`].
pub fn write_opening(ledger: &FileLedger, number: u64, part: &Part, out: &Path) -> Result<(), BundleError> {
    let salt = ledger.part_salt(number, &part.name);
    let document = OpeningDocument { name: part.name.clone(), salt, version: EDITION_VERSION };
    let digest = file_digest(&part.path)?;
    let members = BTreeMap::from([
        (OPENED_CONTENT.to_owned(), Content::File(part.path.clone(), digest)),
        (OPENING.to_owned(), Content::Bytes(to_canonical_exact(&document)?)),
    ]);
    write_container(&members, out)
}

fn write_container(members: &BTreeMap<String, Content>, out: &Path) -> Result<(), BundleError> {
    let part = out.with_extension("part");
    let failed = |source| BundleError::Write { path: out.to_owned(), source };
    let mut writer = BundleWriter::new(BufWriter::with_capacity(PIECE_BYTES, File::create(&part).map_err(failed)?));
    for (name, content) in members {
        match content {
            Content::Bytes(bytes) => writer.bytes(name, bytes)?,
            Content::File(path, file) => {
                let source = File::open(path).map_err(|source| BundleError::Read { path: path.clone(), source })?;
                writer.member(name, file.size, file.crc32, BufReader::with_capacity(PIECE_BYTES, source))?;
            }
        }
    }
    let mut file = writer.finish()?;
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)?;
    std::fs::rename(&part, out).map_err(failed)
}
