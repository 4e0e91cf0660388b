//! How hard targets may be pressed, and their doors: one for each target, whichever run asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ph_base::Clock;
use ph_eval::{Door, RetryPolicy};
use ph_model::{ModelApi, TargetName};
use ph_record::RunLimits;

/// Calls at once where nobody says how many: in this process more gain nothing.
const IN_PROCESS: u32 = 16;
/// The same behind an API, where fewer are under way until the target shows that it takes more.
const ENDPOINT: u32 = 100;

/// What was asked for; what was not depends on the kind of target.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetLimits {
    /// The most calls at once.
    pub connections: Option<u32>,
    /// Whether as many are under way from the beginning, and however the target takes it.
    pub fixed: bool,
    /// The most requests a minute.
    pub requests_per_minute: Option<u64>,
    /// The most tokens a minute.
    pub tokens_per_minute: Option<u64>,
    /// When a failed call is tried again.
    pub retry: RetryPolicy,
}

impl TargetLimits {
    /// So many calls at once and nothing else.
    #[must_use]
    pub fn connections(connections: u32) -> Self {
        Self { connections: Some(connections), ..Self::default() }
    }

    /// The limits of a run on `target`.
    #[must_use]
    pub fn of(&self, target: &TargetName) -> RunLimits {
        let is_in_process = target.is_in_process();
        RunLimits {
            connections: self.connections.unwrap_or(if is_in_process { IN_PROCESS } else { ENDPOINT }),
            adaptive: !is_in_process && !self.fixed,
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            samples: None,
        }
    }
}

/// The doors of this process. Clones share them. What the door to an endpoint has learnt is kept; a model inside this
/// process is let go once no run asks it, however much memory it takes.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<String, Kept>>>);

enum Kept {
    Endpoint(Arc<Door>),
    InProcess(Weak<Door>),
}

impl Kept {
    fn of(door: &Arc<Door>) -> Self {
        if door.model().target().is_in_process() {
            Kept::InProcess(Arc::downgrade(door))
        } else {
            Kept::Endpoint(door.clone())
        }
    }

    fn door(&self) -> Option<Arc<Door>> {
        match self {
            Kept::Endpoint(door) => Some(door.clone()),
            Kept::InProcess(door) => door.upgrade(),
        }
    }
}

impl Doors {
    /// The door to `model`: made the first time that its target is asked for, with the limits of that time.
    #[must_use]
    pub fn door(&self, model: Arc<dyn ModelApi>, limits: &TargetLimits, clock: &Arc<dyn Clock>) -> Arc<Door> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let target = model.target().clone();
        if let Some(door) = doors.get(&target.to_string()).and_then(Kept::door) {
            return door;
        }
        let door = Door::new(model, limits.of(&target), limits.retry, clock.clone());
        doors.insert(target.to_string(), Kept::of(&door));
        door
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_model_in_this_process_is_let_go_and_an_endpoint_s_door_is_kept() {
        let (doors, clock) = (Doors::default(), Arc::new(Still) as Arc<dyn Clock>);
        let door = |name: &str| {
            let model = Arc::new(Silent(name.parse().unwrap())) as Arc<dyn ModelApi>;
            (Arc::downgrade(&model), doors.door(model, &TargetLimits::default(), &clock))
        };
        let (here, first) = door("reference/sound");
        assert!(Arc::ptr_eq(&first, &door("reference/sound").1), "one door while it is in use");
        drop(first);
        assert_eq!(here.strong_count(), 0);
        let (there, first) = door("openai/m");
        drop(first);
        assert_eq!(there.strong_count(), 1, "what it has learnt is kept");
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> ph_base::Timestamp {
            ph_base::Timestamp(0)
        }
    }

    struct Silent(TargetName);

    #[async_trait::async_trait]
    impl ModelApi for Silent {
        fn target(&self) -> &TargetName {
            &self.0
        }

        async fn generate(&self, _: &ph_model::ModelRequest) -> Result<ph_model::ModelReply, ph_model::ModelError> {
            Err(ph_model::ModelError::new(ph_model::ModelErrorKind::Model, "silent"))
        }
    }

    #[test]
    fn an_endpoint_is_felt_out_and_this_process_is_not() {
        let none = TargetLimits::default();
        let here = none.of(&"reference/sound".parse().unwrap());
        assert_eq!((here.connections, here.adaptive), (16, false));
        let there = none.of(&"openai/gpt".parse().unwrap());
        assert_eq!((there.connections, there.adaptive), (100, true));
        let asked = TargetLimits { fixed: true, ..TargetLimits::connections(7) }.of(&"openai/gpt".parse().unwrap());
        assert_eq!((asked.connections, asked.adaptive), (7, false));
    }
}
