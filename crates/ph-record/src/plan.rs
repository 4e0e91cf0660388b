//! The plan: what will be measured on whom and how it will be judged, written and hashed before anything is sent.

use std::collections::BTreeMap;

use ph_base::{Digest, PlanId, Timestamp};
use ph_model::TargetName;
use serde::{Deserialize, Serialize};

use crate::statement::Statement;
use crate::treatment::Treatment;

/// Whether a run explores or confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Looks around; its numbers test nothing.
    Exploratory,
    /// Tests what its plan names, and only that.
    Confirmatory,
}

/// What a target is in the assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetRole {
    /// Under assessment.
    Assessed,
    /// Runs the same items so that the others can be compared to it.
    Comparator,
}

/// A target of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlannedTarget {
    /// Its name.
    pub name: TargetName,
    /// What it is here.
    pub role: TargetRole,
    /// Its fingerprint when the plan was made.
    pub fingerprint: Option<Digest>,
}

/// A task of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlannedTask {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of task and generated items.
    pub digest: Digest,
    /// Items that it will ask at least; rounds that depend on results come on top.
    pub samples: u64,
    /// Epochs per item.
    pub epochs: u32,
    /// The targets that its steps ask besides the one under assessment, by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
}

/// How the results will be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AnalysisPlan {
    /// The level of every family of tests together.
    pub alpha: f64,
    /// A difference is a finding only if its adjusted interval lies beyond this (a proportion: 0.1 = 10 points).
    pub margin: f64,
    /// How the p-values are adjusted: `holm`. The intervals are made so that all hold together (Bonferroni).
    pub correction: String,
    /// What is compared, in words.
    pub comparison: String,
    /// How cheated, refused, failed and limited samples count.
    #[serde(default)]
    pub treatment: Treatment,
}

/// The locked plan. Its digest is that of the bytes of `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// Version of this file's shape.
    pub version: u32,
    /// The plan.
    #[schemars(with = "String")]
    pub id: PlanId,
    /// When it was locked.
    pub created_at: Timestamp,
    /// The program that made it, with its version.
    pub program: String,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items per task, where limited.
    pub limit: Option<u64>,
    /// The targets.
    pub targets: Vec<PlannedTarget>,
    /// The tasks; every target runs every one.
    pub tasks: Vec<PlannedTask>,
    /// How the results will be judged.
    pub analysis: AnalysisPlan,
    /// What those who run it state of themselves and of the access they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
}

impl Plan {
    /// The version of the shape that this code writes.
    pub const VERSION: u32 = 1;
}
