//! Delete and prune.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ready;
use super::row::{int, text, uint};
use super::wakes::Wakes;
use crate::model::event::{Event, EventKind};
use crate::model::ids::build_child_instance_id;
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult, unborn};
use crate::model::work_item::WorkItem;

/// Instances that one bulk call looks at unless it says otherwise.
const BULK_LIMIT: u32 = 1_000;

/// Direct children.
pub(super) fn children(conn: &Connection, instance: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached("SELECT instance_id FROM instances WHERE parent_instance_id = ?1 ORDER BY rowid")?
        .query_map([instance], |row| row.get(0))?
        .collect()
}

/// Deletes these instances, all or nothing.
pub(super) fn delete_instances(
    conn: &Connection,
    ids: &[String],
    force: bool,
    wakes: &mut Wakes,
) -> Result<DeleteInstanceResult, StoreError> {
    if !force {
        refuse_running(conn, ids)?;
    }
    refuse_orphans(conn, ids)?;
    let mut result = DeleteInstanceResult { instances_deleted: ids.len() as u64, ..DeleteInstanceResult::default() };
    for id in ids {
        result.queue_messages_deleted += delete_unborn(conn, id, wakes)?;
    }
    for id in ids {
        delete_one(conn, id, &mut result)?;
    }
    Ok(result)
}

fn refuse_running(conn: &Connection, ids: &[String]) -> Result<(), StoreError> {
    for id in ids {
        if status(conn, id)?.as_deref() == Some("Running") {
            return Err(StoreError::Refused(format!(
                "instance {id} is still running; cancel it first, or delete with force"
            )));
        }
    }
    Ok(())
}

/// A child that was born since the tree was walked would lose its parent.
fn refuse_orphans(conn: &Connection, ids: &[String]) -> Result<(), StoreError> {
    let given: HashSet<&str> = ids.iter().map(String::as_str).collect();
    for parent in ids {
        if let Some(child) = children(conn, parent)?.into_iter().find(|child| !given.contains(child.as_str())) {
            return Err(StoreError::Refused(format!(
                "Cannot delete: instance {parent} has child {child} that was created after tree traversal. \
                 Re-fetch the tree and retry."
            )));
        }
    }
    Ok(())
}

/// The status of the current execution.
fn status(conn: &Connection, instance: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached(
        "SELECT e.status FROM instances i
         JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
         WHERE i.instance_id = ?1",
    )?
    .query_row([instance], |row| row.get(0))
    .optional()
}

/// Children that were asked for and have not begun. Whoever begins one just now loses the lease.
fn delete_unborn(conn: &Connection, parent: &str, wakes: &mut Wakes) -> rusqlite::Result<u64> {
    let mut deleted = 0;
    for child in children_queued(conn, parent)? {
        let rows = inbox(conn, &child)?;
        let exists = conn.prepare_cached("SELECT 1 FROM executions WHERE instance_id = ?1")?.exists([&child])?;
        let unborn = unborn(&rows, exists, |named| named == parent);
        if unborn.is_empty() {
            continue;
        }
        conn.prepare_cached("DELETE FROM traces WHERE instance_id = ?1")?.execute([&child])?;
        let mut held = conn.prepare_cached(
            "SELECT 1 FROM orchestrator_queue q JOIN instance_locks l USING (instance_id)
             WHERE q.id = ?1 AND q.lock_token = l.lock_token",
        )?;
        let mut is_held = false;
        for row in &unborn {
            is_held |= held.exists([row])?;
            deleted += conn.prepare_cached("DELETE FROM orchestrator_queue WHERE id = ?1")?.execute([row])? as u64;
        }
        if is_held {
            ready::release(conn, &child, wakes)?;
        }
    }
    Ok(deleted)
}

/// Instances with a start in the queue that this one may have asked for: those whose ids are made of its own, and those
/// that its history names.
fn children_queued(conn: &Connection, parent: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut queued = conn.prepare_cached(
        "SELECT DISTINCT instance_id FROM orchestrator_queue
         WHERE instance_id >= ?1 AND instance_id < ?2 AND work_item LIKE '%\"StartOrchestration\"%'",
    )?;
    let made = queued.query_map([format!("{parent}::sub::"), format!("{parent}::sub:;")], |row| row.get(0))?;
    let mut children = made.collect::<rusqlite::Result<BTreeSet<String>>>()?;
    let mut asked = conn.prepare_cached(
        "SELECT event_data FROM history WHERE instance_id = ?1 AND event_type = 'SubOrchestrationScheduled'",
    )?;
    let mut rows = asked.query([parent])?;
    while let Some(row) = rows.next()? {
        if let Some(EventKind::SubOrchestrationScheduled { instance, .. }) = event_in(&text(row, 0)?) {
            children.insert(build_child_instance_id(parent, &instance));
        }
    }
    Ok(children)
}

fn event_in(text: &str) -> Option<EventKind> {
    serde_json::from_str::<Event>(text).ok().map(|event| event.kind)
}

/// The messages of an instance, in order; `None` for one that cannot be read.
fn inbox(conn: &Connection, instance: &str) -> rusqlite::Result<Vec<(i64, Option<WorkItem>)>> {
    conn.prepare_cached("SELECT id, work_item FROM orchestrator_queue WHERE instance_id = ?1 ORDER BY id")?
        .query_map([instance], |row| Ok((row.get(0)?, serde_json::from_str(&text(row, 1)?).ok())))?
        .collect()
}

/// Everything of one instance. Its lease goes, too, so that a turn still under way cannot bring it back.
fn delete_one(conn: &Connection, instance: &str, result: &mut DeleteInstanceResult) -> rusqlite::Result<()> {
    let delete = |sql: &str| -> rusqlite::Result<u64> { Ok(conn.prepare_cached(sql)?.execute([instance])? as u64) };
    result.events_deleted += delete("DELETE FROM history WHERE instance_id = ?1")?;
    result.executions_deleted += delete("DELETE FROM executions WHERE instance_id = ?1")?;
    result.queue_messages_deleted += delete("DELETE FROM orchestrator_queue WHERE instance_id = ?1")?;
    result.queue_messages_deleted += delete("DELETE FROM worker_queue WHERE instance_id = ?1")?;
    delete("DELETE FROM instance_locks WHERE instance_id = ?1")?;
    delete("DELETE FROM kv_store WHERE instance_id = ?1")?;
    delete("DELETE FROM kv_delta WHERE instance_id = ?1")?;
    delete("DELETE FROM traces WHERE instance_id = ?1")?;
    // Contexts that were kept for children which it never started: nobody else will.
    delete(
        "DELETE FROM traces WHERE instance_id >= ?1 || '::sub::' AND instance_id < ?1 || '::sub:;' AND NOT EXISTS
             (SELECT 1 FROM instances i WHERE i.instance_id = traces.instance_id)",
    )?;
    delete("DELETE FROM instances WHERE instance_id = ?1")?;
    Ok(())
}

/// An optional list of ids as JSON, for `json_each`.
fn id_list(filter: &InstanceFilter) -> rusqlite::Result<Option<String>> {
    filter
        .instance_ids
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The condition on ids: a statement of its own where there are some, so that not every instance is looked at.
fn these(filter: &InstanceFilter) -> &'static str {
    match filter.instance_ids {
        Some(_) => "i.instance_id IN (SELECT value FROM json_each(?1))",
        None => "?1 IS NULL",
    }
}

/// Roots that ended and match.
pub(super) fn finished_roots(conn: &Connection, filter: &InstanceFilter) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached(&format!(
        "SELECT i.instance_id FROM instances i
         JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
         WHERE i.parent_instance_id IS NULL AND e.status IN ('Completed', 'Failed', 'ContinuedAsNew')
             AND {} AND (?2 IS NULL OR e.completed_at < ?2)
         ORDER BY i.rowid LIMIT ?3",
        these(filter)
    ))?
    .query_map(
        params![id_list(filter)?, filter.completed_before.map(int), filter.limit.unwrap_or(BULK_LIMIT)],
        |row| row.get(0),
    )?
    .collect()
}

/// A root that has ended, with its descendants, whether they ended or not; nothing if it runs again or is gone.
pub(super) fn delete_finished_tree(
    conn: &Connection,
    root: &str,
    wakes: &mut Wakes,
) -> Result<DeleteInstanceResult, StoreError> {
    match status(conn, root)?.as_deref() {
        Some("Completed" | "Failed" | "ContinuedAsNew") => delete_instances(conn, &tree(conn, root)?, true, wakes),
        Some(_) | None => Ok(DeleteInstanceResult::default()),
    }
}

fn tree(conn: &Connection, root: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached(
        "WITH RECURSIVE tree (instance_id) AS (
             SELECT ?1
             UNION
             SELECT i.instance_id FROM instances i JOIN tree t ON i.parent_instance_id = t.instance_id)
         SELECT instance_id FROM tree",
    )?
    .query_map([root], |row| row.get(0))?
    .collect()
}

/// Deletes old executions of one instance.
pub(super) fn prune_executions(
    conn: &Connection,
    instance: &str,
    options: &PruneOptions,
) -> Result<PruneResult, StoreError> {
    let current =
        current_execution(conn, instance)?.ok_or_else(|| StoreError::not_found(&format!("instance {instance}")))?;
    let mut result = PruneResult { instances_processed: 1, ..PruneResult::default() };
    for execution_id in prunable(conn, instance, current, options)? {
        let delete = |sql: &str| -> rusqlite::Result<u64> {
            Ok(conn.prepare_cached(sql)?.execute(params![instance, execution_id])? as u64)
        };
        result.events_deleted += delete("DELETE FROM history WHERE instance_id = ?1 AND execution_id = ?2")?;
        result.executions_deleted += delete("DELETE FROM executions WHERE instance_id = ?1 AND execution_id = ?2")?;
    }
    Ok(result)
}

fn current_execution(conn: &Connection, instance: &str) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached("SELECT current_execution_id FROM instances WHERE instance_id = ?1")?
        .query_row([instance], |row| uint(row, 0))
        .optional()
}

/// The same for an instance that may have been deleted since it was listed.
pub(super) fn prune_if_there(
    conn: &Connection,
    instance: &str,
    options: &PruneOptions,
) -> Result<PruneResult, StoreError> {
    match current_execution(conn, instance)? {
        Some(_) => prune_executions(conn, instance, options),
        None => Ok(PruneResult::default()),
    }
}

fn prunable(conn: &Connection, instance: &str, current: u64, options: &PruneOptions) -> rusqlite::Result<Vec<i64>> {
    conn.prepare_cached(
        "SELECT execution_id FROM executions
         WHERE instance_id = ?1 AND execution_id <> ?2 AND status <> 'Running'
             AND execution_id NOT IN (SELECT execution_id FROM executions WHERE instance_id = ?1
                                      ORDER BY execution_id DESC LIMIT ?3)
             AND (?4 IS NULL OR completed_at < ?4)",
    )?
    .query_map(
        params![instance, int(current), options.keep_last.unwrap_or(0), options.completed_before.map(int)],
        |row| row.get(0),
    )?
    .collect()
}

/// Instances of any status that match.
pub(super) fn matching_instances(conn: &Connection, filter: &InstanceFilter) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached(&format!(
        "SELECT i.instance_id FROM instances i
         LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
         WHERE {} AND (?2 IS NULL OR e.completed_at < ?2)
         ORDER BY i.rowid LIMIT ?3",
        these(filter)
    ))?
    .query_map(
        params![id_list(filter)?, filter.completed_before.map(int), filter.limit.unwrap_or(BULK_LIMIT)],
        |row| row.get(0),
    )?
    .collect()
}
