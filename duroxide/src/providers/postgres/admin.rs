//! List and read.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::row::{int, number, opt_number, opt_text, stored, text};
use super::writer::{Db, Query};
use super::{PostgresProvider, history, kv, prune};
use crate::model::event::{Event, EventKind};
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::info::{ExecutionInfo, InstanceInfo, QueueDepths, SystemMetrics};
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult};
use crate::model::stats::SystemStats;
use crate::providers::error::ProviderError;
use crate::providers::management::ProviderAdmin;

type Answer<T> = Result<T, ProviderError>;

#[async_trait]
impl ProviderAdmin for PostgresProvider {
    async fn list_instances(&self) -> Answer<Vec<String>> {
        let list = || self.db.query("SELECT instance_id FROM @.instances ORDER BY created_at DESC, row_id DESC");
        strings(&self.db, list).await.map_err(|error| error.during("list_instances"))
    }

    async fn list_instances_by_status(&self, status: &str) -> Answer<Vec<String>> {
        let list = || {
            self.db
                .query(
                    "SELECT i.instance_id FROM @.instances i
                     JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
                     WHERE e.status = $1 ORDER BY i.created_at DESC, i.row_id DESC",
                )
                .bind(stored(status).into_owned())
        };
        strings(&self.db, list).await.map_err(|error| error.during("list_instances_by_status"))
    }

    async fn list_executions(&self, instance: &str) -> Answer<Vec<u64>> {
        list_executions(&self.db, instance).await.map_err(|error| error.during("list_executions"))
    }

    async fn read_history_with_execution_id(&self, instance: &str, execution_id: u64) -> Answer<Vec<Event>> {
        let read = history::events(&self.db, instance, Some(execution_id)).await;
        read.map_err(|error| error.during("read_history_with_execution_id"))
    }

    async fn read_history(&self, instance: &str) -> Answer<Vec<Event>> {
        history::events(&self.db, instance, None).await.map_err(|error| error.during("read_history"))
    }

    async fn latest_execution_id(&self, instance: &str) -> Answer<u64> {
        latest_execution(&self.db, instance).await.map_err(|error| error.during("latest_execution_id"))
    }

    async fn get_instance_info(&self, instance: &str) -> Answer<InstanceInfo> {
        instance_info(&self.db, instance).await.map_err(|error| error.during("get_instance_info"))
    }

    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Answer<ExecutionInfo> {
        let info = execution_info(&self.db, instance, execution_id).await;
        info.map_err(|error| error.during("get_execution_info"))
    }

    async fn get_system_metrics(&self) -> Answer<SystemMetrics> {
        system_metrics(&self.db).await.map_err(|error| error.during("get_system_metrics"))
    }

    async fn get_queue_depths(&self) -> Answer<QueueDepths> {
        queue_depths(&self.db).await.map_err(|error| error.during("get_queue_depths"))
    }

    async fn list_children(&self, instance_id: &str) -> Answer<Vec<String>> {
        let list = || {
            let children =
                self.db.query("SELECT instance_id FROM @.instances WHERE parent_instance_id = $1 ORDER BY row_id");
            children.bind(stored(instance_id).into_owned())
        };
        strings(&self.db, list).await.map_err(|error| error.during("list_children"))
    }

    async fn get_parent_id(&self, instance_id: &str) -> Answer<Option<String>> {
        parent_of(&self.db, instance_id).await.map_err(|error| error.during("get_parent_id"))
    }

    async fn delete_instances_atomic(&self, ids: &[String], force: bool) -> Answer<DeleteInstanceResult> {
        let deleted = prune::delete_instances(&self.db, ids, force).await;
        deleted.map_err(|error| error.during("delete_instances_atomic"))
    }

    async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Answer<DeleteInstanceResult> {
        prune::delete_bulk(&self.db, &filter).await.map_err(|error| error.during("delete_instance_bulk"))
    }

    async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Answer<PruneResult> {
        let pruned = prune::prune_executions(&self.db, instance_id, &options).await;
        pruned.map_err(|error| error.during("prune_executions"))
    }

    async fn prune_executions_bulk(&self, filter: InstanceFilter, options: PruneOptions) -> Answer<PruneResult> {
        let pruned = prune::prune_bulk(&self.db, &filter, &options).await;
        pruned.map_err(|error| error.during("prune_executions_bulk"))
    }
}

/// The first column of every row.
pub(super) async fn strings(db: &Db, build: impl Fn() -> Query) -> Result<Vec<String>, StoreError> {
    db.all(build).await?.iter().map(|row| text(row, 0)).collect()
}

async fn list_executions(db: &Db, instance: &str) -> Result<Vec<u64>, StoreError> {
    let rows = db
        .all(|| {
            db.query("SELECT execution_id FROM @.executions WHERE instance_id = $1 ORDER BY execution_id")
                .bind(stored(instance).into_owned())
        })
        .await?;
    rows.iter().map(|row| number(row, 0)).collect()
}

async fn latest_execution(db: &Db, instance: &str) -> Result<u64, StoreError> {
    let row = db
        .one(|| {
            db.query("SELECT max(execution_id) FROM @.executions WHERE instance_id = $1")
                .bind(stored(instance).into_owned())
        })
        .await?;
    Ok(opt_number(&row, 0)?.unwrap_or(INITIAL_EXECUTION_ID))
}

async fn instance_info(db: &Db, instance: &str) -> Result<InstanceInfo, StoreError> {
    let row = db
        .optional(|| {
            db.query(
                "SELECT i.orchestration_name, i.orchestration_version, i.current_execution_id, i.created_at,
                     i.updated_at, i.parent_instance_id, e.status, e.output
                 FROM @.instances i
                 LEFT JOIN @.executions e
                     ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
                 WHERE i.instance_id = $1",
            )
            .bind(stored(instance).into_owned())
        })
        .await?
        .ok_or_else(|| StoreError::not_found(&format!("instance {instance}")))?;
    Ok(InstanceInfo {
        instance_id: instance.to_owned(),
        orchestration_name: text(&row, 0)?,
        orchestration_version: opt_text(&row, 1)?.unwrap_or_else(|| "unknown".to_owned()),
        current_execution_id: number(&row, 2)?,
        created_at: number(&row, 3)?,
        updated_at: number(&row, 4)?,
        parent_instance_id: opt_text(&row, 5)?,
        status: opt_text(&row, 6)?.unwrap_or_else(|| "Unknown".to_owned()),
        output: opt_text(&row, 7)?,
    })
}

async fn execution_info(db: &Db, instance: &str, execution_id: u64) -> Result<ExecutionInfo, StoreError> {
    let row = db
        .optional(|| {
            db.query(
                "SELECT status, output, started_at, completed_at,
                     (SELECT count(*) FROM @.history h
                      WHERE h.instance_id = e.instance_id AND h.execution_id = e.execution_id)
                 FROM @.executions e WHERE instance_id = $1 AND execution_id = $2",
            )
            .bind(stored(instance).into_owned())
            .bind(int(execution_id))
        })
        .await?
        .ok_or_else(|| StoreError::not_found(&format!("execution {execution_id} of instance {instance}")))?;
    Ok(ExecutionInfo {
        execution_id,
        status: text(&row, 0)?,
        output: opt_text(&row, 1)?,
        started_at: number(&row, 2)?,
        completed_at: opt_number(&row, 3)?,
        event_count: count(&row, 4)?,
    })
}

fn count(row: &PgRow, index: usize) -> Result<usize, StoreError> {
    Ok(usize::try_from(number(row, index)?).unwrap_or(usize::MAX))
}

async fn system_metrics(db: &Db) -> Result<SystemMetrics, StoreError> {
    let row = db
        .one(|| {
            db.query(
                "SELECT (SELECT count(*) FROM @.instances), (SELECT count(*) FROM @.executions),
                     (SELECT count(*) FROM @.history), count(*) FILTER (WHERE e.status = 'Running'),
                     count(*) FILTER (WHERE e.status = 'Completed'), count(*) FILTER (WHERE e.status = 'Failed')
                 FROM @.instances i
                 JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id",
            )
        })
        .await?;
    Ok(SystemMetrics {
        total_instances: number(&row, 0)?,
        total_executions: number(&row, 1)?,
        total_events: number(&row, 2)?,
        running_instances: number(&row, 3)?,
        completed_instances: number(&row, 4)?,
        failed_instances: number(&row, 5)?,
    })
}

/// Rows that nobody holds: a lease that ended holds nothing.
async fn queue_depths(db: &Db) -> Result<QueueDepths, StoreError> {
    let row = db
        .one(|| {
            db.query(
                "WITH clock AS MATERIALIZED (SELECT @now AS ms)
                 SELECT (SELECT count(*) FROM @.orchestrator_queue)
                         - (SELECT COALESCE(sum(cardinality(batch)), 0) FROM @.instance_locks
                            WHERE locked_until > (SELECT ms FROM clock))::bigint,
                     (SELECT count(*) FROM @.worker_queue WHERE locked_until <= (SELECT ms FROM clock))",
            )
        })
        .await?;
    Ok(QueueDepths { orchestrator_queue: count(&row, 0)?, worker_queue: count(&row, 1)?, timer_queue: 0 })
}

async fn parent_of(db: &Db, instance: &str) -> Result<Option<String>, StoreError> {
    let row = db
        .optional(|| {
            db.query("SELECT parent_instance_id FROM @.instances WHERE instance_id = $1")
                .bind(stored(instance).into_owned())
        })
        .await?
        .ok_or_else(|| StoreError::not_found(&format!("instance {instance}")))?;
    opt_text(&row, 0)
}

/// Sizes of the current execution; `None` for an unknown instance.
pub(super) async fn stats(db: &Db, instance: &str) -> Result<Option<SystemStats>, StoreError> {
    let found = db
        .optional(|| {
            db.query(
                "SELECT (SELECT event_data FROM @.history WHERE instance_id = $1
                             AND execution_id = i.current_execution_id AND event_id = 1),
                     sizes.events, sizes.bytes
                 FROM @.instances i, LATERAL (
                     SELECT count(*) AS events, COALESCE(sum(octet_length(event_data)), 0)::bigint AS bytes
                     FROM @.history WHERE instance_id = $1 AND execution_id = i.current_execution_id) sizes
                 WHERE i.instance_id = $1",
            )
            .bind(stored(instance).into_owned())
        })
        .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let values = kv::get_all(db, instance).await?;
    Ok(Some(SystemStats {
        history_event_count: number(&row, 1)?,
        history_size_bytes: number(&row, 2)?,
        queue_pending_count: carried_forward(row.try_get(0)?)?,
        kv_user_key_count: values.len() as u64,
        kv_total_value_bytes: values.values().map(|value| value.len() as u64).sum(),
    }))
}

/// Queue messages that the first event carries.
fn carried_forward(first: Option<&str>) -> Result<u64, StoreError> {
    let Some(json) = first else {
        return Ok(0);
    };
    let event: Event = serde_json::from_str(json)
        .map_err(|error| StoreError::Unreadable(format!("history deserialization failed: event 1: {error}")))?;
    Ok(match event.kind {
        EventKind::OrchestrationStarted { carry_forward_events, .. } => {
            carry_forward_events.map_or(0, |events| events.len() as u64)
        }
        _ => 0,
    })
}

/// The custom status and its version, if the version is above what the caller has seen.
pub(super) async fn custom_status(
    db: &Db,
    instance: &str,
    last_seen_version: u64,
) -> Result<Option<(Option<String>, u64)>, StoreError> {
    let row = db
        .optional(|| {
            db.query(
                "SELECT custom_status, custom_status_version FROM @.instances
                 WHERE instance_id = $1 AND custom_status_version > $2",
            )
            .bind(stored(instance).into_owned())
            .bind(int(last_seen_version))
        })
        .await?;
    row.map(|row| Ok((opt_text(&row, 0)?, number(&row, 1)?))).transpose()
}

/// How many rows each table has, and what the first of them are about; no payloads.
pub(super) async fn dump(db: &Db) -> Result<String, StoreError> {
    const TABLES: [&str; 10] = [
        "instances",
        "executions",
        "history",
        "orchestrator_queue",
        "instance_locks",
        "worker_queue",
        "sessions",
        "kv_store",
        "kv_delta",
        "quarantine",
    ];
    const DETAILS: [(&str, &str); 3] = [
        (
            "instance",
            "SELECT i.instance_id || ' ' || i.orchestration_name || ' execution ' || i.current_execution_id || ' '
                 || COALESCE(e.status, 'Unknown')
             FROM @.instances i
             LEFT JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
             ORDER BY i.row_id DESC LIMIT 100",
        ),
        (
            "message",
            "SELECT q.id || ' for ' || q.instance_id || ' state ' || q.state || ' visible at ' || q.visible_at
                 || ' attempts ' || q.attempt_count || COALESCE(' leased until ' || l.locked_until, '')
             FROM @.orchestrator_queue q
             LEFT JOIN @.instance_locks l ON l.instance_id = q.instance_id AND q.id = ANY(l.batch)
             ORDER BY q.id LIMIT 100",
        ),
        (
            "activity",
            "SELECT id || ' of ' || instance_id || ' state ' || state || ' visible at ' || visible_at || ' attempts '
                 || attempt_count || ' leased until ' || locked_until FROM @.worker_queue ORDER BY id LIMIT 100",
        ),
    ];
    let mut lines = Vec::new();
    for table in TABLES {
        let row = db.one(|| db.query(&format!("SELECT count(*) FROM @.{table}"))).await?;
        lines.push(format!("{table}: {} rows", number(&row, 0)?));
    }
    for (what, sql) in DETAILS {
        lines.extend(strings(db, || db.query(sql)).await?.into_iter().map(|line| format!("{what} {line}")));
    }
    Ok(lines.join("\n"))
}
