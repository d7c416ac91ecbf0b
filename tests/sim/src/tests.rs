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

#[test]
fn one_planted_bug_is_found_and_taken_out_again() {
    quiet();
    let bug = Sabotage::Bug(duroxide::runtime::test_hooks::Bug::ResultIsNotSent);
    assert!(world::run(0, Some(bug), false).violation.is_some());
    assert_eq!(world::run(0, None, false).violation, None);
}
