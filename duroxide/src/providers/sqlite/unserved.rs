//! Work that no live worker can do.
//!
//! Running instances are counted along an index that holds all there is to know of them. What waits in the queues
//! shows its name only in its text, and is looked at: the oldest rows of each kind and tag. That is enough, because
//! what can be served is taken away from there, and what cannot be gathers.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::row::text;
use super::{worker, workers};
use crate::clock;
use crate::model::insight::Unserved;
use crate::providers::insight::served::Wanting;

/// Rows of each kind that are looked at: some ten milliseconds.
const ROWS: i64 = 10_000;

/// Their texts together: beyond that a look would fill the memory with pages.
const BYTES: usize = 64 * 1024 * 1024;

/// What most instances wait for comes first.
pub(super) fn list(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<Unserved>> {
    let mut wanting = Wanting::beside(&workers::list(conn, clock::now_ms())?);
    running(conn, &mut wanting)?;
    for rows in MESSAGES {
        look(conn, rows, [ROWS], |json, _| wanting.message(json))?;
    }
    for (tags, rows) in
        [(worker::plain_tags(conn)?, worker::PLAIN_HEAD), (worker::pinned_tags(conn)?, worker::PINNED_HEAD)]
    {
        for tag in tags {
            look(conn, rows, params![tag, ROWS], |json, tag| wanting.activity(json, tag))?;
        }
    }
    look(conn, DELAYED_ACTIVITIES, [ROWS], |json, tag| wanting.activity(json, tag))?;
    Ok(wanting.most(limit))
}

const MESSAGES: [&str; 2] = [
    "SELECT visible_at, NULL, work_item FROM orchestrator_queue WHERE state = 1 ORDER BY id LIMIT ?1",
    "SELECT visible_at, NULL, work_item FROM orchestrator_queue WHERE state = 0 ORDER BY visible_at LIMIT ?1",
];

const DELAYED_ACTIVITIES: &str =
    "SELECT visible_at, tag, work_item FROM worker_queue WHERE state = 0 ORDER BY visible_at LIMIT ?1";

fn running(conn: &Connection, wanting: &mut Wanting) -> rusqlite::Result<()> {
    let mut next = conn.prepare_cached(
        "SELECT orchestration_name FROM instances WHERE orchestration_name > ?1 ORDER BY orchestration_name LIMIT 1",
    )?;
    let mut versions = conn.prepare_cached(
        "SELECT orchestration_version, count(*), min(instance_id) FROM instances INDEXED BY instances_name
         WHERE orchestration_name = ?1 AND status = 'Running' GROUP BY orchestration_version",
    )?;
    let mut name = String::new();
    while let Some(found) = next.query_row([&name], |row| row.get(0)).optional()? {
        name = found;
        let mut rows = versions.query([&name])?;
        while let Some(row) = rows.next()? {
            let (version, example): (Option<String>, String) = (row.get(0)?, row.get(2)?);
            let instances = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            wanting.running(&name, version.as_deref(), instances, &example);
        }
    }
    Ok(())
}

/// Shows the text and the tag of each row.
fn look(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut show: impl FnMut(&str, Option<&str>),
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut bytes = 0;
    while let Some(row) = rows.next()?
        && bytes < BYTES
    {
        let tag: Option<String> = row.get(1)?;
        let json = text(row, 2)?;
        bytes += json.len();
        show(&json, tag.as_deref());
    }
    Ok(())
}
