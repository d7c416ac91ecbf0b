//! Every bound in one place, each with its reason.

use std::time::Duration;

/// Unread queue messages that continue-as-new carries: more would make the first event of the next execution a
/// payload of its own.
pub const MAX_CARRY_FORWARD_EVENTS: usize = 100;

/// Bytes of a custom status: it is read with every status call (256 KiB).
pub const MAX_CUSTOM_STATUS_BYTES: usize = 262_144;

/// Tags one worker may serve: the store compares every row with each of them.
pub const MAX_WORKER_TAGS: usize = 5;

/// Bytes of a tag: it is an index key.
pub const MAX_TAG_NAME_BYTES: usize = 256;

/// Keys of one instance: all are loaded with every turn.
pub const MAX_KV_KEYS: usize = 150;

/// Bytes of one key-value: all are loaded with every turn (64 KiB).
pub const MAX_KV_VALUE_BYTES: usize = 65_536;

/// How long a message waits for an instance that does not exist: long enough for a start that is on its way, and an end
/// to what nobody will ever read.
pub(crate) const ORPHANS_KEPT: Duration = Duration::from_hours(24);
