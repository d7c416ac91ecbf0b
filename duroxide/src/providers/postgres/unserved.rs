//! Work that no live worker can do.
//!
//! Running instances are counted along an index. What waits in the queues shows its name only in its text, and is
//! looked at: the oldest rows of each kind and tag. That is enough, because what can be served is taken away from
//! there, and what cannot be gathers.

use sqlx::Row;

use super::error::StoreError;
use super::row::{number, opt_text, text};
use super::writer::{Db, Query};
use super::{waiting, workers};
use crate::model::insight::Unserved;
use crate::providers::insight::served::Wanting;

/// Rows of each kind that are looked at: some ten milliseconds.
const ROWS: i64 = 10_000;

/// What most instances wait for comes first.
pub(super) async fn list(db: &Db, limit: usize) -> Result<Vec<Unserved>, StoreError> {
    let mut wanting = Wanting::beside(&workers::list(db).await?);
    for row in db.all(|| db.query(RUNNING)).await? {
        wanting.running(&text(&row, 0)?, opt_text(&row, 1)?.as_deref(), number(&row, 2)?, &text(&row, 3)?);
    }
    for rows in MESSAGES {
        look(db, rows, |query| query, |json, _| wanting.message(json)).await?;
    }
    for row in db.all(|| db.query(TAGS)).await? {
        let tag: String = row.try_get(0)?;
        look(db, TAGGED, |query| query.bind(tag.clone()), |json, tag| wanting.activity(json, tag)).await?;
    }
    for rows in ACTIVITIES {
        look(db, rows, |query| query, |json, tag| wanting.activity(json, tag)).await?;
    }
    Ok(wanting.most(limit))
}

const RUNNING: &str = "SELECT orchestration_name, orchestration_version, count(*), min(instance_id)
    FROM @.instances WHERE status = 'Running' GROUP BY 1, 2";

/// Only those with which an execution begins need a look: {glance} of them, and the version that follows the input.
const MESSAGES: [&str; 2] = [
    "SELECT NULL, CASE WHEN octet_length(work_item) <= 65536 THEN work_item ELSE {glance} END FROM (
         SELECT work_item FROM @.orchestrator_queue WHERE state = 1 ORDER BY id LIMIT {rows}) head
     WHERE work_item LIKE '{\"StartOrchestration\"%' OR work_item LIKE '{\"ContinueAsNew\"%'",
    "SELECT NULL, CASE WHEN octet_length(work_item) <= 65536 THEN work_item ELSE {glance} END FROM (
         SELECT work_item FROM @.orchestrator_queue WHERE state = 0 ORDER BY visible_at LIMIT {rows}) head
     WHERE work_item LIKE '{\"StartOrchestration\"%' OR work_item LIKE '{\"ContinueAsNew\"%'",
];

/// Each found by one step into the index.
const TAGS: &str = "WITH RECURSIVE step (tag) AS (
        SELECT min(tag) FROM @.worker_queue WHERE state = 1
        UNION ALL SELECT (SELECT min(tag) FROM @.worker_queue WHERE state = 1 AND tag > step.tag)
        FROM step WHERE step.tag IS NOT NULL)
    SELECT tag FROM step WHERE tag IS NOT NULL";

const TAGGED: &str = "SELECT tag, {glance} FROM @.worker_queue
    WHERE state = 1 AND tag = $1 AND locked_until <= @now ORDER BY id LIMIT {rows}";

const ACTIVITIES: [&str; 2] = [
    "SELECT tag, {glance} FROM @.worker_queue
     WHERE state = 1 AND tag IS NULL AND locked_until <= @now ORDER BY id LIMIT {rows}",
    "SELECT tag, {glance} FROM @.worker_queue WHERE state = 0 ORDER BY visible_at LIMIT {rows}",
];

/// Shows the text and the tag of each row.
async fn look(
    db: &Db,
    template: &str,
    bind: impl Fn(Query) -> Query,
    mut show: impl FnMut(&str, Option<&str>),
) -> Result<(), StoreError> {
    let sql = template.replace("{glance}", waiting::GLANCE).replace("{rows}", &ROWS.to_string());
    for row in db.all(|| bind(db.query(&sql))).await? {
        show(row.try_get(1)?, opt_text(&row, 0)?.as_deref());
    }
    Ok(())
}
