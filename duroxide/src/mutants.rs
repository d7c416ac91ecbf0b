//! Bugs that a test may plant in the rules, to prove that it finds them. Without `test-hooks` there are none.
//!
//! A site asks [`is_planted`] in one line, beside the rule that it breaks. In a build without the feature that is a
//! constant `false`, and the line is compiled away.

/// Every bug that can be planted, one at a time: `(name, what it breaks)`.
macro_rules! bugs {
    ($($bug:ident: $what:literal,)*) => {
        /// One rule, broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(not(feature = "test-hooks"), expect(unreachable_pub, reason = "`test_hooks` hands it to tests"))]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        #[cfg(feature = "test-hooks")]
        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$bug,)*];

            /// What is broken.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Bug::$bug => $what,)*
                }
            }
        }
    };
}

bugs! {
    ExpiredHolderWrites: "an expired lease still lets its holder write",
    ExpiredLeaseIsRenewed: "an expired lease is renewed",
    RenewalChangesNothing: "a renewal that touches no row counts as one",
    AnybodyReclaims: "a lease of somebody else is taken over while it is live",
    RenewsTooLate: "a lease is first renewed after it has ended",
    OneFailedRenewalLoses: "a renewal that failed for a passing reason is not tried again",
    SecondAttemptIsPoison: "work counts as poison at its second delivery",
    DuplicateAnswerCounts: "the same answer enters history twice",
    AnswerOfOtherExecutionCounts: "an answer to an earlier execution enters the next one",
    SecondCancelCounts: "a second request to cancel is recorded",
    CarriedAreForgotten: "messages carried by continue-as-new are not delivered",
    CarriedComeLast: "messages carried by continue-as-new are delivered after newer ones",
    NewestIsNotCarried: "the newest unread message does not survive continue-as-new",
    ParentLinkIsLost: "continue-as-new forgets who waits",
    FailureIsNotTold: "the parent of a failed child is not told",
    CancelIsNotTold: "the parent of a cancelled child is not told",
    DroppedChildRunsOn: "a child whose future was dropped is not cancelled",
    ChildOutlivesCancel: "children of a cancelled parent are not cancelled",
    DroppedActivityStays: "the row of an activity that nobody waits for stays",
    LastDetachedIsLost: "a detached start of the last turn is not sent",
    StatusIsNotCarried: "continue-as-new forgets the custom status",
    BusyEndsTheTurn: "a store in trouble fails the orchestration",
    GoesBeforeOthers: "an activity's turn is committed though somebody holds the instance or a message waits",
    LeftAreForgotten: "activities that were left with a turn are forgotten when it ends",
    RestsUnconfirmed: "an execution that rests is woken though history went on without it",
    GapDropsTheBatch: "messages that arrive between two executions are dropped",
    CollisionIsNotTold: "a parent whose child id is taken is not told",
    ResultIsNotSent: "an activity is acknowledged without its completion",
    SessionIsNeverLeft: "a session counts as running when its activity has ended",
    LostLeaseIsIgnored: "an activity whose lease is lost holds its slot for ever",
    KeysAreStampedAgain: "replay stamps key-values with the time of the replay",
}

#[cfg(feature = "test-hooks")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug in everything that this thread runs, or takes it out again.
#[cfg(feature = "test-hooks")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this rule is to be broken.
#[cfg(feature = "test-hooks")]
#[inline]
pub(crate) fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this rule is to be broken: never.
#[cfg(not(feature = "test-hooks"))]
#[inline(always)]
pub(crate) const fn is_planted(_: Bug) -> bool {
    false
}
