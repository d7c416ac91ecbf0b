//! How long a text may be that is a part of an index: PostgreSQL keeps no longer ones, and says so late and darkly.

use super::error::StoreError;

/// Bytes of text in one row of an index, whatever it is made of: a row holds 2,704, numbers beside the text among them.
pub(super) const INDEXED_BYTES: usize = 2_600;

/// Refuses a text that no index can hold, alone or together with the id that stands in front of it.
pub(super) fn check(what: &str, parts: &[&str]) -> Result<(), StoreError> {
    let found: usize = parts.iter().map(|part| part.len()).sum();
    if found <= INDEXED_BYTES {
        return Ok(());
    }
    Err(StoreError::Refused(format!("{what}: expected at most {INDEXED_BYTES} bytes in PostgreSQL, found {found}")))
}
