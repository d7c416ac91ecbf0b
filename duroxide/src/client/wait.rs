//! Waiting until something is true of an instance.
//!
//! A wait looks again when a turn of the instance was committed, if the store can tell, and in any case after a pause
//! that grows. A store that tells of the commits of other processes, too, is looked at as good as never.

use std::time::Duration;

use tokio::time::Instant;

use super::{Client, ClientError};
use crate::model::status::OrchestrationStatus;
use crate::providers::signal::{InstanceWatch, Reach};

/// First pause between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// Longest pause between two looks: what a caller may notice.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Pause between two looks where the store tells of all commits: only in case one was not told.
const PAUSE_TOLD: Duration = Duration::from_secs(5);

impl Client {
    /// Waits until the instance has completed or failed. Looks at least once, even with no time.
    ///
    /// # Errors
    /// `Timeout` when it has not within `timeout`; `Provider` when the store failed.
    pub async fn wait_for_orchestration(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<OrchestrationStatus, ClientError> {
        let mut pauses = Pauses::new(self, instance, timeout);
        loop {
            let status = self.get_orchestration_status(instance).await?;
            if is_terminal(&status) {
                return Ok(status);
            }
            if let Some(end) = pauses.next().await? {
                return Ok(end);
            }
        }
    }

    /// Waits until the custom status has a version above `last_seen_version`, or the instance has ended, looking
    /// every `poll_interval`. An instance that does not exist yet is waited for.
    ///
    /// # Errors
    /// `Timeout` when neither came within `timeout`, at once when that is zero; `Provider` when the store failed.
    pub async fn wait_for_status_change(
        &self,
        instance: &str,
        last_seen_version: u64,
        poll_interval: Duration,
        timeout: Duration,
    ) -> Result<OrchestrationStatus, ClientError> {
        let mut pauses = Pauses::new(self, instance, timeout);
        pauses.fix(poll_interval);
        while pauses.time_left() {
            let changed = self.store.get_custom_status(instance, last_seen_version).await?;
            let status = self.get_orchestration_status(instance).await?;
            let exists = status != OrchestrationStatus::NotFound;
            if is_terminal(&status) || (exists && changed.is_some()) {
                return Ok(status);
            }
            pauses.next().await?;
        }
        Err(ClientError::Timeout)
    }

    /// Waits until the instance has a value for `key`. Looks at least once, even with no time.
    ///
    /// # Errors
    /// `Timeout` when it has none within `timeout`; `Provider` when the store failed.
    pub async fn wait_for_kv_value(&self, instance: &str, key: &str, timeout: Duration) -> Result<String, ClientError> {
        let mut pauses = Pauses::new(self, instance, timeout);
        loop {
            if let Some(value) = self.get_kv_value(instance, key).await? {
                return Ok(value);
            }
            pauses.next().await?;
        }
    }
}

fn is_terminal(status: &OrchestrationStatus) -> bool {
    match status {
        OrchestrationStatus::Completed { .. } | OrchestrationStatus::Failed { .. } => true,
        OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => false,
    }
}

/// The pauses of one wait, between its looks.
struct Pauses {
    /// `None`: further away than the clock can say.
    deadline: Option<Instant>,
    pause: Duration,
    pause_max: Duration,
    watch: Option<InstanceWatch>,
}

impl Pauses {
    fn new(client: &Client, instance: &str, timeout: Duration) -> Self {
        Pauses {
            deadline: Instant::now().checked_add(timeout),
            pause: PAUSE_MIN,
            pause_max: PAUSE_MAX,
            watch: client.store.work_signal().map(|signal| signal.watch(instance)),
        }
        .relaxed()
    }

    /// Longer where the store tells.
    fn relaxed(mut self) -> Self {
        if self.watch.as_ref().is_some_and(|watch| watch.reach() == Reach::All) {
            (self.pause, self.pause_max) = (PAUSE_TOLD, PAUSE_TOLD);
        }
        self
    }

    /// Always pause this long.
    fn fix(&mut self, pause: Duration) {
        self.pause = pause;
        self.pause_max = pause;
    }

    fn time_left(&self) -> bool {
        self.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }

    /// Pauses, or reports that the time is over. Returns how the instance ended if that was told.
    async fn next(&mut self) -> Result<Option<OrchestrationStatus>, ClientError> {
        if !self.time_left() {
            return Err(ClientError::Timeout);
        }
        let left = self.deadline.map(|deadline| deadline - Instant::now());
        let pause = left.map_or(self.pause, |left| self.pause.min(left));
        let told = match &mut self.watch {
            // Whether it changed or the pause is over: look again.
            Some(watch) => tokio::time::timeout(pause, watch.changed()).await.ok().flatten(),
            None => {
                tokio::time::sleep(pause).await;
                None
            }
        };
        self.pause = self.pause.saturating_mul(2).min(self.pause_max);
        Ok(told)
    }
}
