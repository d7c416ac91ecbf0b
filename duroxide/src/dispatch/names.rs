//! Which orchestration asked for an activity: remembered, so that an activity need not read its parent's history.

use std::sync::Arc;

use super::remembered::Remembered;
use crate::model::event::EventKind;
use crate::providers::Provider;

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

/// Names by instance, of its latest known execution.
#[derive(Default)]
pub(super) struct Names {
    known: Remembered<(u64, Named)>,
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
        let (known_id, named) = self.known.find(instance)?;
        (known_id == execution_id).then_some(named)
    }

    fn insert(&self, instance: &str, execution_id: u64, named: Named) {
        self.known.insert(instance, (execution_id, named));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
