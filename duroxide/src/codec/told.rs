//! What serde says of a value that does not fit, without the value: errors end in logs, and payloads must not.

use std::fmt::Display;

/// What begins a message that shows the value, and what goes on behind it.
const SHOWN: &[(&str, &[&str])] = &[
    ("invalid type: ", &[", expected "]),
    ("invalid value: ", &[", expected "]),
    ("unknown variant ", &[", expected ", ", there are no variants"]),
    ("unknown field ", &[", expected ", ", there are no fields"]),
];

/// Input: `invalid type: string "secret", expected u64 at line 1 column 9`
/// Output: `invalid type: string, expected u64 at line 1 column 9`
pub(crate) fn told(error: impl Display) -> String {
    let text = error.to_string();
    let hidden = SHOWN.iter().find_map(|(begin, goes_on)| {
        let shown = text.strip_prefix(begin)?;
        // The value itself may hold the words that follow it, so the last ones count.
        let rest = goes_on.iter().find_map(|words| shown.rfind(words))?;
        let what = shown[..rest].split(['"', '`']).next().unwrap_or_default();
        Some(format!("{}{}", format_args!("{begin}{what}").to_string().trim_end(), &shown[rest..]))
    });
    hidden.unwrap_or(text)
}
