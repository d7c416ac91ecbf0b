//! Bugs of a store, put into the wrapper one at a time: the run must find each.

/// One flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    FetchLosesAMessage,
    FetchReorders,
    FetchForgetsAnEvent,
    FetchForgetsKeyValues,
    AppendBeforeClaim,
    ActivitiesAreLost,
    AckBeforeSync,
    TimerIsEarly,
    MessageTwice,
    SessionForAll,
    CompletionBeforeClaim,
}

impl Flaw {
    pub(crate) const ALL: [Flaw; 11] = [
        Flaw::FetchLosesAMessage,
        Flaw::FetchReorders,
        Flaw::FetchForgetsAnEvent,
        Flaw::FetchForgetsKeyValues,
        Flaw::AppendBeforeClaim,
        Flaw::ActivitiesAreLost,
        Flaw::AckBeforeSync,
        Flaw::TimerIsEarly,
        Flaw::MessageTwice,
        Flaw::SessionForAll,
        Flaw::CompletionBeforeClaim,
    ];

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Flaw::FetchLosesAMessage => "the last message of a batch is deleted unread",
            Flaw::FetchReorders => "the messages of a batch come in the wrong order",
            Flaw::FetchForgetsAnEvent => "the newest event is missing in a fetched history",
            Flaw::FetchForgetsKeyValues => "key-values of earlier executions are not handed out",
            Flaw::AppendBeforeClaim => "history is appended though the lease is refused",
            Flaw::ActivitiesAreLost => "now and then a commit forgets its activities",
            Flaw::AckBeforeSync => "now and then a message is acknowledged and then forgotten",
            Flaw::TimerIsEarly => "timers are visible before they are due",
            Flaw::MessageTwice => "a queue message is stored twice",
            Flaw::SessionForAll => "a session is given to whoever asks",
            Flaw::CompletionBeforeClaim => "a completion is stored before the lease is checked",
        }
    }
}
