//! DX1005 allowed: owned arguments, results and states; a helper may borrow.
use std::borrow::Cow;

use duroxide::{OrchestrationContext, activity, durable};

#[derive(Clone)]
pub struct Bank;

#[activity]
pub async fn charge(#[state] bank: Bank, order: String, notes: Vec<String>) -> Result<Option<String>, String> {
    let _ = (bank, order);
    Ok(notes.into_iter().next())
}

#[activity]
pub async fn greet(name: Cow<'static, str>) -> Result<String, String> {
    Ok(name.into_owned())
}

#[durable]
pub async fn first<'a>(ctx: &OrchestrationContext, ids: &'a [String]) -> &'a str {
    ctx.timer("1s").await;
    ids.first().map_or("", String::as_str)
}
