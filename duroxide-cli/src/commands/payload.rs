//! Payloads: told by their size unless they are asked for, and read from where the user has them.

use std::io::Read;

use clap::Args;
use duroxide::ErrorDetails;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::text;

/// How much of a payload a line has room for.
const SHOWN: usize = 120;

/// The options of a command that may show payloads.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Payloads {
    /// Show the beginning of payloads: inputs, results, messages
    #[arg(long)]
    pub(crate) payloads: bool,

    /// Show payloads whole
    #[arg(long)]
    pub(crate) full: bool,
}

impl Payloads {
    /// Whether any is to be shown.
    pub(crate) fn shown(self) -> bool {
        self.payloads || self.full
    }

    /// For a line of text.
    pub(crate) fn told(self, payload: &str) -> String {
        match (self.full, self.payloads) {
            (true, _) => payload.to_owned(),
            (false, true) => text::cut(payload, SHOWN).into_owned(),
            (false, false) => text::bytes(payload.len() as u64),
        }
    }

    /// Why something failed. Errors are told; but one that quotes what the code asked for quotes its inputs, too, and those
    /// are payloads.
    pub(crate) fn reason(self, details: &ErrorDetails) -> String {
        let told = details.display_message();
        match details {
            ErrorDetails::Configuration { .. } if !self.shown() => without_fields(&told),
            ErrorDetails::Configuration { .. }
            | ErrorDetails::Infrastructure { .. }
            | ErrorDetails::Application { .. }
            | ErrorDetails::Poison { .. } => told,
        }
    }

    /// In a document, the payload whole or its size instead of it.
    pub(crate) fn hide(self, document: &mut Value, keys: &[&str]) {
        let Value::Object(fields) = document else {
            return;
        };
        for key in keys.iter().filter(|_| !self.shown()) {
            if let Some(payload) = fields.remove(*key).filter(|payload| !payload.is_null()) {
                let bytes = payload.as_str().map_or_else(|| payload.to_string().len(), str::len);
                fields.insert(format!("{key}_bytes"), bytes.into());
            }
        }
    }
}

/// The text without what is in its outermost braces. Braces in quoted texts do not count.
pub(crate) fn without_fields(text: &str) -> String {
    let (mut kept, mut depth, mut is_quoted, mut is_escaped) = (String::new(), 0_u32, false, false);
    for c in text.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' if depth > 0 => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    kept.push_str("{…}");
                }
            }
            plain if depth == 0 => kept.push(plain),
            _ => {}
        }
    }
    if depth > 0 {
        kept.push_str("{…");
    }
    kept
}

/// A payload as it was given: itself, `@PATH`, or `-` for standard input.
pub(crate) fn given(text: &str) -> Result<String, Failure> {
    let unreadable = |place: &str, error: std::io::Error| Failure::usage(format!("cannot read {place}: {error}"));
    match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, error)),
        None if text == "-" => {
            let mut read = String::new();
            std::io::stdin().lock().read_to_string(&mut read).map_err(|error| unreadable("standard input", error))?;
            Ok(read)
        }
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::without_fields;

    #[test]
    fn fields_are_left_out_whatever_is_in_them() {
        let told =
            r#"mismatch: action=CallActivity { name: "a}\"{", input: "{}" } vs event=TimerCreated { fire_at_ms: 1 }"#;
        assert_eq!(without_fields(told), "mismatch: action=CallActivity {…} vs event=TimerCreated {…}");
        assert_eq!(without_fields("no \"quotes\" and no braces"), "no \"quotes\" and no braces");
        assert_eq!(without_fields("cut { input: \"secret"), "cut {…");
    }
}
