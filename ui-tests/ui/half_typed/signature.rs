//! The item stays when it cannot be parsed, so that the editor knows it.
use duroxide::activity;

#[activity]
struct Charge;

fn main() {
    let _ = Charge;
}
