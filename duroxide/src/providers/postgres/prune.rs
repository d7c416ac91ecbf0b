//! Delete and prune.

use std::collections::HashSet;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::admin::strings;
use super::error::StoreError;
use super::row::{int, number, stored, text};
use super::writer::{Db, Query, Tx, with_repeats};
use crate::model::event::{Event, EventKind};
use crate::model::ids::build_child_instance_id;
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult, unborn};
use crate::model::work_item::WorkItem;
use crate::seams;

/// Instances that one bulk call looks at unless it says otherwise.
const BULK_LIMIT: u32 = 1_000;

/// Trees that one transaction deletes: each costs a score of statements, however many there are.
const TREES_AT_ONCE: usize = 50;

/// Deletes these instances, all or nothing.
pub(super) async fn delete_instances(db: &Db, ids: &[String], force: bool) -> Result<DeleteInstanceResult, StoreError> {
    if ids.is_empty() {
        return Ok(DeleteInstanceResult::default());
    }
    let stored_ids: Vec<String> = ids.iter().map(|id| stored(id).into_owned()).collect();
    let mut deleted = with_repeats(|| try_delete(db, &stored_ids, force)).await?;
    deleted.instances_deleted = ids.len() as u64;
    Ok(deleted)
}

async fn try_delete(db: &Db, ids: &[String], force: bool) -> Result<DeleteInstanceResult, StoreError> {
    let mut tx = db.begin_long().await?;
    match delete_in(db, &mut tx, ids, force).await {
        Ok(result) => {
            tx.commit_surely().await?;
            Ok(result)
        }
        Err(error) => {
            tx.rollback().await;
            Err(error)
        }
    }
}

async fn delete_in(db: &Db, tx: &mut Tx<'_>, ids: &[String], force: bool) -> Result<DeleteInstanceResult, StoreError> {
    seize(db, tx, ids).await?;
    // Whoever begins one of them just now has done so, or loses the lease.
    let unborn = children_queued(db, tx, ids).await?;
    seize(db, tx, &unborn).await?;
    if !force {
        refuse_running(db, tx, ids).await?;
    }
    refuse_orphans(db, tx, ids).await?;
    let mut result = DeleteInstanceResult {
        queue_messages_deleted: delete_unborn(db, tx, &unborn, ids).await?,
        ..DeleteInstanceResult::default()
    };
    for (table, count) in [
        ("history", Some(&mut result.events_deleted)),
        ("executions", Some(&mut result.executions_deleted)),
        // Activities before messages, as by whoever ends an activity.
        ("worker_queue", None),
        ("orchestrator_queue", None),
        ("kv_store", None),
        ("kv_delta", None),
        ("traces", None),
        ("instances", None),
    ] {
        let deleted = delete_from(db, tx, table, ids).await?;
        if let Some(count) = count {
            *count += deleted;
        } else if table.ends_with("_queue") {
            result.queue_messages_deleted += deleted;
        }
    }
    delete_unstarted_traces(db, tx, ids).await?;
    // Last: until here nobody else may lease what is going.
    delete_from(db, tx, "instance_locks", ids).await?;
    delete_from(db, tx, "instance_locks", &unborn).await?;
    Ok(result)
}

/// Contexts that were kept for children which these never started: nobody else will.
async fn delete_unstarted_traces(db: &Db, tx: &mut Tx<'_>, parents: &[String]) -> Result<(), StoreError> {
    let delete = db.query(
        "DELETE FROM @.traces t USING unnest($1::text[]) AS given (id)
         WHERE t.instance_id >= given.id || '::sub::' AND t.instance_id < given.id || '::sub:;'
             AND NOT EXISTS (SELECT 1 FROM @.instances i WHERE i.instance_id = t.instance_id)",
    );
    tx.all(delete.bind(parents.to_vec())).await.map(drop)
}

/// Instances with a start in the queue that these may have asked for: those whose ids are made of theirs, and those that
/// their histories name.
async fn children_queued(db: &Db, tx: &mut Tx<'_>, parents: &[String]) -> Result<Vec<String>, StoreError> {
    let asked = db.query(
        "SELECT instance_id, event_data FROM @.history
         WHERE instance_id = ANY($1) AND event_type = 'SubOrchestrationScheduled'",
    );
    let mut named = Vec::new();
    for row in tx.all(asked.bind(parents.to_vec())).await? {
        let event = serde_json::from_str::<Event>(row.try_get(1)?);
        if let Ok(Event { kind: EventKind::SubOrchestrationScheduled { instance, .. }, .. }) = event {
            named.push(stored(&build_child_instance_id(&text(&row, 0)?, &instance)).into_owned());
        }
    }
    let queued = db.query(
        "SELECT DISTINCT q.instance_id FROM @.orchestrator_queue q LEFT JOIN unnest($1::text[]) AS given (id)
             ON q.instance_id >= given.id || '::sub::' AND q.instance_id < given.id || '::sub:;'
         WHERE (given.id IS NOT NULL OR q.instance_id = ANY($2)) AND q.instance_id <> ALL($1)
             AND q.work_item LIKE '%\"StartOrchestration\"%' ORDER BY 1",
    );
    let rows = tx.all(queued.bind(parents.to_vec()).bind(named)).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Takes the starts of children that were asked for and have not begun, and what was sent to them alone.
async fn delete_unborn(db: &Db, tx: &mut Tx<'_>, children: &[String], parents: &[String]) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for child in children {
        let inbox = db.query("SELECT id, work_item FROM @.orchestrator_queue WHERE instance_id = $1 ORDER BY id");
        let rows = tx.all(inbox.bind(child.clone())).await?;
        let messages = rows.iter().map(message).collect::<Result<Vec<_>, _>>()?;
        let begun = db.query("SELECT 1 FROM @.executions WHERE instance_id = $1 LIMIT 1");
        let exists = !tx.all(begun.bind(child.clone())).await?.is_empty();
        let unborn = unborn(&messages, exists, |parent| parents.iter().any(|given| *given == stored(parent)));
        deleted += unborn.len() as u64;
        if !unborn.is_empty() {
            delete_from(db, tx, "traces", std::slice::from_ref(child)).await?;
        }
        let delete = db.query("DELETE FROM @.orchestrator_queue WHERE instance_id = $1 AND id = ANY($2)");
        tx.all(delete.bind(child.clone()).bind(unborn)).await?;
    }
    Ok(deleted)
}

/// A message with its place; without itself if it cannot be read.
fn message(row: &PgRow) -> Result<(i64, Option<WorkItem>), StoreError> {
    Ok((row.try_get(0)?, serde_json::from_str(row.try_get(1)?).ok()))
}

async fn delete_from(db: &Db, tx: &mut Tx<'_>, table: &str, ids: &[String]) -> Result<u64, StoreError> {
    let delete = format!(
        "WITH gone AS (DELETE FROM @.{table} WHERE instance_id = ANY($1) RETURNING 1) SELECT count(*) FROM gone"
    );
    let rows = tx.all(db.query(&delete).bind(ids.to_vec())).await?;
    number(&rows[0], 0)
}

/// Takes the leases away, whoever has them: a turn still under way is waited for if it is just being committed, and
/// refused from then on.
async fn seize(db: &Db, tx: &mut Tx<'_>, ids: &[String]) -> Result<(), StoreError> {
    tx.all(
        db.query(
            "INSERT INTO @.instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence)
             SELECT DISTINCT id, $2, 9223372036854775807, @now, 'deletion', nextval('@.fence')
             FROM unnest($1::text[]) AS given (id) ORDER BY id
             ON CONFLICT (instance_id) DO UPDATE SET lock_token = excluded.lock_token,
                 locked_until = excluded.locked_until, owner = excluded.owner, fence = excluded.fence",
        )
        .bind(ids.to_vec())
        .bind(seams::lock_token()),
    )
    .await?;
    // Whoever looks for work passes over messages that are locked, and so does not wait for these leases.
    let messages = "SELECT 1 FROM @.orchestrator_queue WHERE instance_id = ANY($1) FOR UPDATE SKIP LOCKED";
    tx.all(db.query(messages).bind(ids.to_vec())).await?;
    Ok(())
}

async fn refuse_running(db: &Db, tx: &mut Tx<'_>, ids: &[String]) -> Result<(), StoreError> {
    let running = tx
        .all(
            db.query(
                "SELECT i.instance_id FROM @.instances i
                 JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
                 WHERE i.instance_id = ANY($1) AND e.status = 'Running' LIMIT 1",
            )
            .bind(ids.to_vec()),
        )
        .await?;
    match running.first() {
        Some(row) => Err(StoreError::Refused(format!(
            "instance {} is still running; cancel it first, or delete with force",
            text(row, 0)?
        ))),
        None => Ok(()),
    }
}

/// A child that was born since the tree was walked would lose its parent.
async fn refuse_orphans(db: &Db, tx: &mut Tx<'_>, ids: &[String]) -> Result<(), StoreError> {
    let orphans = tx
        .all(
            db.query(
                "SELECT parent_instance_id, instance_id FROM @.instances
                 WHERE parent_instance_id = ANY($1) AND instance_id <> ALL($1) LIMIT 1",
            )
            .bind(ids.to_vec()),
        )
        .await?;
    match orphans.first() {
        Some(row) => Err(StoreError::Refused(format!(
            "Cannot delete: instance {} has child {} that was created after tree traversal. \
             Re-fetch the tree and retry.",
            text(row, 0)?,
            text(row, 1)?
        ))),
        None => Ok(()),
    }
}

/// The condition on ids: a statement of its own where there are some, so that not every instance is looked at.
fn these(filter: &InstanceFilter) -> &'static str {
    match filter.instance_ids {
        Some(_) => "i.instance_id = ANY($1)",
        None => "$1::text[] IS NULL",
    }
}

/// The ids of a filter, its time, and its limit, as $1 to $3.
fn with_filter(query: Query, filter: &InstanceFilter) -> Query {
    let ids = filter.instance_ids.as_ref();
    query
        .bind(ids.map(|ids| ids.iter().map(|id| stored(id).into_owned()).collect::<Vec<_>>()))
        .bind(filter.completed_before.map(int))
        .bind(i64::from(filter.limit.unwrap_or(BULK_LIMIT)))
}

/// Deletes roots that ended and match, each with its descendants. Some trees at a time, so that a deletion costs little,
/// and other writers get their turn.
pub(super) async fn delete_bulk(db: &Db, filter: &InstanceFilter) -> Result<DeleteInstanceResult, StoreError> {
    let roots = strings(db, || {
        let roots = db.query(&format!(
            "SELECT i.instance_id FROM @.instances i
             JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
             WHERE i.parent_instance_id IS NULL AND e.status IN ('Completed', 'Failed', 'ContinuedAsNew')
                 AND {} AND ($2 IS NULL OR e.completed_at < $2)
             ORDER BY i.row_id LIMIT $3",
            these(filter)
        ));
        with_filter(roots, filter)
    })
    .await?;
    let mut total = DeleteInstanceResult::default();
    for roots in roots.chunks(TREES_AT_ONCE) {
        match delete_finished_trees(db, roots).await {
            // One of them is to blame; those before it are deleted.
            Err(StoreError::Refused(_)) if roots.len() > 1 => {
                for root in roots {
                    add(&mut total, &delete_finished_trees(db, std::slice::from_ref(root)).await?);
                }
            }
            deleted => add(&mut total, &deleted?),
        }
    }
    Ok(total)
}

fn add(total: &mut DeleteInstanceResult, deleted: &DeleteInstanceResult) {
    total.instances_deleted += deleted.instances_deleted;
    total.executions_deleted += deleted.executions_deleted;
    total.events_deleted += deleted.events_deleted;
    total.queue_messages_deleted += deleted.queue_messages_deleted;
}

/// Roots that have ended, with their descendants, whether they ended or not; nothing of those that run again or are gone.
async fn delete_finished_trees(db: &Db, roots: &[String]) -> Result<DeleteInstanceResult, StoreError> {
    let roots: Vec<String> = roots.iter().map(|root| stored(root).into_owned()).collect();
    let trees = strings(db, || {
        db.query(
            "WITH RECURSIVE tree (instance_id) AS (
                 SELECT i.instance_id FROM @.instances i JOIN @.executions e
                     ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
                 WHERE i.instance_id = ANY($1) AND e.status IN ('Completed', 'Failed', 'ContinuedAsNew')
                 UNION
                 SELECT i.instance_id FROM @.instances i JOIN tree t ON i.parent_instance_id = t.instance_id)
             SELECT instance_id FROM tree",
        )
        .bind(roots.clone())
    })
    .await?;
    // Each id once; the order does not matter.
    let trees: Vec<String> = trees.into_iter().collect::<HashSet<_>>().into_iter().collect();
    delete_instances(db, &trees, true).await
}

/// Deletes old executions of one instance.
pub(super) async fn prune_executions(
    db: &Db,
    instance: &str,
    options: &PruneOptions,
) -> Result<PruneResult, StoreError> {
    match with_repeats(|| prune_if_there(db, instance, options)).await? {
        Some(result) => Ok(result),
        None => Err(StoreError::not_found(&format!("instance {instance}"))),
    }
}

/// The same for an instance that may be gone.
async fn prune_if_there(db: &Db, instance: &str, options: &PruneOptions) -> Result<Option<PruneResult>, StoreError> {
    let mut tx = db.begin_long().await?;
    let prune = db
        .query(
            "WITH current AS MATERIALIZED (
                 SELECT current_execution_id FROM @.instances WHERE instance_id = $1 FOR UPDATE),
             old AS (
                 DELETE FROM @.executions e USING current
                 WHERE e.instance_id = $1 AND e.execution_id <> current_execution_id AND e.status <> 'Running'
                     AND e.execution_id NOT IN (SELECT execution_id FROM @.executions WHERE instance_id = $1
                                                ORDER BY execution_id DESC LIMIT $2)
                     AND ($3 IS NULL OR e.completed_at < $3)
                 RETURNING e.execution_id),
             events AS (
                 DELETE FROM @.history h USING old
                 WHERE h.instance_id = $1 AND h.execution_id = old.execution_id RETURNING 1)
             SELECT (SELECT count(*) FROM current), (SELECT count(*) FROM old), (SELECT count(*) FROM events)",
        )
        .bind(stored(instance).into_owned())
        .bind(i64::from(options.keep_last.unwrap_or(0)))
        .bind(options.completed_before.map(int));
    let rows = tx.all(prune).await?;
    let row = &rows[0];
    let is_there = row.try_get::<i64, _>(0)? > 0;
    let result =
        PruneResult { instances_processed: 1, executions_deleted: number(row, 1)?, events_deleted: number(row, 2)? };
    tx.commit_surely().await?;
    Ok(is_there.then_some(result))
}

/// Deletes old executions of all instances that match, of any status.
pub(super) async fn prune_bulk(
    db: &Db,
    filter: &InstanceFilter,
    options: &PruneOptions,
) -> Result<PruneResult, StoreError> {
    let instances = strings(db, || {
        let matching = db.query(&format!(
            "SELECT i.instance_id FROM @.instances i
             LEFT JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
             WHERE {} AND ($2 IS NULL OR e.completed_at < $2)
             ORDER BY i.row_id LIMIT $3",
            these(filter)
        ));
        with_filter(matching, filter)
    })
    .await?;
    let mut total = PruneResult::default();
    for instance in instances {
        let pruned = with_repeats(|| prune_if_there(db, &instance, options)).await?.unwrap_or_default();
        total.instances_processed += pruned.instances_processed;
        total.executions_deleted += pruned.executions_deleted;
        total.events_deleted += pruned.events_deleted;
    }
    Ok(total)
}
