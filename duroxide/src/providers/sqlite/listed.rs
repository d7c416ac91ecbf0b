//! Instances are listed under the status of their newest execution, whoever wrote that: mended when a file is opened.

use rusqlite::{Connection, OptionalExtension};

/// A program of a version before the column knows it not, and leaves what it ends listed as it was. What has ended for
/// good changes no more, so these are all that can be behind.
const BEHIND: &str = "SELECT i.rowid FROM instances i INDEXED BY instances_status
     JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
     WHERE i.status IN ('Running', 'ContinuedAsNew') AND e.status <> i.status";

/// What a transfer puts up before a store that is closed.
const CLOSED: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = 'duroxide_closed_instances_UPDATE'";

/// Brings the lists up to date. Looks at what is not over, and writes only where something is behind, and the file is
/// open: a closed one is mended when it is opened again.
pub(super) fn mend(conn: &Connection) -> rusqlite::Result<()> {
    let is_behind = conn.query_row(&format!("{BEHIND} LIMIT 1"), [], |_| Ok(())).optional()?.is_some();
    if !is_behind || conn.query_row(CLOSED, [], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    conn.execute(
        &format!(
            "UPDATE instances SET status = (SELECT e.status FROM executions e
                 WHERE e.instance_id = instances.instance_id AND e.execution_id = instances.current_execution_id)
             WHERE rowid IN ({BEHIND})"
        ),
        [],
    )?;
    Ok(())
}
