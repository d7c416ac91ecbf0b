//! Single instances go from store to store as text, with all that is on its way to them.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::model::status::OrchestrationStatus;
use crate::providers::Provider;
use crate::providers::sqlite::SqliteProvider;
use crate::providers::traces::{TraceContext, TraceProvider};
use crate::runtime::registry::ActivityRegistry;
use crate::runtime::{OrchestrationRegistry, Runtime};
use crate::transfer::{InstanceExport, TransferError, export_instances, import_instances};
use crate::{ActivityContext, OrchestrationContext};

const LONG: Duration = Duration::from_secs(30);

async fn runtime(store: &Arc<SqliteProvider>) -> Arc<Runtime> {
    let activities = ActivityRegistry::builder()
        .register("Greet", |_: ActivityContext, name: String| async move { Ok(format!("hello {name}")) })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Flow", |ctx: OrchestrationContext, name: String| async move {
            ctx.set_kv_value("name", name.clone());
            let greeting = ctx.schedule_activity("Greet", name).await?;
            let word = ctx.schedule_wait("word").await;
            Ok::<_, String>(format!("{greeting}, {word}"))
        })
        .build();
    Runtime::start_with_store(Arc::clone(store) as Arc<dyn Provider>, activities, orchestrations).await
}

async fn store() -> Arc<SqliteProvider> {
    Arc::new(SqliteProvider::new_in_memory().await.unwrap())
}

/// A store in which `a` waits for a word, and what can be said of that.
async fn waiting() -> (Arc<SqliteProvider>, InstanceExport) {
    let source = store().await;
    let client = Client::new(source.clone());
    let runtime = runtime(&source).await;
    client.start_orchestration("a", "Flow", "you").await.unwrap();
    client.wait_for_kv_value("a", "name", LONG).await.unwrap();
    while client.read_execution_history("a", 1).await.unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    runtime.shutdown(None).await;
    client.raise_event("a", "word", "and well met").await.unwrap();
    let export = export_instances(&*source, &["a".to_owned()]).await.unwrap();
    (source, export)
}

fn text(export: &InstanceExport) -> String {
    export.lines().collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_instance_goes_on_in_another_store_with_what_was_on_its_way() {
    let (_, export) = waiting().await;
    assert_eq!((export.instances(), export.running()), (vec!["a"], vec!["a"]));
    let read = InstanceExport::read(text(&export).lines()).unwrap();
    assert_eq!(read, export);

    let target = store().await;
    let client = Client::new(target.clone());
    let runtime = runtime(&target).await;
    client.start_orchestration("b", "Flow", "b").await.unwrap();
    client.wait_for_kv_value("b", "name", LONG).await.unwrap();
    import_instances(&*target, &read).await.unwrap();
    let end = client.wait_for_orchestration("a", LONG).await.unwrap();
    assert!(
        matches!(&end, OrchestrationStatus::Completed { output, .. } if output == "hello you, and well met"),
        "{end:?}"
    );
    assert_eq!(client.get_kv_value("a", "name").await.unwrap().as_deref(), Some("you"));
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn the_trace_of_a_start_that_never_came_stands_in_no_way() {
    let (_, export) = waiting().await;
    let target = store().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace = TraceContext::new(parent, None).unwrap();
    target.keep_traces(&[("a".to_owned(), trace)]).await.unwrap();
    import_instances(&*target, &export).await.unwrap();
    assert_eq!(target.read_trace("a").await.unwrap(), None, "it was started in none");
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_and_nothing_changes() {
    let (source, export) = waiting().await;
    let before = source.debug_dump().await;
    let refused = import_instances(&*source, &export).await.unwrap_err();
    assert_eq!(refused, TransferError::InstanceExists { instance: "a".into() });
    assert_eq!(source.debug_dump().await, before);

    // A start that waits is reason enough.
    let target = store().await;
    Client::new(target.clone()).start_orchestration("a", "Flow", "me").await.unwrap();
    assert!(import_instances(&*target, &export).await.is_err());
    assert!(target.list_instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_cut_off_or_of_another_form_is_refused_with_its_line() {
    let (source, export) = waiting().await;
    let whole = text(&export);
    let lines: Vec<&str> = whole.lines().collect();
    let refused = |lines: &[&str]| match InstanceExport::read(lines.iter().copied()) {
        Err(TransferError::Line { line, reason }) => (line, reason),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]).0, 1);
    assert_eq!(refused(&["{\"some\":\"thing\"}"]).0, 1);
    let newer = lines[0].replace(":1,", ":2,");
    assert_eq!(refused(&[&newer]), (1, "expected an export in form 1, found form 2".to_owned()));
    let (cut, at) = (refused(&lines[..lines.len() - 1]), lines.len());
    assert_eq!(cut, (at, "expected the number of rows as the last line, found the end".to_owned()));
    let without: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| *line).collect();
    assert!(refused(&without).1.contains("rows before it, found"));
    let of_another = lines[1].replace("\"a\"", "\"b\"");
    assert!(refused(&[lines[0], &of_another]).1.contains("expected a row of an instance that the head names"));

    let unknown = export_instances(&*source, &["nobody".to_owned()]).await.unwrap_err();
    assert_eq!(unknown, TransferError::UnknownInstance { instance: "nobody".into() });
}
