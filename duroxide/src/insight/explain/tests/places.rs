//! Where what an instance waits for was asked for: told by a worker of handlers that macros wrote, read by a visitor.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::context::orchestration::OrchestrationContext;
use crate::insight::{Explanation, Reason};
use crate::providers::sqlite::SqliteProvider;
use crate::runtime::Runtime;

#[crate::event(name = "places.approved")]
#[derive(Debug, Serialize, Deserialize)]
struct Approved;

#[crate::event]
#[derive(Debug, Serialize, Deserialize)]
struct PlacesMail;

#[crate::activity(name = "places.charge", tag = "nowhere")]
async fn charge(order: String) -> Result<String, String> {
    Ok(order)
}

const WAITED: u32 = line!() + 5;

#[crate::orchestration(name = "places.waits")]
async fn waits(ctx: OrchestrationContext) -> Result<(), String> {
    crate::select! {
        _ = ctx.wait::<Approved>() => {},
        _ = ctx.timer("24h") => {},
        _ = ctx.schedule_timer(Duration::from_secs(90)) => {},
        _ = settle(&ctx) => {},
        _ = charge::call(&ctx, "order".to_owned()) => {},
        _ = child::call(&ctx) => {},
    }
    // Never reached, and for another event.
    ctx.wait::<PlacesMail>().await;
    Ok(())
}

#[crate::durable]
async fn settle(ctx: &OrchestrationContext) -> PlacesMail {
    ctx.queue::<PlacesMail>().await
}

#[crate::orchestration(name = "places.child")]
async fn child(ctx: OrchestrationContext) -> Result<(), String> {
    let name = "computed".to_owned();
    ctx.schedule_wait(name).await;
    if false {
        ctx.schedule_wait("computed").await;
        ctx.schedule_wait("computed").await;
    }
    Ok(())
}

/// Looks until the reasons are the expected ones.
async fn explained(client: &Client, instance: &str, expected: impl Fn(&[Reason]) -> bool) -> Explanation {
    let becomes_so = async {
        loop {
            let found = client.explain(instance).await.unwrap();
            if expected(&found.reasons) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), becomes_so).await.expect("they are within twenty seconds")
}

#[tokio::test]
async fn a_visitor_reads_where_everything_was_asked_for() {
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let runtime = Runtime::builder(Arc::clone(&store) as _).register::<waits>().register::<child>();
    let runtime = runtime.register::<charge>().start().await.unwrap();
    let client = Client::new(store);
    waits::start(&client, "order").await.unwrap();
    let found = explained(&client, "order", |reasons| reasons.len() == 6).await;
    let place = |line: u32| format!("{}:{}", file!(), WAITED + line);
    let text = found.to_string();
    for expected in [
        format!("waits for event `places.approved` (bound at {}) since ", place(0)),
        format!("timer `1 d` (bound at {}) due in ", place(1)),
        format!("timer `1 min 30 s` (bound at {}) due in ", place(2)),
        format!("waits for a message of queue `PlacesMail` (bound at {}) since ", place(14)),
        format!("activity `places.charge` (called at {}) waits since ", place(4)),
        format!(" (places.child, called at {}) since ", place(5)),
    ] {
        assert!(text.contains(&expected), "expected {expected}\n{text}");
    }
    let of_child = found.reasons.iter().find_map(|reason| match reason {
        Reason::Child { instance_id, .. } => Some(instance_id.clone()),
        _ => None,
    });
    // Before it waits for its event, its turn is under way.
    let waits = |reasons: &[Reason]| matches!(reasons, [Reason::Event { .. }]);
    let found = explained(&client, &of_child.unwrap(), waits).await;
    // The name at the first place is computed: it is not among those where the name stands.
    assert!(
        matches!(&found.reasons[..], [Reason::Event { asked_at, .. }] if *asked_at == [place(22), place(23)]),
        "{found}"
    );
    runtime.shutdown(None).await;
}
