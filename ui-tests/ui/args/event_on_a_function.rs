//! `#[event]` names a type.
use duroxide::event;

#[event]
fn approved() {}

#[event(nane = "approved")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Approved<T> {
    by: T,
}

fn main() {}
