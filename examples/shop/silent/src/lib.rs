//! A crate that is linked and registers nothing: what the start-up check is for.

/// A plain function.
pub fn nothing() {}
