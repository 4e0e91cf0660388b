//! Any bytes as what stands in a bundle or ledger: an event, an entry, a body, the documents of an edition, a member's name.

use ph_proof::bundle::edition::member_kind;
use ph_proof::bundle::{EditionDocument, OpeningDocument, ProofsDocument};
use ph_proof::canonical_json::to_canonical_exact;
use ph_proof::commitment::Salt;
use ph_proof::entry::{OpenEntry, body, leaf};
use ph_proof::event::LedgerEvent;

/// What is understood is written as it was read.
pub(crate) fn check(data: &[u8]) {
    if let Ok(event) = LedgerEvent::parse(data) {
        assert_eq!(event.to_bytes().expect("what was read can be written"), data);
    }
    if let Ok(entry) = OpenEntry::parse(data) {
        assert_eq!(entry.to_bytes().expect("what was read can be written"), data);
        assert!(entry.leaf().is_ok());
    }
    let salt = Salt([3; 32]);
    let committed = leaf(&salt, data);
    if let Ok(entry) = OpenEntry::of_body(7, &body(&salt, data), &committed) {
        assert_eq!(entry.leaf().expect("what was read can be written"), committed);
    }
    assert!(OpenEntry::of_body(7, data, &committed).is_err(), "another body");
    if let Ok(document) = EditionDocument::parse(data) {
        assert_eq!(to_canonical_exact(&document).expect("what was read can be written"), data);
    }
    if let Ok(document) = OpeningDocument::parse(data) {
        assert_eq!(to_canonical_exact(&document).expect("what was read can be written"), data);
    }
    if let Ok(document) = ProofsDocument::parse(data) {
        assert_eq!(document.to_bytes().expect("what was read can be written"), data);
    }
    let _ = std::str::from_utf8(data).map(member_kind);
}
