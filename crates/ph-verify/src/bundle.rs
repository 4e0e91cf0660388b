//! A bundle, open: its documents, and the way to its members.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{Digest, chain, digest::DigestBuilder};
use ph_proof::bundle::edition::{
    EDITION, EditionDocument, MemberKind, OPENED_CONTENT, OPENING, OpeningDocument, PROOFS, ProofsDocument,
    entry_member, head_member, member_kind, part_member,
};
use ph_proof::bundle::{Container, ContainerError};
use ph_proof::commitment::Salt;

/// The most bytes of a document of the bundle itself.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;
/// The most bytes of a part that is read whole.
const PART_BYTES_MAX: u64 = 1 << 30;
const PIECE_BYTES: usize = 256 << 10;

/// Where the content of a part is.
struct Source {
    container: usize,
    member: String,
}

/// An open bundle with what opens its withheld parts.
pub(crate) struct Bundle {
    /// The bundle, then the openings.
    containers: Vec<(PathBuf, Arc<File>, Container<File>)>,
    parts: BTreeMap<String, Source>,
    pub(crate) edition: EditionDocument,
    pub(crate) proofs: ProofsDocument,
    /// The salts of parts, those of openings included.
    pub(crate) salts: BTreeMap<String, Salt>,
}

impl Bundle {
    /// Opens a bundle.
    ///
    /// # Errors
    /// What is wrong, in words, naming the member.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let mut containers = vec![container(path)?];
        let bundle = &mut containers[0].2;
        let mut parts = BTreeMap::new();
        for member in bundle.members() {
            match member_kind(&member.name) {
                Some(MemberKind::Part(part)) => {
                    parts.insert(part.to_owned(), Source { container: 0, member: member.name.clone() });
                }
                Some(_) => {}
                None => return Err(format!("the member `{}` is none that a bundle has", member.name)),
            }
        }
        let edition =
            EditionDocument::parse(&document(bundle, EDITION)?).map_err(|error| in_member(EDITION, &error))?;
        let proofs = ProofsDocument::parse(&document(bundle, PROOFS)?).map_err(|error| in_member(PROOFS, &error))?;
        let salts = edition.parts.iter().filter_map(|(name, salt)| salt.map(|salt| (name.clone(), salt))).collect();
        Ok(Self { containers, parts, edition, proofs, salts })
    }

    /// Takes an opening of a withheld part.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn open_part(&mut self, path: &Path) -> Result<(), String> {
        let mut opening = container(path)?;
        let names: Vec<&str> = opening.2.members().iter().map(|member| member.name.as_str()).collect();
        if names != [OPENED_CONTENT, OPENING] {
            return Err(format!("`{}` is not an opening", path.display()));
        }
        let document = document(&mut opening.2, OPENING)?;
        let document = OpeningDocument::parse(&document).map_err(|error| in_member(OPENING, &error))?;
        if !self.edition.parts.contains_key(&document.name) {
            return Err(format!("`{}` opens `{}`, which this edition does not have", path.display(), document.name));
        }
        if !self.parts.contains_key(&document.name) {
            let source = Source { container: self.containers.len(), member: OPENED_CONTENT.to_owned() };
            self.salts.insert(document.name.clone(), document.salt);
            self.parts.insert(document.name, source);
        }
        self.containers.push(opening);
        Ok(())
    }

    /// The names and sizes of the bundle's own members.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.containers[0].2.members().iter().map(|member| member.name.as_str())
    }

    /// The digest of a member of the bundle itself; its checksum is checked on the way.
    pub(crate) fn member_digest(&mut self, name: &str) -> Result<Digest, ContainerError> {
        digest(&mut self.containers[0].2, name)
    }

    /// A document of the bundle itself.
    pub(crate) fn document(&mut self, name: &str) -> Result<Vec<u8>, String> {
        document(&mut self.containers[0].2, name)
    }

    pub(crate) fn entry(&mut self, index: u64) -> Result<Vec<u8>, String> {
        self.document(&entry_member(index))
    }

    pub(crate) fn head(&mut self, size: u64) -> Result<Vec<u8>, String> {
        self.document(&head_member(size))
    }

    /// The indices of the entries that are here.
    pub(crate) fn entries(&self) -> Vec<u64> {
        let index = |name: &str| match member_kind(name) {
            Some(MemberKind::Entry(index)) => Some(index),
            _ => None,
        };
        self.members().filter_map(index).collect()
    }

    /// The sizes of the heads that are here.
    pub(crate) fn heads(&self) -> Vec<u64> {
        let size = |name: &str| match member_kind(name) {
            Some(MemberKind::Head(size)) => Some(size),
            _ => None,
        };
        self.members().filter_map(size).collect()
    }

    /// The names of the parts that are here or were opened.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.parts.keys().cloned().collect()
    }

    pub(crate) fn has_part(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    /// The digest of a part's content; none where it is withheld.
    pub(crate) fn part_digest(&mut self, name: &str) -> Result<Option<Digest>, String> {
        let Some(source) = self.parts.get(name) else { return Ok(None) };
        let (container, member) = (&mut self.containers[source.container].2, source.member.clone());
        digest(container, &member).map(Some).map_err(|error| in_member(&part_member(name), &error))
    }

    /// A part's content; none where it is withheld.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(source) = self.parts.get(name) else { return Ok(None) };
        let container = &mut self.containers[source.container].2;
        let bytes = container.read_member(&source.member, PART_BYTES_MAX);
        bytes.map(Some).map_err(|error| in_member(&part_member(name), &error))
    }

    /// Where the bytes of a part lie in a file: for readers that do not take it whole.
    pub(crate) fn part_range(&self, name: &str) -> Option<(Arc<File>, Range<u64>)> {
        let source = self.parts.get(name)?;
        let (_, file, container) = &self.containers[source.container];
        Some((Arc::clone(file), container.find(&source.member)?.range()))
    }
}

fn container(path: &Path) -> Result<(PathBuf, Arc<File>, Container<File>), String> {
    let shown = path.display();
    let open = || File::open(path).map_err(|error| format!("`{shown}` cannot be read: {error}"));
    if !path.is_file() {
        return Err(format!("`{shown}` is not a file"));
    }
    let container = Container::open(open()?).map_err(|error| format!("`{shown}`: {error}"))?;
    Ok((path.to_owned(), Arc::new(open()?), container))
}

fn document(container: &mut Container<File>, name: &str) -> Result<Vec<u8>, String> {
    container.read_member(name, DOCUMENT_BYTES_MAX).map_err(|error| error.to_string())
}

fn digest(container: &mut Container<File>, name: &str) -> Result<Digest, ContainerError> {
    let mut member = container.member(name)?;
    let (mut digest, mut piece) = (DigestBuilder::default(), vec![0; PIECE_BYTES]);
    loop {
        let read = member.read(&mut piece)?;
        if read == 0 {
            return Ok(digest.finish());
        }
        digest.bytes(&piece[..read]);
    }
}

/// An error in a member, with its causes.
pub(crate) fn in_member(name: &str, error: &dyn std::error::Error) -> String {
    format!("`{name}`: {}", chain(error))
}
