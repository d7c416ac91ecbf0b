//! The simulation itself: repeatable, and kept seeds stay green.

use super::*;

#[test]
fn the_same_seed_is_the_same_run() {
    quiet();
    for seed in 0..20 {
        let (first, second) = (world::run(seed, None, false), world::run(seed, None, false));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
    }
}
