//! DX1004 to DX1007 allowed: owned, named, and a `Result` of any alias.
use duroxide::activity;

/// As some crates have it.
pub type Fallible<T = ()> = Result<T, String>;

#[activity]
pub async fn charge(card: String, both: Both) -> Fallible<u64>;

/// Taken apart in the body.
pub type Both = (u64, u64);

#[activity]
pub async fn refund(mut both: Both) -> Fallible {
    both.0 += both.1;
    if both.0 > 0 { Ok(()) } else { Err("nothing".to_owned()) }
}
