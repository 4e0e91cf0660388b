//! The ledger in a bundle: seal, key, heads, cosignatures, consistency, entries.

use std::collections::{BTreeMap, BTreeSet};

use ph_base::{Digest, chain};
use ph_proof::bundle::edition::SEAL;
use ph_proof::dsse::Envelope;
use ph_proof::ed25519::PublicKey;
use ph_proof::entry::OpenEntry;
use ph_proof::event::EventBody;
use ph_proof::merkle::{Frontier, leaf_hash, verify_consistency, verify_inclusion};
use ph_proof::note::{Evaluation, KeyName, NoteVerifier, SignedNote, TreeHead, WitnessPolicy};
use ph_proof::statement::{self, RotationPredicate, SealPredicate, rotation};

use crate::bundle::{Bundle, in_member};
use crate::check::{Findings, Found};
use crate::trust::Trust;

/// How the names of keys begin that a program made for itself.
const LOCAL_KEYS: &str = "local.proofhouse/";

/// A tree head of the bundle.
pub(crate) struct Head {
    pub(crate) size: u64,
    root: Digest,
    /// Who cosigned; none where no policy was given or a cosignature is wrong.
    pub(crate) evaluation: Option<Evaluation>,
}

/// What was read of the ledger.
pub(crate) struct Ledger {
    pub(crate) origin: String,
    /// The ledger's key, and those that it followed or was followed by.
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) heads: BTreeMap<u64, Head>,
    head_findings: Vec<String>,
    pub(crate) entries: BTreeMap<u64, OpenEntry>,
    entry_problems: Vec<String>,
    is_sound: bool,
}

impl Ledger {
    pub(crate) fn read(bundle: &mut Bundle, trust: &Trust) -> Self {
        let origin = bundle.edition.origin.clone();
        let (entries, entry_problems) = read_entries(bundle);
        let keys = keys(&bundle.edition.key, &origin, &entries);
        let mut ledger = Self {
            origin,
            keys,
            heads: BTreeMap::new(),
            head_findings: Vec::new(),
            entries,
            entry_problems,
            is_sound: false,
        };
        ledger.read_heads(bundle, trust);
        ledger.is_sound = ledger.head_findings.is_empty() && ledger.consistency(bundle).outcome == crate::Outcome::Ok;
        ledger
    }

    fn read_heads(&mut self, bundle: &mut Bundle, trust: &Trust) {
        let here = bundle.heads();
        if here != bundle.edition.heads {
            let named = &bundle.edition.heads;
            self.head_findings.push(format!("`edition.json` names the heads {named:?}, here are {here:?}"));
        }
        if here.is_empty() {
            self.head_findings.push("there is no tree head".to_owned());
        }
        for size in here {
            let name = ph_proof::bundle::edition::head_member(size);
            let read = bundle.head(size).and_then(|bytes| self.head(&bytes, size, trust));
            match read {
                Ok(head) => {
                    self.heads.insert(size, head);
                }
                Err(problem) => self.head_findings.push(format!("`{name}`: {problem}")),
            }
        }
    }

    fn head(&self, bytes: &[u8], size: u64, trust: &Trust) -> Result<Head, String> {
        let note = SignedNote::parse(bytes).map_err(|error| chain(&error))?;
        let verifiers = self.verifiers()?;
        note.verify(&verifiers).map_err(|error| chain(&error))?;
        let head = TreeHead::parse(note.unverified_text()).map_err(|error| chain(&error))?;
        if head.origin() != self.origin {
            return Err(format!("it is of the ledger `{}`, not of `{}`", head.origin(), self.origin));
        }
        if head.size() != size {
            return Err(format!("it is of size {}", head.size()));
        }
        let policy = trust.policy.as_ref();
        let evaluation = policy.map(|policy| policy.evaluate(&note)).transpose().map_err(|error| chain(&error))?;
        Ok(Head { size, root: Digest::from_bytes(*head.root()), evaluation })
    }

    /// The keys as they sign the heads of this ledger.
    fn verifiers(&self) -> Result<Vec<NoteVerifier>, String> {
        let name = KeyName::new(&self.origin).map_err(|error| format!("the origin: {}", chain(&error)))?;
        let kind = ph_proof::note::SignatureType::Ed25519;
        Ok(self.keys.iter().map(|key| NoteVerifier::new(name.clone(), kind, *key)).collect())
    }

    /// The last head: it covers every entry of the bundle.
    pub(crate) fn last(&self) -> Option<&Head> {
        self.heads.last_key_value().map(|(_, head)| head)
    }

    /// Whether the quorum cosigned the last head, and the earlier ones lead to it.
    pub(crate) fn is_witnessed(&self) -> bool {
        let has_quorum = |head: &Head| head.evaluation.as_ref().is_some_and(|evaluation| evaluation.is_satisfied);
        self.is_sound && self.last().is_some_and(has_quorum)
    }

    pub(crate) fn heads_found(&self) -> Found {
        let mut findings = Findings::default();
        self.head_findings.iter().for_each(|problem| findings.wrong(problem));
        findings.found(format!("{} tree heads, signed; the last of size {}", self.heads.len(), self.size()))
    }

    fn size(&self) -> u64 {
        self.last().map_or(0, |head| head.size)
    }

    pub(crate) fn seal(&self, bundle: &mut Bundle) -> Found {
        match self.sealed(bundle) {
            Ok(found) => found,
            Err(problem) => Found::failed(format!("`{SEAL}`: {problem}")),
        }
    }

    fn sealed(&self, bundle: &mut Bundle) -> Result<Found, String> {
        let envelope = Envelope::parse(&bundle.document(SEAL)?).map_err(|error| chain(&error))?;
        // With others beside it, somebody else's signature could change without the key.
        if envelope.signatures().len() != 1 {
            return Err("it has more than the one signature of the ledger's key".to_owned());
        }
        let opened = statement::open::<SealPredicate>(&envelope, &self.keys).map_err(|error| chain(&error))?.statement;
        let mut findings = Findings::default();
        let sealed: BTreeMap<String, Digest> =
            opened.subject.into_iter().map(|subject| (subject.name, subject.digest)).collect();
        let here: BTreeSet<String> = bundle.members().filter(|name| *name != SEAL).map(str::to_owned).collect();
        for name in sealed.keys().filter(|name| !here.contains(*name)) {
            findings.wrong(format!("the member `{name}` is sealed and not here"));
        }
        for name in &here {
            match (sealed.get(name), bundle.member_digest(name)) {
                (_, Err(error)) => findings.wrong(in_member(name, &error)),
                (None, _) => findings.wrong(format!("the member `{name}` is not sealed")),
                (Some(sealed), Ok(is)) if *sealed != is => findings.wrong(format!("`{name}` is not what was sealed")),
                _ => {}
            }
        }
        let last = self.last().map(|head| (head.size, head.root));
        let of = (opened.predicate.size, opened.predicate.root);
        if opened.predicate.origin != self.origin || last.is_some_and(|last| last != of) {
            findings.wrong("it seals another ledger or tree head");
        }
        Ok(findings.found(format!("signed, over {} members", here.len())))
    }

    pub(crate) fn key(&self, bundle: &Bundle, trust: &Trust) -> Found {
        if bundle.edition.key.parse::<NoteVerifier>().is_err() {
            return Found::failed("`edition.json` names no key that can be read");
        }
        let logs = trust.policy.iter().flat_map(WitnessPolicy::logs).map(|log| &log.verifier);
        let trusted: Vec<&NoteVerifier> = trust.keys.iter().chain(logs).collect();
        if trusted.is_empty() {
            return Found::not_checkable(
                "no `--key` was given: whoever made this bundle may have made its key too".to_owned(),
            );
        }
        let origin = &self.origin;
        let names = |key: &NoteVerifier| {
            let name = key.name().as_str();
            origin == name || origin.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
        };
        let ours = |key: &&&NoteVerifier| self.keys.contains(&key.public_key());
        match trusted.iter().find(ours) {
            None => Found::failed("the ledger's key is none of those that were given".to_owned()),
            Some(key) if !names(key) => {
                Found::failed(format!("the key `{}` does not speak for the ledger `{origin}`", key.name().as_str()))
            }
            Some(key) if key.name().as_str().starts_with(LOCAL_KEYS) => {
                Found::ok(format!("`{}`: local key, not vouched for by anybody", key.name().as_str()))
            }
            Some(key) => Found::ok(format!("`{}`, as given", key.name().as_str())),
        }
    }

    pub(crate) fn witnesses(&self, trust: &Trust) -> Found {
        let Some(last) = self.last() else { return Found::failed("there is no tree head") };
        match (&trust.policy, &last.evaluation) {
            (None, _) => Found::not_checkable(
                "no `--witness` was given: an operator alone can rebuild a whole false history, and only a witness shows it",
            ),
            (Some(_), Some(evaluation)) if evaluation.is_satisfied => {
                let names: Vec<&str> = evaluation.signed.keys().map(String::as_str).collect();
                Found::ok(format!("the head of size {} is cosigned by {}", last.size, names.join(", ")))
            }
            (Some(_), Some(evaluation)) => Found::failed(format!(
                "the head of size {} lacks the quorum of witnesses that was asked for ({} of them cosigned it): its history may have \
                 been rebuilt",
                last.size,
                evaluation.signed.len()
            )),
            (Some(_), None) => Found::failed(format!("the head of size {} cannot be read", last.size)),
        }
    }

    pub(crate) fn consistency(&self, bundle: &Bundle) -> Found {
        let Some(last) = self.last() else { return Found::failed("there is no tree head") };
        let (mut findings, proofs) = (Findings::default(), &bundle.proofs.consistency);
        if bundle.proofs.size != last.size {
            findings
                .wrong(format!("`proofs.json` is for size {}, the last head is of {}", bundle.proofs.size, last.size));
        }
        let earlier: Vec<&Head> = self.heads.values().filter(|head| head.size < last.size).collect();
        for head in &earlier {
            let Some(proof) = proofs.get(&head.size) else {
                findings.wrong(format!("there is no proof from the head of size {}", head.size));
                continue;
            };
            if let Err(error) = verify_consistency(head.size, head.root, last.size, last.root, proof) {
                findings.wrong(format!(
                    "the ledger of size {} does not go on from that of size {}: {}",
                    last.size,
                    head.size,
                    chain(&error)
                ));
            }
        }
        let known: BTreeSet<u64> = earlier.iter().map(|head| head.size).collect();
        for size in proofs.keys().filter(|size| !known.contains(size)) {
            findings.wrong(format!("there is a proof from the size {size}, of which there is no head"));
        }
        findings.found(match earlier.len() {
            0 => "one tree head alone".to_owned(),
            count => format!("{count} earlier heads lead to the last"),
        })
    }

    pub(crate) fn entries_found(&self, bundle: &Bundle) -> Found {
        let mut findings = Findings::default();
        self.entry_problems.iter().for_each(|problem| findings.wrong(problem));
        let Some(last) = self.last() else { return Found::failed("there is no tree head to hold entries against") };
        for (index, entry) in &self.entries {
            if let Err(problem) = included(*index, entry, last, bundle.proofs.inclusion.get(index)) {
                findings.wrong(format!("entry {index} ({}): {problem}", entry.event.kind()));
            }
        }
        for index in bundle.proofs.inclusion.keys().filter(|index| !self.entries.contains_key(index)) {
            findings.wrong(format!("there is a proof for entry {index}, which is not here"));
        }
        if let Some(entry) = self.entries.get(&0)
            && !matches!(&entry.event.body, EventBody::LedgerOpened { origin, .. } if *origin == self.origin)
        {
            findings.wrong("entry 0 does not open this ledger");
        }
        for (index, entry) in self.entries.range(1..) {
            if matches!(entry.event.body, EventBody::LedgerOpened { .. }) {
                findings.wrong(format!("entry {index} opens the ledger once more"));
            }
        }
        findings.found(format!("{} entries, each where its proof says", self.entries.len()))
    }

    /// Whether every entry is here; then the root is made from their leaves, without the proofs.
    pub(crate) fn complete(&self) -> Found {
        let Some(last) = self.last() else { return Found::failed("there is no tree head") };
        if self.entries.len() as u64 != last.size {
            return Found::not_checkable(format!("{} of {} entries are here", self.entries.len(), last.size));
        }
        let mut frontier = Frontier::new();
        for entry in self.entries.values() {
            let Ok(leaf) = entry.leaf() else { return Found::failed(format!("entry {} has no leaf", entry.index)) };
            frontier.append(leaf_hash(&leaf));
        }
        if frontier.root() == last.root {
            Found::ok(format!("all {} entries of the ledger are here", last.size))
        } else {
            Found::failed("the entries together do not make the root of the last head")
        }
    }
}

fn included(index: u64, entry: &OpenEntry, last: &Head, proof: Option<&Vec<Digest>>) -> Result<(), String> {
    let leaf = entry.leaf().map_err(|error| chain(&error))?;
    let proof = proof.ok_or("there is no proof of it")?;
    verify_inclusion(index, last.size, leaf_hash(&leaf), proof, last.root)
        .map_err(|error| format!("it is not in the tree: {}", chain(&error)))
}

fn read_entries(bundle: &mut Bundle) -> (BTreeMap<u64, OpenEntry>, Vec<String>) {
    let (mut entries, mut problems) = (BTreeMap::new(), Vec::new());
    for index in bundle.entries() {
        let read = bundle.entry(index).and_then(|bytes| OpenEntry::parse(&bytes).map_err(|error| chain(&error)));
        match read {
            Ok(entry) if entry.index == index => {
                entries.insert(index, entry);
            }
            Ok(entry) => problems.push(format!("entry {index} says that it is entry {}", entry.index)),
            Err(problem) => problems.push(format!("entry {index}: {problem}")),
        }
    }
    (entries, problems)
}

/// The key that the edition names, and all that statements signed by both keys tie to it.
fn keys(named: &str, origin: &str, entries: &BTreeMap<u64, OpenEntry>) -> Vec<PublicKey> {
    let Ok(named) = named.parse::<NoteVerifier>() else { return Vec::new() };
    let pairs: Vec<(PublicKey, PublicKey)> = entries.values().filter_map(|entry| rotated(entry, origin)).collect();
    let mut keys = vec![named.public_key()];
    for _ in 0..=pairs.len() {
        for (old, new) in &pairs {
            for (known, other) in [(old, new), (new, old)] {
                if keys.contains(known) && !keys.contains(other) {
                    keys.push(*other);
                }
            }
        }
    }
    keys
}

fn rotated(entry: &OpenEntry, origin: &str) -> Option<(PublicKey, PublicKey)> {
    let EventBody::KeyRotated { new, old, rotation } = &entry.event.body else { return None };
    let key = |text: &str| text.parse::<NoteVerifier>().ok().map(|key| key.public_key());
    let (old, new) = (key(old)?, key(new)?);
    let opened = statement::open::<RotationPredicate>(rotation, &[old, new]).ok()?;
    let is_subject = |name: &str, key: &PublicKey| {
        opened.statement.subject.iter().any(|one| one.name == name && one.digest == Digest::of(key.bytes()))
    };
    let is_it = opened.signed_by.len() == 2
        && opened.statement.predicate.origin == origin
        && is_subject(rotation::OLD, &old)
        && is_subject(rotation::NEW, &new);
    is_it.then_some((old, new))
}
