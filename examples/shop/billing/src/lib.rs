//! The activities: what touches the world.

use duroxide::{ActivityContext, activity};
use serde::{Deserialize, Serialize};

/// What a customer wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Who buys.
    pub customer: String,
    /// What it costs, in cents.
    pub cents: u64,
}

/// That it was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The bank's number for the payment.
    pub number: String,
}

/// Why it was not paid.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayError {
    /// The bank said no.
    Declined {
        /// Why.
        reason: String,
    },
}

/// A connection to the bank: given to the runtime once, handed to each call.
#[derive(Clone, Debug)]
pub struct Bank {
    /// What one payment may cost at most, in cents.
    pub limit: u64,
}

/// Takes the money.
#[activity]
pub async fn charge(ctx: ActivityContext, #[state] bank: Bank, order: Order, fee: u64) -> Result<Receipt, PayError> {
    let cents = order.cents + fee;
    if cents > bank.limit {
        return Err(PayError::Declined { reason: format!("{cents} cents are too much for {}", order.customer) });
    }
    Ok(Receipt { number: format!("{}-{cents}", ctx.instance_id()) })
}

/// Gives the money back.
#[activity]
pub async fn refund(receipt: Receipt) -> Result<(), PayError> {
    println!("refunded {}", receipt.number);
    Ok(())
}
