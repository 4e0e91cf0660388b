//! Damaged and hostile model directories: an error that says what and where, never a panic, never memory by a declared
//! size.

use std::collections::BTreeMap;

use ph_local::{LoadOptions, LocalModel, ModelFiles};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::tiny;

type Files = BTreeMap<String, Vec<u8>>;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

fn load(files: Files) -> Result<LocalModel, String> {
    let result = LocalModel::load(&ModelFiles::embedded("dir", files), &LoadOptions::default());
    result.map_err(|error| {
        assert!(!error.hint().is_empty());
        format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string))
    })
}

fn check(name: &str, change: impl FnOnce(&mut Files), parts: &[&str]) {
    let mut files = tiny::map(&tiny::Shape::default());
    change(&mut files);
    let message = load(files).expect_err(name);
    for part in parts {
        assert!(message.contains(part), "{name}: `{part}` is not in {message}");
    }
}

/// A safetensors file with this header over these data.
fn raw(header: &Value, data: usize) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn header_of(files: &Files) -> Value {
    let bytes = &files[WEIGHTS];
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    serde_json::from_slice(&bytes[8..8 + length]).unwrap()
}

/// Replaces the header and keeps the data.
fn with_header(files: &mut Files, change: impl FnOnce(&mut Value)) {
    let bytes = &files[WEIGHTS];
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let data = bytes[8 + length..].to_vec();
    let mut header = header_of(files);
    change(&mut header);
    let mut out = raw(&header, 0);
    out.extend(data);
    files.insert(WEIGHTS.into(), out);
}

fn edit_json(files: &mut Files, name: &str, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&files[name]).unwrap();
    change(&mut value);
    files.insert(name.into(), value.to_string().into_bytes());
}

const NORM: &str = "model.norm.weight";

#[test]
fn the_tiny_model_itself_loads() {
    let model = load(tiny::map(&tiny::Shape { bias: true, ..tiny::Shape::default() })).unwrap();
    assert_eq!(model.eos(), [tiny::END]);
    assert_eq!(model.logits(&[1, 2, 3]).unwrap().len(), 3);
}

#[test]
fn files_that_are_missing_or_empty_are_named() {
    for name in ["config.json", "tokenizer.json", WEIGHTS] {
        check(name, |files| drop(files.remove(name)), &[&format!("dir/{name}"), "missing"]);
    }
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        check(name, |files| files.get_mut(name).unwrap().clear(), &[&format!("dir/{name}"), "empty"]);
    }
    check("empty weights", |files| files.get_mut(WEIGHTS).unwrap().clear(), &[WEIGHTS, "`0` bytes"]);
}

#[test]
fn damaged_weights_are_refused() {
    check("cut", |files| files.get_mut(WEIGHTS).unwrap().truncate(5000), &[WEIGHTS, "truncated"]);
    check("cut in the header", |files| files.get_mut(WEIGHTS).unwrap().truncate(100), &["declares a header"]);
    check("longer", |files| files.get_mut(WEIGHTS).unwrap().extend([0; 9]), &["truncated or padded"]);
    let lying = |length: u64| {
        move |files: &mut Files| files.get_mut(WEIGHTS).unwrap()[..8].copy_from_slice(&length.to_le_bytes())
    };
    check("header of a terabyte", lying(1 << 40), &["`1099511627776`"]);
    check("header without end", lying(u64::MAX), &["declares a header"]);
    check("header too short", lying(10), &["header"]);
    check(
        "data of a terabyte",
        |files| {
            with_header(files, |header| {
                header["huge"] = json!({"dtype": "F32", "shape": [1_u64 << 38], "data_offsets": [0, 1_u64 << 40]});
            });
        },
        &[WEIGHTS],
    );
    check(
        "shape overflows",
        |files| {
            with_header(files, |header| header[NORM]["shape"] = json!([u64::MAX, u64::MAX, 4]));
        },
        &[WEIGHTS],
    );
    check(
        "overlap",
        |files| {
            let other = header_of(files)["model.layers.0.input_layernorm.weight"]["data_offsets"].clone();
            with_header(files, |header| header[NORM]["data_offsets"] = other);
        },
        &[WEIGHTS],
    );
    check("not JSON", |files| drop(files.insert(WEIGHTS.into(), b"\x08\0\0\0\0\0\0\0nonsense".to_vec())), &["header"]);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    check(
        "missing",
        |files| {
            with_header(files, |header| {
                let norm = header.as_object_mut().unwrap().remove(NORM).unwrap();
                header["other"] = norm;
            });
        },
        &[NORM, "missing"],
    );
    check(
        "shape",
        |files| with_header(files, |header| header[NORM]["shape"] = json!([4, 8])),
        &[NORM, "[4, 8]", "[32]"],
    );
    check("kind", |files| with_header(files, |header| header[NORM]["dtype"] = json!("I32")), &[NORM, "I32", "BF16"]);
    check(
        "not a number",
        |files| {
            let at = header_of(files)[NORM]["data_offsets"][0].as_u64().unwrap() as usize;
            let bytes = files.get_mut(WEIGHTS).unwrap();
            let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + at + 4;
            bytes[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        },
        &[NORM, "NaN", "element `1`"],
    );
}

#[test]
fn an_index_stays_inside_the_directory() {
    let index = |shard: &'static str| {
        move |files: &mut Files| {
            files.remove(WEIGHTS);
            let map: BTreeMap<String, &str> =
                tiny::tensors(&tiny::Shape::default()).into_iter().map(|(name, _)| (name, shard)).collect();
            files.insert(INDEX.into(), json!({ "weight_map": map }).to_string().into_bytes());
        }
    };
    check("parent", index("../secret.safetensors"), &["../secret.safetensors", "plain file name"]);
    check("absolute", index("/etc/passwd"), &["/etc/passwd", "plain file name"]);
    check("no shard", index("gone.safetensors"), &["dir/gone.safetensors", "missing"]);
    check(
        "not a map",
        |files| {
            files.remove(WEIGHTS);
            files.insert(INDEX.into(), b"{\"weight_map\": 3}".to_vec());
        },
        &[INDEX],
    );
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    check(
        "more ids than rows",
        |files| edit_json(files, "config.json", |config| config["vocab_size"] = json!(263)),
        &["tokenizer.json", "`263` ids"],
    );
    check("not a tokenizer", |files| drop(files.insert("tokenizer.json".into(), b"{}".to_vec())), &["tokenizer.json"]);
    check(
        "no tokens",
        |files| {
            edit_json(files, "tokenizer.json", |json| {
                json["added_tokens"] = json!([]);
                json["model"]["vocab"] = json!({});
            });
        },
        &["tokenizer.json"],
    );
}

#[test]
fn other_fields_are_named() {
    check("config is not JSON", |files| drop(files.insert("config.json".into(), b"{\n 3}".to_vec())), &["line 2"]);
    check(
        "template",
        |files| {
            edit_json(files, "tokenizer_config.json", |json| json["chat_template"] = json!("{% for %}"));
        },
        &["chat template", "syntax"],
    );
    check(
        "end token",
        |files| {
            files.insert("generation_config.json".into(), br#"{"eos_token_id": 9999}"#.to_vec());
        },
        &["generation_config.json", "eos_token_id", "9999"],
    );
}

#[test]
fn a_directory_with_links_loads_and_one_without_files_does_not() {
    let (real, linked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, bytes) in tiny::map(&tiny::Shape::default()) {
        std::fs::write(real.path().join(&name), bytes).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(real.path().join(&name), linked.path().join(&name)).unwrap();
    }
    let load = |path: &std::path::Path| LocalModel::load(&ModelFiles::directory(path), &LoadOptions::default());
    let model = load(real.path()).unwrap();
    #[cfg(unix)]
    assert_eq!(load(linked.path()).unwrap().fingerprint(), model.fingerprint());
    let empty = tempfile::tempdir().unwrap();
    assert!(load(empty.path()).unwrap_err().to_string().contains("config.json"));
    assert!(load(&empty.path().join("nowhere")).is_err());
    std::fs::remove_file(real.path().join(WEIGHTS)).unwrap();
    std::fs::create_dir(real.path().join(WEIGHTS)).unwrap();
    assert!(load(real.path()).unwrap_err().to_string().contains("regular file"));
}

#[test]
fn a_sparse_file_of_a_terabyte_is_refused_unread() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in tiny::map(&tiny::Shape::default()) {
        std::fs::write(dir.path().join(&name), bytes).unwrap();
    }
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join(WEIGHTS)).unwrap();
    if file.set_len(1 << 40).is_err() {
        ph_testkit::skip!("the file system has no sparse files of a terabyte");
    }
    let message =
        LocalModel::load(&ModelFiles::directory(dir.path()), &LoadOptions::default()).unwrap_err().to_string();
    assert!(message.contains("more than"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped bytes anywhere: an error or a model that runs, never a panic.
    #[test]
    fn flipped_bytes_never_panic(
        file in 0_usize..6,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let shape = tiny::Shape { hidden: 8, head_dim: 2, layers: 1, intermediate: 8, ..tiny::Shape::default() };
        let mut files = tiny::map(&shape);
        // The weights twice, so that half of these cases hit the header.
        let name = files.keys().nth(file.min(4)).unwrap().clone();
        let bytes = files.get_mut(&name).unwrap();
        let reach = if file == 5 { bytes.len().min(1200) } else { bytes.len() };
        for (place, value) in flips {
            let at = place.index(reach);
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        if let Ok(model) = load(files) {
            let tokens: Vec<u32> = model.tokenizer().encode("a <|user|> é").unwrap_or_default();
            drop(model.logits(&tokens));
            drop(model.template().render(&[ph_model::Message::user("x")], &[]));
        }
    }
}
