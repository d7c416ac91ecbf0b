//! What is read back from history is owned, and of a type with a name, however deep it stands.
use std::borrow::Cow;

use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn optional(name: Option<&str>, parts: &[&str]) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn maybe_owned(text: Cow<'_, str>) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn with_lifetime<'a>(text: &'a str) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn hidden() -> Result<impl std::fmt::Debug, String> {
    Ok(1)
}

#[orchestration]
async fn lent(_ctx: OrchestrationContext) -> Result<&'static str, &'static str> {
    Ok("done")
}

#[activity]
async fn owned(text: Cow<'static, str>) -> Result<String, String> {
    Ok(text.into_owned())
}

fn main() {}
