//! An order and its orchestration in one commit, and money that is booked exactly once: workflows and tables of one
//! PostgreSQL database.
//!
//! `cargo run -p duroxide-examples --features postgres --example 08_transactions` uses the database of `DATABASE_URL`, or a
//! private server that ends with the example.

#[path = "../tests/it/postgres/server.rs"]
#[expect(dead_code, reason = "the tests of the store restart it and look at its port")]
mod server;

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PgTransaction, PostgresOptions, PostgresProvider};
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, activity, event, orchestration};
use serde::{Deserialize, Serialize};

/// One schema for the store, one for the tables of the shop.
const STORE: &str = "example_store";
const TABLES: &str = "
    CREATE SCHEMA IF NOT EXISTS example_shop;
    CREATE TABLE IF NOT EXISTS example_shop.orders (id TEXT PRIMARY KEY, cents BIGINT NOT NULL, state TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS example_shop.accounts (name TEXT PRIMARY KEY, cents BIGINT NOT NULL);
    INSERT INTO example_shop.accounts VALUES ('till', 0) ON CONFLICT DO NOTHING;";

#[event]
#[derive(Serialize, Deserialize)]
struct Paid {
    by: String,
}

/// Both writes and the completion are one commit: a crash anywhere in here leaves none of them, and it runs again.
#[activity(transaction)]
async fn book(tx: &mut PgTransaction<'_>, order: String) -> Result<i64, String> {
    let settle = "UPDATE example_shop.orders SET state = 'paid' WHERE id = $1 RETURNING cents";
    let cents: i64 = sqlx::query_scalar(settle).bind(order).fetch_one(&mut **tx).await.map_err(text)?;
    let add = "UPDATE example_shop.accounts SET cents = cents + $1 WHERE name = 'till' RETURNING cents";
    sqlx::query_scalar(add).bind(cents).fetch_one(&mut **tx).await.map_err(text)
}

fn text(error: sqlx::Error) -> String {
    error.to_string()
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    let paid = ctx.queue::<Paid>().await;
    let in_the_till = book::call(&ctx, order).await?;
    Ok(format!("paid by {}, {in_the_till} cents in the till", paid.by))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (url, _private) = match std::env::var("DATABASE_URL") {
        Ok(url) => (url, None),
        Err(_) if server::is_installed() => {
            let private = server::Server::start();
            (private.url(), Some(private))
        }
        Err(_) => {
            eprintln!("set DATABASE_URL to a PostgreSQL database, or install a server: `apt-get install postgresql`");
            std::process::exit(2);
        }
    };
    sell(&url).await
}

async fn sell(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let store = PostgresProvider::connect_with(url, PostgresOptions::default().schema(STORE)).await?;
    let store = Arc::new(store);
    sqlx::raw_sql(TABLES).execute(store.get_pool()).await?;
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;
    let client = Client::new(store.clone());
    let id = format!("order-{}", std::process::id());

    // Undone: there is neither an order nor a workflow.
    let mut tx = store.get_pool().begin().await?;
    place(&mut tx, &client, &id).await?;
    tx.rollback().await?;
    println!("undone: {:?}", checkout::attach(&client, &id).status().await?);

    // Committed: there are both.
    let mut tx = store.get_pool().begin().await?;
    place(&mut tx, &client, &id).await?;
    tx.commit().await?;
    let handle = checkout::attach(&client, &id);

    let mut tx = store.get_pool().begin().await?;
    let state = "UPDATE example_shop.orders SET state = 'payment arrived' WHERE id = $1";
    sqlx::query(state).bind(&id).execute(&mut *tx).await?;
    handle.enqueue_in(&mut tx, Paid { by: "Ada".to_owned() }).await?;
    tx.commit().await?;

    println!("committed: {}", handle.wait(Duration::from_secs(30)).await?);
    runtime.shutdown(None).await;

    // Nothing is connected any more when a private server ends.
    let pool = store.get_pool().clone();
    drop((handle, client, store));
    pool.close().await;
    Ok(())
}

/// The row and the workflow of an order.
async fn place(tx: &mut PgTransaction<'_>, client: &Client, id: &str) -> Result<(), Box<dyn std::error::Error>> {
    let insert = "INSERT INTO example_shop.orders (id, cents, state) VALUES ($1, 1299, 'placed')";
    sqlx::query(insert).bind(id).execute(&mut **tx).await?;
    checkout::start(client, id, id.to_owned()).within(tx).await?;
    Ok(())
}
