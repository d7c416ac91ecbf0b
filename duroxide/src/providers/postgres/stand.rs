//! Where instances stand: whoever asks at the same time is told by one statement.

use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::history::{self, StoredEvent};
use super::lane::{Reply, Serve};
use super::row::{opt_number, opt_text};
use super::writer::Db;
use crate::model::status::{OrchestrationStatus, Stand};

/// Somebody who asks.
#[derive(Debug)]
pub(super) struct Asking {
    /// The instance, as it is stored.
    pub(super) instance: String,
    pub(super) reply: Reply<OrchestrationStatus>,
}

/// Tells them.
pub(super) struct Stands {
    pub(super) db: Arc<Db>,
}

impl Serve for Stands {
    type Request = Asking;

    async fn serve(&self, mut batch: Vec<Asking>) {
        batch.retain(|asking| asking.reply.is_wanted());
        if batch.is_empty() {
            return;
        }
        let instances: Vec<String> = batch.iter().map(|asking| asking.instance.clone()).collect();
        match self.db.quick(|| self.db.query(STAND).bind(instances.clone())).await {
            Ok(rows) => {
                for (asking, row) in batch.into_iter().zip(&rows) {
                    asking.reply.send(told(row));
                }
            }
            Err(error) => batch.into_iter().for_each(|asking| asking.reply.send(Err(error.clone()))),
        }
    }
}

/// The newest execution of each: whether it has begun, and the event that ends it, if it is there. Only rows about what
/// was cancelled may follow that.
const STAND: &str = "
    SELECT EXISTS (SELECT 1 FROM @.history h WHERE h.instance_id = g.instance_id AND h.execution_id = newest.id
            AND h.event_type = 'OrchestrationStarted'),
        ending.event_id, ending.event_data, ending.event_type, i.custom_status, i.custom_status_version
    FROM unnest($1::text[]) WITH ORDINALITY AS g (instance_id, n)
    CROSS JOIN LATERAL (SELECT COALESCE((SELECT max(execution_id) FROM @.executions e
        WHERE e.instance_id = g.instance_id), 1) AS id) newest
    LEFT JOIN LATERAL (
        SELECT event_id, event_data, event_type FROM @.history h
        WHERE h.instance_id = g.instance_id AND h.execution_id = newest.id
            AND h.event_type NOT LIKE '%CancelRequested' AND h.event_type NOT LIKE '%Cancelled'
        ORDER BY event_id DESC LIMIT 1) ending ON true
    LEFT JOIN @.instances i ON i.instance_id = g.instance_id
    ORDER BY g.n";

fn told(row: &PgRow) -> Result<OrchestrationStatus, StoreError> {
    let last = match row.try_get::<Option<&str>, _>(3)? {
        Some("OrchestrationCompleted" | "OrchestrationFailed") => Some(StoredEvent::from_row(row, 1, 2)?),
        Some(_) | None => None,
    };
    let end = match last {
        Some(last) => history::read(&[last])?.first().and_then(|event| Stand::ended_by(&event.kind)),
        None => None,
    };
    let begun = || Ok::<_, StoreError>(if row.try_get(0)? { Stand::Running } else { Stand::NotFound });
    let stand = end.map_or_else(begun, Ok)?;
    Ok(stand.with_custom_status(opt_text(row, 4)?, opt_number(row, 5)?.unwrap_or_default()))
}
