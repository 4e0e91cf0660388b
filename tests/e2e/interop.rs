//! Vectors of every form in a bundle, answered by the independent verifier (`tests/interop`) as they are here: right ones, and ones
//! with something changed.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ph_base::{Digest, Timestamp};
use ph_proof::canonical_json::to_canonical;
use ph_proof::commitment::{Salt, SaltKey, commit};
use ph_proof::dsse::Envelope;
use ph_proof::ed25519::SecretKey;
use ph_proof::entry::leaf;
use ph_proof::event::{EventBody, LedgerEvent};
use ph_proof::merkle::{Tile, leaf_hash, plain_tree};
use ph_proof::note::{KeyName, NoteSigner, TreeHead, cosignature, proof_text};
use ph_proof::sample_set::sample_leaf_hash;
use serde_json::{Value, json};

use crate::program::talk;

/// Vectors with the answer that is right.
#[derive(Default)]
struct Vectors(Vec<Value>);

impl Vectors {
    fn add(&mut self, expect: bool, kind: &str, mut vector: Value) {
        vector["kind"] = kind.into();
        vector["expect"] = expect.into();
        vector["name"] = format!("{kind} {}", self.0.len()).into();
        self.0.push(vector);
    }

    /// The vector, and the same with one member changed.
    fn pair(&mut self, kind: &str, vector: Value, member: &str, wrong: Value) {
        let mut changed = vector.clone();
        assert_ne!(changed[member], wrong, "{kind}");
        changed[member] = wrong;
        self.add(true, kind, vector);
        self.add(false, kind, changed);
    }
}

fn hash(n: u64) -> Digest {
    leaf_hash(&n.to_be_bytes())
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn path(proof: &[Digest]) -> Vec<String> {
    proof.iter().map(|hash| base64(hash.bytes())).collect()
}

fn trees(all: &mut Vectors) {
    for size in [1_u64, 2, 3, 7, 8, 13, 64, 100] {
        let leaves: Vec<Digest> = (0..size).map(hash).collect();
        let root = plain_tree::root(&leaves);
        let texts: Vec<String> = (0..size).map(|n| hex(n.to_be_bytes())).collect();
        all.pair("tree", json!({ "leaves": texts, "root": root.hex() }), "root", hash(999).hex().into());
        for index in [0, size / 2, size - 1] {
            let proof = plain_tree::inclusion_proof(index, &leaves).unwrap();
            let vector = json!({
                "leaf_hash": hash(index).hex(), "index": index, "size": size, "path": path(&proof), "root": root.hex(),
            });
            all.pair("inclusion", vector, "leaf_hash", hash(998).hex().into());
        }
        for old in 1..size {
            let proof = plain_tree::consistency_proof(old, &leaves).unwrap();
            let old_root = plain_tree::root(&leaves[..usize::try_from(old).unwrap()]);
            let vector = json!({
                "old": old, "new": size, "old_root": old_root.hex(), "new_root": root.hex(), "path": path(&proof),
            });
            all.pair("consistency", vector, "old_root", hash(997).hex().into());
        }
    }
}

fn notes(all: &mut Vectors) {
    let log = NoteSigner::new(KeyName::new("lab.example/ph/asm_1").unwrap(), &[1; 32]);
    let witness = NoteSigner::new(KeyName::new("witness.example/w1").unwrap(), &[2; 32]);
    let stranger = NoteSigner::new(KeyName::new("lab.example/ph/asm_1").unwrap(), &[3; 32]);
    let leaves: Vec<Digest> = (0..5).map(hash).collect();
    let root = plain_tree::root(&leaves);
    let head = TreeHead::new(log.name().as_str(), 5, *root.bytes()).unwrap();
    let note = head.sign(&log).unwrap();
    let line = cosignature::sign(note.unverified_text(), &witness, 1_790_000_000).unwrap();
    let note = note.with(line).unwrap();
    let (text, vkey) = (note.to_string(), log.verifier().to_string());
    let other = stranger.verifier().to_string();
    all.pair("vkey", json!({ "vkey": vkey, "type": 1 }), "type", 4.into());
    all.pair("note", json!({ "note": text, "vkey": vkey }), "vkey", other.clone().into());
    let vector = json!({ "note": text, "vkey": vkey, "origin": log.name().as_str(), "size": 5, "root": root.hex() });
    all.pair("checkpoint", vector, "size", 6.into());
    let vector = json!({ "note": text, "vkey": witness.cosignature_verifier().to_string(), "time": 1_790_000_000 });
    all.pair("cosignature", vector, "time", 1_790_000_001.into());
    let proof = proof_text(3, &plain_tree::inclusion_proof(3, &leaves).unwrap(), &note);
    let vector = json!({ "text": proof, "leaf_hash": hash(3).hex(), "vkey": vkey });
    all.pair("proof", vector, "leaf_hash", hash(4).hex().into());
}

fn documents(all: &mut Vectors) {
    let key = SecretKey::from_bytes(&[4; 32]);
    let signature = key.sign(b"message");
    let vector =
        json!({ "key": hex(key.public_key().bytes()), "signature": hex(signature), "message": hex(b"message") });
    all.pair("ed25519", vector, "message", hex(b"messagf").into());
    let envelope = Envelope::sign("text/plain", b"said".to_vec(), &[&key]).unwrap();
    let other = SecretKey::from_bytes(&[5; 32]).public_key();
    let vector = json!({ "envelope": envelope, "keys": [hex(key.public_key().bytes())] });
    all.pair("dsse", vector, "keys", json!([hex(other.bytes())]));
    for input in
        [r#"{"b":1,"a":[true,null,"\u00e9\u20ac\n"]}"#, r#"{"\ud83d\ude00":0,"\ufb33":-5,"1":{"z":[],"a":{}}}"#]
    {
        let value: Value = serde_json::from_str(input).unwrap();
        let output = String::from_utf8(to_canonical(&value).unwrap()).unwrap();
        all.pair("jcs", json!({ "input": input, "output": output }), "output", input.into());
        all.add(true, "canonical", json!({ "input": output }));
        all.add(false, "canonical", json!({ "input": input }));
    }
    for (level, index, width) in [(0, 0, 256), (0, 1_234_067, 256), (3, 999, 1), (1, 1000, 255)] {
        let tile = Tile::new(level, index, width).unwrap().to_string();
        let width = if width == 256 { Value::Null } else { width.into() };
        let vector = json!({ "level": level, "index": index, "width": width, "path": tile });
        all.pair("tile", vector, "index", (index + 1).into());
    }
}

fn commitments(all: &mut Vectors) {
    let salt = Salt([9; 32]);
    let made = commit("part", &salt, b"content").unwrap();
    let vector = json!({
        "purpose": "part", "salt": salt.to_string(), "content": base64(b"content"), "commitment": made.to_string(),
    });
    all.pair("commitment", vector, "purpose", "entry".into());
    let body = EventBody::BodyDestroyed { by: Vec::new(), entry: 3, reason: "privacy".to_owned() };
    let event = LedgerEvent::new(Timestamp(1_790_000_000_000), body);
    let hash = leaf_hash(&leaf(&salt, &event.to_bytes().unwrap()));
    let vector = json!({ "event": event, "salt": salt.to_string(), "leaf_hash": hash.hex() });
    all.pair("entry", vector, "salt", "00".repeat(32).into());
    let key = SaltKey::new([6; 32]);
    let leaf = sample_leaf_hash(&key.salt_of(7), &Digest::of(b"a sample"));
    let vector = json!({ "key": "06".repeat(32), "n": 7, "content": base64(b"a sample"), "leaf_hash": leaf.hex() });
    all.pair("sample", vector, "n", 8.into());
    let zip = ph_proof::bundle::write([("a.json", b"{}".as_slice()), ("b/c", b"x")], Vec::new()).unwrap();
    let mut changed = zip.clone();
    changed[10] ^= 1;
    all.pair("container", json!({ "zip": base64(zip) }), "zip", base64(changed).into());
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn another_implementation_answers_every_vector_alike() {
    let Some(python) = std::env::var_os("PROOFHOUSE_PYTHON") else {
        ph_testkit::skip!("no Python tools; make them with `cargo xtask test-tools`");
    };
    let mut all = Vectors::default();
    trees(&mut all);
    notes(&mut all);
    documents(&mut all);
    commitments(&mut all);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.json");
    std::fs::write(&file, serde_json::to_vec(&json!({ "vectors": all.0 })).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/verify_vectors.py");
    let output = Command::new(python).arg("-B").arg(script).arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let wrong: Vec<&str> = text.lines().filter(|line| line.contains("expected")).collect();
    assert!(output.status.success(), "{wrong:?}\n{}", talk(&output));
    assert!(text.lines().count() >= all.0.len(), "{text}");
}
