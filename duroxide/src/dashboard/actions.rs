//! What a visitor may do, when that is allowed: each is a POST that the guard has let through.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::pages::{address_of, store_failed};
use crate::client::ClientError;
use crate::insight::Standing;
use crate::model::status::OrchestrationStatus;
use crate::seams;

/// An event or a message for an instance.
#[derive(Deserialize)]
pub(super) struct Signal {
    id: String,
    name: String,
    #[serde(default)]
    data: String,
}

/// `POST raise`
pub(super) async fn raise(State(shared): State<Arc<Shared>>, Form(signal): Form<Signal>) -> Response {
    let Signal { id, name, data } = signal;
    let raise = shared.client.raise_event(&id, &name, data);
    send(&shared, &id, raise, &format!("event `{name}` is on its way to {id}")).await
}

/// `POST enqueue`
pub(super) async fn enqueue(State(shared): State<Arc<Shared>>, Form(signal): Form<Signal>) -> Response {
    let Signal { id, name, data } = signal;
    let enqueue = shared.client.enqueue_event(&id, &name, data);
    send(&shared, &id, enqueue, &format!("a message for queue `{name}` is on its way to {id}")).await
}

/// Whom to cancel, and why.
#[derive(Deserialize)]
pub(super) struct Cancel {
    id: String,
    #[serde(default)]
    reason: String,
}

/// `POST cancel`
pub(super) async fn cancel(State(shared): State<Arc<Shared>>, Form(cancel): Form<Cancel>) -> Response {
    let Cancel { id, reason } = cancel;
    let reason = if reason.is_empty() { "cancelled in the dashboard".to_owned() } else { reason };
    let cancel = shared.client.cancel_instance(&id, reason);
    send(&shared, &id, cancel, &format!("a request to cancel is on its way to {id}")).await
}

/// Sends something to an instance, unless it would change nothing there.
async fn send(
    shared: &Shared,
    id: &str,
    sending: impl Future<Output = Result<(), ClientError>>,
    said: &str,
) -> Response {
    let sent = async {
        let (status, why) = match shared.client.standing(id).await? {
            Standing::NotStarted | Standing::Running | Standing::BetweenExecutions => {
                sending.await?;
                return Ok(done(said, None));
            }
            Standing::Unknown => (StatusCode::NOT_FOUND, "is not there"),
            Standing::Completed => (StatusCode::CONFLICT, "has completed"),
            Standing::Failed => (StatusCode::CONFLICT, "has failed"),
        };
        let text =
            format!("expected an instance that runs, found that `{id}` {why}: what is sent to it changes nothing");
        Ok((status, text).into_response())
    };
    answer(sent.await)
}

/// What to delete.
#[derive(Deserialize)]
pub(super) struct Delete {
    id: String,
    /// Any text: even while it runs.
    force: Option<String>,
}

/// `POST delete`
pub(super) async fn delete(State(shared): State<Arc<Shared>>, Form(delete): Form<Delete>) -> Response {
    let deleted = shared.client.delete_instance(&delete.id, delete.force.is_some()).await;
    answer(deleted.map(|deleted| {
        let said = format!("{} and its descendants are deleted: {} instances", delete.id, deleted.instances_deleted);
        done(&said, Some("instances"))
    }))
}

/// What to start.
#[derive(Deserialize)]
pub(super) struct Start {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    input: String,
}

/// `POST start-instance`
pub(super) async fn start(State(shared): State<Arc<Shared>>, Form(start): Form<Start>) -> Response {
    let Start { name, version, id, input } = start;
    let id = if id.is_empty() { seams::new_guid() } else { id };
    let started = async {
        match shared.client.get_orchestration_status(&id).await? {
            OrchestrationStatus::NotFound => {}
            OrchestrationStatus::Running { .. }
            | OrchestrationStatus::Completed { .. }
            | OrchestrationStatus::Failed { .. } => return Ok(taken(&id)),
        }
        match version.as_str() {
            "" => shared.client.start_orchestration(&id, &name, input).await?,
            version => shared.client.start_orchestration_versioned(&id, &name, version, input).await?,
        }
        Ok(done(&format!("{name} is on its way as {id}"), Some(&address_of(&id))))
    };
    answer(started.await)
}

fn taken(id: &str) -> Response {
    (StatusCode::CONFLICT, format!("expected a new instance id, found `{id}`, which is taken")).into_response()
}

/// A message that could not be read.
#[derive(Deserialize)]
pub(super) struct Row {
    row: u64,
}

/// `POST retry`
pub(super) async fn retry(State(shared): State<Arc<Shared>>, Form(Row { row }): Form<Row>) -> Response {
    let retried = shared.client.retry_quarantined(row).await;
    answer(retried.map(|is_there| match is_there {
        true => done(&format!("message {row} is back in its queue"), None),
        false => gone(row),
    }))
}

/// `POST drop`
pub(super) async fn drop_row(State(shared): State<Arc<Shared>>, Form(Row { row }): Form<Row>) -> Response {
    let dropped = shared.client.drop_quarantined(row).await;
    answer(dropped.map(|is_there| match is_there {
        true => done(&format!("message {row} is dropped"), None),
        false => gone(row),
    }))
}

/// `POST drop-parked`
pub(super) async fn drop_parked(State(shared): State<Arc<Shared>>, Form(Row { row }): Form<Row>) -> Response {
    let dropped = shared.client.drop_parked(row).await;
    answer(dropped.map(|is_there| match is_there {
        true => done(&format!("message {row} is dropped"), None),
        false => gone(row),
    }))
}

fn gone(row: u64) -> Response {
    (StatusCode::NOT_FOUND, format!("message {row} is not there any more")).into_response()
}

/// What was done, and where to go from here.
fn done(said: &str, next: Option<&str>) -> Response {
    let text = serde_json::json!({ "said": said, "next": next }).to_string();
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

fn answer(result: Result<Response, ClientError>) -> Response {
    result.unwrap_or_else(|error| store_failed(&error))
}
