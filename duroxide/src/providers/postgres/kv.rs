//! Key-values: committed, in flight, merged.

use std::collections::{BTreeMap, HashMap};

use super::error::StoreError;
use super::indexed;
use super::row::{int, opt_text, stored, stored_opt, text};
use super::writer::{Db, Tx};
use crate::model::event::{Event, EventKind};

/// What the events of one turn do to the key-values of their instance, taken together.
#[derive(Debug, Clone, Default)]
pub(super) struct KvChanges {
    /// Whether all keys of before are removed.
    cleared: bool,
    /// The last change of each key: its value, or none for a removal; and when.
    keys: BTreeMap<String, (Option<String>, i64)>,
}

impl KvChanges {
    /// The changes that these events make, in order.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut changes = KvChanges::default();
        for event in events {
            match &event.kind {
                EventKind::KeyValueSet { key, value, last_updated_at_ms } => {
                    changes.put(key, Some(value), *last_updated_at_ms);
                }
                EventKind::KeyValueCleared { key } => changes.put(key, None, 0),
                EventKind::KeyValuesCleared => {
                    changes.cleared = true;
                    changes.keys.clear();
                }
                _ => {}
            }
        }
        changes
    }

    fn put(&mut self, key: &str, value: Option<&String>, at_ms: u64) {
        let value = stored_opt(value.map(String::as_str));
        self.keys.insert(stored(key).into_owned(), (value, int(at_ms)));
    }

    /// The same, unless there is a key that cannot be kept beside the id of this instance.
    pub(super) fn fitting(self, instance: &str) -> Result<Self, StoreError> {
        for key in self.keys.keys() {
            indexed::check("instance id and key of a value", &[instance, key])?;
        }
        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.cleared && self.keys.is_empty()
    }
}

/// Changes of the running execution go into the delta; a removed key stays there as a tombstone.
pub(super) async fn apply(db: &Db, tx: &mut Tx<'_>, instance: &str, changes: &KvChanges) -> Result<(), StoreError> {
    if changes.cleared {
        clear_all(db, tx, instance).await?;
    }
    tx.all(
        db.query(
            "INSERT INTO @.kv_delta (instance_id, key, value, last_updated_at_ms)
             SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[])
             ON CONFLICT (instance_id, key) DO UPDATE
                 SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms",
        )
        .bind(instance.to_owned())
        .bind(changes.keys.keys().cloned().collect::<Vec<_>>())
        .bind(changes.keys.values().map(|(value, _)| value.clone()).collect::<Vec<_>>())
        .bind(changes.keys.values().map(|(_, at_ms)| *at_ms).collect::<Vec<_>>()),
    )
    .await?;
    Ok(())
}

async fn clear_all(db: &Db, tx: &mut Tx<'_>, instance: &str) -> Result<(), StoreError> {
    for sql in [
        "UPDATE @.kv_delta SET value = NULL WHERE instance_id = $1",
        "INSERT INTO @.kv_delta (instance_id, key, value, last_updated_at_ms)
         SELECT instance_id, key, NULL, 0 FROM @.kv_store WHERE instance_id = $1 ON CONFLICT DO NOTHING",
    ] {
        tx.all(db.query(sql).bind(instance.to_owned())).await?;
    }
    Ok(())
}

/// The execution ended: its changes become those that the next one finds.
pub(super) async fn fold(db: &Db, tx: &mut Tx<'_>, instance: &str) -> Result<(), StoreError> {
    tx.all(
        db.query(
            "WITH folded AS (DELETE FROM @.kv_delta WHERE instance_id = $1 RETURNING *),
             kept AS (
                 INSERT INTO @.kv_store (instance_id, key, value, last_updated_at_ms)
                 SELECT instance_id, key, value, last_updated_at_ms FROM folded WHERE value IS NOT NULL
                 ON CONFLICT (instance_id, key) DO UPDATE
                     SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms)
             DELETE FROM @.kv_store s USING folded f
             WHERE f.value IS NULL AND s.instance_id = f.instance_id AND s.key = f.key",
        )
        .bind(instance.to_owned()),
    )
    .await?;
    Ok(())
}

/// One value as a reader sees it: the delta hides the store.
pub(super) async fn get(db: &Db, instance: &str, key: &str) -> Result<Option<String>, StoreError> {
    let row = db
        .optional(|| {
            db.query(
                "SELECT value FROM (
                     SELECT value, 1 AS layer FROM @.kv_delta WHERE instance_id = $1 AND key = $2
                     UNION ALL SELECT value, 2 FROM @.kv_store WHERE instance_id = $1 AND key = $2) layers
                 ORDER BY layer LIMIT 1",
            )
            .bind(stored(instance).into_owned())
            .bind(stored(key).into_owned())
        })
        .await?;
    row.map_or(Ok(None), |row| opt_text(&row, 0))
}

/// All values as a reader sees them.
pub(super) async fn get_all(db: &Db, instance: &str) -> Result<HashMap<String, String>, StoreError> {
    let rows = db
        .all(|| {
            db.query(
                "SELECT key, value FROM @.kv_delta WHERE instance_id = $1 AND value IS NOT NULL
                 UNION ALL
                 SELECT key, value FROM @.kv_store s WHERE instance_id = $1 AND NOT EXISTS
                     (SELECT 1 FROM @.kv_delta d WHERE d.instance_id = s.instance_id AND d.key = s.key)",
            )
            .bind(stored(instance).into_owned())
        })
        .await?;
    rows.iter().map(|row| Ok((text(row, 0)?, text(row, 1)?))).collect()
}
