//! `cargo xtask picture`: draws what one order of the checkout example did over time, for the README.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Several items, so that there is something to do at once.
const ORDER: &str = r#"{"id":"order-7","customer":"Ada","card":"4242424242424242","items":[{"sku":"desk","quantity":1,"cents":19900},{"sku":"chair","quantity":3,"cents":12900},{"sku":"lamp","quantity":1,"cents":4900}]}"#;

/// The picture, from the root of the workspace.
const PICTURE: &str = "docs/timeline.svg";

/// Runs one order in a store of its own, and draws it.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`picture` takes no arguments, found `{argument}`")));
    }
    let folder = workspace.root.join("target/picture");
    let failed = |error| Failure::because(format!("cannot prepare {}", folder.display()), error);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(folder.join("order.jsonl"), ORDER).map_err(failed)?;
    workspace.cargo(&format!(
        "run --example checkout -- target/picture/order.jsonl --db target/picture/shop.db --picture {PICTURE}"
    ))?;
    println!("drawn to {PICTURE}");
    Ok(())
}
