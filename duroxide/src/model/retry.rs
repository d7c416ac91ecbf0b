//! Retry and backoff as arithmetic.

use std::time::Duration;

/// How long to wait between attempts.
#[derive(Debug, Clone, PartialEq)]
pub enum BackoffStrategy {
    /// Not at all.
    None,
    /// Always the same.
    Fixed {
        /// The wait.
        delay: Duration,
    },
    /// `base · attempt`, at most `max`.
    Linear {
        /// First wait.
        base: Duration,
        /// Longest wait.
        max: Duration,
    },
    /// `base · multiplier^(attempt − 1)`, at most `max`.
    Exponential {
        /// First wait.
        base: Duration,
        /// Growth per attempt.
        multiplier: f64,
        /// Longest wait.
        max: Duration,
    },
}

impl Default for BackoffStrategy {
    /// Exponential: 100 ms, doubling, at most 30 s.
    fn default() -> Self {
        BackoffStrategy::Exponential { base: Duration::from_millis(100), multiplier: 2.0, max: Duration::from_secs(30) }
    }
}

impl BackoffStrategy {
    /// The wait after the failed attempt number `attempt`, counted from 1.
    pub fn delay_for_attempt(&self, attempt: u32) -> Duration {
        match self {
            BackoffStrategy::None => Duration::ZERO,
            BackoffStrategy::Fixed { delay } => *delay,
            BackoffStrategy::Linear { base, max } => base.saturating_mul(attempt).min(*max),
            BackoffStrategy::Exponential { base, multiplier, max } => {
                let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
                let seconds = base.as_secs_f64() * multiplier.powi(exponent);
                // Overflow and nonsense multipliers end at the longest wait, never in a panic.
                Duration::try_from_secs_f64(seconds).map_or(*max, |delay| delay.min(*max))
            }
        }
    }
}

/// How often an activity is tried, and how long one attempt may take.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub max_attempts: u32,
    /// Wait between attempts.
    pub backoff: BackoffStrategy,
    /// Longest time for one attempt, queueing included.
    pub timeout: Option<Duration>,
}

impl Default for RetryPolicy {
    /// 3 attempts, the default backoff, no timeout.
    fn default() -> Self {
        RetryPolicy { max_attempts: 3, backoff: BackoffStrategy::default(), timeout: None }
    }
}

impl RetryPolicy {
    /// `max_attempts` attempts with the default backoff.
    ///
    /// # Panics
    /// When `max_attempts` is 0.
    pub fn new(max_attempts: u32) -> Self {
        assert!(max_attempts >= 1, "max_attempts must be at least 1");
        RetryPolicy { max_attempts, ..RetryPolicy::default() }
    }

    /// Limits one attempt.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same as [`with_timeout`](Self::with_timeout).
    #[doc(hidden)]
    #[must_use]
    pub fn with_total_timeout(self, timeout: Duration) -> Self {
        self.with_timeout(timeout)
    }

    /// Replaces the backoff.
    #[must_use]
    pub fn with_backoff(mut self, backoff: BackoffStrategy) -> Self {
        self.backoff = backoff;
        self
    }

    /// Whether it asks for anything: one attempt of any length is what a call is without a policy.
    #[cfg(feature = "macros")]
    pub(crate) fn is_in_force(&self) -> bool {
        self.max_attempts > 1 || self.timeout.is_some()
    }

    /// The wait after the failed attempt number `attempt`, counted from 1.
    pub fn delay_for_attempt(&self, attempt: u32) -> Duration {
        self.backoff.delay_for_attempt(attempt)
    }
}
