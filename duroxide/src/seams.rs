//! Ids, tokens and jitter: the only randomness.

/// A random UUID, version 4, hyphenated lower case.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everyone else is sent to")]
pub(crate) fn new_guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A fresh lease token; opaque, never repeats.
pub(crate) fn lock_token() -> String {
    format!("lock_{}", new_guid())
}

/// A runtime's id: four lower-hex characters for people to read, then the rest, so that two runtimes never share one.
pub(crate) fn runtime_id() -> String {
    new_guid().replace('-', "")
}
