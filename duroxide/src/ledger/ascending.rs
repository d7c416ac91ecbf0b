//! A map whose keys only grow: ids of requests and of events.
//!
//! Rows stand in one piece of memory in the order of their keys, so that adding is a push, finding is a binary search,
//! and an execution with one open request costs one row.

use std::cmp::Ordering;

/// Rows that were removed are swept out when they are half of all, so that each costs the same in the long run.
const SWEEP_FROM: usize = 32;

#[derive(Debug)]
pub(crate) struct Ascending<V> {
    /// `None` where a row was removed and not swept out yet.
    rows: Vec<(u64, Option<V>)>,
    live: usize,
}

impl<V> Default for Ascending<V> {
    fn default() -> Self {
        Ascending { rows: Vec::new(), live: 0 }
    }
}

impl<V> Ascending<V> {
    /// Adds a row, or replaces the one that has this key.
    pub(crate) fn insert(&mut self, key: u64, value: V) {
        if self.rows.capacity() == 0 {
            // Most executions wait for one thing; a vector would begin with room for four.
            self.rows.reserve_exact(1);
        }
        match self.rows.last() {
            Some((last, _)) if *last >= key => match self.find(key) {
                Ok(at) => {
                    self.live += usize::from(self.rows[at].1.is_none());
                    self.rows[at].1 = Some(value);
                }
                Err(at) => {
                    self.rows.insert(at, (key, Some(value)));
                    self.live += 1;
                }
            },
            Some(_) | None => {
                self.rows.push((key, Some(value)));
                self.live += 1;
            }
        }
    }

    pub(crate) fn get(&self, key: u64) -> Option<&V> {
        self.find(key).ok().and_then(|at| self.rows[at].1.as_ref())
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.find(key).ok().and_then(|at| self.rows[at].1.as_mut())
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        let at = self.find(key).ok()?;
        let value = self.rows[at].1.take()?;
        self.live -= 1;
        if self.live == 0 {
            self.rows.clear();
            // A wide fan-out is over; what follows is seldom as wide.
            self.rows.shrink_to(SWEEP_FROM);
        } else if self.rows.len() >= SWEEP_FROM && self.live * 2 < self.rows.len() {
            self.rows.retain(|(_, value)| value.is_some());
        }
        Some(value)
    }

    /// Ascending by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.rows.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    /// Where the key is, or where it would be. Where keys follow each other without gaps, its distance from the first
    /// tells; with gaps it stands before that.
    fn find(&self, key: u64) -> Result<usize, usize> {
        let Some((first, _)) = self.rows.first() else { return Err(0) };
        let Some(distance) = key.checked_sub(*first) else { return Err(0) };
        let end = usize::try_from(distance).map_or(self.rows.len(), |at| self.rows.len().min(at.saturating_add(1)));
        match self.rows[end - 1].0.cmp(&key) {
            Ordering::Equal => Ok(end - 1),
            Ordering::Less => Err(end),
            Ordering::Greater => self.rows[..end].binary_search_by_key(&key, |(key, _)| *key),
        }
    }
}
