//! Names of the user that look like those of the standard library.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(clippy::all, unreachable_pub, reason = "what rustc warns of is looked for, not style")]
#![allow(dead_code, reason = "only compiled")]

use duroxide::{OrchestrationContext, activity, durable, orchestration};

mod std {}
mod core_like {}
mod duroxide_like {}
type Result<T> = ::std::result::Result<T, ::std::string::String>;
type Option = u8;
type Future = u8;
struct Send;
struct Vec;
struct Box;
struct Into;

#[activity]
async fn charge(input: u64, context: u64, text: u64) -> Result<u64> {
    Ok(input + context + text)
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext, id: u64, client: u64, input: u64) -> Result<u64> {
    Ok(helper(&_ctx, id).await + charge::call(&_ctx, client, input, 1).await?)
}

#[durable]
async fn helper(_ctx: &OrchestrationContext, id: u64) -> u64 {
    id
}

#[test]
fn it_compiles() {}
