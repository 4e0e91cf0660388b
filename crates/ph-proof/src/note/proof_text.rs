//! A proof that is one text (c2sp.org/tlog-proof): index, hashes, tree head with its cosignatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ph_base::Digest;

use super::signed_note::SignedNote;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The text of an inclusion proof, without extra data.
#[must_use]
pub fn proof_text(index: u64, hashes: &[Digest], head: &SignedNote) -> String {
    let mut text = format!("{FIRST_LINE}\nindex {index}\n");
    for hash in hashes {
        text.push_str(&STANDARD.encode(hash.bytes()));
        text.push('\n');
    }
    format!("{text}\n{head}")
}
