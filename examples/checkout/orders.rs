//! Orders from a JSON-lines file; a bad line is named and does not stop the good ones.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a customer sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Also the id of its orchestration: the same order is never processed twice.
    pub id: String,
    pub customer: String,
    pub card: String,
    pub items: Vec<Item>,
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    pub sku: String,
    pub quantity: u64,
    /// Price of one.
    pub cents: u64,
}

impl Order {
    /// What the customer pays.
    pub fn cents(&self) -> u64 {
        self.items
            .iter()
            .map(|item| item.quantity.saturating_mul(item.cents))
            .fold(0, u64::saturating_add)
    }
}

/// Reads all orders; returns the good ones and a sentence for each line that is not.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<(Vec<Order>, Vec<String>), String> {
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
