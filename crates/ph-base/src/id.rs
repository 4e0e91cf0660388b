//! Typed ids: a prefix that names the kind, `_`, and a UUIDv7 in 32 hex digits.
//!
//! Ids that must be the same wherever they are derived (samples, attempts) are not here: those are digests of what they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// What was given is not an id of the kind wanted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{given}` is not an id of the form `{prefix}_` and 32 hex digits")]
pub struct IdError {
    prefix: &'static str,
    given: String,
}

fn make(now: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0).unwrap_or(0), &random).into_uuid()
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let wrong = || IdError { prefix, given: text.chars().take(80).collect() };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(wrong)?;
    let uuid = Uuid::try_parse(digits).map_err(|_| wrong())?;
    if uuid.simple().to_string() == digits { Ok(uuid) } else { Err(wrong()) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from the present instant and 10 random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(make(now, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse($prefix, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One assessment: targets × tasks.
    AssessmentId, "asm"
);
id!(
    /// One locked plan.
    PlanId, "plan"
);
id!(
    /// One run: one task on one target.
    RunId, "run"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_round_trip() {
        let early = RunId::new(Timestamp(1_000), [255; 10]);
        let late = RunId::new(Timestamp(2_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<RunId>().unwrap(), early);
        assert_eq!(serde_json::from_str::<RunId>(&serde_json::to_string(&late).unwrap()).unwrap(), late);
    }

    #[test]
    fn another_kind_or_another_spelling_is_refused() {
        let plan = PlanId::new(Timestamp(1), [7; 10]).to_string();
        let hyphens = format!("run_{}", Uuid::nil());
        for wrong in [plan.as_str(), "run_", "run_xyz", "../run_", hyphens.as_str()] {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }
}
