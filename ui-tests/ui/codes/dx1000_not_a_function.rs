//! DX1000: attributes on the wrong kind of item.
use duroxide::{activity, durable, event, orchestration};

#[activity]
struct Charge;

#[orchestration]
mod checkout {}

#[durable]
const HELPER: u8 = 1;

#[event]
async fn approved() {}

fn main() {}
