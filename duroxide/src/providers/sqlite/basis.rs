//! What a turn goes on from that is committed without a lease, and whether that still holds.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::row::int;
use super::wakes::Wakes;
use super::writer::Others;
use super::{history, start};
use crate::clock;
use crate::model::work_item::WorkItem;
use crate::providers::express::Head;

/// What a message on its way leads on from.
#[derive(Debug, Clone)]
pub(super) enum Basis {
    /// Nothing: it starts its instance.
    Nothing,
    /// An execution that rests in memory.
    Resting(Resting),
}

/// An execution as its last turn left it.
#[derive(Debug, Clone)]
pub(super) struct Resting {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) head: Head,
}

impl Basis {
    /// That of this message, if somebody waits who can go on from there at once.
    fn of(conn: &Connection, message: &WorkItem, wakes: &Wakes) -> rusqlite::Result<Option<Self>> {
        if !wakes.takes_offers() {
            return Ok(None);
        }
        let instance = message.target_instance();
        Ok(match message {
            WorkItem::StartOrchestration { .. } => start::is_free(conn, instance)?.then_some(Basis::Nothing),
            WorkItem::ContinueAsNew { .. } => None,
            _ => match wakes.known_head(instance) {
                Some((head, seen)) => resting(conn, instance, &head, seen)?.map(Basis::Resting),
                None => None,
            },
        })
    }

    /// Whether all that is stored of the instance is what this says, and nobody else has to do with it.
    pub(super) fn is_all(&self, conn: &Connection, instance: &str, others: &Others) -> rusqlite::Result<bool> {
        match self {
            Basis::Nothing => start::is_free(conn, instance),
            Basis::Resting(Resting { head, .. }) => Ok(resting(conn, instance, head, others.get())?.is_some()),
        }
    }

    /// Whether a turn may be based on it under a lease, whatever waits for the instance.
    pub(super) fn is_current(&self, conn: &Connection, instance: &str, others: &Others) -> rusqlite::Result<bool> {
        match self {
            Basis::Nothing => start::is_new(conn, instance),
            Basis::Resting(Resting { head, .. }) => history::ends_at(conn, instance, head, others.get()),
        }
    }
}

/// Leaves a message to somebody who waits for messages and can go on with it at once; whether somebody does. The caller has
/// queued what was under way to its instance.
pub(super) fn offer(conn: &Connection, message: &WorkItem, wakes: &mut Wakes) -> Result<bool, StoreError> {
    let basis = Basis::of(conn, message, wakes)?;
    Ok(basis.is_some_and(|basis| wakes.offer(message, basis)))
}

/// An instance that is in this execution, whose history ends there, which nobody holds and for which no message waits.
macro_rules! left_alone {
    ($but:literal) => {
        concat!(
            "SELECT orchestration_name, orchestration_version FROM instances
             WHERE instance_id = ?1 AND current_execution_id = ?2
                 AND NOT EXISTS (SELECT 1 FROM instance_locks WHERE instance_id = ?1 AND locked_until > ?3)
                 AND NOT EXISTS (SELECT 1 FROM orchestrator_queue WHERE instance_id = ?1 AND visible_at <= ?3",
            $but,
            ") AND ?4 = (SELECT MAX(event_id) FROM history WHERE instance_id = ?1 AND execution_id = ?2)"
        )
    };
}

/// The same, completions of activities aside: among those there is no order.
const BUT_COMPLETIONS: &str = left_alone!(" AND work_item NOT GLOB '{\"Activity*'");
const AT_ALL: &str = left_alone!("");

/// The statements above, for the test that looks at their plans.
#[cfg(test)]
pub(super) const LOOKUPS: &[&str] = &[BUT_COMPLETIONS, AT_ALL];

/// The execution of this head, if nobody has to do with its instance. `seen` is how often others wrote: when they did since, the
/// whole history is compared.
pub(super) fn resting(conn: &Connection, instance: &str, head: &Head, seen: u64) -> rusqlite::Result<Option<Resting>> {
    let read = |row: &Row<'_>| {
        let head = Head { seen, ..*head };
        Ok(Resting { name: row.get(0)?, version: row.get(1)?, head })
    };
    left_alone(conn, AT_ALL, instance, head, seen, read)
}

/// Whether nobody has to do with the instance of an execution that ends there; completions of activities may wait for it.
pub(super) fn is_left_to_completions(
    conn: &Connection,
    instance: &str,
    head: &Head,
    seen: u64,
) -> rusqlite::Result<bool> {
    Ok(left_alone(conn, BUT_COMPLETIONS, instance, head, seen, |_| Ok(()))?.is_some())
}

fn left_alone<T>(
    conn: &Connection,
    sql: &str,
    instance: &str,
    head: &Head,
    seen: u64,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let parameters = params![instance, int(head.execution_id), int(clock::now_ms()), int(head.last_event_id)];
    let found = conn.prepare_cached(sql)?.query_row(parameters, read).optional()?;
    // Another program may have changed what comes before the end.
    let is_it = found.is_some() && (head.seen == seen || history::is_whole(conn, instance, head)?);
    Ok(found.filter(|_| is_it))
}
