//! The simulation itself: a run can be repeated, and seeds that once found something stay green.

use super::*;

#[test]
fn the_same_seed_is_the_same_run() {
    quiet();
    for seed in 0..30 {
        let (first, second) = (world::run(seed, None, false), world::run(seed, None, false));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
    }
}

#[test]
fn seeds_that_once_found_something_find_nothing() {
    quiet();
    let lines = include_str!("../corpus.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let seed = line.split_whitespace().next().and_then(|word| word.parse().ok());
        let seed = seed.unwrap_or_else(|| panic!("a line begins with a seed: {line:?}"));
        assert_eq!(world::run(seed, None, false).violation, None, "seed {line}");
    }
}

/// A clock that is wrong, in a process or in the store, steals no lease and fires no timer early: the book of leases and
/// the model of each program would say so.
#[test]
fn worker_skew_steals_nothing_and_fires_nothing_early() {
    quiet();
    let mut jumps = 0;
    for seed in 0..60 {
        let report = world::run(seed, None, false);
        assert_eq!(report.violation, None, "seed {seed}");
        let jumped = |(fault, _): &&(Fault, u64)| matches!(fault, Fault::ClockJump | Fault::StoreClockJump);
        jumps += report.counts.iter().filter(jumped).map(|(_, count)| count).sum::<u64>();
    }
    assert!(jumps > 0, "no clock was ever wrong");
}

#[test]
fn one_planted_bug_is_found_and_taken_out_again() {
    quiet();
    let bug = Sabotage::Bug(duroxide::runtime::test_hooks::Bug::ResultIsNotSent);
    assert!(world::run(0, Some(bug), false).violation.is_some());
    assert_eq!(world::run(0, None, false).violation, None);
}
