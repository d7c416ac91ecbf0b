//! Rows of another store, added to this one.

use rusqlite::{Connection, params_from_iter};

use super::error::StoreError;
use super::export::own_name;
use crate::providers::transfer::{Row, Table, by_table, instances_of};

/// Adds rows. Their ids come along, so that a row that is there already is an error and not a second one; one without is
/// given the next.
pub(super) fn rows(conn: &Connection, table: Table, rows: &[Row]) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(&insert(table))?;
    for row in rows {
        insert.execute(params_from_iter(&row.0))?;
    }
    if table == Table::Executions {
        list_under_their_status(conn, rows)?;
    }
    Ok(())
}

/// Instances came before their executions.
fn list_under_their_status(conn: &Connection, rows: &[Row]) -> Result<(), StoreError> {
    let mut list = conn.prepare_cached(
        "UPDATE instances SET status = ?3
         WHERE instance_id = ?1 AND current_execution_id = ?2 AND status <> ?3",
    )?;
    for row in rows {
        list.execute(params_from_iter(&row.0[..3]))?;
    }
    Ok(())
}

/// Adds the rows of instances that are not there, under numbers of this store's own; or says which is there.
pub(super) fn instances(conn: &Connection, given: Vec<(Table, Row)>) -> Result<Option<String>, StoreError> {
    for instance in instances_of(&given) {
        if is_known(conn, instance)? {
            return Ok(Some(instance.to_owned()));
        }
        // That of a start which never came stands in nobody's way.
        conn.prepare_cached("DELETE FROM traces WHERE instance_id = ?1")?.execute([instance])?;
    }
    for (table, of_table) in by_table(given) {
        rows(conn, table, &of_table)?;
    }
    Ok(None)
}

fn is_known(conn: &Connection, instance: &str) -> Result<bool, StoreError> {
    for table in [Table::Instances, Table::Executions, Table::History, Table::OrchestratorQueue] {
        let look = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE instance_id = ?1)");
        if conn.prepare_cached(&look)?.query_row([instance], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn insert(table: Table) -> String {
    let columns = table.columns();
    let names: Vec<&str> = columns.iter().map(|&column| own_name(table, column)).collect();
    let values: Vec<String> = (1..).zip(&names).map(|(n, name)| value(table, name, n)).collect();
    let (own, given) = own_columns(table);
    format!("INSERT INTO {table} ({}{own}) VALUES ({}{given})", names.join(", "), values.join(", "))
}

/// An activity that nobody can cancel has no identity here, and an empty one elsewhere.
fn value(table: Table, name: &str, n: usize) -> String {
    match (table, name) {
        (Table::WorkerQueue, "instance_id") => format!("NULLIF(?{n}, '')"),
        (Table::WorkerQueue, "execution_id" | "activity_id") => format!("NULLIF(?{n}, 0)"),
        _ => format!("?{n}"),
    }
}

/// Columns that only this store has, and what is in them when nobody holds the row.
fn own_columns(table: Table) -> (&'static str, &'static str) {
    match table {
        Table::Sessions => (", owner, locked_until", ", '', 0"),
        Table::Instances
        | Table::Executions
        | Table::History
        | Table::OrchestratorQueue
        | Table::WorkerQueue
        | Table::KvStore
        | Table::KvDelta
        | Table::Quarantine
        | Table::Traces => ("", ""),
    }
}
