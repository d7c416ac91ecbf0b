//! Claim, renew, expire, reclaim as arithmetic: shared by every store.
//!
//! Nothing in this module knows a clock, a store or randomness: times and tokens come in as values.

mod policy;
mod skew;

use std::time::Duration;

use crate::mutants::{Bug, is_planted};

pub(crate) use policy::{attempts_given_back, is_poisoned, renewal_interval, retry_renewal_in};
pub(crate) use skew::Skew;

/// Who may write, until when.
///
/// The token proves to the store that the caller is the holder; the fence proves to everybody else that a later
/// holder came after an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The incarnation that holds it.
    pub owner: String,
    /// Known to the holder only; never repeats.
    pub token: String,
    /// Grows with every claim, whoever makes it.
    pub fence: u64,
    /// The first millisecond at which it is over, since the Unix epoch.
    pub until_ms: u64,
}

/// What a claimant brings along.
#[derive(Debug, Clone)]
pub(crate) struct Claim<'a> {
    /// The incarnation that asks.
    pub owner: &'a str,
    /// A fresh token.
    pub token: String,
    /// The highest fence that a later lease must be above, as the store keeps it: each that was given out, or each that
    /// anybody was told. It outlives release and deletion, a lease does not.
    pub last_fence: u64,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How long the lease lasts without renewal.
    pub timeout: Duration,
}

/// Why a holder's write is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody holds it, or somebody else does: it was released, deleted or taken over.
    Unknown,
    /// The caller was the last holder, but its time is over.
    Expired,
}

/// Whether a lease until `until_ms` still counts. Expiring exactly now is expired.
pub(crate) fn is_live(until_ms: u64, now_ms: u64) -> bool {
    now_ms < until_ms
}

/// When something that begins now and lasts for `timeout` ends, saturating.
pub(crate) fn until(now_ms: u64, timeout: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
}

/// A lease for the claimant, if the thing is free or its lease expired.
pub(crate) fn claim(held: Option<&Lease>, claim: Claim<'_>) -> Option<Lease> {
    let taken = held.is_some_and(|lease| lease.is_live(claim.now_ms));
    (!taken).then(|| grant(held, claim))
}

/// Like [`claim`], and also if the claimant's own incarnation holds it: its earlier token is void from then on.
pub(crate) fn reclaim(held: Option<&Lease>, claim: Claim<'_>) -> Option<Lease> {
    let open = held.is_none_or(|lease| lease.is_open_to(claim.owner, claim.now_ms));
    open.then(|| grant(held, claim))
}

fn grant(held: Option<&Lease>, claim: Claim<'_>) -> Lease {
    let highest = held.map_or(claim.last_fence, |lease| lease.fence.max(claim.last_fence));
    Lease {
        owner: claim.owner.to_owned(),
        token: claim.token,
        fence: highest + 1,
        until_ms: until(claim.now_ms, claim.timeout),
    }
}

impl Lease {
    /// Whether it still counts.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        is_live(self.until_ms, now_ms)
    }

    /// Whether `owner` may [`reclaim`] it.
    pub(crate) fn is_open_to(&self, owner: &str, now_ms: u64) -> bool {
        !self.is_live(now_ms) || self.owner == owner || is_planted(Bug::AnybodyReclaims)
    }

    /// Whether the bearer of `token` may write.
    pub(crate) fn check(&self, token: &str, now_ms: u64) -> Result<(), Refusal> {
        if self.token != token {
            Err(Refusal::Unknown)
        } else if self.is_live(now_ms) || is_planted(Bug::ExpiredHolderWrites) {
            Ok(())
        } else {
            Err(Refusal::Expired)
        }
    }

    /// Lasts until now + `extend_for` from here on, sooner or later than before; token and fence stay.
    pub(crate) fn renew(&mut self, token: &str, now_ms: u64, extend_for: Duration) -> Result<(), Refusal> {
        match self.check(token, now_ms) {
            Err(Refusal::Expired) if is_planted(Bug::ExpiredLeaseIsRenewed) => {}
            checked => checked?,
        }
        if !is_planted(Bug::RenewalChangesNothing) {
            self.until_ms = until(now_ms, extend_for);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
