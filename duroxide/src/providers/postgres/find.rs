//! Instances by what is said of them, newest first: always a walk along an index, and as short as the page.

use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::row::{int, number, opt_text, stored, text};
use super::writer::{Db, Query};
use crate::model::insight::{InstanceCursor, InstancePage, InstanceQuery, InstanceRow, MAX_PAGE, ParentFilter};
use crate::providers::insight::behind_prefix;

/// Which index the walk is along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    /// So few ids begin as asked for that they are all looked at.
    Ids,
    /// Of a parent, or of nobody, by time.
    Parent,
    /// By name, status and time, a walk for each status.
    Name,
    /// By status and time, a walk for each status.
    Status,
}

/// What stands for a parameter.
#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Number(i64),
}

/// A page of instances, read by one statement, so that none is seen twice while it changes its status.
///
/// A filter that the index does not know (a version, say) is compared row by row.
pub(super) async fn page(db: &Db, query: &InstanceQuery) -> Result<InstancePage, StoreError> {
    let limit = query.page();
    let along = along(db, query).await?;
    let (sql, values) = statement(query, along, limit + 1);
    let rows = db.all(|| bind(db.query(&sql), &values)).await?;
    let rows = rows.iter().map(told).collect::<Result<_, _>>()?;
    Ok(InstancePage::of(rows, limit))
}

async fn along(db: &Db, query: &InstanceQuery) -> Result<Along, StoreError> {
    if let Some(prefix) = &query.id_prefix
        && is_rare(db, prefix).await?
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
async fn is_rare(db: &Db, prefix: &str) -> Result<bool, StoreError> {
    let row = db
        .one(|| {
            db.query(
                "SELECT count(*) FROM (SELECT 1 FROM @.instances
                     WHERE instance_id >= $1 AND ($2::text IS NULL OR instance_id < $2) LIMIT $3) few",
            )
            .bind(stored(prefix).into_owned())
            .bind(behind_prefix(&stored(prefix)))
            .bind(int(MAX_PAGE as u64 + 1))
        })
        .await?;
    Ok(number(&row, 0)? <= MAX_PAGE as u64)
}

/// One walk for each status, or one for all.
fn statement(query: &InstanceQuery, along: Along, limit: usize) -> (String, Vec<Value>) {
    const COLUMNS: &str = "instance_id, orchestration_name, orchestration_version, current_execution_id, status,
        parent_instance_id, created_at, updated_at";
    let mut values = Vec::new();
    let (ids, rest) = conditions(query, &mut values);
    let walk = |from: &str, conditions: &str| {
        format!("SELECT {COLUMNS} FROM {from} WHERE {conditions} ORDER BY created_at DESC, instance_id LIMIT {limit}")
    };
    let sql = match along {
        Along::Ids | Along::Parent => {
            let of_status = query.status.as_deref().map(|status| {
                values.push(Value::Text(stored(status).into_owned()));
                format!(" AND status = ${}", values.len())
            });
            let rest = format!("{rest}{}", of_status.unwrap_or_default());
            match along {
                // Looked up first, whatever the planner thinks of the order.
                Along::Ids => {
                    format!("WITH few AS MATERIALIZED (SELECT * FROM @.instances WHERE {ids}) {}", walk("few", &rest))
                }
                Along::Parent | Along::Name | Along::Status => walk("@.instances", &format!("{ids} AND {rest}")),
            }
        }
        Along::Name | Along::Status => match &query.status {
            Some(status) => {
                values.push(Value::Text(stored(status).into_owned()));
                walk("@.instances", &format!("{ids} AND {rest} AND status = ${}", values.len()))
            }
            None => {
                let steps = steps(query, &mut values);
                let walk = walk("@.instances", &format!("{ids} AND {rest} AND status = step.status"));
                format!(
                    "{steps} SELECT walk.* FROM step CROSS JOIN LATERAL ({walk}) walk WHERE step.status IS NOT NULL"
                )
            }
        },
    };
    (sql, values)
}

/// The statuses to walk along: each found by one step into the index. Of the same statement as the walks, so that an
/// instance which changes its status meanwhile is in one of them.
fn steps(query: &InstanceQuery, values: &mut Vec<Value>) -> String {
    let of_name = match &query.name {
        Some(name) => {
            values.push(Value::Text(stored(name).into_owned()));
            format!("left(orchestration_name, 300) = left(${}, 300)", values.len())
        }
        None => "true".to_owned(),
    };
    format!(
        "WITH RECURSIVE step (status) AS (
             SELECT min(status) FROM @.instances WHERE {of_name}
             UNION ALL SELECT (SELECT min(status) FROM @.instances WHERE {of_name} AND status > step.status)
             FROM step WHERE step.status IS NOT NULL)"
    )
}

/// What must hold of ids, and all else but the status.
fn conditions(query: &InstanceQuery, values: &mut Vec<Value>) -> (String, String) {
    let mut bound = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let text = |text: &str| Value::Text(stored(text).into_owned());
    let (mut ids, mut rest) = (vec!["true".to_owned()], vec!["true".to_owned()]);
    if let Some(prefix) = &query.id_prefix {
        ids.push(format!("instance_id >= {}", bound(text(prefix))));
        if let Some(behind) = behind_prefix(&stored(prefix)) {
            ids.push(format!("instance_id < {}", bound(Value::Text(behind))));
        }
    }
    if let Some(name) = &query.name {
        let name = bound(text(name));
        rest.push(format!("left(orchestration_name, 300) = left({name}, 300) AND orchestration_name = {name}"));
    }
    if let Some(version) = &query.version {
        rest.push(format!("orchestration_version = {}", bound(text(version))));
    }
    match &query.parent {
        None => {}
        Some(ParentFilter::Roots) => rest.push("parent_instance_id IS NULL".to_owned()),
        Some(ParentFilter::Of(parent)) => rest.push(format!("parent_instance_id = {}", bound(text(parent)))),
    }
    if let Some(from_ms) = query.created_from_ms {
        rest.push(format!("created_at >= {}", bound(Value::Number(int(from_ms)))));
    }
    if let Some(before_ms) = query.created_before_ms {
        rest.push(format!("created_at < {}", bound(Value::Number(int(before_ms)))));
    }
    if let Some(InstanceCursor { created_at, instance_id }) = &query.after {
        // The first half leads to the place in the index, the second passes over what was there in that millisecond.
        let (at, id) = (bound(Value::Number(int(*created_at))), bound(text(instance_id)));
        rest.push(format!("created_at <= {at} AND (created_at < {at} OR instance_id > {id})"));
    }
    (ids.join(" AND "), rest.join(" AND "))
}

fn bind(query: Query, values: &[Value]) -> Query {
    values.iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text.clone()),
        Value::Number(number) => query.bind(*number),
    })
}

fn told(row: &PgRow) -> Result<InstanceRow, StoreError> {
    Ok(InstanceRow {
        instance_id: text(row, 0)?,
        orchestration_name: text(row, 1)?,
        orchestration_version: opt_text(row, 2)?,
        execution_id: number(row, 3)?,
        status: text(row, 4)?,
        parent_instance_id: opt_text(row, 5)?,
        created_at: number(row, 6)?,
        updated_at: number(row, 7)?,
    })
}
