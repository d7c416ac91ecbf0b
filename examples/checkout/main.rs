//! Orders as durable orchestrations. Kill it and start it again: every order ends exactly as it should.
//!
//! ```text
//! cargo run --example checkout -- [ORDERS.jsonl] [--db FILE | --db postgres://USER:PASSWORD@HOST/DATABASE] [--picture FILE.svg]
//! ```

mod flow;
mod orders;
mod report;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use duroxide::runtime::Runtime;
use duroxide::{Client, RuntimeOptions};
use tokio::task::JoinSet;

const SHIPPED_ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/orders.jsonl");
/// An order that takes longer than this is reported as failed, not waited for for ever.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(mistakes) if mistakes.is_empty() => ExitCode::SUCCESS,
        Ok(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            ExitCode::from(2)
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

/// Processes all good orders; returns a sentence for each bad line.
async fn run() -> Result<Vec<String>, String> {
    let Arguments { path, database, picture } = arguments()?;
    let (orders, mistakes) = orders::read(&path)?;
    let first = orders.first().map(|order| order.id.clone());
    let store = store::open(&database).await?;
    let options = RuntimeOptions {
        orchestration_concurrency: 4,
        worker_concurrency: 16,
        // A run that is killed counts as an attempt of what it had under way, and this program is made to be killed.
        max_attempts: 1_000,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::builder(store.clone()).options(options).discover().map_err(|error| error.to_string())?;
    let runtime = runtime.start().await.map_err(|error| error.to_string())?;

    println!("{} orders from {}, progress in {}", orders.len(), path.display(), store::shown(&database));
    let client = Client::new(store);
    let ended = process(&client, orders).await?;
    println!("{}", report::summary(&ended));
    if let (Some(picture), Some(first)) = (picture, first) {
        report::draw(&client, &first, &picture).await?;
    }
    runtime.shutdown(None).await;
    Ok(mistakes)
}

/// Starts one orchestration an order, or finds the one that an earlier run started, and waits for all.
async fn process(client: &Client, orders: Vec<orders::Order>) -> Result<Vec<(String, report::Ended)>, String> {
    let mut progress = report::Progress::new(orders.len());
    let mut running = JoinSet::new();
    for order in orders {
        let client = client.clone();
        running.spawn(async move {
            let id = order.id.clone();
            match flow::checkout::start(&client, id.clone(), order).await {
                Ok(handle) => Ok((id, handle.wait(PATIENCE).await)),
                Err(error) => Err(format!("cannot start order {id}: {error}")),
            }
        });
    }
    let mut ended = Vec::new();
    while let Some(joined) = running.join_next().await {
        ended.push(joined.map_err(|error| error.to_string())??);
        progress.one_more();
    }
    ended.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(ended)
}

/// What the program is told.
struct Arguments {
    path: PathBuf,
    /// Where progress is kept: a file or a URL.
    database: String,
    /// Where the timeline of the first order is drawn to.
    picture: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    const USAGE: &str = "usage: checkout [ORDERS.jsonl] [--db FILE | --db postgres://USER:PASSWORD@HOST/DATABASE] \
                         [--picture FILE.svg]";
    let (mut path, mut database, mut picture) = (None, "checkout.db".to_owned(), None);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--db") => {
                let place = arguments.next().ok_or("--db needs a file or a URL")?;
                database = place.into_string().map_err(|_| "--db needs a file or a URL in UTF-8")?;
            }
            Some("--picture") => picture = Some(arguments.next().ok_or("--picture needs a file")?.into()),
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}; {USAGE}"));
            }
            _ if path.is_none() => path = Some(PathBuf::from(argument)),
            _ => return Err(format!("only one orders file; {USAGE}")),
        }
    }
    Ok(Arguments { path: path.unwrap_or_else(|| SHIPPED_ORDERS.into()), database, picture })
}
