//! Which orchestration asked for an activity: remembered, so that an activity need not read its parent's history.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::event::EventKind;
use crate::providers::Provider;

/// Instances remembered at most; an entry takes about 200 bytes.
const REMEMBERED: usize = 10_000;

/// Name and version of an orchestration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) version: Arc<str>,
}

impl Named {
    pub(super) fn new(name: &str, version: &str) -> Self {
        Named { name: name.into(), version: version.into() }
    }
}

/// Names by instance, of its latest known execution; the oldest entry goes first.
#[derive(Default)]
pub(super) struct Names {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_instance: HashMap<Arc<str>, (u64, Named)>,
    in_order: VecDeque<Arc<str>>,
}

impl Names {
    /// Notes what a turn of this execution knows.
    pub(super) fn note(&self, instance: &str, execution_id: u64, name: &str, version: &str) {
        let is_known = |named: Named| *named.name == *name && *named.version == *version;
        // An instance that was deleted may have come back as something else.
        if !self.find(instance, execution_id).is_some_and(is_known) {
            self.insert(instance, execution_id, Named::new(name, version));
        }
    }

    /// Name and version of the orchestration that runs this execution, from its history if need be; `unknown` when
    /// that is gone.
    pub(super) async fn of(&self, store: &dyn Provider, instance: &str, execution_id: u64) -> Named {
        if let Some(named) = self.find(instance, execution_id) {
            return named;
        }
        let history = store.read_with_execution(instance, execution_id).await;
        let started = history.unwrap_or_default().into_iter().find_map(|event| match event.kind {
            EventKind::OrchestrationStarted { name, version, .. } => Some(Named::new(&name, &version)),
            _ => None,
        });
        match started {
            Some(named) => {
                self.insert(instance, execution_id, named.clone());
                named
            }
            None => Named::new("unknown", "unknown"),
        }
    }

    fn find(&self, instance: &str, execution_id: u64) -> Option<Named> {
        let known = self.known();
        let (known_id, named) = known.by_instance.get(instance)?;
        (*known_id == execution_id).then(|| named.clone())
    }

    fn insert(&self, instance: &str, execution_id: u64, named: Named) {
        let mut known = self.known();
        if let Some(entry) = known.by_instance.get_mut(instance) {
            *entry = (execution_id, named);
            return;
        }
        if known.in_order.len() >= REMEMBERED
            && let Some(oldest) = known.in_order.pop_front()
        {
            known.by_instance.remove(&oldest);
        }
        let instance: Arc<str> = instance.into();
        known.in_order.push_back(Arc::clone(&instance));
        known.by_instance.insert(instance, (execution_id, named));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Entries are replaced whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let names = Names::default();
        for i in 0..=REMEMBERED {
            names.note(&format!("i-{i}"), 1, "Order", "1.0.0");
        }
        assert_eq!(names.find("i-0", 1), None);
        assert!(names.find("i-1", 1).is_some());
        assert_eq!(names.known().by_instance.len(), REMEMBERED);
    }

    #[test]
    fn an_id_used_again_for_something_else_is_known_by_its_new_name() {
        let names = Names::default();
        names.note("i", 1, "Order", "1.0.0");
        names.note("i", 1, "Refund", "1.0.0");
        assert_eq!(names.find("i", 1), Some(Named::new("Refund", "1.0.0")));
    }

    #[test]
    fn another_execution_may_have_another_version() {
        let names = Names::default();
        names.note("i", 1, "Order", "1.0.0");
        assert_eq!(names.find("i", 2), None);
        names.note("i", 2, "Order", "2.0.0");
        assert_eq!(names.find("i", 2), Some(Named::new("Order", "2.0.0")));
    }
}
