//! List and read.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::row::{int, opt_uint, text, uint};
use super::{SqliteProvider, history, kv, prune};
use crate::clock;
use crate::model::event::{Event, EventKind};
use crate::model::info::{ExecutionInfo, InstanceInfo, QueueDepths, SystemMetrics};
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult};
use crate::model::stats::SystemStats;
use crate::model::status::{OrchestrationStatus, Stand};
use crate::providers::error::ProviderError;
use crate::providers::management::ProviderAdmin;

type Answer<T> = Result<T, ProviderError>;

#[async_trait]
impl ProviderAdmin for SqliteProvider {
    async fn list_instances(&self) -> Answer<Vec<String>> {
        self.read_with("list_instances", |conn| {
            strings(conn, "SELECT instance_id FROM instances ORDER BY created_at DESC, rowid DESC", [])
        })
        .await
    }

    async fn list_instances_by_status(&self, status: &str) -> Answer<Vec<String>> {
        let status = status.to_owned();
        self.read_with("list_instances_by_status", move |conn| {
            strings(
                conn,
                "SELECT i.instance_id FROM instances i
                 JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
                 WHERE e.status = ?1 ORDER BY i.created_at DESC, i.rowid DESC",
                [&status],
            )
        })
        .await
    }

    async fn list_executions(&self, instance: &str) -> Answer<Vec<u64>> {
        let instance = instance.to_owned();
        self.read_with("list_executions", move |conn| list_executions(conn, &instance)).await
    }

    async fn read_history_with_execution_id(&self, instance: &str, execution_id: u64) -> Answer<Vec<Event>> {
        self.events("read_history_with_execution_id", instance, Some(execution_id)).await
    }

    async fn read_history(&self, instance: &str) -> Answer<Vec<Event>> {
        self.events("read_history", instance, None).await
    }

    async fn latest_execution_id(&self, instance: &str) -> Answer<u64> {
        let instance = instance.to_owned();
        self.read_with("latest_execution_id", move |conn| Ok(history::latest_execution(conn, &instance)?)).await
    }

    async fn get_instance_info(&self, instance: &str) -> Answer<InstanceInfo> {
        let instance = instance.to_owned();
        self.read_with("get_instance_info", move |conn| instance_info(conn, &instance)).await
    }

    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Answer<ExecutionInfo> {
        let instance = instance.to_owned();
        self.read_with("get_execution_info", move |conn| execution_info(conn, &instance, execution_id)).await
    }

    async fn get_system_metrics(&self) -> Answer<SystemMetrics> {
        self.read_with("get_system_metrics", system_metrics).await
    }

    async fn get_queue_depths(&self) -> Answer<QueueDepths> {
        self.read_with("get_queue_depths", queue_depths).await
    }

    async fn list_children(&self, instance_id: &str) -> Answer<Vec<String>> {
        let instance = instance_id.to_owned();
        self.read_with("list_children", move |conn| Ok(prune::children(conn, &instance)?)).await
    }

    async fn get_parent_id(&self, instance_id: &str) -> Answer<Option<String>> {
        let instance = instance_id.to_owned();
        self.read_with("get_parent_id", move |conn| parent_of(conn, &instance)).await
    }

    async fn delete_instances_atomic(&self, ids: &[String], force: bool) -> Answer<DeleteInstanceResult> {
        let ids = ids.to_owned();
        self.administer("delete_instances_atomic", move |conn, wakes| prune::delete_instances(conn, &ids, force, wakes))
            .await
    }

    async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Answer<DeleteInstanceResult> {
        let roots =
            self.read_with("delete_instance_bulk", move |conn| Ok(prune::finished_roots(conn, &filter)?)).await?;
        // A transaction per tree, so that other writers get their turn.
        let mut total = DeleteInstanceResult::default();
        for root in roots {
            let deleted = self
                .administer("delete_instance_bulk", move |conn, wakes| prune::delete_finished_tree(conn, &root, wakes))
                .await?;
            total.instances_deleted += deleted.instances_deleted;
            total.executions_deleted += deleted.executions_deleted;
            total.events_deleted += deleted.events_deleted;
            total.queue_messages_deleted += deleted.queue_messages_deleted;
        }
        Ok(total)
    }

    async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Answer<PruneResult> {
        let instance = instance_id.to_owned();
        self.administer("prune_executions", move |conn, _| prune::prune_executions(conn, &instance, &options)).await
    }

    async fn prune_executions_bulk(&self, filter: InstanceFilter, options: PruneOptions) -> Answer<PruneResult> {
        let instances =
            self.read_with("prune_executions_bulk", move |conn| Ok(prune::matching_instances(conn, &filter)?)).await?;
        let mut total = PruneResult::default();
        for instance in instances {
            let options = options.clone();
            let pruned = self
                .administer("prune_executions_bulk", move |conn, _| prune::prune_if_there(conn, &instance, &options))
                .await?;
            total.instances_processed += pruned.instances_processed;
            total.executions_deleted += pruned.executions_deleted;
            total.events_deleted += pruned.events_deleted;
        }
        Ok(total)
    }
}

/// The first column of every row.
pub(super) fn strings<P: rusqlite::Params>(conn: &Connection, sql: &str, params: P) -> Result<Vec<String>, StoreError> {
    let rows = conn.prepare_cached(sql)?.query_map(params, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

fn list_executions(conn: &Connection, instance: &str) -> Result<Vec<u64>, StoreError> {
    let ids = conn
        .prepare_cached("SELECT execution_id FROM executions WHERE instance_id = ?1 ORDER BY execution_id")?
        .query_map([instance], |row| uint(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ids)
}

fn instance_info(conn: &Connection, instance: &str) -> Result<InstanceInfo, StoreError> {
    conn.prepare_cached(
        "SELECT i.orchestration_name, i.orchestration_version, i.current_execution_id, i.created_at, i.updated_at,
             i.parent_instance_id, e.status, e.output
         FROM instances i
         LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
         WHERE i.instance_id = ?1",
    )?
    .query_row([instance], |row| {
        Ok(InstanceInfo {
            instance_id: instance.to_owned(),
            orchestration_name: row.get(0)?,
            orchestration_version: row.get::<_, Option<String>>(1)?.unwrap_or_else(|| "unknown".to_owned()),
            current_execution_id: uint(row, 2)?,
            created_at: uint(row, 3)?,
            updated_at: uint(row, 4)?,
            parent_instance_id: row.get(5)?,
            status: row.get::<_, Option<String>>(6)?.unwrap_or_else(|| "Unknown".to_owned()),
            output: row.get(7)?,
        })
    })
    .optional()?
    .ok_or_else(|| StoreError::not_found(&format!("instance {instance}")))
}

fn execution_info(conn: &Connection, instance: &str, execution_id: u64) -> Result<ExecutionInfo, StoreError> {
    conn.prepare_cached(
        "SELECT status, output, started_at, completed_at,
             (SELECT COUNT(*) FROM history h
              WHERE h.instance_id = e.instance_id AND h.execution_id = e.execution_id)
         FROM executions e WHERE instance_id = ?1 AND execution_id = ?2",
    )?
    .query_row(params![instance, int(execution_id)], |row| {
        Ok(ExecutionInfo {
            execution_id,
            status: row.get(0)?,
            output: row.get(1)?,
            started_at: uint(row, 2)?,
            completed_at: opt_uint(row, 3)?,
            event_count: count(row, 4)?,
        })
    })
    .optional()?
    .ok_or_else(|| StoreError::not_found(&format!("execution {execution_id} of instance {instance}")))
}

fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(uint(row, index)?).unwrap_or(usize::MAX))
}

fn system_metrics(conn: &Connection) -> Result<SystemMetrics, StoreError> {
    let metrics = conn.query_row(
        "SELECT (SELECT COUNT(*) FROM instances), (SELECT COUNT(*) FROM executions), (SELECT COUNT(*) FROM history),
             COUNT(*) FILTER (WHERE e.status = 'Running'), COUNT(*) FILTER (WHERE e.status = 'Completed'),
             COUNT(*) FILTER (WHERE e.status = 'Failed')
         FROM instances i
         JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id",
        [],
        |row| {
            Ok(SystemMetrics {
                total_instances: uint(row, 0)?,
                total_executions: uint(row, 1)?,
                total_events: uint(row, 2)?,
                running_instances: uint(row, 3)?,
                completed_instances: uint(row, 4)?,
                failed_instances: uint(row, 5)?,
            })
        },
    )?;
    Ok(metrics)
}

/// Rows that nobody holds: a token whose lease ended holds nothing.
fn queue_depths(conn: &Connection) -> Result<QueueDepths, StoreError> {
    let depths = conn.query_row(
        "SELECT (SELECT COUNT(*) FROM orchestrator_queue q WHERE q.lock_token IS NULL OR NOT EXISTS
                     (SELECT 1 FROM instance_locks l WHERE l.instance_id = q.instance_id
                          AND l.lock_token = q.lock_token AND l.locked_until > ?1)),
                (SELECT COUNT(*) FROM worker_queue WHERE lock_token IS NULL OR locked_until <= ?1)",
        [int(clock::now_ms())],
        |row| Ok(QueueDepths { orchestrator_queue: count(row, 0)?, worker_queue: count(row, 1)?, timer_queue: 0 }),
    )?;
    Ok(depths)
}

fn parent_of(conn: &Connection, instance: &str) -> Result<Option<String>, StoreError> {
    conn.prepare_cached("SELECT parent_instance_id FROM instances WHERE instance_id = ?1")?
        .query_row([instance], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::not_found(&format!("instance {instance}")))
}

/// Sizes of the current execution; `None` for an unknown instance.
pub(super) fn stats(conn: &Connection, instance: &str) -> Result<Option<SystemStats>, StoreError> {
    let current = conn
        .prepare_cached("SELECT current_execution_id FROM instances WHERE instance_id = ?1")?
        .query_row([instance], |row| uint(row, 0))
        .optional()?;
    let Some(execution_id) = current else {
        return Ok(None);
    };
    let (history_event_count, history_size_bytes) = conn
        .prepare_cached(
            "SELECT COUNT(*), COALESCE(SUM(OCTET_LENGTH(event_data)), 0) FROM history
             WHERE instance_id = ?1 AND execution_id = ?2",
        )?
        .query_row(params![instance, int(execution_id)], |row| Ok((uint(row, 0)?, uint(row, 1)?)))?;
    let values = kv::get_all(conn, instance)?;
    Ok(Some(SystemStats {
        history_event_count,
        history_size_bytes,
        queue_pending_count: carried_forward(conn, instance, execution_id)?,
        kv_user_key_count: values.len() as u64,
        kv_total_value_bytes: values.values().map(|value| value.len() as u64).sum(),
    }))
}

/// Queue messages that the first event carries.
fn carried_forward(conn: &Connection, instance: &str, execution_id: u64) -> Result<u64, StoreError> {
    let first: Option<String> = conn
        .prepare_cached("SELECT event_data FROM history WHERE instance_id = ?1 AND execution_id = ?2 AND event_id = 1")?
        .query_row(params![instance, int(execution_id)], |row| text(row, 0))
        .optional()?;
    let Some(json) = first else {
        return Ok(0);
    };
    let event: Event = serde_json::from_str(&json)
        .map_err(|error| StoreError::Unreadable(format!("history deserialization failed: event 1: {error}")))?;
    Ok(match event.kind {
        EventKind::OrchestrationStarted { carry_forward_events, .. } => {
            carry_forward_events.map_or(0, |events| events.len() as u64)
        }
        _ => 0,
    })
}

/// The custom status and its version, if the version is above what the caller has seen.
pub(super) fn custom_status(
    conn: &Connection,
    instance: &str,
    last_seen_version: u64,
) -> Result<Option<(Option<String>, u64)>, StoreError> {
    let found = conn
        .prepare_cached("SELECT custom_status, custom_status_version FROM instances WHERE instance_id = ?1")?
        .query_row([instance], |row| Ok((row.get(0)?, uint(row, 1)?)))
        .optional()?;
    Ok(found.filter(|(_, version)| *version > last_seen_version))
}

/// Where an instance stands, without reading its history.
pub(super) fn status(conn: &Connection, instance: &str) -> Result<OrchestrationStatus, StoreError> {
    let stand = history::stand(conn, instance, history::latest_execution(conn, instance)?)?;
    if stand == Stand::NotFound {
        return Ok(OrchestrationStatus::NotFound);
    }
    let (custom_status, version) = custom_status(conn, instance, 0)?.unwrap_or_default();
    Ok(stand.with_custom_status(custom_status, version))
}

/// How many rows each table has; no payloads.
pub(super) fn dump(conn: &Connection) -> Result<String, StoreError> {
    let tables = strings(
        conn,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        [],
    )?;
    let mut lines = Vec::new();
    for table in tables {
        let rows: i64 = conn.query_row(&format!("SELECT COUNT(*) FROM \"{table}\""), [], |row| row.get(0))?;
        lines.push(format!("{table}: {rows} rows"));
    }
    let details: [(&str, &str); 3] = [
        (
            "instance",
            "SELECT i.instance_id || ' ' || i.orchestration_name || ' execution ' || i.current_execution_id || ' '
                 || COALESCE(e.status, 'Unknown')
             FROM instances i
             LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
             ORDER BY i.rowid DESC LIMIT 100",
        ),
        (
            "message",
            "SELECT id || ' for ' || instance_id || ' state ' || state || ' visible at ' || visible_at || ' attempts '
                 || attempt_count FROM orchestrator_queue ORDER BY id LIMIT 100",
        ),
        (
            "activity",
            "SELECT id || ' of ' || COALESCE(instance_id, '-') || ' state ' || state || ' visible at ' || visible_at
                 || ' attempts ' || attempt_count FROM worker_queue ORDER BY id LIMIT 100",
        ),
    ];
    for (what, sql) in details {
        lines.extend(strings(conn, sql, [])?.into_iter().map(|line| format!("{what} {line}")));
    }
    Ok(lines.join("\n"))
}
