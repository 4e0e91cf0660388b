//! Any bytes as a signed note, a tree head, a key, a policy, and the bodies of a request for cosignatures.

use ph_proof::note::add_checkpoint::{self, AddCheckpoint};
use ph_proof::note::{KeyName, NoteSigner, NoteVerifier, SignedNote, TreeHead, WitnessPolicy};

/// What is understood is written as it was read, and nothing is signed by a key that no seed was signed with.
pub(crate) fn check(data: &[u8]) {
    if let Ok(note) = SignedNote::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
        check_note(&note);
    }
    if let Ok(request) = AddCheckpoint::parse(data) {
        assert_eq!(request.to_string().as_bytes(), data);
        check_note(&request.note);
    }
    if let Ok(signatures) = add_checkpoint::parse_answer(data) {
        assert_eq!(add_checkpoint::answer(&signatures).as_bytes(), data);
    }
    if let Ok(size) = add_checkpoint::parse_conflict(data) {
        assert_eq!(format!("{size}\n").as_bytes(), data);
    }
    if let Ok(policy) = WitnessPolicy::parse(data) {
        let again = WitnessPolicy::parse(policy.to_string().as_bytes()).expect("a policy that was written can be read");
        assert_eq!(again, policy);
        assert!(policy.is_satisfied_by(|_| true), "all witnesses are not enough");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(head) = TreeHead::parse(text) {
        assert_eq!(head.to_string(), text);
    }
    if let Ok(key) = text.parse::<NoteVerifier>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(signer) = NoteSigner::from_secret_text(text) {
        assert_eq!(*signer.secret_text(), text);
        assert!(!format!("{signer:?}").contains(text));
    }
}

fn check_note(note: &SignedNote) {
    for signature in note.signatures() {
        let name = KeyName::new(signature.name().as_str()).expect("a name that was read may be one");
        let signer = NoteSigner::new(name, &[0xa5; 32]);
        assert!(note.verify(&[signer.verifier(), signer.cosignature_verifier()]).is_err(), "a forged signature");
    }
}
