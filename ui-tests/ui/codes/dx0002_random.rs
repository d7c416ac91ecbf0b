//! DX0002: randomness.

use duroxide::{OrchestrationContext, orchestration};

mod rand {
    pub fn random() -> u8 {
        4
    }
}
mod fastrand {
    pub fn u8(range: std::ops::Range<u8>) -> u8 {
        range.start
    }
}
struct Uuid;
impl Uuid {
    fn new_v4() -> u8 {
        4
    }
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<u8, String> {
    let lot = rand::random();
    let id = Uuid::new_v4();
    let dice = || fastrand::u8(1..7);
    Ok(lot + id + dice())
}

fn main() {}
