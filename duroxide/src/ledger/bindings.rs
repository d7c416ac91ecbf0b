//! Token -> history event -> result.

use super::Governed;
use super::ascending::Ascending;
use super::joins::Seat;
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
    Ended(Result<String, Box<ErrorDetails>>),
    /// A timer fired.
    Fired,
    /// An event or a queue message arrived.
    Data(String),
}

/// What is known of an answer.
pub(super) enum Found {
    Answer(Reply),
    /// It would be in the mailbox, for this wait.
    Signal(u64),
    /// It would be in the mailbox, for this dequeue.
    Message(u64),
    Nothing,
}

/// Requests that are open or answered. What was taken or abandoned is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    by_token: Ascending<Binding>,
    /// Requests that are neither taken nor abandoned nor answered.
    outstanding: usize,
    /// Requests abandoned since they were last taken account of, with their history events: what replay compares with
    /// the recorded cancellations.
    abandoned: Vec<(Class, u64)>,
}

#[derive(Debug)]
struct Binding {
    class: Class,
    event_id: Option<u64>,
    reply: Option<Reply>,
    /// Before it had its event; with it, the binding goes.
    abandoned: bool,
    /// Who polled for the answer in vain.
    seat: Option<Seat>,
    /// Until its holder knows.
    governed: Option<Box<Governed>>,
}

impl Bindings {
    pub(super) fn open(&mut self, token: u64, class: Class) {
        let binding = Binding { class, event_id: None, reply: None, abandoned: false, seat: None, governed: None };
        self.by_token.insert(token, binding);
        self.outstanding += 1;
    }

    /// Returns whether somebody still waits for the request.
    pub(super) fn bind(&mut self, token: u64, event_id: u64) -> bool {
        let Some(binding) = self.by_token.get_mut(token) else {
            return false;
        };
        binding.event_id = Some(event_id);
        let (class, abandoned) = (binding.class, binding.abandoned);
        if abandoned {
            self.abandoned.push((class, event_id));
            self.by_token.remove(token);
        }
        !abandoned
    }

    pub(super) fn seat(&self, token: u64) -> Option<Seat> {
        self.by_token.get(token).and_then(|binding| binding.seat)
    }

    pub(super) fn govern(&mut self, token: u64, governed: Governed) {
        if let Some(binding) = self.by_token.get_mut(token) {
            binding.governed = Some(Box::new(governed));
        }
    }

    #[cfg(feature = "macros")]
    pub(super) fn governed(&mut self, token: u64) -> Option<Box<Governed>> {
        self.by_token.get_mut(token)?.governed.take()
    }

    pub(super) fn deliver(&mut self, token: u64, reply: Reply) {
        if let Some(binding) = self.by_token.get_mut(token)
            && binding.reply.replace(reply).is_none()
            && !binding.abandoned
        {
            self.outstanding -= 1;
        }
    }

    /// The answer that was laid down, which ends the request; or where to look for it. Whoever asked sits on `seat`.
    pub(super) fn take(&mut self, token: u64, seat: Option<Seat>) -> Found {
        let Some(binding) = self.by_token.get_mut(token) else {
            return Found::Nothing;
        };
        binding.seat = seat;
        match (binding.class, binding.event_id, binding.reply.take()) {
            (_, _, Some(reply)) => {
                self.by_token.remove(token);
                Found::Answer(reply)
            }
            (Class::External, Some(event_id), None) => Found::Signal(event_id),
            (Class::Queue, Some(event_id), None) => Found::Message(event_id),
            (Class::Activity | Class::Timer | Class::Child, _, None) | (_, None, None) => Found::Nothing,
        }
    }

    /// The request is over, and was not answered here.
    pub(super) fn close(&mut self, token: u64) {
        if let Some(binding) = self.by_token.remove(token) {
            self.outstanding -= usize::from(binding.is_outstanding());
        }
    }

    pub(super) fn abandon(&mut self, token: u64) -> Option<(Class, Option<u64>)> {
        let binding = self.by_token.get_mut(token).filter(|binding| !binding.abandoned)?;
        self.outstanding -= usize::from(binding.is_outstanding());
        binding.abandoned = true;
        let (class, event_id) = (binding.class, binding.event_id);
        if let Some(event_id) = event_id {
            self.abandoned.push((class, event_id));
            self.by_token.remove(token);
        }
        Some((class, event_id))
    }

    /// Whether a request was neither taken nor abandoned.
    pub(super) fn is_open(&self, token: u64) -> bool {
        self.by_token.get(token).is_some_and(|binding| !binding.abandoned)
    }

    /// Requests that are neither taken nor abandoned nor answered.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Schedule events whose futures were dropped unanswered since this was last called, ascending within a class.
    pub(crate) fn take_abandoned(&mut self) -> Vec<(Class, u64)> {
        let mut abandoned = std::mem::take(&mut self.abandoned);
        abandoned.sort_unstable();
        abandoned
    }
}

impl Binding {
    fn is_outstanding(&self) -> bool {
        !self.abandoned && self.reply.is_none()
    }
}
