//! Histories for tests, one line an event.

use super::timeline::Timeline;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};
use crate::model::ids::SYSCALL_CALL_POLICY;

/// When they all begin, in milliseconds since the Unix epoch.
pub(super) const BEGIN_MS: u64 = 1_790_000_000_000;

/// The history of `order-7`, whose times are milliseconds since its beginning.
pub(super) struct History {
    pub(super) events: Vec<Event>,
}

/// What code may ask for.
pub(super) enum Asked {
    Event(EventKind),
    Timer(u64),
}

impl Asked {
    pub(super) fn activity(name: &str, input: &str) -> Self {
        Asked::Event(EventKind::ActivityScheduled {
            name: name.to_owned(),
            input: input.to_owned(),
            session_id: None,
            tag: None,
        })
    }

    pub(super) fn event(name: &str) -> Self {
        Asked::Event(EventKind::ExternalSubscribed { name: name.to_owned() })
    }

    pub(super) fn dequeue(name: &str) -> Self {
        Asked::Event(EventKind::QueueSubscribed { name: name.to_owned() })
    }

    pub(super) fn child(name: &str, instance: &str) -> Self {
        Asked::Event(EventKind::SubOrchestrationScheduled {
            name: name.to_owned(),
            instance: instance.to_owned(),
            input: String::new(),
        })
    }

    pub(super) fn timer(length_ms: u64) -> Self {
        Asked::Timer(length_ms)
    }
}

impl History {
    pub(super) fn new(name: &str) -> Self {
        let mut history = History { events: Vec::new() };
        history.push(
            0,
            None,
            EventKind::OrchestrationStarted {
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                input: "{}".to_owned(),
                parent_instance: None,
                parent_id: None,
                parent_execution_id: None,
                carry_forward_events: None,
                initial_custom_status: None,
            },
        );
        history
    }

    pub(super) fn push(&mut self, at_ms: u64, source_event_id: Option<u64>, kind: EventKind) -> u64 {
        let event_id = self.events.len() as u64 + 1;
        self.events.push(Event {
            event_id,
            source_event_id,
            instance_id: "order-7".to_owned(),
            execution_id: 1,
            timestamp_ms: BEGIN_MS + at_ms,
            duroxide_version: "0.2.0".to_owned(),
            kind,
        });
        event_id
    }

    pub(super) fn asks(&mut self, at_ms: u64, asked: Asked) -> u64 {
        let kind = match asked {
            Asked::Event(kind) => kind,
            Asked::Timer(length_ms) => EventKind::TimerCreated { fire_at_ms: BEGIN_MS + at_ms + length_ms },
        };
        self.push(at_ms, None, kind)
    }

    pub(super) fn governed(&mut self, at_ms: u64, call: u64, policy: &str) {
        let kind = EventKind::ActivityScheduled {
            name: SYSCALL_CALL_POLICY.to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        };
        let row = self.push(at_ms, Some(call), kind);
        self.push(at_ms, Some(row), EventKind::ActivityCompleted { result: policy.to_owned() });
    }

    pub(super) fn completed(&mut self, at_ms: u64, source: u64) {
        self.push(at_ms, Some(source), EventKind::ActivityCompleted { result: "secret".to_owned() });
    }

    pub(super) fn failed(&mut self, at_ms: u64, source: u64, message: &str) {
        let details = ErrorDetails::application(AppErrorKind::ActivityFailed, message);
        self.push(at_ms, Some(source), EventKind::ActivityFailed { details });
    }

    pub(super) fn fired(&mut self, at_ms: u64, source: u64) {
        self.push(at_ms, Some(source), EventKind::TimerFired { fire_at_ms: BEGIN_MS + at_ms });
    }

    pub(super) fn arrives(&mut self, at_ms: u64, name: &str) {
        self.push(at_ms, None, EventKind::ExternalEvent { name: name.to_owned(), data: "secret".to_owned() });
    }

    pub(super) fn delivered(&mut self, at_ms: u64, name: &str) {
        self.push(at_ms, None, EventKind::QueueEventDelivered { name: name.to_owned(), data: "secret".to_owned() });
    }

    pub(super) fn gives_up_activity(&mut self, at_ms: u64, source: u64) {
        self.push(at_ms, Some(source), EventKind::ActivityCancelRequested { reason: "dropped_future".to_owned() });
    }

    pub(super) fn ends(&mut self, at_ms: u64, kind: EventKind) {
        self.push(at_ms, None, kind);
    }

    /// Looked at so many milliseconds after the beginning.
    pub(super) fn timeline(&self, at_ms: u64) -> Timeline {
        Timeline::of(&self.events, BEGIN_MS + at_ms)
    }
}
