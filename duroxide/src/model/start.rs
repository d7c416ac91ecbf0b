//! What the start of an instance met under its id.

use super::event::EventKind;
use super::work_item::WorkItem;

/// What became of a start that was compared with what its id stands for already.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartOutcome {
    /// The id was free, and the start is in the queue.
    Queued,
    /// The same orchestration was started with the same input before. Nothing was added.
    Exists,
    /// The id stands for something else, and nothing was added.
    Differs {
        /// The orchestration it stands for: another one, or the same with another input.
        orchestration: String,
        /// Its input, if that is still known.
        input: Option<String>,
    },
    /// The start is in the queue, and was not compared with anything: the store cannot.
    Uncompared,
}

impl StartOutcome {
    /// Compares a start with the orchestration and input that its id stands for. Without an input, as when the first
    /// execution was pruned, the name alone counts.
    pub(crate) fn compared(start: &WorkItem, name: &str, input: Option<&str>) -> StartOutcome {
        let is_same = match start {
            WorkItem::StartOrchestration { orchestration: asked, input: asked_input, .. } => {
                asked == name && input.is_none_or(|input| input == asked_input)
            }
            _ => false,
        };
        if is_same {
            return StartOutcome::Exists;
        }
        StartOutcome::Differs { orchestration: name.to_owned(), input: input.map(str::to_owned) }
    }

    /// The same for the first event of an instance; `None` when it is no start.
    pub(crate) fn of_event(start: &WorkItem, first: &EventKind) -> Option<StartOutcome> {
        match first {
            EventKind::OrchestrationStarted { name, input, .. } => Some(Self::compared(start, name, Some(input))),
            _ => None,
        }
    }

    /// The same for a message in the queue of the instance; `None` when it is no start.
    pub(crate) fn of_message(start: &WorkItem, queued: &WorkItem) -> Option<StartOutcome> {
        match queued {
            WorkItem::StartOrchestration { orchestration, input, .. } => {
                Some(Self::compared(start, orchestration, Some(input)))
            }
            _ => None,
        }
    }
}
