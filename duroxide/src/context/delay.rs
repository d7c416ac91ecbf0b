//! Spans of time as people write them.

use std::time::Duration;

/// A span of time: a `Duration`, or a text like `"24h"` or `"1m 30s"`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a span of time",
    label = "not a span of time",
    note = "write a `Duration`, or a text like \"30s\", \"24h\" or \"1m 30s\""
)]
pub trait Delay {
    /// The span.
    ///
    /// # Panics
    /// When the text is not one; in an orchestration that fails it with this message.
    fn duration(self) -> Duration;
}

impl Delay for Duration {
    fn duration(self) -> Duration {
        self
    }
}

impl Delay for &str {
    fn duration(self) -> Duration {
        humantime::parse_duration(self)
            .unwrap_or_else(|error| panic!("`{self}` is not a span of time like \"24h\" or \"1m 30s\": {error}"))
    }
}
