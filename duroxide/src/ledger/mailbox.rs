//! External events and queues: subscriptions meet arrivals in order.

use std::collections::{HashMap, VecDeque};

/// Waits and arrivals of one execution, by their history events.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    signals: HashMap<String, Vec<Wait>>,
    queues: HashMap<String, Queue>,
    /// Subscription event -> name, for both kinds.
    names: HashMap<u64, String>,
    arrivals: u64,
}

/// One positional wait; it leaves when it was taken or cancelled.
#[derive(Debug)]
struct Wait {
    event_id: u64,
    value: Option<String>,
}

/// Waiting dequeues and unread messages, both oldest first: the n-th dequeue is for the n-th message.
#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<u64>,
    unread: VecDeque<Message>,
}

#[derive(Debug)]
struct Message {
    arrival: u64,
    data: String,
}

impl Mailbox {
    pub(super) fn subscribe_signal(&mut self, event_id: u64, name: &str) {
        self.names.insert(event_id, name.to_owned());
        self.signals.entry(name.to_owned()).or_default().push(Wait { event_id, value: None });
    }

    /// An external event arrived. It answers the oldest wait of its name that is still empty; without one it came too
    /// early and is never delivered. Returns whether it was.
    pub(crate) fn signal(&mut self, name: &str, data: &str) -> bool {
        let waits = self.signals.get_mut(name).map(Vec::as_mut_slice).unwrap_or_default();
        let Some(wait) = waits.iter_mut().find(|wait| wait.value.is_none()) else {
            return false;
        };
        wait.value = Some(data.to_owned());
        true
    }

    pub(super) fn take_signal(&mut self, event_id: u64) -> Option<String> {
        let waits = self.signals.get_mut(self.names.get(&event_id)?)?;
        let at = waits.iter().position(|wait| wait.event_id == event_id && wait.value.is_some())?;
        self.names.remove(&event_id);
        waits.remove(at).value
    }

    /// A positional wait is given up; a value it had got is discarded.
    pub(crate) fn cancel_signal(&mut self, event_id: u64) {
        if let Some(waits) = self.names.remove(&event_id).and_then(|name| self.signals.get_mut(&name)) {
            waits.retain(|wait| wait.event_id != event_id);
        }
    }

    pub(super) fn subscribe_message(&mut self, event_id: u64, name: &str) {
        self.names.insert(event_id, name.to_owned());
        self.queues.entry(name.to_owned()).or_default().waiting.push(event_id);
    }

    /// A queue message arrived; it is kept until somebody reads it.
    pub(crate) fn message(&mut self, name: &str, data: &str) {
        self.arrivals += 1;
        let message = Message { arrival: self.arrivals, data: data.to_owned() };
        self.queues.entry(name.to_owned()).or_default().unread.push_back(message);
    }

    pub(super) fn take_message(&mut self, event_id: u64) -> Option<String> {
        let queue = self.queues.get_mut(self.names.get(&event_id)?)?;
        let at = queue.waiting.iter().position(|id| *id == event_id)?;
        let message = queue.unread.remove(at)?;
        queue.waiting.remove(at);
        self.names.remove(&event_id);
        Some(message.data)
    }

    /// A dequeue is given up; its message goes to the next one.
    pub(crate) fn cancel_message(&mut self, event_id: u64) {
        if let Some(queue) = self.names.remove(&event_id).and_then(|name| self.queues.get_mut(&name)) {
            queue.waiting.retain(|id| *id != event_id);
        }
    }

    /// What nobody read, as (queue, data) in the order of arrival over all queues.
    pub(crate) fn unread(&self) -> Vec<(String, String)> {
        let mut unread: Vec<(u64, &String, &String)> = self
            .queues
            .iter()
            .flat_map(|(name, queue)| queue.unread.iter().map(move |message| (message.arrival, name, &message.data)))
            .collect();
        unread.sort_unstable_by_key(|(arrival, ..)| *arrival);
        unread.into_iter().map(|(_, name, data)| (name.clone(), data.clone())).collect()
    }
}
