//! Which slot beside the database this store holds: holding it proves its former owner dead.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};

use super::row::int;
use crate::{clock, seams};

/// Stores that share a file and get a slot; beyond them leases of the dead are waited for.
const SLOTS: u32 = 64;

/// A place among the stores of one file. The operating system frees it when the process dies, however it dies.
#[derive(Debug)]
pub(super) struct Node {
    /// Who holds the leases taken here: the slot, if there is one, and what is new with every object.
    owner: Arc<str>,
    /// Where the slots are, if there are any.
    database: Option<PathBuf>,
    /// Held as long as the store lives; never read.
    _slot: Option<File>,
}

impl Node {
    /// Without a slot: in memory there is nobody else.
    pub(super) fn alone() -> Self {
        Node { owner: seams::new_guid().into(), database: None, _slot: None }
    }

    /// Without a slot, beside those that have one.
    pub(super) fn visiting(database: &Path) -> Self {
        Node { owner: seams::new_guid().into(), database: Some(database.to_owned()), _slot: None }
    }

    /// The lowest free slot. Where files cannot be locked, leases of the dead end by themselves.
    pub(super) fn beside(database: &Path) -> Self {
        let free = (0..SLOTS).find_map(|slot| Some((slot, try_slot(database, slot)?)));
        let owner = match &free {
            Some((slot, _)) => format!("{slot}/{}", seams::new_guid()),
            None => seams::new_guid(),
        };
        Node { owner: owner.into(), database: Some(database.to_owned()), _slot: free.map(|(_, file)| file) }
    }

    /// How many other stores are open on the file: their slots are held.
    pub(super) fn neighbours(&self) -> u64 {
        let Some(database) = &self.database else {
            return 0;
        };
        let others = (0..SLOTS).filter(|slot| self.slot() != Some(*slot));
        let held = others.filter(|slot| slot_file(database, *slot).exists() && try_slot(database, *slot).is_none());
        held.count() as u64
    }

    /// What leases are signed with.
    pub(super) fn owner(&self) -> Arc<str> {
        Arc::clone(&self.owner)
    }

    fn slot(&self) -> Option<u32> {
        slot_of(&self.owner)
    }
}

/// Ends the leases of stores that are provably dead, so that their work goes on at once. Whoever might still be
/// there in spite of it is fenced: its token meets a lease that is over.
pub(super) fn reclaim(conn: &mut Connection, database: &Path, node: &Node) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Kept until the commit, so that nobody moves in meanwhile.
    let mut proofs = Vec::new();
    for owner in owners(&tx)? {
        let Some(slot) = slot_of(&owner) else {
            continue;
        };
        if node.slot() != Some(slot) {
            match try_slot(database, slot) {
                Some(proof) => proofs.push(proof),
                None => continue,
            }
        }
        end_leases(&tx, &owner)?;
    }
    tx.commit()
}

fn owners(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare(
        "SELECT owner FROM instance_locks
         UNION SELECT owner FROM worker_queue WHERE state = 2 AND owner IS NOT NULL
         UNION SELECT owner FROM sessions",
    )?
    .query_map([], |row| row.get(0))?
    .collect()
}

fn end_leases(conn: &Connection, owner: &str) -> rusqlite::Result<()> {
    let now_ms = int(clock::now_ms());
    for sql in [
        "UPDATE instance_locks SET locked_until = MIN(locked_until, ?2) WHERE owner = ?1",
        "UPDATE worker_queue SET locked_until = MIN(locked_until, ?2) WHERE owner = ?1 AND state = 2",
        "UPDATE sessions SET locked_until = MIN(locked_until, ?2) WHERE owner = ?1",
    ] {
        conn.execute(sql, params![owner, now_ms])?;
    }
    Ok(())
}

/// The slot that an owner signed with.
fn slot_of(owner: &str) -> Option<u32> {
    owner.split_once('/')?.0.parse().ok()
}

/// The slot's lock, unless somebody holds it.
fn try_slot(database: &Path, slot: u32) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(slot_file(database, slot)).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn slot_file(database: &Path, slot: u32) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(format!(".node-{slot}"));
    PathBuf::from(path)
}
