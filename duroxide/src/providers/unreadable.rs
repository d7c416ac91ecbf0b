//! Queue rows that cannot be read: whose they may be, and what the orchestration that waits for one is told.

use std::time::Duration;

use serde_json::Value;
use serde_json::error::Category;

use crate::model::error::ErrorDetails;
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::{self, WorkItem};

/// How long an activity of a kind that this version does not know is left to others before it is looked at again.
///
/// A minute: in a fleet that is being upgraded somebody newer comes by sooner.
pub(crate) const LEFT_TO_OTHERS: Duration = Duration::from_secs(60);

/// What a queue row turned out to be.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A work item.
    Item(WorkItem),
    /// An item of this kind, which only a later version can have written.
    LaterKind(String),
    /// Nothing that any version wrote. The reason repeats no payload.
    Unreadable(String),
}

/// Reads a queue row.
pub(crate) fn read(json: &str) -> Reading {
    match serde_json::from_str(json) {
        Ok(item) => Reading::Item(item),
        Err(error) => match later_kind(json) {
            Some(kind) => Reading::LaterKind(kind),
            None => Reading::Unreadable(reason(&error)),
        },
    }
}

fn later_kind(json: &str) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return None;
    };
    let mut kinds = fields.into_iter().map(|(kind, _)| kind);
    let kind = kinds.next()?;
    (kinds.next().is_none() && !work_item::WIRE_KINDS.contains(&kind.as_str())).then_some(kind)
}

/// What serde says of the place, without the values that it may quote.
fn reason(error: &serde_json::Error) -> String {
    let found = match error.classify() {
        Category::Syntax | Category::Io => "text that is not JSON",
        Category::Eof => "JSON that is cut off",
        Category::Data => "JSON of another form",
    };
    match error.line() {
        0 => found.to_owned(),
        line => format!("{found} at line {line} column {}", error.column()),
    }
}

/// What the orchestration is told that waits for an activity whose row cannot be read; `kept` says where the row is.
pub(crate) fn failure(of: &ScheduledActivityIdentifier, reason: &str, kept: &str) -> WorkItem {
    let id = of.activity_id;
    WorkItem::ActivityFailed {
        instance: of.instance.clone(),
        execution_id: of.execution_id,
        id,
        details: ErrorDetails::Infrastructure {
            operation: "fetch_work_item".to_owned(),
            message: format!(
                "activity {id}: expected a queue row with a work item, found {reason}; the row is kept in {kept}"
            ),
            retryable: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_listed_is_one() {
        for kind in work_item::WIRE_KINDS {
            let error =
                serde_json::from_str::<WorkItem>(&format!("{{\"{kind}\":{{}}}}")).expect_err("it has no fields");
            assert!(error.to_string().contains("missing field"), "{kind}: {error}");
        }
    }

    #[test]
    fn a_kind_that_nobody_knows_yet_is_told_from_what_nobody_can_read() {
        let cancel = r#"{"CancelInstance":{"instance":"a","reason":"secret"}}"#;
        assert!(matches!(read(cancel), Reading::Item(WorkItem::CancelInstance { .. })));
        assert!(
            matches!(read(r#"{"PauseInstance":{"instance":"a"}}"#), Reading::LaterKind(kind) if kind == "PauseInstance")
        );
        // Text, and what is said of it.
        for (json, expected) in [
            ("", "JSON that is cut off at line 1 column 0"),
            ("garbage", "text that is not JSON at line 1 column 1"),
            (r#"{"CancelInstance":{"instance":"a","rea"#, "JSON that is cut off at line 1 column 38"),
            (r#"{"CancelInstance":{"instance":"a","reason":["secret"]}}"#, "JSON of another form at line 1 column 43"),
            (r#"{"One":{},"Two":{}}"#, "JSON of another form at line 1 column 6"),
            (r#""CancelInstance""#, "JSON of another form"),
        ] {
            match read(json) {
                Reading::Unreadable(found) => assert_eq!(found, expected, "{json}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }
}
