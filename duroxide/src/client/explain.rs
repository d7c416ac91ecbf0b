//! Gathers what is known of an instance and of those who could work on it, and says what that means.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use super::{Client, ClientError};
use crate::clock;
use crate::insight::{Explanation, Facts};
use crate::providers::ProviderError;

/// How deep children are explained at most.
const DEPTH_MAX: usize = 16;

/// How often an instance is looked at until it stands still meanwhile.
const LOOKS: usize = 3;

/// How many instances one explanation speaks of at most.
const INSTANCES_MAX: usize = 100;

/// Rows that could not be read which are told of one instance.
const QUARANTINED: usize = 20;

impl Client {
    /// Why an instance stands where it does, and what it waits for; of a child that it waits for, the same.
    ///
    /// Reads rows by index, and one history: that of the newest execution. A store without the operator's half tells
    /// less: nothing of workers, queues and rows that could not be read.
    ///
    /// # Errors
    /// `Provider` when the store failed. What it cannot read of the instance is part of the answer.
    ///
    /// ```
    /// # use duroxide::{Client, ClientError};
    /// async fn tell(client: &Client) -> Result<(), ClientError> {
    ///     let explanation = client.explain("order-7").await?;
    ///     println!("{explanation}");
    ///     if explanation.needs_help() {
    ///         println!("It will not go on by itself.");
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn explain(&self, instance: &str) -> Result<Explanation, ClientError> {
        self.explain_deep(instance, 1).await
    }

    /// The same with children down to `depth`, at most 16 levels and 100 instances in all.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub async fn explain_deep(&self, instance: &str, depth: usize) -> Result<Explanation, ClientError> {
        let mut seen = BTreeSet::new();
        self.explained(instance.to_owned(), depth.min(DEPTH_MAX), &mut seen).await
    }

    fn explained<'a>(
        &'a self,
        instance: String,
        depth: usize,
        seen: &'a mut BTreeSet<String>,
    ) -> Pin<Box<dyn Future<Output = Result<Explanation, ClientError>> + Send + 'a>> {
        Box::pin(async move {
            let mut explanation = Explanation::of(&self.facts(&instance).await?);
            seen.insert(instance.clone());
            let children: Vec<String> = explanation.awaited_children().map(str::to_owned).collect();
            for child in children {
                // Rows of others may name each other as parents.
                if depth > 0 && seen.len() < INSTANCES_MAX && !seen.contains(&child) {
                    explanation.children.push(self.explained(child, depth - 1, seen).await?);
                }
            }
            self.heard(&instance, explanation).await
        })
    }

    /// A child that has ended meanwhile is on its way to be heard of. One that still is not, when this is looked at
    /// again, never will be.
    async fn heard(&self, instance: &str, explanation: Explanation) -> Result<Explanation, ClientError> {
        let ended_children = explanation.ended_children();
        if ended_children.is_empty() {
            return Ok(explanation);
        }
        let facts = Facts { ended_children, ..self.facts(instance).await? };
        Ok(Explanation { children: explanation.children, ..Explanation::of(&facts) })
    }

    /// What is known of an instance at one moment. History and queues are read one after the other, and a turn in
    /// between would leave an activity that is in neither.
    async fn facts(&self, instance: &str) -> Result<Facts, ClientError> {
        for _ in 0..LOOKS {
            let facts = self.look(instance).await?;
            if self.is_where_it_was(&facts).await? {
                return Ok(facts);
            }
        }
        // It moves all the time: then nothing of it is lost, and what is queued will be something else in a moment.
        Ok(Facts { rows: None, ..self.look(instance).await? })
    }

    /// Whether no turn was committed since the history was read.
    async fn is_where_it_was(&self, facts: &Facts) -> Result<bool, ClientError> {
        let Some(Ok(events)) = &facts.history else {
            return Ok(true);
        };
        // One that continues as new has as many events each time.
        if let (Some(admin), Some(event)) = (self.store.as_management_capability(), events.first()) {
            let newest = known(admin.latest_execution_id(&facts.instance_id).await)?;
            if newest.is_ok_and(|newest| newest != event.execution_id) {
                return Ok(false);
            }
        }
        let stats = known(self.store.get_instance_stats(&facts.instance_id).await)?;
        let is_same = |found: u64| usize::try_from(found).is_ok_and(|found| found == events.len());
        Ok(stats.ok().flatten().is_none_or(|stats| is_same(stats.history_event_count)))
    }

    async fn look(&self, instance: &str) -> Result<Facts, ClientError> {
        let mut facts = Facts { instance_id: instance.to_owned(), ..Facts::default() };
        if let Some(admin) = self.store.as_management_capability() {
            facts.info = known(admin.get_instance_info(instance).await)?.ok();
        }
        facts.history = Some(known(self.store.read(instance).await)?.map_err(|error| error.message));
        if let Some(insight) = self.store.as_insight_capability() {
            facts.rows = Some(insight.list_rows_of(instance).await?);
            facts.quarantined = insight.list_quarantined(Some(instance), None, QUARANTINED).await?;
            facts.workers = Some(insight.list_workers().await?);
        }
        if let Some(transfer) = self.store.as_transfer_capability() {
            // One that cannot be read was written by a later version, to which the store belongs then.
            let record = known(transfer.transfer_record().await)?;
            facts.closed = match record {
                Ok(Some(record)) if !record.is_open() => Some(record.refusal()),
                Ok(_) => None,
                Err(error) => Some(error.message),
            };
        }
        facts.now_ms = clock::now_ms();
        Ok(facts)
    }
}

/// What the store will never tell is a fact; what it may tell later is an error.
fn known<T>(answer: Result<T, ProviderError>) -> Result<Result<T, ProviderError>, ClientError> {
    match answer {
        Err(error) if error.is_retryable() => Err(error.into()),
        answer => Ok(answer),
    }
}
