//! External events and queues: subscriptions meet arrivals in order.

use std::collections::{HashMap, VecDeque};

use super::ascending::Ascending;

/// Waits and arrivals of one execution, by their history events.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    signals: HashMap<String, VecDeque<Wait>>,
    queues: HashMap<String, Queue>,
    /// Subscription event -> name, for both kinds.
    names: Ascending<String>,
    arrivals: u64,
}

/// One positional wait; it leaves when it was taken or cancelled.
#[derive(Debug)]
struct Wait {
    event_id: u64,
    token: u64,
    value: Option<String>,
}

/// Waiting dequeues and unread messages, both oldest first: the n-th dequeue is for the n-th message.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Dequeue>,
    unread: VecDeque<Message>,
}

#[derive(Debug)]
struct Dequeue {
    event_id: u64,
    token: u64,
}

#[derive(Debug)]
struct Message {
    arrival: u64,
    data: String,
}

impl Queue {
    /// Whose message came last, if somebody waits for it.
    fn last_served(&self) -> Option<u64> {
        let at = self.unread.len().checked_sub(1)?;
        self.waiting.get(at).map(|dequeue| dequeue.token)
    }
}

impl Mailbox {
    pub(super) fn subscribe_signal(&mut self, event_id: u64, token: u64, name: &str) {
        self.names.insert(event_id, name.to_owned());
        let waits = entry(&mut self.signals, name);
        if waits.capacity() == 0 {
            // Most names are waited for by one.
            waits.reserve_exact(1);
        }
        waits.push_back(Wait { event_id, token, value: None });
    }

    /// An external event arrived. It answers the oldest wait of its name that is still empty; without one it came too
    /// early and is never delivered. Returns the request that it answers.
    pub(super) fn signal(&mut self, name: &str, data: String) -> Option<u64> {
        let waits = self.signals.get_mut(name)?;
        let wait = waits.iter_mut().find(|wait| wait.value.is_none())?;
        wait.value = Some(data);
        Some(wait.token)
    }

    pub(super) fn take_signal(&mut self, event_id: u64) -> Option<String> {
        let name = self.names.get(event_id)?;
        let waits = self.signals.get_mut(name)?;
        let at = waits.iter().position(|wait| wait.event_id == event_id && wait.value.is_some())?;
        let value = waits.remove(at)?.value;
        if waits.is_empty() {
            self.signals.remove(name);
        }
        self.names.remove(event_id);
        value
    }

    /// A positional wait is given up; a value it had got is discarded.
    pub(super) fn cancel_signal(&mut self, event_id: u64) {
        let Some(name) = self.names.remove(event_id) else { return };
        if let Some(waits) = self.signals.get_mut(&name) {
            waits.retain(|wait| wait.event_id != event_id);
            if waits.is_empty() {
                self.signals.remove(&name);
            }
        }
    }

    pub(super) fn subscribe_message(&mut self, event_id: u64, token: u64, name: &str) {
        self.names.insert(event_id, name.to_owned());
        entry(&mut self.queues, name).waiting.push_back(Dequeue { event_id, token });
    }

    /// A queue message arrived; it is kept until somebody reads it. Returns the request that it is for.
    pub(super) fn message(&mut self, name: &str, data: String) -> Option<u64> {
        self.arrivals += 1;
        let message = Message { arrival: self.arrivals, data };
        let queue = entry(&mut self.queues, name);
        queue.unread.push_back(message);
        queue.last_served()
    }

    pub(super) fn take_message(&mut self, event_id: u64) -> Option<String> {
        let name = self.names.get(event_id)?;
        let queue = self.queues.get_mut(name)?;
        let at = queue.waiting.iter().position(|dequeue| dequeue.event_id == event_id)?;
        let message = queue.unread.remove(at)?;
        queue.waiting.remove(at);
        if queue.waiting.is_empty() && queue.unread.is_empty() {
            self.queues.remove(name);
        }
        self.names.remove(event_id);
        Some(message.data)
    }

    /// A dequeue is given up; its message goes to the next one. Returns the request that has a message now.
    pub(super) fn cancel_message(&mut self, event_id: u64) -> Option<u64> {
        let name = self.names.remove(event_id)?;
        let queue = self.queues.get_mut(&name)?;
        queue.waiting.retain(|dequeue| dequeue.event_id != event_id);
        if queue.waiting.is_empty() && queue.unread.is_empty() {
            self.queues.remove(&name);
            return None;
        }
        queue.last_served()
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

/// What is kept under a name; the name is copied only when it is new.
fn entry<'a, T: Default>(map: &'a mut HashMap<String, T>, name: &str) -> &'a mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it was there, or was put there")
}
