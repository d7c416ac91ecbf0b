//! Instances by what is said of them, newest first: always a walk along an index, and as short as the page.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::row::{int, uint};
use crate::model::insight::{InstanceCursor, InstancePage, InstanceQuery, InstanceRow, MAX_PAGE, ParentFilter};
use crate::providers::insight::behind_prefix;

/// Which index the walk is along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    /// So few ids begin as asked for that they are all looked at.
    Ids,
    /// `(parent_instance_id, created_at, instance_id)`.
    Parent,
    /// `(orchestration_name, status, created_at, instance_id, orchestration_version)`, a walk for each status.
    Name,
    /// `(status, created_at, instance_id)`, a walk for each.
    Status,
}

/// A page of instances.
///
/// A filter that the index does not know (a version without its name, say) is compared row by row.
pub(super) fn page(conn: &Connection, query: &InstanceQuery) -> rusqlite::Result<InstancePage> {
    let limit = query.page();
    let along = along(conn, query)?;
    let mut rows = Vec::new();
    match along {
        Along::Ids | Along::Parent => rows = walk(conn, query, along, query.status.as_deref(), limit + 1)?,
        Along::Name | Along::Status => {
            for status in statuses(conn, query)? {
                rows.extend(walk(conn, query, along, Some(&status), limit + 1)?);
            }
        }
    }
    Ok(InstancePage::of(rows, limit))
}

fn along(conn: &Connection, query: &InstanceQuery) -> rusqlite::Result<Along> {
    if let Some(prefix) = &query.id_prefix
        && is_rare(conn, prefix)?
    {
        return Ok(Along::Ids);
    }
    let is_plain = query.name.is_none() && query.status.is_none();
    Ok(match (&query.parent, &query.name) {
        (Some(ParentFilter::Of(_)), _) => Along::Parent,
        (Some(ParentFilter::Roots), _) if is_plain => Along::Parent,
        (_, Some(_)) => Along::Name,
        (_, None) => Along::Status,
    })
}

/// Whether no more ids begin like this than can be looked at one by one.
fn is_rare(conn: &Connection, prefix: &str) -> rusqlite::Result<bool> {
    let found: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM instances
                 WHERE instance_id >= ?1 AND (?2 IS NULL OR instance_id < ?2) LIMIT ?3)",
        )?
        .query_row((prefix, behind_prefix(prefix), int(MAX_PAGE as u64 + 1)), |row| row.get(0))?;
    Ok(found <= int(MAX_PAGE as u64))
}

/// The statuses to walk along: each found by one step into the index.
fn statuses(conn: &Connection, query: &InstanceQuery) -> rusqlite::Result<Vec<String>> {
    if let Some(status) = &query.status {
        return Ok(vec![status.clone()]);
    }
    let mut next = conn.prepare_cached(match &query.name {
        Some(_) => "SELECT status FROM instances WHERE orchestration_name = ?2 AND status > ?1 ORDER BY status LIMIT 1",
        None => "SELECT status FROM instances WHERE status > ?1 AND ?2 IS NULL ORDER BY status LIMIT 1",
    })?;
    let mut statuses: Vec<String> = Vec::new();
    loop {
        let after = statuses.last().map_or("", String::as_str);
        match next.query_row((after, &query.name), |row| row.get(0)).optional()? {
            Some(status) => statuses.push(status),
            None => return Ok(statuses),
        }
    }
}

/// A condition with the values that stand for its `?`.
type Condition = (&'static str, Vec<Value>);

fn walk(
    conn: &Connection,
    query: &InstanceQuery,
    along: Along,
    status: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<InstanceRow>> {
    let (sql, values) = statement(query, along, status, limit);
    conn.prepare_cached(&sql)?.query_map(params_from_iter(values), row)?.collect()
}

/// The statement of one walk, with its values.
fn statement(query: &InstanceQuery, along: Along, status: Option<&str>, limit: usize) -> (String, Vec<Value>) {
    let conditions = conditions(query, along, status);
    let mut sql = format!(
        "SELECT instance_id, orchestration_name, orchestration_version, current_execution_id, status,
             parent_instance_id, created_at, updated_at FROM instances {} WHERE true",
        match along {
            Along::Ids => "",
            Along::Parent => "INDEXED BY instances_parent",
            Along::Name => "INDEXED BY instances_name",
            Along::Status => "INDEXED BY instances_status",
        }
    );
    for (condition, _) in &conditions {
        sql.push_str(" AND ");
        sql.push_str(condition);
    }
    sql.push_str(" ORDER BY created_at DESC, instance_id LIMIT ?");
    let limit = Value::Integer(int(limit as u64));
    (sql, conditions.into_iter().flat_map(|(_, values)| values).chain([limit]).collect())
}

/// How SQLite goes about each walk, for the test that looks at it.
#[cfg(test)]
pub(super) fn plans(conn: &Connection, query: &InstanceQuery) -> rusqlite::Result<Vec<String>> {
    let along = along(conn, query)?;
    let status = query.status.as_deref().or(matches!(along, Along::Name | Along::Status).then_some("Running"));
    let (sql, values) = statement(query, along, status, 50);
    conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?.query_map(params_from_iter(values), |row| row.get(3))?.collect()
}

/// All that must hold. Along ids no other column may lead the search, which a `+` before it says.
fn conditions(query: &InstanceQuery, along: Along, status: Option<&str>) -> Vec<Condition> {
    let text = |text: &str| vec![Value::Text(text.to_owned())];
    let number = |number: u64| vec![Value::Integer(int(number))];
    let ids = along == Along::Ids;
    let mut all: Vec<Condition> = Vec::new();
    if let Some(status) = status {
        all.push((if ids { "+status = ?" } else { "status = ?" }, text(status)));
    }
    if let Some(name) = &query.name {
        all.push((if ids { "+orchestration_name = ?" } else { "orchestration_name = ?" }, text(name)));
    }
    if let Some(version) = &query.version {
        all.push(("orchestration_version = ?", text(version)));
    }
    match &query.parent {
        None => {}
        Some(ParentFilter::Of(parent)) if ids => all.push(("+parent_instance_id = ?", text(parent))),
        Some(ParentFilter::Of(parent)) => all.push(("parent_instance_id = ?", text(parent))),
        Some(ParentFilter::Roots) if ids => all.push(("+parent_instance_id IS NULL", Vec::new())),
        Some(ParentFilter::Roots) => all.push(("parent_instance_id IS NULL", Vec::new())),
    }
    if let Some(prefix) = &query.id_prefix {
        all.push(("instance_id >= ?", text(prefix)));
        all.extend(behind_prefix(prefix).map(|behind| ("instance_id < ?", text(&behind))));
    }
    if let Some(from_ms) = query.created_from_ms {
        all.push(("created_at >= ?", number(from_ms)));
    }
    if let Some(before_ms) = query.created_before_ms {
        all.push(("created_at < ?", number(before_ms)));
    }
    if let Some(InstanceCursor { created_at, instance_id }) = &query.after {
        // The first half leads to the place in the index, the second passes over what was there in that millisecond.
        all.push(("created_at <= ?", number(*created_at)));
        let values = [number(*created_at), text(instance_id)].concat();
        all.push(("(created_at < ? OR instance_id > ?)", values));
    }
    all
}

fn row(row: &Row<'_>) -> rusqlite::Result<InstanceRow> {
    Ok(InstanceRow {
        instance_id: row.get(0)?,
        orchestration_name: row.get(1)?,
        orchestration_version: row.get(2)?,
        execution_id: uint(row, 3)?,
        status: row.get(4)?,
        parent_instance_id: row.get(5)?,
        created_at: uint(row, 6)?,
        updated_at: uint(row, 7)?,
    })
}
