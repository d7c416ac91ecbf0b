//! Token -> history event -> result.

use std::collections::{BTreeSet, HashMap};

use super::Governed;
use crate::model::error::ErrorDetails;

/// What kind of answer a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    Activity,
    Timer,
    Child,
    External,
    Queue,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// An activity or a child ended.
    Ended(Result<String, ErrorDetails>),
    /// A timer fired.
    Fired,
    /// An event or a queue message arrived.
    Data(String),
}

/// Requests that are open, answered or abandoned. What was taken is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    by_token: HashMap<u64, Binding>,
    waiting: usize,
    /// Abandoned requests with their history event: what replay compares with the recorded cancellations.
    abandoned: BTreeSet<(Class, u64)>,
}

#[derive(Debug)]
struct Binding {
    class: Class,
    event_id: Option<u64>,
    reply: Option<Reply>,
    abandoned: bool,
    /// Until its holder knows.
    #[cfg_attr(not(feature = "macros"), expect(dead_code, reason = "only typed calls go by policies"))]
    governed: Option<Box<Governed>>,
}

impl Bindings {
    pub(super) fn open(&mut self, token: u64, class: Class) {
        let binding = Binding { class, event_id: None, reply: None, abandoned: false, governed: None };
        self.by_token.insert(token, binding);
        self.waiting += 1;
    }

    pub(super) fn class(&self, token: u64) -> Option<Class> {
        self.by_token.get(&token).map(|binding| binding.class)
    }

    pub(super) fn event_id(&self, token: u64) -> Option<u64> {
        self.by_token.get(&token).and_then(|binding| binding.event_id)
    }

    pub(super) fn bind(&mut self, token: u64, event_id: u64) {
        if let Some(binding) = self.by_token.get_mut(&token) {
            binding.event_id = Some(event_id);
            if binding.abandoned {
                self.abandoned.insert((binding.class, event_id));
            }
        }
    }

    pub(super) fn govern(&mut self, token: u64, governed: Governed) {
        if let Some(binding) = self.by_token.get_mut(&token) {
            binding.governed = Some(Box::new(governed));
        }
    }

    #[cfg(feature = "macros")]
    pub(super) fn governed(&mut self, token: u64) -> Option<Box<Governed>> {
        self.by_token.get_mut(&token)?.governed.take()
    }

    /// Lays an answer down for whoever holds the token.
    pub(crate) fn deliver(&mut self, token: u64, reply: Reply) {
        if let Some(binding) = self.by_token.get_mut(&token) {
            binding.reply = Some(reply);
        }
    }

    pub(super) fn reply(&mut self, token: u64) -> Option<Reply> {
        self.by_token.get_mut(&token).and_then(|binding| binding.reply.take())
    }

    pub(super) fn close(&mut self, token: u64) {
        if self.by_token.remove(&token).is_some_and(|binding| !binding.abandoned) {
            self.waiting -= 1;
        }
    }

    pub(super) fn abandon(&mut self, token: u64) -> Option<(Class, Option<u64>)> {
        let binding = self.by_token.get_mut(&token).filter(|binding| !binding.abandoned)?;
        binding.abandoned = true;
        self.waiting -= 1;
        if let Some(event_id) = binding.event_id {
            self.abandoned.insert((binding.class, event_id));
        }
        Some((binding.class, binding.event_id))
    }

    pub(super) fn is_abandoned(&self, token: u64) -> bool {
        self.by_token.get(&token).is_some_and(|binding| binding.abandoned)
    }

    /// Requests that are neither taken nor abandoned nor answered.
    pub(super) fn outstanding(&self) -> usize {
        let answered = self.by_token.values().filter(|binding| !binding.abandoned && binding.reply.is_some()).count();
        self.waiting - answered
    }

    /// Schedule events whose futures were dropped unanswered, ascending within a class.
    pub(crate) fn abandoned(&self) -> &BTreeSet<(Class, u64)> {
        &self.abandoned
    }
}
