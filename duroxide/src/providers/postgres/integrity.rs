//! Looks through the whole schema for what must not be.

use sqlx::Row;

use super::error::StoreError;
use super::row::{loaded, text};
use super::writer::{Db, Query};
use crate::model::event::Event;
use crate::providers::unreadable::{self, Reading};

/// Findings of one sort that are listed: more of the same say no more.
const EACH: usize = 100;

/// Rows that are read at a time.
const PAGE: i64 = 500;

/// Each yields a line for every finding, at most `$1`.
const CHECKS: [&str; 6] = [
    "SELECT 'instance `' || i.instance_id || '`: its execution ' || i.current_execution_id || ' is missing'
     FROM @.instances i WHERE NOT EXISTS (SELECT 1 FROM @.executions e
         WHERE e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) LIMIT $1",
    "SELECT 'instance `' || i.instance_id || '`: listed as ' || i.status || ', but its execution ' || e.execution_id
         || ' is ' || e.status
     FROM @.instances i
     JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
     WHERE left(e.status, 100) <> i.status COLLATE \"C\" LIMIT $1",
    "SELECT 'execution ' || e.execution_id || ' belongs to no instance: `' || e.instance_id || '`'
     FROM @.executions e
     WHERE NOT EXISTS (SELECT 1 FROM @.instances i WHERE i.instance_id = e.instance_id) LIMIT $1",
    "SELECT 'history of `' || h.instance_id || '`, execution ' || h.execution_id || ': no such execution'
     FROM (SELECT DISTINCT instance_id, execution_id FROM @.history) h WHERE NOT EXISTS
         (SELECT 1 FROM @.executions e WHERE e.instance_id = h.instance_id AND e.execution_id = h.execution_id)
     LIMIT $1",
    "SELECT 'history of `' || e.instance_id || '`, execution ' || e.execution_id || ': its beginning is missing'
     FROM @.executions e WHERE COALESCE((SELECT event_type FROM @.history h WHERE h.instance_id = e.instance_id
         AND h.execution_id = e.execution_id ORDER BY h.event_id LIMIT 1), '') <> 'OrchestrationStarted' LIMIT $1",
    "SELECT 'key-values of `' || k.instance_id || '`, which does not exist'
     FROM (SELECT instance_id FROM @.kv_store UNION SELECT instance_id FROM @.kv_delta) k
     WHERE NOT EXISTS (SELECT 1 FROM @.instances i WHERE i.instance_id = k.instance_id) LIMIT $1",
];

/// One line for each finding.
pub(super) async fn check(db: &Db) -> Result<Vec<String>, StoreError> {
    let mut findings = Vec::new();
    for sql in CHECKS {
        for row in db.all(|| db.query(sql).bind(EACH as i64)).await? {
            findings.push(text(&row, 0)?);
        }
    }
    for texts in TEXTS {
        findings.extend(unreadable(db, texts).await?);
    }
    Ok(findings)
}

/// A table with texts, walked through by its primary key.
struct Texts {
    /// Key as instance and three numbers, what to say of the text, and the text, behind the key `$1` to `$4`.
    page: &'static str,
    is_readable: fn(&str) -> bool,
}

const TEXTS: [Texts; 3] = [
    Texts {
        page: "SELECT instance_id, execution_id, event_id, 0::bigint,
                   'history of `' || instance_id || '`, execution ' || execution_id || ': event ' || event_id,
                   event_data
               FROM @.history WHERE (instance_id, execution_id, event_id) > ($1, $2, $3) AND $4::bigint IS NOT NULL
               ORDER BY 1, 2, 3 LIMIT $5",
        is_readable: |json| serde_json::from_str::<Event>(json).is_ok(),
    },
    Texts {
        page: "SELECT instance_id, id, 0::bigint, 0::bigint, 'message ' || id || ' for `' || instance_id || '`',
                   work_item
               FROM @.orchestrator_queue
               WHERE (instance_id, id) > ($1, $2) AND $3::bigint IS NOT NULL AND $4::bigint IS NOT NULL
               ORDER BY 1, 2 LIMIT $5",
        is_readable: is_item,
    },
    Texts {
        page: "SELECT instance_id, execution_id, activity_id, id,
                   'activity ' || id || ' of `' || instance_id || '`', work_item
               FROM @.worker_queue WHERE (instance_id, execution_id, activity_id, id) > ($1, $2, $3, $4)
               ORDER BY 1, 2, 3, 4 LIMIT $5",
        is_readable: is_item,
    },
];

/// What a later version wrote is left to it.
fn is_item(json: &str) -> bool {
    matches!(unreadable::read(json), Reading::Item(_) | Reading::LaterKind(_))
}

async fn unreadable(db: &Db, texts: Texts) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let mut after = (String::new(), [-1i64; 3]);
    loop {
        let page = || bind(db.query(texts.page), &after).bind(PAGE);
        let rows = db.all(page).await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        let next = (last.try_get(0)?, [last.try_get(1)?, last.try_get(2)?, last.try_get(3)?]);
        for row in &rows {
            if !(texts.is_readable)(row.try_get(5)?) {
                found.push(format!("{} cannot be read", loaded(row.try_get(4)?)));
            }
        }
        if found.len() >= EACH {
            return Ok(found);
        }
        after = next;
    }
}

fn bind(query: Query, (instance, numbers): &(String, [i64; 3])) -> Query {
    numbers.iter().fold(query.bind(instance.clone()), |query, number| query.bind(*number))
}
