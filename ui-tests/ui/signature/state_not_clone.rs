//! Each call gets a clone of the state.
use duroxide::activity;

struct Bank;

#[activity]
async fn charge(#[state] bank: Bank, order: u64) -> Result<u64, String> {
    let _ = bank;
    Ok(order)
}

fn main() {}
