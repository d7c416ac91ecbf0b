//! The policy in force when a call was made: what history records of it, and how it comes back.
//!
//! A call with retries or a timeout is followed by two rows, written with it: a system call whose source is the call,
//! and the policy as its answer. Replay goes by these rows and never by today's code, so that editing an attribute
//! changes nothing for calls that were made before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Execution, nondeterminism};
use crate::codec;
use crate::ledger::Governed;
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
use crate::model::event::EventKind;
use crate::model::ids;
use crate::model::retry::{BackoffStrategy, RetryPolicy};

impl Execution {
    /// Writes the policy of the call that became the event `call`, for this run as for all that replay it.
    pub(super) fn record_policy(&mut self, call: u64, policy: &RetryPolicy) {
        let asked = EventKind::ActivityScheduled {
            name: ids::SYSCALL_CALL_POLICY.to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        };
        let row = self.append(Some(call), asked);
        self.append(Some(row), EventKind::ActivityCompleted { result: written(policy) });
    }

    /// Puts a call under the policy that history has for it, if it has one. Returns whether the code must see that.
    ///
    /// # Errors
    /// When the recorded policy cannot be read.
    pub(super) fn govern(&mut self, token: u64, event_id: u64, action: &Action) -> Result<bool, ErrorDetails> {
        let Some(text) = self.history.policy(event_id) else {
            return Ok(false);
        };
        let policy = read(text).map_err(|error| nondeterminism::unreadable_policy(event_id, &error))?;
        let governed = Governed { policy, call: action.clone() };
        self.ledger.with(|book| book.govern(token, governed));
        Ok(true)
    }
}

/// A policy as history keeps it; times in milliseconds.
#[derive(Serialize, Deserialize)]
struct Recorded {
    max_attempts: u32,
    backoff: Backoff,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Backoff {
    None,
    Fixed { delay_ms: u64 },
    Linear { base_ms: u64, max_ms: u64 },
    Exponential { base_ms: u64, multiplier: f64, max_ms: u64 },
}

fn written(policy: &RetryPolicy) -> String {
    let backoff = match &policy.backoff {
        BackoffStrategy::None => Backoff::None,
        BackoffStrategy::Fixed { delay } => Backoff::Fixed { delay_ms: ms(*delay) },
        BackoffStrategy::Linear { base, max } => Backoff::Linear { base_ms: ms(*base), max_ms: ms(*max) },
        BackoffStrategy::Exponential { base, multiplier, max } => Backoff::Exponential {
            base_ms: ms(*base),
            // JSON has no infinity; both end at the longest wait.
            multiplier: if multiplier.is_finite() { *multiplier } else { f64::MAX },
            max_ms: ms(*max),
        },
    };
    let recorded = Recorded { max_attempts: policy.max_attempts, backoff, timeout_ms: policy.timeout.map(ms) };
    codec::to_json(&recorded).expect("numbers and fixed names have a JSON form")
}

/// A policy from its record.
///
/// # Errors
/// When the text is not one.
pub(crate) fn read(text: &str) -> Result<RetryPolicy, codec::CodecError> {
    let Recorded { max_attempts, backoff, timeout_ms } = codec::from_json(text)?;
    let backoff = match backoff {
        Backoff::None => BackoffStrategy::None,
        Backoff::Fixed { delay_ms } => BackoffStrategy::Fixed { delay: Duration::from_millis(delay_ms) },
        Backoff::Linear { base_ms, max_ms } => {
            BackoffStrategy::Linear { base: Duration::from_millis(base_ms), max: Duration::from_millis(max_ms) }
        }
        Backoff::Exponential { base_ms, multiplier, max_ms } => BackoffStrategy::Exponential {
            base: Duration::from_millis(base_ms),
            multiplier,
            max: Duration::from_millis(max_ms),
        },
    };
    Ok(RetryPolicy { max_attempts, backoff, timeout: timeout_ms.map(Duration::from_millis) })
}

/// A time above zero stays above zero.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_back_as_it_was_written() {
        let second = Duration::from_secs(1);
        let backoffs = [
            BackoffStrategy::None,
            BackoffStrategy::Fixed { delay: second },
            BackoffStrategy::Linear { base: second, max: second * 9 },
            BackoffStrategy::Exponential { base: second, multiplier: 2.5, max: Duration::from_millis(u64::MAX) },
        ];
        for backoff in backoffs {
            for timeout in [None, Some(second)] {
                let policy = RetryPolicy { max_attempts: 5, backoff: backoff.clone(), timeout };
                assert_eq!(read(&written(&policy)).unwrap(), policy);
            }
        }
    }

    #[test]
    fn the_recorded_form_stays() {
        let policy = RetryPolicy::new(5).with_timeout(Duration::from_secs(30));
        let text = r#"{"backoff":{"exponential":{"base_ms":100,"max_ms":30000,"multiplier":2.0}},"max_attempts":5,"timeout_ms":30000}"#;
        assert_eq!(written(&policy), text);
    }

    #[test]
    fn what_json_cannot_say_ends_at_the_same_waits() {
        let policy = |base, multiplier| RetryPolicy {
            max_attempts: 9,
            backoff: BackoffStrategy::Exponential { base, multiplier, max: Duration::from_secs(9) },
            timeout: Some(Duration::from_nanos(1)),
        };
        for multiplier in [f64::NAN, f64::INFINITY] {
            let policy = policy(Duration::from_secs(1), multiplier);
            let back = read(&written(&policy)).unwrap();
            assert_eq!(back.timeout, Some(Duration::from_millis(1)));
            for attempt in 1..5 {
                assert_eq!(back.delay_for_attempt(attempt), policy.delay_for_attempt(attempt));
            }
        }
        assert!(read("{}").unwrap_err().to_string().contains("max_attempts"));
    }
}
