//! A bit of a row flips: what the row belongs to may suffer, and nobody else; and nothing is silent.

use duroxide::providers::Provider;
use rusqlite::{Connection, OptionalExtension, params};

use super::Stage;

/// Rows that are hurt, each in a run of orchestrations of its own.
const FLIPS: u64 = 40;

/// Where rows are hurt: table, and the column with what is read. Rows of `worker_queue` have tests of their own,
/// `providers::sqlite::tests::foreign`.
const TABLES: [(&str, &str); 2] = [("history", "event_data"), ("orchestrator_queue", "work_item")];

/// What became of the orchestrations whose rows were hurt.
#[derive(Debug, Default)]
struct Fates {
    completed: usize,
    failed: usize,
    waiting: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_hurts_its_own_orchestration_only_and_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let stage = Stage::with(&file, 2).await;
    let mut random = Random(0x5EED);
    // Orchestrations that wait for an event: their histories are at rest.
    for number in 0..FLIPS {
        stage.client.start_orchestration(victim(number), "Waits", "x").await.unwrap();
        until_waiting(&stage, &victim(number)).await;
    }
    stage.runtime.clone().shutdown(None).await;
    for number in 0..FLIPS {
        stage.client.raise_event(victim(number), "go", "on").await.unwrap();
    }
    let conn = Connection::open(&file).unwrap();
    let mut hurt = Vec::new();
    for number in 0..FLIPS {
        let (table, column) = TABLES[usize::try_from(number % 2).unwrap()];
        hurt.extend(flip(&conn, table, column, &victim(number), &mut random).then_some(number));
    }
    assert!(hurt.len() as u64 == FLIPS, "each has a row in both tables");
    drop(stage);

    let stage = Stage::with(&file, 2).await;
    for number in 0..FLIPS {
        stage.client.start_orchestration(format!("i-{number}"), "Echo", "x").await.unwrap();
    }
    stage.all_end(usize::try_from(FLIPS).unwrap(), 1).await;
    let fates = fates(&stage, &conn).await;
    println!("{fates:?}");
    assert_eq!((fates.completed + fates.failed + fates.waiting) as u64, FLIPS);
    assert!(fates.failed > 0, "unreadable histories end as poison: {fates:?}");
    stage.end().await;
}

/// Each orchestration that was hurt has ended, or waits for a message that lies where people can see it.
async fn fates(stage: &Stage, conn: &Connection) -> Fates {
    let mut fates = Fates::default();
    for number in 0..FLIPS {
        let id = victim(number);
        loop {
            let info = stage.store.get_instance_info(&id).await.unwrap();
            match info.status.as_str() {
                "Completed" => fates.completed += 1,
                "Failed" => {
                    assert!(info.output.is_some_and(|why| !why.is_empty()), "{id} says why");
                    fates.failed += 1;
                }
                _ if is_visible(stage, conn, &id).await => fates.waiting += 1,
                _ => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
            }
            break;
        }
    }
    fates
}

/// Whether what the instance waits for is in quarantine, or was read as a message of another name.
async fn is_visible(stage: &Stage, conn: &Connection, id: &str) -> bool {
    let kept = "SELECT 1 FROM quarantine WHERE instance_id = ?1";
    let waits = "SELECT 1 FROM orchestrator_queue WHERE instance_id = ?1";
    let has = |sql: &str| conn.query_row(sql, [id], |_| Ok(())).optional().unwrap().is_some();
    has(kept) || (!has(waits) && stage.store.read(id).await.is_ok())
}

fn victim(number: u64) -> String {
    format!("victim-{number:02}")
}

async fn until_waiting(stage: &Stage, id: &str) {
    let is_wait = |event: &duroxide::Event| matches!(event.kind, duroxide::EventKind::ExternalSubscribed { .. });
    while !stage.store.read(id).await.unwrap().iter().any(is_wait) {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// Flips one bit of the newest row of an instance; whether there was one.
fn flip(conn: &Connection, table: &str, column: &str, id: &str, random: &mut Random) -> bool {
    let newest = if table == "history" { "event_id" } else { "id" };
    let select =
        format!("SELECT {newest}, CAST({column} AS BLOB) FROM {table} WHERE instance_id = ?1 ORDER BY {newest} DESC");
    let row = conn.query_row(&select, [id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional();
    let Some((key, mut bytes)) = row.unwrap() else {
        return false;
    };
    let bit = random.below(bytes.len() as u64 * 8);
    bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    let update = format!("UPDATE {table} SET {column} = CAST(?1 AS TEXT) WHERE instance_id = ?2 AND {newest} = ?3");
    conn.execute(&update, params![bytes, id, key]).unwrap() == 1
}

/// A small generator (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
