//! Where an instance stands, for whoever is about to send something to it.

use super::{Client, ClientError};
use crate::insight::Standing;
use crate::model::status::OrchestrationStatus;

/// Messages that make an instance, when they are read.
const BEGINNINGS: [&str; 2] = ["StartOrchestration", "ContinueAsNew"];

impl Client {
    /// Where an instance stands, in a word and at little cost: what is sent to one that nobody started, or that has ended,
    /// changes nothing. One that is between two executions counts as running.
    ///
    /// A store without the operator's half cannot tell an instance whose start waits from one that nobody started: both are
    /// [`Unknown`](Standing::Unknown).
    ///
    /// # Errors
    /// `Provider` when it could not be read.
    ///
    /// ```
    /// # use duroxide::{Client, ClientError};
    /// use duroxide::insight::Standing;
    ///
    /// async fn can_be_reached(client: &Client, instance: &str) -> Result<bool, ClientError> {
    ///     Ok(matches!(client.standing(instance).await?, Standing::NotStarted | Standing::Running))
    /// }
    /// ```
    pub async fn standing(&self, instance: &str) -> Result<Standing, ClientError> {
        Ok(match self.get_orchestration_status(instance).await? {
            OrchestrationStatus::Running { .. } => Standing::Running,
            OrchestrationStatus::Completed { .. } => Standing::Completed,
            OrchestrationStatus::Failed { .. } => Standing::Failed,
            OrchestrationStatus::NotFound if self.is_about_to_begin(instance).await? => Standing::NotStarted,
            OrchestrationStatus::NotFound => Standing::Unknown,
        })
    }

    async fn is_about_to_begin(&self, instance: &str) -> Result<bool, ClientError> {
        let Some(insight) = self.store.as_insight_capability() else {
            return Ok(false);
        };
        let rows = insight.list_rows_of(instance).await?;
        Ok(rows.iter().any(|row| BEGINNINGS.contains(&row.kind.as_str())))
    }
}
