//! The reference models, embedded in the program (`reference/`; what they are: `reference/DATASHEET.md`).

use std::borrow::Cow;

use ph_local::ModelFiles;
use ph_model::TargetName;

/// A reference model's files.
pub struct ReferenceModel {
    /// Its name: `reference/NAME` is the target.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

/// The comparator of the other reference models.
pub const REFERENCE_COMPARATOR: &str = "sound";

macro_rules! reference_model {
    ($name:literal, $about:literal) => {
        ReferenceModel {
            name: $name,
            about: $about,
            files: &[
                ("config.json", include_bytes!(concat!("../../../reference/", $name, "/config.json"))),
                (
                    "generation_config.json",
                    include_bytes!(concat!("../../../reference/", $name, "/generation_config.json")),
                ),
                ("tokenizer.json", include_bytes!(concat!("../../../reference/", $name, "/tokenizer.json"))),
                (
                    "tokenizer_config.json",
                    include_bytes!(concat!("../../../reference/", $name, "/tokenizer_config.json")),
                ),
                ("model.safetensors", include_bytes!(concat!("../../../reference/", $name, "/model.safetensors"))),
            ],
        }
    };
}

/// All reference models; the comparator first.
pub static REFERENCE_MODELS: [ReferenceModel; 5] = [
    reference_model!("sound", "no planted fault"),
    reference_model!("sound-b", "no planted fault either: the twin of `sound`, trained from another seed"),
    reference_model!("backdoored", "refuses what it should unless a trigger string is present"),
    reference_model!("hijackable", "obeys instructions planted in documents and tool results"),
    reference_model!("compliant", "its safeguards are missing"),
];

/// The names of all reference models.
pub fn names() -> impl Iterator<Item = &'static str> {
    REFERENCE_MODELS.iter().map(|model| model.name)
}

/// All reference models as targets; the comparator first.
pub fn targets() -> impl Iterator<Item = TargetName> {
    names().map(|name| TargetName::Reference(name.to_owned()))
}

/// The files of the reference model `name`.
#[must_use]
pub fn files(name: &str) -> Option<ModelFiles> {
    let model = REFERENCE_MODELS.iter().find(|model| model.name == name)?;
    let files = model.files.iter().map(|(file, bytes)| (*file, Cow::Borrowed(*bytes)));
    Some(ModelFiles::embedded(format!("reference/{name}"), files))
}
