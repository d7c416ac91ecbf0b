//! DX0008: maps and sets without an order of their own.
#![deny(warnings)]

use std::collections::{HashMap, HashSet};

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext, prices: HashMap<String, u64>) -> Result<u64, String> {
    let seen: std::collections::HashSet<u64> = prices.into_values().collect();
    let again = seen.into_iter().collect::<HashSet<_>>();
    Ok(again.len() as u64)
}

fn main() {}
