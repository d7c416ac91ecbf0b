//! The place of a store among the others: whoever lives has one, however it was lost.

use duroxide::providers::postgres::PostgresProvider;

use super::server::fresh_schema;
use super::stage::{run, store, trip, until};
use crate::stores::postgres_in;

#[tokio::test]
async fn a_place_that_was_forgotten_while_its_store_opened_is_taken_again() {
    let schema = fresh_schema();
    let first = postgres_in(&schema).await;
    run(
        &first,
        "CREATE FUNCTION @.bury() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             DELETE FROM @.nodes WHERE node_id = NEW.node_id AND NOT EXISTS (SELECT 1 FROM pg_locks
                 WHERE locktype = 'advisory' AND objid = NEW.node_id::oid);
             RETURN NULL; END $$;
         CREATE TRIGGER bury AFTER INSERT ON @.nodes FOR EACH ROW EXECUTE FUNCTION @.bury();",
    )
    .await;
    // Numbers that no other store of the server has, so that its lock alone is found.
    run(&first, "ALTER TABLE @.nodes ALTER COLUMN node_id RESTART WITH 1900000000").await;
    let second = postgres_in(&schema).await;
    until(&first, "SELECT count(*) FROM @.nodes WHERE node_id = 1900000000", 1).await;
    drop(second);
}

/// Ends the session that holds the place of the store, and makes others forget it.
async fn lose(store: &PostgresProvider) {
    let sql = format!(
        "DELETE FROM @.nodes;
         SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
             AND classid::bigint = (hashtext('duroxide node of {0}')::bigint & 4294967295)",
        store.schema()
    );
    run(store, &sql).await;
}

#[tokio::test]
async fn a_store_that_cannot_take_its_place_again_goes_on_trying() {
    let store = store().await;
    trip(&store, "nodes", "INSERT", "53100", 3).await;
    lose(&store).await;
    until(&store, "SELECT count(*) FROM @.nodes", 1).await;
}
