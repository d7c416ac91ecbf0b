//! Payloads: told by their size unless they are asked for, and read from where the user has them.

use std::io::Read;

use clap::Args;
use duroxide::ErrorDetails;
use duroxide::insight::without_inputs;
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

    /// Why something failed. Errors are told; but one that quotes what the code asked for, be it a child's, quotes its inputs,
    /// too, and those are payloads.
    pub(crate) fn reason(self, details: &ErrorDetails) -> String {
        let told = details.display_message();
        if self.shown() { told } else { without_inputs(&told).into_owned() }
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
