//! Rows to model and back.

use std::borrow::Cow;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::StoreError;
use super::indexed;
use super::open::Schema;
use crate::lease::Refusal;
use crate::model::work_item::WorkItem;

/// A message on its way into the orchestrator queue.
#[derive(Debug, Clone)]
pub(super) struct MessageRow {
    /// Whose queue.
    pub(super) instance: String,
    /// The message as JSON.
    pub(super) json: String,
    /// When it says that it is due, milliseconds since the Unix epoch.
    pub(super) fire_at_ms: Option<u64>,
}

impl MessageRow {
    /// Serialized by the caller, so that the lane does not have to.
    pub(super) fn new(item: &WorkItem) -> Result<Self, StoreError> {
        let instance = stored(item.target_instance()).into_owned();
        indexed::check("instance id", &[&instance])?;
        Ok(MessageRow {
            instance,
            json: to_json(item)?,
            fire_at_ms: match item {
                WorkItem::TimerFired { fire_at_ms, .. } => Some(*fire_at_ms),
                _ => None,
            },
        })
    }
}

impl MessageRow {
    /// When it is due by a clock that shows so much more than that of whoever wrote it.
    pub(super) fn due_ms(&self, shift_ms: i64) -> Option<u64> {
        self.fire_at_ms.map(|at_ms| at_ms.saturating_add_signed(shift_ms))
    }
}

/// An activity on its way into the worker queue.
#[derive(Debug, Clone)]
pub(super) struct ActivityRow {
    /// The activity as JSON.
    pub(super) json: String,
    /// Instance, execution and schedule event; no instance for other kinds of items, which nobody can cancel.
    pub(super) identity: Identity,
    /// Session that pins it to one worker.
    pub(super) session_id: Option<String>,
    /// Tag that only some workers serve.
    pub(super) tag: Option<String>,
}

/// Whose activity it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) instance: String,
    pub(super) execution_id: i64,
    pub(super) activity_id: i64,
}

impl Identity {
    pub(super) fn new(instance: &str, execution_id: u64, activity_id: u64) -> Self {
        Identity {
            instance: stored(instance).into_owned(),
            execution_id: int(execution_id),
            activity_id: int(activity_id),
        }
    }
}

impl ActivityRow {
    /// Serialized by the caller, so that the lane does not have to.
    pub(super) fn new(item: &WorkItem) -> Result<Self, StoreError> {
        let json = to_json(item)?;
        let row = match item {
            WorkItem::ActivityExecute { instance, execution_id, id, session_id, tag, .. } => ActivityRow {
                json,
                identity: Identity::new(instance, *execution_id, *id),
                session_id: stored_opt(session_id.as_deref()),
                tag: stored_opt(tag.as_deref()),
            },
            _ => ActivityRow { json, identity: Identity::default(), session_id: None, tag: None },
        };
        indexed::check("instance id", &[&row.identity.instance])?;
        for (what, text) in [("session id", &row.session_id), ("tag", &row.tag)] {
            indexed::check(what, &[text.as_deref().unwrap_or_default()])?;
        }
        Ok(row)
    }
}

/// A work item or an event as JSON. JSON writes U+0000 as an escape, so that PostgreSQL takes it as text.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(format!("cannot be written as JSON: {error}")))
}

/// A noncharacter, which no text for people has; it stands before what would be something else without it.
const ESCAPE: char = '\u{fffe}';

/// Text as PostgreSQL can hold it: U+0000, which it cannot, is escaped.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 4);
    for letter in text.chars() {
        match letter {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, '1']),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The same for what may be absent.
pub(super) fn stored_opt(text: Option<&str>) -> Option<String> {
    text.map(|text| stored(text).into_owned())
}

/// The text that was [`stored`].
pub(super) fn loaded(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ESCAPE => plain.push(if letters.next() == Some('0') { '\0' } else { ESCAPE }),
            other => plain.push(other),
        }
    }
    plain
}

/// Times and ids beyond what PostgreSQL holds saturate: they are far future, or refused as duplicates.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that is never negative unless somebody else wrote it.
pub(super) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A column that is never negative unless somebody else wrote it.
pub(super) fn number(row: &PgRow, index: usize) -> Result<u64, StoreError> {
    Ok(uint(row.try_get(index)?))
}

/// The same for a column that may be null.
pub(super) fn opt_number(row: &PgRow, index: usize) -> Result<Option<u64>, StoreError> {
    Ok(row.try_get::<Option<i64>, _>(index)?.map(uint))
}

/// A column of text.
pub(super) fn text(row: &PgRow, index: usize) -> Result<String, StoreError> {
    Ok(loaded(row.try_get(index)?))
}

/// The same for a column that may be null.
pub(super) fn opt_text(row: &PgRow, index: usize) -> Result<Option<String>, StoreError> {
    Ok(row.try_get::<Option<String>, _>(index)?.map(loaded))
}

/// The token of a turn: what is secret, and whose lease it is, so that it is found without an index on tokens.
pub(super) fn turn_token(secret: &str, instance: &str) -> String {
    format!("{secret}:{instance}")
}

/// Secret and instance.
pub(super) fn parse_turn_token(token: &str) -> Result<(&str, Cow<'_, str>), StoreError> {
    let (secret, instance) = token.split_once(':').ok_or(Refusal::Unknown)?;
    Ok((secret, stored(instance)))
}

/// Where an activity is, and the secret of its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActivityKey {
    pub(super) secret: String,
    pub(super) id: i64,
    pub(super) identity: Identity,
}

impl ActivityKey {
    /// The same as a token.
    pub(super) fn token(&self) -> String {
        let Identity { instance, execution_id, activity_id } = &self.identity;
        format!("{}:{}:{execution_id}:{activity_id}:{instance}", self.secret, self.id)
    }

    /// The key that a token names.
    pub(super) fn parse(token: &str) -> Result<Self, StoreError> {
        let mut parts = token.splitn(5, ':');
        let mut next = || parts.next().ok_or(Refusal::Unknown);
        let secret = next()?.to_owned();
        let mut whole = || next()?.parse().map_err(|_| Refusal::Unknown);
        let (id, execution_id, activity_id) = (whole()?, whole()?, whole()?);
        let instance = next()?.to_owned();
        Ok(ActivityKey { secret, id, identity: Identity { instance, execution_id, activity_id } })
    }
}

/// Sets rows aside that cannot be read; they stay visible to people, under the number that this returns, and stop nobody.
pub(super) async fn quarantine(
    conn: &mut PgConnection,
    schema: &Schema,
    queue: &str,
    instance: &str,
    body: &str,
    reason: &str,
) -> Result<i64, StoreError> {
    tracing::error!(queue, instance, reason, "a queue row cannot be read and was set aside");
    let set_aside = sqlx::query(schema.sql(
        "INSERT INTO @.quarantine (queue, instance_id, body, reason, at_ms) VALUES ($1, $2, $3, $4, @now) RETURNING id",
    ))
    .bind(queue)
    .bind(instance)
    .bind(body)
    .bind(stored(reason).as_ref())
    .fetch_one(conn)
    .await?;
    Ok(set_aside.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::{ActivityKey, Identity, loaded, stored};

    #[test]
    fn any_text_can_be_stored_and_comes_back() {
        for text in ["", "plain", "a\0b", "\u{fffe}", "\u{fffe}0", "\0\u{fffe}1\0", "☃"] {
            let as_stored = stored(text);
            assert!(!as_stored.contains('\0'));
            assert_eq!(loaded(as_stored.into_owned()), text);
        }
    }

    #[test]
    fn the_token_of_an_activity_names_its_row() {
        let key = ActivityKey {
            secret: "s".into(),
            id: 7,
            identity: Identity { instance: "a:b::sub".into(), execution_id: 2, activity_id: 3 },
        };
        assert_eq!(ActivityKey::parse(&key.token()).expect("it is ours"), key);
        for foreign in ["", "x", "a:b", "a:1:2:3", "a:1:x:3:i"] {
            assert!(ActivityKey::parse(foreign).is_err(), "{foreign}");
        }
    }
}
