//! Leases as tables: who gets one, who may write, when to renew.

use std::time::Duration;

use super::{Claim, Lease, Refusal, Skew, claim, is_poisoned, reclaim, renewal_interval, retry_renewal_in, until};

const NODE: &str = "node-a";

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn held(owner: &str, until_ms: u64) -> Lease {
    Lease { owner: owner.into(), token: "old".into(), fence: 7, until_ms }
}

fn asks(now_ms: u64) -> Claim<'static> {
    Claim { owner: NODE, token: "new".into(), last_fence: 3, now_ms, timeout: ms(50) }
}

#[test]
fn a_lease_is_claimed_when_free_or_expired_and_reclaimed_by_its_own_node() {
    // (held by, until) -> may claim, may reclaim, at 100
    let now_ms = 100;
    let table = [
        (None, 0, true, true),
        (Some("node-b"), 101, false, false),
        (Some("node-b"), 100, true, true),
        (Some(NODE), 101, false, true),
        (Some(NODE), 100, true, true),
    ];
    for (owner, until_ms, may_claim, may_reclaim) in table {
        let lease = owner.map(|owner| held(owner, until_ms));
        let case = format!("{owner:?} until {until_ms}");
        assert_eq!(claim(lease.as_ref(), asks(now_ms)).is_some(), may_claim, "claim: {case}");
        assert_eq!(reclaim(lease.as_ref(), asks(now_ms)).is_some(), may_reclaim, "reclaim: {case}");
    }
}

#[test]
fn expire_at_now_is_expired() {
    let lease = held(NODE, 100);
    assert_eq!(lease.check("old", 99), Ok(()));
    assert_eq!(lease.check("old", 100), Err(Refusal::Expired));
    assert_eq!(lease.check("other", 99), Err(Refusal::Unknown));
    assert_eq!(lease.check("other", 100), Err(Refusal::Unknown));
}

#[test]
fn fence_monotone_every_claim_raises_it_above_all_that_were_given_out() {
    let first = claim(None, asks(0)).expect("free");
    assert_eq!((first.fence, first.until_ms), (4, 50));
    let after_expiry = claim(Some(&held("node-b", 10)), asks(10)).expect("expired");
    assert_eq!(after_expiry.fence, 8);
    let again = reclaim(Some(&held(NODE, 1_000)), asks(10)).expect("own");
    assert_eq!((again.fence, again.token.as_str()), (8, "new"));
}

#[test]
fn a_renewal_counts_from_now_and_is_refused_to_all_but_the_live_holder() {
    let mut lease = held(NODE, 100);
    assert_eq!(lease.renew("old", 90, ms(500)), Ok(()));
    assert_eq!((lease.until_ms, lease.fence), (590, 7));
    assert_eq!(lease.renew("old", 91, ms(5)), Ok(()));
    assert_eq!(lease.until_ms, 96);
    assert_eq!(lease.renew("stolen", 92, ms(5)), Err(Refusal::Unknown));
    assert_eq!(lease.renew("old", 96, ms(5)), Err(Refusal::Expired));
    assert_eq!(lease.until_ms, 96, "a refused renewal changes nothing");
}

#[test]
fn a_lease_without_end_does_not_overflow() {
    assert_eq!(until(u64::MAX - 1, Duration::MAX), u64::MAX);
}

#[test]
fn the_renewal_interval_leaves_the_buffer_or_half_the_time() {
    let secs = Duration::from_secs;
    // (timeout, buffer) -> interval
    let table = [
        (secs(30), secs(5), secs(25)),
        (secs(15), secs(5), secs(10)),
        (secs(15), secs(60), secs(1)),
        (secs(14), secs(5), secs(7)),
        (secs(5), secs(5), secs(3)),
        (secs(2), secs(5), secs(1)),
        (ms(1_500), secs(5), secs(1)),
        // Whatever the rule says, a renewal after the end would come too late.
        (secs(1), secs(5), ms(500)),
        (ms(100), secs(5), ms(50)),
        (secs(20), secs(0), secs(10)),
    ];
    for (timeout, buffer, interval) in table {
        assert_eq!(renewal_interval(timeout, buffer), interval, "{timeout:?} less {buffer:?}");
    }
}

#[test]
fn a_failed_renewal_is_tried_again_in_quarters_until_the_lease_would_lapse() {
    assert_eq!(retry_renewal_in(5_000, 1_000), Some(ms(1_000)));
    assert_eq!(retry_renewal_in(1_000, 1_000), None);
    assert_eq!(retry_renewal_in(900, 1_000), None);
    assert_eq!(retry_renewal_in(1_011, 1_000), Some(ms(10)), "not in a busy loop");
    assert_eq!(retry_renewal_in(1_010, 1_000), None);

    let (mut now_ms, mut tries) = (0, 0);
    while let Some(wait) = retry_renewal_in(5_000, now_ms) {
        now_ms += u64::try_from(wait.as_millis()).expect("a few seconds");
        assert!(now_ms < 5_000, "a try after the end is of no use");
        tries += 1;
    }
    assert!((4..40).contains(&tries), "{tries} tries in five seconds");
}

#[test]
fn work_is_poison_after_its_last_allowed_attempt() {
    assert!(!is_poisoned(10, 10));
    assert!(is_poisoned(11, 10));
    assert_eq!(super::attempts_given_back(0), 0);
    assert_eq!(super::attempts_given_back(3), 2);
}

/// Two clocks, one request: the answer may take long on its way there, on its way back, or wait in between.
#[test]
fn slow_answers_make_nothing_due_early() {
    let seen = |before_ms, other_ms, after_ms| Skew::seen(before_ms, other_ms, after_ms).expect("in order");
    let quick = |ahead_ms: i64| seen(100_000, 100_002 + ahead_ms, 100_004);
    for ahead_ms in [-3_600_000, -5_000, -300, 0, 300, 5_000, 3_600_000] {
        let known = quick(ahead_ms);
        for (there_ms, back_ms) in [(0, 0), (0, 30_000), (30_000, 0), (1_500, 1_500), (2, 9_000)] {
            let slow = seen(200_000, 200_000 + there_ms + ahead_ms, 200_000 + there_ms + back_ms);
            // Alone, it is never less than it should be, but for what counts as agreement.
            let is_early = slow.shift_ms() < ahead_ms;
            assert!(!is_early || slow.shift_ms() == 0, "{ahead_ms}: {slow:?}");
            // Beside another one, it changes nothing.
            let shift_ms = known.narrowed(slow).shift_ms();
            let wanted_ms = if ahead_ms.abs() < 1_000 { 0 } else { ahead_ms };
            assert!((wanted_ms..=wanted_ms + 2).contains(&shift_ms), "{ahead_ms}: {shift_ms}");
            assert!(known.narrowed(slow).reached_ms(500_000) >= 500_000u64.saturating_add_signed(-ahead_ms));
        }
    }
}

#[test]
fn a_clock_that_is_set_is_followed() {
    let before = Skew::seen(1_000, 1_001, 1_002).expect("in order");
    let after = Skew::seen(2_000, 62_001, 62_002 - 60_000).expect("in order");
    assert_eq!(before.narrowed(after).shift_ms(), 60_001);
    assert_eq!(Skew::seen(2_000, 1_500, 1_000), None, "this one was set back");
}
