//! The contexts in which instances were started.

use async_trait::async_trait;
use sqlx::Row;

use super::error::StoreError;
use super::ready::{INSERT_MESSAGES, Wakes};
use super::row::{MessageRow, int, loaded, opt_text, stored, text};
use super::writer::{Db, Durability, Query, Tx, with_repeats};
use super::{PostgresProvider, start};
use crate::model::start::StartOutcome;
use crate::model::trace::TraceContext;
use crate::model::work_item::WorkItem;
use crate::providers::ProviderError;
use crate::providers::signal::WorkQueue;
use crate::providers::traces::{TraceProvider, queued, started};

/// Keeps contexts, except of instances that exist or have one. Those that were kept for starts which never came give
/// way: so this goes before its own start.
pub(super) fn keep(db: &Db, traces: &[(String, TraceContext)]) -> Query {
    let column = |of: fn(&TraceContext) -> Option<&str>| -> Vec<Option<String>> {
        traces.iter().map(|(_, trace)| of(trace).map(str::to_owned)).collect()
    };
    db.query(
        "INSERT INTO @.traces (instance_id, traceparent, tracestate)
         SELECT DISTINCT ON (t.instance_id) t.instance_id, t.traceparent, t.tracestate
         FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS t (instance_id, traceparent, tracestate, n)
         WHERE NOT EXISTS (SELECT 1 FROM @.instances i WHERE i.instance_id = t.instance_id)
         ORDER BY t.instance_id, t.n
         ON CONFLICT (instance_id) DO UPDATE SET traceparent = excluded.traceparent, tracestate = excluded.tracestate
             WHERE NOT EXISTS (SELECT 1 FROM @.orchestrator_queue q WHERE q.instance_id = excluded.instance_id
                 AND (q.work_item LIKE '{\"StartOrchestration\"%' OR q.work_item LIKE '{\"ContinueAsNew\"%'))",
    )
    .bind(traces.iter().map(|(instance, _)| stored(instance).into_owned()).collect::<Vec<_>>())
    .bind(column(|trace| Some(trace.traceparent())))
    .bind(column(TraceContext::tracestate))
}

/// A start and its context, in one transaction.
async fn start_traced(
    db: &Db,
    item: &WorkItem,
    message: &MessageRow,
    waiting_max: Option<usize>,
    trace: &TraceContext,
) -> Result<StartOutcome, StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    match start_in(db, &mut tx, item, message, waiting_max, trace).await {
        Ok(outcome) => {
            tx.commit_surely().await?;
            Ok(outcome)
        }
        Err(error) => {
            tx.rollback().await;
            Err(error)
        }
    }
}

async fn start_in(
    db: &Db,
    tx: &mut Tx<'_>,
    item: &WorkItem,
    message: &MessageRow,
    waiting_max: Option<usize>,
    trace: &TraceContext,
) -> Result<StartOutcome, StoreError> {
    let instance = &message.instance;
    match waiting_max {
        Some(waiting_max) => check_room(db, tx, instance, waiting_max).await?,
        None => {
            if let Some(found) = start::compare(db, tx, item, instance).await? {
                return Ok(found);
            }
        }
    }
    tx.all(keep(db, &[(loaded(instance.clone()), trace.clone())])).await?;
    let insert = db.query(INSERT_MESSAGES).bind(vec![instance.clone()]).bind(vec![message.json.clone()]);
    tx.all(insert.bind(vec![0i64])).await?;
    Ok(queued(waiting_max))
}

async fn check_room(db: &Db, tx: &mut Tx<'_>, instance: &str, waiting_max: usize) -> Result<(), StoreError> {
    let look =
        db.query("SELECT count(*) FROM (SELECT 1 FROM @.orchestrator_queue WHERE instance_id = $1 LIMIT $2) few");
    let rows = tx.all(look.bind(instance.to_owned()).bind(int(waiting_max as u64))).await?;
    if rows[0].try_get::<i64, _>(0)? >= int(waiting_max as u64) {
        return Err(StoreError::Full { instance: loaded(instance.to_owned()), waiting_max });
    }
    Ok(())
}

async fn read(db: &Db, instance: &str) -> Result<Option<TraceContext>, StoreError> {
    let look = || {
        db.query("SELECT traceparent, tracestate FROM @.traces WHERE instance_id = $1")
            .bind(stored(instance).into_owned())
    };
    let Some(row) = db.optional(look).await? else { return Ok(None) };
    let state = opt_text(&row, 1)?;
    Ok(TraceContext::new(&text(&row, 0)?, state.as_deref()).ok())
}

#[async_trait]
impl TraceProvider for PostgresProvider {
    async fn start_traced(
        &self,
        item: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "start_traced";
        started(&item)?;
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        let started = with_repeats(|| start_traced(&self.db, &item, &message, waiting_max, trace)).await;
        if let Ok(StartOutcome::Queued | StartOutcome::Uncompared) = &started {
            let mut wakes = Wakes::default();
            wakes.ready(WorkQueue::Orchestrator);
            wakes.ring(&self.db, &self.hints);
        }
        started.map_err(|error| error.during(OPERATION))
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        let kept = with_repeats(|| async {
            let mut tx = self.db.begin(Durability::Lease).await?;
            match tx.all(keep(&self.db, traces)).await {
                Ok(_) => tx.commit().await,
                Err(error) => {
                    tx.rollback().await;
                    Err(error)
                }
            }
        });
        kept.await.map_err(|error| error.during("keep_traces"))
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        read(&self.db, instance).await.map_err(|error| error.during("read_trace"))
    }
}
