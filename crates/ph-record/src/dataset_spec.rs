//! Where a task's samples come from, as `task.toml` says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum DatasetSpec {
    /// A JSON Lines (`.jsonl`), CSV (`.csv`) or Parquet (`.parquet`) file beside `task.toml`.
    File(String),
    /// Such a file and how it is read.
    Table(Box<DatasetTable>),
    /// A generator that ships with the program.
    Generated {
        /// The generator's name.
        generator: String,
        /// Its parameters.
        #[serde(flatten)]
        parameters: Map<String, Value>,
    },
}

impl DatasetSpec {
    /// The file and how it is read; none for generated items.
    #[must_use]
    pub fn table(&self) -> Option<DatasetTable> {
        match self {
            DatasetSpec::File(file) => Some(DatasetTable { file: file.clone(), ..DatasetTable::default() }),
            DatasetSpec::Table(table) => Some((**table).clone()),
            DatasetSpec::Generated { .. } => None,
        }
    }
}

/// A dataset file and how it is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetTable {
    /// The file, relative to `task.toml`.
    pub file: String,
    /// Which field of the file holds which part of an item.
    #[serde(default, skip_serializing_if = "FieldMap::is_empty")]
    pub fields: FieldMap,
    /// Metadata values that an item must have to be asked, such as `{ split = "test" }`; a list of values means any of them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub only: Map<String, Value>,
    /// Whether the items are asked in an order drawn by chance: `true` by the run's seed, a number by that seed.
    #[serde(default, skip_serializing_if = "Shuffle::is_none")]
    pub shuffle: Shuffle,
    /// Whether items that cannot be read or asked are left out, counted and listed instead of refusing the file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
}

/// Which field of a file holds which part of an item. A part that is not named is read from the field of its own name;
/// fields that hold no part are metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldMap {
    /// The field of the id. Where the file has none an item's id is the line on which it begins, of a Parquet file the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The field of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The field of the gold answer. A whole number names a choice from 0 where there are choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The field of the choices, or the fields that hold one choice each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<ChoiceFields>,
    /// Metadata fields by the name that they get; all others keep their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl FieldMap {
    /// Whether nothing is mapped: the file's fields are the parts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Where the choices are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ChoiceFields {
    /// In one field, as a list.
    List(String),
    /// In one field each.
    Each(Vec<String>),
}

/// Whether and by which seed items are shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Shuffle {
    /// By the run's seed, or not at all.
    ByRun(bool),
    /// By this seed.
    Seed(u64),
}

impl Default for Shuffle {
    fn default() -> Self {
        Shuffle::ByRun(false)
    }
}

impl Shuffle {
    /// Whether items keep the file's order.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Shuffle::ByRun(false)
    }

    /// The seed of the order in a run with this seed; none where items keep the file's order.
    #[must_use]
    pub fn seed(self, run_seed: u64) -> Option<u64> {
        match self {
            Shuffle::ByRun(false) => None,
            Shuffle::ByRun(true) => Some(run_seed),
            Shuffle::Seed(seed) => Some(seed),
        }
    }
}
