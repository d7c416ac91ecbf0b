//! Looks through the whole database for what must not be.

use rusqlite::Connection;

use super::row::text;
use crate::model::event::Event;
use crate::providers::unreadable::{self, Reading};

/// Findings of one sort that are listed: more of the same say no more.
const EACH: i64 = 100;

/// Each yields a line for every finding, at most `?1`.
const CHECKS: [&str; 6] = [
    "SELECT 'instance `' || i.instance_id || '`: its execution ' || i.current_execution_id || ' is missing'
     FROM instances i WHERE NOT EXISTS (SELECT 1 FROM executions e
         WHERE e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) LIMIT ?1",
    "SELECT 'instance `' || i.instance_id || '`: listed as ' || i.status || ', but its execution ' || e.execution_id
         || ' is ' || e.status
     FROM instances i JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
     WHERE e.status <> i.status LIMIT ?1",
    "SELECT 'execution ' || e.execution_id || ' belongs to no instance: `' || e.instance_id || '`'
     FROM executions e WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.instance_id = e.instance_id) LIMIT ?1",
    "SELECT 'history of `' || h.instance_id || '`, execution ' || h.execution_id || ': no such execution'
     FROM history h WHERE NOT EXISTS
         (SELECT 1 FROM executions e WHERE e.instance_id = h.instance_id AND e.execution_id = h.execution_id)
     GROUP BY h.instance_id, h.execution_id LIMIT ?1",
    "SELECT 'history of `' || e.instance_id || '`, execution ' || e.execution_id || ': its beginning is missing'
     FROM executions e WHERE COALESCE((SELECT event_type FROM history h WHERE h.instance_id = e.instance_id
         AND h.execution_id = e.execution_id ORDER BY h.event_id LIMIT 1), '') <> 'OrchestrationStarted' LIMIT ?1",
    "SELECT 'key-values of `' || k.instance_id || '`, which does not exist'
     FROM (SELECT instance_id FROM kv_store UNION SELECT instance_id FROM kv_delta) k
     WHERE NOT EXISTS (SELECT 1 FROM instances i WHERE i.instance_id = k.instance_id) LIMIT ?1",
];

/// One line for each finding: first of the file itself, then of what is in it.
pub(super) fn check(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let damage = lines(conn, "SELECT integrity_check FROM pragma_integrity_check LIMIT ?1")?;
    let mut findings: Vec<String> =
        damage.into_iter().filter(|line| line != "ok").map(|line| format!("database: {line}")).collect();
    for sql in CHECKS {
        findings.extend(lines(conn, sql)?);
    }
    for (sql, is_readable) in READ {
        findings.extend(unreadable(conn, sql, is_readable)?);
    }
    Ok(findings)
}

/// A query for what to say of each text, and for the text; and whether that can be read.
type Texts = (&'static str, fn(&str) -> bool);

const READ: [Texts; 3] = [
    (
        "SELECT 'history of `' || instance_id || '`, execution ' || execution_id || ': event ' || event_id,
             event_data FROM history",
        |json| serde_json::from_str::<Event>(json).is_ok(),
    ),
    ("SELECT 'message ' || id || ' for `' || instance_id || '`', work_item FROM orchestrator_queue", is_item),
    ("SELECT 'activity ' || id || COALESCE(' of `' || instance_id || '`', ''), work_item FROM worker_queue", is_item),
];

/// What a later version wrote is left to it.
fn is_item(json: &str) -> bool {
    matches!(unreadable::read(json), Reading::Item(_) | Reading::LaterKind(_))
}

fn unreadable(conn: &Connection, sql: &str, is_readable: fn(&str) -> bool) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()?
        && found.len() < EACH as usize
    {
        if !is_readable(&text(row, 1)?) {
            found.push(format!("{} cannot be read", row.get::<_, String>(0)?));
        }
    }
    Ok(found)
}

fn lines(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(sql)?.query_map([EACH], |row| row.get(0))?.collect()
}
