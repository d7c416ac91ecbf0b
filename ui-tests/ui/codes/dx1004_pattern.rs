//! DX1004: an argument is known by its name.
use duroxide::activity;

#[activity]
async fn charge((order, cents): (u64, u64), _: bool) -> Result<u64, String> {
    Ok(order + cents)
}

fn main() {}
