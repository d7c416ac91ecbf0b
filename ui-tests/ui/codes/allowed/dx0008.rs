//! DX0008 allowed: ordered, or never walked.
use std::collections::{BTreeMap, HashMap};

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext, prices: BTreeMap<String, u64>) -> Result<u64, String> {
    #[duroxide::allow(DX0008, reason = "only looked up, never walked")]
    let rates: HashMap<&str, u64> = HashMap::from([("de", 19), ("fr", 20)]);
    Ok(prices.values().sum::<u64>() * rates["de"])
}
