//! What a tool answers with: a document, or why there is none.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;

use crate::failure::Failure;

/// An answer, as the protocol carries it.
pub(super) type Answer = Result<CallToolResult, ErrorData>;

/// A document, or the reason why not: whoever asks reads it and asks otherwise.
pub(super) fn answer<T: Serialize>(found: Result<T, Failure>) -> Answer {
    match found {
        Ok(document) => match serde_json::to_value(document) {
            Ok(value) => Ok(CallToolResult::structured(value)),
            Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
        },
        Err(failure) => Ok(CallToolResult::error(vec![ContentBlock::text(failure.message().to_owned())])),
    }
}
