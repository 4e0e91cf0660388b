//! What the members of a bundle are called and hold (`docs/bundle.md`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ph_base::Digest;
use serde::{Deserialize, Serialize};

use crate::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use crate::commitment::Salt;

/// The version of the shapes that this code writes.
pub const EDITION_VERSION: u32 = 1;

/// The member that says which ledger, heads and parts the bundle has.
pub const EDITION: &str = "edition.json";
/// The member with the proofs.
pub const PROOFS: &str = "proofs.json";
/// The member that signs all others.
pub const SEAL: &str = "seal.json";
/// The member of an opening that holds the part.
pub const OPENED_CONTENT: &str = "content";
/// The member of an opening that says which part it is.
pub const OPENING: &str = "opening.json";

/// The member that holds this part.
#[must_use]
pub fn part_member(part: &str) -> String {
    format!("parts/{part}")
}

/// The member that holds this entry, opened.
#[must_use]
pub fn entry_member(index: u64) -> String {
    format!("entries/{index:08}.json")
}

/// The member that holds the tree head of this size.
#[must_use]
pub fn head_member(size: u64) -> String {
    format!("heads/{size:010}.note")
}

/// What a member of a bundle is, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind<'a> {
    /// [`EDITION`].
    Edition,
    /// [`PROOFS`].
    Proofs,
    /// [`SEAL`].
    Seal,
    /// The entry of this index.
    Entry(u64),
    /// The head of this size.
    Head(u64),
    /// The part of this name.
    Part(&'a str),
}

/// What the member of this name is; none where a bundle has no such member.
#[must_use]
pub fn member_kind(name: &str) -> Option<MemberKind<'_>> {
    let number = |text: &str| text.parse::<u64>().ok();
    match name {
        EDITION => return Some(MemberKind::Edition),
        PROOFS => return Some(MemberKind::Proofs),
        SEAL => return Some(MemberKind::Seal),
        _ => {}
    }
    if let Some(part) = name.strip_prefix("parts/") {
        return Some(MemberKind::Part(part));
    }
    let entry = name.strip_prefix("entries/").and_then(|rest| rest.strip_suffix(".json")).and_then(number);
    let head = name.strip_prefix("heads/").and_then(|rest| rest.strip_suffix(".note")).and_then(number);
    // The one spelling of a number is the one that is written.
    match (entry, head) {
        (Some(index), _) if entry_member(index) == name => Some(MemberKind::Entry(index)),
        (_, Some(size)) if head_member(size) == name => Some(MemberKind::Head(size)),
        _ => None,
    }
}

/// `edition.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditionDocument {
    /// The index of the `report.attested` entry whose parts these are.
    pub attested: u64,
    /// The sizes of the tree heads in the bundle, ascending.
    pub heads: Vec<u64>,
    /// The key of the last head, in the text form of C2SP's signed notes.
    pub key: String,
    /// 1 for the edition that holds everything.
    pub number: u64,
    /// The ledger's origin.
    pub origin: String,
    /// The salts of the parts by name; none where a part is withheld.
    pub parts: BTreeMap<String, Option<Salt>>,
    /// The keys of the salts of samples by run; none where they are withheld.
    pub samples: BTreeMap<String, Option<Salt>>,
    /// [`EDITION_VERSION`].
    pub version: u32,
}

/// `opening.json`: what opens a part that an edition withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningDocument {
    /// The part.
    pub name: String,
    /// The salt of its commitment.
    pub salt: Salt,
    /// [`EDITION_VERSION`].
    pub version: u32,
}

/// `proofs.json`: of every entry in the bundle and every earlier head, to the last head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofsDocument {
    /// Consistency proofs by the size of the earlier head.
    pub consistency: BTreeMap<u64, Vec<Digest>>,
    /// Inclusion proofs by the index of the entry.
    pub inclusion: BTreeMap<u64, Vec<Digest>>,
    /// The size of the last head.
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProofs {
    consistency: BTreeMap<String, Vec<String>>,
    inclusion: BTreeMap<String, Vec<String>>,
    size: u64,
}

/// A document of a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EditionError {
    /// Not canonical JSON of the right shape.
    #[error("it is not canonical JSON of the right shape")]
    Json(#[from] CanonicalJsonError),
    /// Written by a newer program.
    #[error("it has version {0}; this program reads {EDITION_VERSION}")]
    Version(u64),
    /// A number that is not written in decimal without leading zeros.
    #[error("`{0}` is not a number as it is written here")]
    Number(String),
    /// A hash that is not 32 bytes in base64.
    #[error("`{0}` is not a hash (32 bytes in base64)")]
    Hash(String),
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

fn versioned<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, EditionError> {
    let found: Version = parse_canonical_exact(bytes)?;
    if found.version != u64::from(EDITION_VERSION) {
        return Err(EditionError::Version(found.version));
    }
    Ok(parse_canonical_exact(bytes)?)
}

impl EditionDocument {
    /// Reads `edition.json`.
    ///
    /// # Errors
    /// [`EditionError`] where it is another form or a later version.
    pub fn parse(bytes: &[u8]) -> Result<Self, EditionError> {
        versioned(bytes)
    }
}

impl OpeningDocument {
    /// Reads `opening.json`.
    ///
    /// # Errors
    /// [`EditionError`] where it is another form or a later version.
    pub fn parse(bytes: &[u8]) -> Result<Self, EditionError> {
        versioned(bytes)
    }
}

impl ProofsDocument {
    /// Reads `proofs.json`.
    ///
    /// # Errors
    /// [`EditionError`] where it is another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, EditionError> {
        let wire: WireProofs = parse_canonical_exact(bytes)?;
        Ok(Self { consistency: proofs(wire.consistency)?, inclusion: proofs(wire.inclusion)?, size: wire.size })
    }

    /// Its canonical JSON.
    ///
    /// # Errors
    /// [`EditionError::Json`] where a size is larger than JSON holds exactly.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EditionError> {
        let text = |all: &BTreeMap<u64, Vec<Digest>>| {
            let hashes = |list: &[Digest]| list.iter().map(|hash| STANDARD.encode(hash.bytes())).collect();
            all.iter().map(|(number, list)| (number.to_string(), hashes(list))).collect()
        };
        let wire =
            WireProofs { consistency: text(&self.consistency), inclusion: text(&self.inclusion), size: self.size };
        Ok(to_canonical_exact(&wire)?)
    }
}

fn proofs(wire: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<u64, Vec<Digest>>, EditionError> {
    let one = |(number, hashes): (String, Vec<String>)| {
        let parsed = number.parse::<u64>().ok().filter(|parsed| parsed.to_string() == number);
        let parsed = parsed.ok_or_else(|| EditionError::Number(number.chars().take(40).collect()))?;
        Ok((parsed, hashes.iter().map(|hash| parse_hash(hash)).collect::<Result<_, EditionError>>()?))
    };
    wire.into_iter().map(one).collect()
}

fn parse_hash(text: &str) -> Result<Digest, EditionError> {
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Digest::from_bytes).ok_or_else(|| EditionError::Hash(text.chars().take(60).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        assert_eq!(member_kind("entries/00000003.json"), Some(MemberKind::Entry(3)));
        assert_eq!(member_kind("heads/0000000018.note"), Some(MemberKind::Head(18)));
        assert_eq!(member_kind("parts/report/report.json"), Some(MemberKind::Part("report/report.json")));
        for name in ["entries/3.json", "entries/000000003.json", "heads/18.note", "entries/+0000003.json", "x", "seal"]
        {
            assert_eq!(member_kind(name), None, "{name}");
        }
        assert_eq!(entry_member(123_456_789), "entries/123456789.json");
        assert_eq!(member_kind("entries/123456789.json"), Some(MemberKind::Entry(123_456_789)));
    }

    #[test]
    fn proofs_come_back_and_have_one_form() {
        let hash = Digest::of(b"x");
        let document = ProofsDocument {
            consistency: BTreeMap::from([(2, vec![hash])]),
            inclusion: BTreeMap::from([(0, vec![]), (10, vec![hash, hash]), (9, vec![])]),
            size: 18,
        };
        let bytes = document.to_bytes().unwrap();
        assert_eq!(ProofsDocument::parse(&bytes).unwrap(), document);
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [("\"9\"", "\"09\""), ("\"0\"", "\"x\""), ("=\"", "\""), ("\"size\":18", "\"size\":18.5")] {
            assert!(ProofsDocument::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn a_later_version_is_named() {
        let error = EditionDocument::parse(br#"{"version":2}"#).unwrap_err();
        assert!(matches!(error, EditionError::Version(2)));
    }
}
