//! Whether what a turn wants to commit is too large.

use crate::model::event::{Event, EventKind};
use crate::model::limits::{MAX_CUSTOM_STATUS_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES, MAX_TAG_NAME_BYTES};

/// The first limit that the events break, in words; exactly at a limit is allowed.
pub(super) fn violation(delta: &[Event], kv_keys: usize) -> Option<String> {
    custom_status(delta).or_else(|| tag(delta)).or_else(|| kv_value(delta)).or_else(|| {
        let touched = delta.iter().any(|event| matches!(event.kind, EventKind::KeyValueSet { .. }));
        (touched && kv_keys > MAX_KV_KEYS).then(|| format!("KV key count ({kv_keys}) exceeds limit ({MAX_KV_KEYS})"))
    })
}

/// Only the last one is kept, so only the last one counts.
fn custom_status(delta: &[Event]) -> Option<String> {
    let size = delta.iter().rev().find_map(|event| match &event.kind {
        EventKind::CustomStatusUpdated { status: Some(status) } => Some(status.len()),
        _ => None,
    })?;
    (size > MAX_CUSTOM_STATUS_BYTES)
        .then(|| format!("Custom status size ({size} bytes) exceeds limit ({MAX_CUSTOM_STATUS_BYTES} bytes)"))
}

fn tag(delta: &[Event]) -> Option<String> {
    delta.iter().find_map(|event| match &event.kind {
        EventKind::ActivityScheduled { name, tag: Some(tag), .. } if tag.len() > MAX_TAG_NAME_BYTES => {
            Some(format!("Activity '{name}' tag size ({} bytes) exceeds limit ({MAX_TAG_NAME_BYTES} bytes)", tag.len()))
        }
        _ => None,
    })
}

fn kv_value(delta: &[Event]) -> Option<String> {
    delta.iter().find_map(|event| match &event.kind {
        EventKind::KeyValueSet { key, value, .. } if value.len() > MAX_KV_VALUE_BYTES => {
            Some(format!("KV value for key '{key}' ({} bytes) exceeds limit ({MAX_KV_VALUE_BYTES} bytes)", value.len()))
        }
        _ => None,
    })
}
