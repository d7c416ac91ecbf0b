//! What is remembered of instances, so that the store need not be asked again: bounded, the oldest entry goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Instances remembered at most; an entry takes some hundred bytes.
pub(super) const REMEMBERED: usize = 10_000;

/// A value for each of the latest instances.
pub(super) struct Remembered<V> {
    known: Mutex<Known<V>>,
}

struct Known<V> {
    by_instance: HashMap<Arc<str>, V>,
    in_order: VecDeque<Arc<str>>,
}

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Remembered { known: Mutex::new(Known { by_instance: HashMap::new(), in_order: VecDeque::new() }) }
    }
}

impl<V: Clone> Remembered<V> {
    pub(super) fn find(&self, instance: &str) -> Option<V> {
        self.known().by_instance.get(instance).cloned()
    }

    pub(super) fn insert(&self, instance: &str, value: V) {
        let mut known = self.known();
        if let Some(entry) = known.by_instance.get_mut(instance) {
            *entry = value;
            return;
        }
        if known.in_order.len() >= REMEMBERED
            && let Some(oldest) = known.in_order.pop_front()
        {
            known.by_instance.remove(&oldest);
        }
        let instance: Arc<str> = instance.into();
        known.in_order.push_back(Arc::clone(&instance));
        known.by_instance.insert(instance, value);
    }

    fn known(&self) -> MutexGuard<'_, Known<V>> {
        // Entries are replaced whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let remembered = Remembered::default();
        for i in 0..=REMEMBERED {
            remembered.insert(&format!("i-{i}"), i);
        }
        assert_eq!(remembered.find("i-0"), None);
        assert_eq!(remembered.find("i-1"), Some(1));
        assert_eq!(remembered.known().by_instance.len(), REMEMBERED);
    }
}
