//! Reads a policy file line by line (c2sp.org/tlog-policy, "Policy file syntax and structure").
//!
//! Stricter than the specification in one thing: what is not a comment is UTF-8. Names that are not could not be shown.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, ITEMS_MAX, Member, POLICY_BYTES_MAX, PolicyKey, WitnessPolicy};
use crate::note::key::{KeyError, NoteVerifier};

/// The predefined name of no cosignatures.
const NONE: &str = "none";

/// Why a file is not a policy, with the line counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Larger than policies are.
    #[error("the policy is larger than {POLICY_BYTES_MAX} bytes")]
    TooLarge,
    /// A last line without its newline.
    #[error("the policy does not end with a newline")]
    Unended,
    /// Control characters, or bytes that are not UTF-8 outside comments.
    #[error("line {line} has control characters or is not UTF-8")]
    Text {
        /// Where.
        line: usize,
    },
    /// A line that is of no form that the specification has.
    #[error("line {line} has not the form `{form}`")]
    Form {
        /// Where.
        line: usize,
        /// The form that it should have.
        form: &'static str,
    },
    /// A key that cannot be used.
    #[error("line {line} has a key that cannot be used")]
    Key {
        /// Where.
        line: usize,
        /// Why.
        source: KeyError,
    },
    /// A witness whose key does not cosign.
    #[error("line {line} names a witness whose key is not of type 0x04 (cosignature)")]
    NotCosigner {
        /// Where.
        line: usize,
    },
    /// The same public key for two logs or two witnesses.
    #[error("line {line} repeats a public key")]
    DuplicateKey {
        /// Where.
        line: usize,
    },
    /// A name that is defined already, or that nothing may have.
    #[error("line {line} defines the name `{name}` once more")]
    DuplicateName {
        /// Where.
        line: usize,
        /// Which.
        name: String,
    },
    /// A name that no line before has defined.
    #[error("line {line} refers to `{name}`, which no line before defines")]
    Unknown {
        /// Where.
        line: usize,
        /// Which.
        name: String,
    },
    /// A name that is a member twice.
    #[error("line {line} makes `{name}` a member for the second time")]
    SecondMembership {
        /// Where.
        line: usize,
        /// Which.
        name: String,
    },
    /// A threshold that is no number from 1 to the number of members.
    #[error("line {line} has the threshold `{threshold}`, which is not `any`, `all` or 1 to {members}")]
    Threshold {
        /// Where.
        line: usize,
        /// What stands there.
        threshold: String,
        /// How many members the group has.
        members: usize,
    },
    /// More logs, witnesses or groups than allowed.
    #[error("line {line} is one more than the {ITEMS_MAX} logs, witnesses or groups that a policy may have")]
    TooMany {
        /// Where.
        line: usize,
    },
    /// A second quorum line.
    #[error("line {line} is a second quorum")]
    SecondQuorum {
        /// Where.
        line: usize,
    },
    /// No quorum line.
    #[error("the policy has no quorum")]
    NoQuorum,
}

/// What the lines so far have defined.
#[derive(Default)]
struct Reader {
    line: usize,
    logs: Vec<PolicyKey>,
    witnesses: Vec<PolicyKey>,
    groups: Vec<Group>,
    names: BTreeMap<String, Member>,
    members: BTreeSet<String>,
    quorum: Option<Option<Member>>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<WitnessPolicy, PolicyError> {
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLarge);
    }
    let lines = match bytes {
        [] => return Err(PolicyError::NoQuorum),
        [lines @ .., b'\n'] => lines,
        _ => return Err(PolicyError::Unended),
    };
    let mut reader = Reader::default();
    for line in lines.split(|byte| *byte == b'\n') {
        reader.line += 1;
        reader.line(line)?;
    }
    let quorum = reader.quorum.ok_or(PolicyError::NoQuorum)?;
    Ok(WitnessPolicy { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, quorum })
}

impl Reader {
    fn line(&mut self, bytes: &[u8]) -> Result<(), PolicyError> {
        let line = self.line;
        if bytes.iter().any(|byte| matches!(byte, 0..=8 | 10..=0x1f | 0x7f)) {
            return Err(PolicyError::Text { line });
        }
        if bytes.trim_ascii_start().first().is_none_or(|first| *first == b'#') {
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PolicyError::Text { line })?;
        let items: Vec<&str> = text.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            ["log", rest @ ..] => self.log(rest),
            ["witness", rest @ ..] => self.witness(rest),
            ["group", rest @ ..] => self.group(rest),
            ["quorum", rest @ ..] => self.quorum(rest),
            _ => Err(PolicyError::Form { line, form: "log …, witness …, group … or quorum …" }),
        }
    }

    fn log(&mut self, items: &[&str]) -> Result<(), PolicyError> {
        let ([key], url) = url(items).ok_or(PolicyError::Form { line: self.line, form: "log <vkey> [<url>]" })?;
        let verifier = self.key(key, &self.logs)?;
        self.logs.push(PolicyKey { name: verifier.name().as_str().to_owned(), verifier, url });
        Ok(())
    }

    fn witness(&mut self, items: &[&str]) -> Result<(), PolicyError> {
        let form = PolicyError::Form { line: self.line, form: "witness <name> <vkey> [<url>]" };
        let ([name, key], url) = url(items).ok_or(form)?;
        let verifier = self.key(key, &self.witnesses)?;
        if !WitnessPolicy::is_witness_key(&verifier) {
            return Err(PolicyError::NotCosigner { line: self.line });
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyKey { name: name.to_owned(), verifier, url });
        Ok(())
    }

    fn key(&self, text: &str, others: &[PolicyKey]) -> Result<NoteVerifier, PolicyError> {
        let line = self.line;
        let verifier: NoteVerifier = text.parse().map_err(|source| PolicyError::Key { line, source })?;
        if others.iter().any(|other| other.verifier.public_key() == verifier.public_key()) {
            return Err(PolicyError::DuplicateKey { line });
        }
        if others.len() == ITEMS_MAX { Err(PolicyError::TooMany { line }) } else { Ok(verifier) }
    }

    fn group(&mut self, items: &[&str]) -> Result<(), PolicyError> {
        let line = self.line;
        let [name, threshold, names @ ..] = items else {
            return Err(PolicyError::Form { line, form: "group <name> all|any|<k> <name>..." });
        };
        if self.groups.len() == ITEMS_MAX {
            return Err(PolicyError::TooMany { line });
        }
        let threshold = threshold_of(threshold, names.len()).ok_or_else(|| PolicyError::Threshold {
            line,
            threshold: (*threshold).to_owned(),
            members: names.len(),
        })?;
        let members = names.iter().map(|name| self.member(name)).collect::<Result<_, _>>()?;
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name: (*name).to_owned(), threshold, members });
        Ok(())
    }

    /// What a member's name refers to, of which each may be a member once.
    fn member(&mut self, name: &str) -> Result<Member, PolicyError> {
        let member = self.known(name)?;
        if self.members.insert(name.to_owned()) {
            return Ok(member);
        }
        Err(PolicyError::SecondMembership { line: self.line, name: name.to_owned() })
    }

    fn quorum(&mut self, items: &[&str]) -> Result<(), PolicyError> {
        let [name] = items else { return Err(PolicyError::Form { line: self.line, form: "quorum <name>" }) };
        let quorum = if *name == NONE { None } else { Some(self.known(name)?) };
        if self.quorum.replace(quorum).is_some() {
            return Err(PolicyError::SecondQuorum { line: self.line });
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<Member, PolicyError> {
        let unknown = || PolicyError::Unknown { line: self.line, name: name.to_owned() };
        self.names.get(name).copied().ok_or_else(unknown)
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), PolicyError> {
        if name == NONE || self.names.insert(name.to_owned(), member).is_some() {
            return Err(PolicyError::DuplicateName { line: self.line, name: name.to_owned() });
        }
        Ok(())
    }
}

/// Exactly `N` items, and a URL if there is one more.
fn url<'a, const N: usize>(items: &[&'a str]) -> Option<([&'a str; N], Option<String>)> {
    let (first, rest) = items.split_first_chunk::<N>()?;
    match rest {
        [] => Some((*first, None)),
        [url] => Some((*first, Some((*url).to_owned()))),
        _ => None,
    }
}

fn threshold_of(text: &str, members: usize) -> Option<usize> {
    let threshold = match text {
        "any" => 1,
        "all" => members,
        _ if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        _ => text.parse().ok()?,
    };
    (1..=members).contains(&threshold).then_some(threshold)
}
