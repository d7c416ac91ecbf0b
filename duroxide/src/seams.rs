//! Ids, tokens and jitter: the only randomness.

/// A random UUID, version 4, hyphenated lower case.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everyone else is sent to")]
pub(crate) fn new_guid() -> String {
    #[cfg(feature = "test-hooks")]
    if let Some(bytes) = simulated::bytes() {
        return uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    }
    uuid::Uuid::new_v4().to_string()
}

/// A fresh lease token; opaque, never repeats.
pub(crate) fn lock_token() -> String {
    format!("lock_{}", new_guid())
}

/// A token that lets in whoever has it: 64 hexadecimal digits, 244 bits of which are random.
#[cfg(feature = "dashboard")]
pub(crate) fn secret() -> String {
    format!("{}{}", new_guid(), new_guid()).replace('-', "")
}

/// A runtime's id: four lower-hex characters for people to read, then the rest, so that two runtimes never share one.
pub(crate) fn runtime_id() -> String {
    new_guid().replace('-', "")
}

/// Randomness that a simulation can repeat.
#[cfg(feature = "test-hooks")]
pub(crate) mod simulated {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on everything that this thread draws follows from `seed`; `None` for real randomness.
    pub fn set_seed(seed: Option<u64>) {
        STATE.set(seed);
    }

    pub(super) fn bytes() -> Option<[u8; 16]> {
        let (high, low) = (next()?, next()?);
        Some((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }

    /// One step of SplitMix64: never repeats within 2^64 draws.
    fn next() -> Option<u64> {
        let state = STATE.get()?.wrapping_add(0x9E37_79B9_7F4A_7C15);
        STATE.set(Some(state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(mixed ^ (mixed >> 31))
    }
}
