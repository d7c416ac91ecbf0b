//! Orders from a JSON-lines file; a bad line is named and does not stop the good ones.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a customer sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Also the id of its orchestration: the same order is never processed twice.
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) card: String,
    pub(crate) items: Vec<Item>,
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) quantity: u64,
    /// Price of one.
    pub(crate) cents: u64,
}

impl Order {
    /// What the customer pays.
    pub(crate) fn cents(&self) -> u64 {
        self.items.iter().map(|item| item.quantity.saturating_mul(item.cents)).fold(0, u64::saturating_add)
    }
}

/// Reads all orders; returns the good ones and a sentence for each line that is not.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(path: &Path) -> Result<(Vec<Order>, Vec<String>), String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the orders file {}: {error}", path.display()))?;
    let mut orders = Vec::new();
    let mut mistakes = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(order) => orders.push(order),
            Err(error) => mistakes.push(format!("{}:{number}: not an order: {error}", path.display())),
        }
    }
    Ok((orders, mistakes))
}
