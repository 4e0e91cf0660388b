//! Which cosignatures a tree head needs (c2sp.org/tlog-policy): logs, witnesses, groups of them, and the quorum.
//!
//! Names are bytes without meaning outside the file; they are shown as text. Keys of ML-DSA-44 are refused by name, since a
//! policy whose witnesses cannot all be verified would be another policy.

use std::collections::BTreeMap;

use super::key::{NoteVerifier, SignatureType};
use super::signed_note::{NoteError, SignedNote};

mod parse;

pub use parse::PolicyError;

/// The largest policy, in bytes.
pub const POLICY_BYTES_MAX: usize = 256 << 10;
/// The most logs, the most witnesses and the most groups; 32 of each must be possible ("Implementation limits").
pub const ITEMS_MAX: usize = 256;

/// A log or a witness, and where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyKey {
    /// The name in the policy's own lines; a log's is the name of its key.
    pub name: String,
    /// Its key.
    pub verifier: NoteVerifier,
    /// Its address, if the policy has one.
    pub url: Option<String>,
}

/// What has to have witnessed: a witness, or so many members of a group. The numbers are positions in the policy's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<Member>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPolicy {
    logs: Vec<PolicyKey>,
    witnesses: Vec<PolicyKey>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// What a policy says of a tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether the quorum has cosigned.
    pub is_satisfied: bool,
    /// Who has: name in the policy, and when, in seconds since 1970.
    pub signed: BTreeMap<String, u64>,
}

impl WitnessPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] with the line that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        parse::parse(bytes)
    }

    /// The policy that `k` of these witnesses cosign, each called by the name of its key; 0 of none: no cosignatures are needed.
    ///
    /// # Errors
    /// [`PolicyError`] where a key is no cosigner's, a name or key occurs twice, or there are not `k` of them.
    pub fn k_of(k: usize, witnesses: &[NoteVerifier]) -> Result<Self, PolicyError> {
        if k == 0 && witnesses.is_empty() {
            return Ok(Self { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: None });
        }
        let mut lines = String::new();
        for witness in witnesses {
            lines.push_str(&format!("witness {} {witness}\n", witness.name()));
        }
        let names: Vec<&str> = witnesses.iter().map(|witness| witness.name().as_str()).collect();
        // Witnesses and groups share their names.
        let group = (0..).map(|n| format!("quorum-{n}")).find(|name| !names.contains(&name.as_str()));
        let group = group.unwrap_or_default();
        lines.push_str(&format!("group {group} {k} {}\nquorum {group}\n", names.join(" ")));
        Self::parse(lines.as_bytes())
    }

    /// The logs that are accepted; none: they are known otherwise.
    #[must_use]
    pub fn logs(&self) -> &[PolicyKey] {
        &self.logs
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyKey] {
        &self.witnesses
    }

    /// Whether these witnesses, by their names in the policy, are enough.
    #[must_use]
    pub fn is_satisfied_by(&self, has_signed: impl Fn(&str) -> bool) -> bool {
        let Some(quorum) = self.quorum else { return true };
        let mut groups = Vec::with_capacity(self.groups.len());
        let has = |groups: &[bool], member: Member| match member {
            Member::Witness(at) => self.witnesses.get(at).is_some_and(|witness| has_signed(&witness.name)),
            Member::Group(at) => groups.get(at).copied().unwrap_or(false),
        };
        // A group has only members that are defined before it.
        for group in &self.groups {
            let count = group.members.iter().filter(|member| has(&groups, **member)).count();
            groups.push(count >= group.threshold);
        }
        has(&groups, quorum)
    }

    /// Verifies the cosignatures of a tree head's note and says whether they are enough. That the log has signed it is for
    /// [`TreeHead::open`](super::TreeHead::open) to say.
    ///
    /// # Errors
    /// [`NoteError`] where a witness's cosignature is wrong. That none has cosigned is no error, but an evaluation.
    pub fn evaluate(&self, note: &SignedNote) -> Result<Evaluation, NoteError> {
        let verifiers: Vec<_> = self.witnesses.iter().map(|witness| witness.verifier.clone()).collect();
        let mut signed = BTreeMap::new();
        match note.verify(&verifiers) {
            Ok(verified) => {
                for signature in verified.signatures {
                    let mut all = self.witnesses.iter();
                    let witness = all.find(|witness| witness.verifier == *signature.verifier);
                    signed.extend(witness.map(|witness| witness.name.clone()).zip(signature.seconds));
                }
            }
            Err(NoteError::Unsigned) => {}
            Err(error) => return Err(error),
        }
        Ok(Evaluation { is_satisfied: self.is_satisfied_by(|name| signed.contains_key(name)), signed })
    }

    /// Whether the key may be a witness's.
    fn is_witness_key(verifier: &NoteVerifier) -> bool {
        verifier.kind() == SignatureType::Cosignature
    }

    fn name_of(&self, member: Member) -> &str {
        match member {
            Member::Witness(at) => self.witnesses.get(at).map_or("", |witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map_or("", |group| &group.name),
        }
    }
}

impl std::fmt::Display for WitnessPolicy {
    /// The policy's file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = |key: &PolicyKey| key.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.verifier, url(log))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.verifier, url(witness))?;
        }
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.threshold)?;
            group.members.iter().try_for_each(|member| write!(f, " {}", self.name_of(*member)))?;
            writeln!(f)?;
        }
        writeln!(f, "quorum {}", self.quorum.map_or("none", |quorum| self.name_of(quorum)))
    }
}
