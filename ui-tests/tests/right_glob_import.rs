//! Nothing at the root is ambiguous with what everybody has.
#![deny(warnings)]
#![allow(clippy::all, unreachable_pub, reason = "what rustc warns of is looked for, not style")]
use duroxide::*;

#[allow(dead_code, reason = "only compiled")]
#[derive(Debug, Clone, Default)]
struct Order;

#[activity]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn plain() {}
}

#[test]
fn it_compiles() {
    let _ = charge;
}
