//! The contexts in which instances were started.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::row::MessageRow;
use super::{SqliteProvider, ready, room, start};
use crate::clock;
use crate::model::trace::TraceContext;
use crate::providers::traces::{TraceProvider, queued, started};
use crate::providers::{ProviderError, StartOutcome, WorkItem};

/// Keeps a context, unless its instance exists or has one. One that was kept for a start which never came gives way:
/// so this goes before its own start.
fn keep(conn: &Connection, instance: &str, trace: &TraceContext) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO traces (instance_id, traceparent, tracestate)
         SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM instances WHERE instance_id = ?1)
         ON CONFLICT DO UPDATE SET traceparent = excluded.traceparent, tracestate = excluded.tracestate
             WHERE NOT EXISTS (SELECT 1 FROM orchestrator_queue q WHERE q.instance_id = ?1
                 AND (q.work_item GLOB '{\"StartOrchestration\"*' OR q.work_item GLOB '{\"ContinueAsNew\"*'))",
    )?
    .execute(params![instance, trace.traceparent(), trace.tracestate()])?;
    Ok(())
}

fn read(conn: &Connection, instance: &str) -> rusqlite::Result<Option<TraceContext>> {
    let found: Option<(String, Option<String>)> = conn
        .prepare_cached("SELECT traceparent, tracestate FROM traces WHERE instance_id = ?1")?
        .query_row([instance], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(parent, state)| TraceContext::new(&parent, state.as_deref()).ok()))
}

#[async_trait]
impl TraceProvider for SqliteProvider {
    async fn start_traced(
        &self,
        item: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "start_traced";
        started(&item)?;
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        let trace = trace.clone();
        self.write(OPERATION, move |conn, wakes| {
            let now_ms = clock::now_ms();
            wakes.queue_carried(conn, &message.instance)?;
            match waiting_max {
                Some(waiting_max) => room::check(conn, &message.instance, waiting_max)?,
                None => {
                    if let Some(found) = start::compare(conn, &item, &message.instance)? {
                        return Ok(found);
                    }
                }
            }
            keep(conn, &message.instance, &trace)?;
            ready::enqueue(conn, &message, now_ms, now_ms, wakes)?;
            Ok(queued(waiting_max))
        })
        .await
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        let traces = traces.to_vec();
        // What a power cut takes here is taken with the turn that was not committed yet.
        self.lease("keep_traces", move |conn, _| {
            traces.iter().try_for_each(|(instance, trace)| Ok(keep(conn, instance, trace)?))
        })
        .await
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        let instance = instance.to_owned();
        self.look("read_trace", move |conn| Ok(read(conn, &instance)?)).await
    }
}
