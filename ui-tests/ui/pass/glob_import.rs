//! Nothing at the root is ambiguous with what everybody has.
#![deny(warnings)]
use duroxide::*;

#[allow(dead_code)]
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

fn main() {
    let _ = charge;
}
