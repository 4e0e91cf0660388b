//! What other models than the target did for a task, by role.

use std::collections::BTreeMap;

use ph_base::Money;
use ph_model::Usage;
use serde::{Deserialize, Serialize};

/// The calls to the model that has one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleUse {
    /// The target that has the role.
    pub target: String,
    /// Calls made.
    pub calls: u64,
    /// Tokens of all calls.
    #[serde(default)]
    pub usage: Usage,
    /// What all calls cost; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
}

/// Adds what one sample used of each role to what a run did.
pub fn add_role_use(run: &mut BTreeMap<String, RoleUse>, sample: &BTreeMap<String, RoleUse>) {
    for (role, used) in sample {
        let nothing = used.cost.map(|cost| Money::zero(cost.currency));
        run.entry(role.clone()).or_insert_with(|| RoleUse::none(&used.target, nothing)).add(used);
    }
}

impl RoleUse {
    /// No call yet; `cost` is nothing where the price is known, absent where it is not.
    #[must_use]
    pub fn none(target: impl Into<String>, cost: Option<Money>) -> Self {
        Self { target: target.into(), calls: 0, usage: Usage::default(), cost }
    }

    /// Adds the calls of `other`; a cost that is not known makes the sum not known.
    pub fn add(&mut self, other: &RoleUse) {
        self.calls += other.calls;
        self.usage.add(&other.usage);
        self.cost = self.cost.zip(other.cost).and_then(|(sum, cost)| sum.checked_add(cost).ok());
    }
}
