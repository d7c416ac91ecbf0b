//! Claim, renew, expire, reclaim, poison as arithmetic: shared by every store.
