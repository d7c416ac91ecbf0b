//! One payload, fetched when somebody asks for it: as plain text, which no browser runs.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::pages::store_failed;
use crate::client::{Client, ClientError};
use crate::model::event::{Event, EventKind};

/// Whose payload: an event of a history, a key-value, the progress of an activity, or a message that could not be read.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    id: String,
    execution: Option<u64>,
    event: Option<u64>,
    key: Option<String>,
    activity: Option<u64>,
    row: Option<u64>,
}

/// `GET payload?…`
pub(super) async fn payload(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    match read(&shared.client, asked).await {
        Ok(Some(text)) => plain(StatusCode::OK, text),
        Ok(None) => plain(StatusCode::NOT_FOUND, "there is no such payload (any more)".to_owned()),
        Err(error) => store_failed(&error),
    }
}

async fn read(client: &Client, asked: Asked) -> Result<Option<String>, ClientError> {
    if let Some(row) = asked.row {
        let rows = client.list_quarantined(None, row.checked_sub(1), 1).await?;
        return Ok(rows.into_iter().find(|found| found.id == row).map(|row| row.body));
    }
    if let Some(key) = asked.key {
        return client.get_kv_value(&asked.id, &key).await;
    }
    let execution = asked.execution.unwrap_or(1);
    if let Some(activity) = asked.activity {
        let progress = client.get_activity_progress(&asked.id).await?;
        let said = progress.into_iter().find(|said| (said.execution_id, said.activity_id) == (execution, activity));
        return Ok(said.map(|said| said.progress));
    }
    let history = client.read_execution_history(&asked.id, execution).await?;
    let event = history.into_iter().find(|event| Some(event.event_id) == asked.event);
    Ok(event.as_ref().and_then(of_event).map(|text| indented(&text)))
}

fn plain(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// JSON on several lines; anything else as it is, and so is JSON that would lose a digit on the way.
fn indented(text: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let same = value.filter(|value| serde_json::to_string(value).is_ok_and(|same| same == text));
    same.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| text.to_owned())
}

/// What an event carries for or from user code.
pub(super) fn of_event(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::OrchestrationStarted { input, .. }
        | EventKind::ActivityScheduled { input, .. }
        | EventKind::OrchestrationChained { input, .. }
        | EventKind::SubOrchestrationScheduled { input, .. }
        | EventKind::OrchestrationContinuedAsNew { input } => Some(input.clone()),
        EventKind::OrchestrationCompleted { output } => Some(output.clone()),
        EventKind::ActivityCompleted { result } | EventKind::SubOrchestrationCompleted { result } => {
            Some(result.clone())
        }
        EventKind::OrchestrationFailed { details }
        | EventKind::ActivityFailed { details }
        | EventKind::SubOrchestrationFailed { details } => Some(details.display_message()),
        EventKind::ExternalEvent { data, .. } | EventKind::QueueEventDelivered { data, .. } => Some(data.clone()),
        EventKind::CustomStatusUpdated { status } => status.clone(),
        EventKind::KeyValueSet { value, .. } => Some(value.clone()),
        EventKind::ActivityCancelRequested { reason }
        | EventKind::SubOrchestrationCancelRequested { reason }
        | EventKind::OrchestrationCancelRequested { reason }
        | EventKind::ExternalSubscribedCancelled { reason }
        | EventKind::QueueSubscriptionCancelled { reason } => Some(reason.clone()),
        EventKind::TimerCreated { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => None,
    }
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn json_is_indented_unless_it_would_change() {
        let table = [
            (r#"{"a":1}"#, "{\n  \"a\": 1\n}"),
            ("7", "7"),
            ("not JSON", "not JSON"),
            (r#"{"a":100000000000000000000000001}"#, r#"{"a":100000000000000000000000001}"#),
            (r#"{"b":1,"a":2} "#, r#"{"b":1,"a":2} "#),
        ];
        for (text, shown) in table {
            assert_eq!(indented(text), shown);
        }
    }
}
