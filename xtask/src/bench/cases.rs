//! What is measured, as a table: the sizes, the figures that are read, and the targets.

/// How often a program runs in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Often {
    Always,
    /// In the first round only: it takes long.
    Once,
    Never,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    More,
    Less,
}

/// What ours should reach with its best options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    None,
    /// So many times as good as the published crate at its best in the same run.
    Times(f64),
    AtLeast(f64),
    AtMost(f64),
    /// So many flushes of the disk as measured in the run, and so many milliseconds.
    Flushes(f64, f64),
    /// This part of what the PostgreSQL server does in single-row inserts on 16 connections, in the same run.
    OfInserts(f64),
    /// So many of the server's own single-row transactions, one at a time.
    Commits(f64),
}

/// What our program works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// A SQLite file.
    File,
    /// A private PostgreSQL server.
    Postgres,
}

/// One figure of a case.
#[derive(Debug)]
pub(super) struct Figure {
    /// Its name in the program's output.
    pub(super) key: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    /// At synchronous=FULL, and at NORMAL.
    pub(super) targets: [Target; 2],
    /// Whether the two programs did the same, so that a ratio means something.
    pub(super) compares: bool,
}

/// One line of the plan.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) workload: &'static str,
    pub(super) store: Store,
    pub(super) in_flight: usize,
    /// What our program is told, and the published one, which needs smaller sizes to end in seconds.
    pub(super) ours: Option<&'static str>,
    pub(super) published: Option<&'static str>,
    pub(super) ours_default: Often,
    pub(super) published_best: Often,
    pub(super) published_default: Often,
    /// Not repeated: it takes long, and its figure varies little.
    pub(super) once: bool,
    /// Only with `--long`.
    pub(super) long: bool,
    pub(super) figures: &'static [Figure],
}

const CASE: Case = Case {
    name: "",
    workload: "",
    store: Store::File,
    in_flight: 1,
    ours: None,
    published: None,
    ours_default: Often::Always,
    published_best: Often::Always,
    published_default: Often::Always,
    once: false,
    long: false,
    figures: &[],
};

const fn figure(key: &'static str, unit: &'static str, better: Better) -> Figure {
    Figure { key, unit, better, targets: [Target::None; 2], compares: true }
}

impl Figure {
    const fn full(mut self, target: Target) -> Self {
        self.targets[0] = target;
        self
    }

    const fn normal(mut self, target: Target) -> Self {
        self.targets[1] = target;
        self
    }

    const fn both(self, target: Target) -> Self {
        self.full(target).normal(target)
    }

    const fn alone(mut self) -> Self {
        self.compares = false;
        self
    }
}

use Better::{Less, More};
use Target::{AtLeast, AtMost, Commits, Flushes, OfInserts, Times};

const P50: Figure = figure("p50_ms", "ms p50", Less);
const P99: Figure = figure("p99_ms", "ms p99", Less);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "W1 fan-out of 5, 1 in flight",
        workload: "w1",
        ours: Some("in_flight=1 time_ms=1000"),
        published: Some("in_flight=1 time_ms=2000"),
        figures: &[figure("rate", "orchestrations/s", More), P50, P99],
        ..CASE
    },
    Case {
        name: "W1 fan-out of 5, 50 in flight",
        workload: "w1",
        in_flight: 50,
        ours: Some("in_flight=50 time_ms=1500"),
        published: Some("in_flight=50 time_ms=1000"),
        figures: &[figure("rate", "orchestrations/s", More).full(Times(30.0)).normal(AtLeast(5_000.0)), P50, P99],
        ..CASE
    },
    Case {
        name: "W1 fan-out of 5, 500 in flight",
        workload: "w1",
        in_flight: 500,
        ours: Some("in_flight=500 time_ms=2000"),
        published: Some("in_flight=500 time_ms=500"),
        figures: &[figure("rate", "orchestrations/s", More).full(Times(80.0)).normal(AtLeast(10_000.0)), P50, P99],
        ..CASE
    },
    Case {
        name: "W2 chain of 100",
        workload: "w2",
        ours: Some("count=100"),
        published: Some("count=100"),
        published_default: Often::Once,
        figures: &[figure("rate", "steps/s", More)],
        ..CASE
    },
    Case {
        name: "W2 chain of 1,000",
        workload: "w2",
        ours: Some("count=1000"),
        published: Some("count=1000"),
        published_best: Often::Once,
        // A hundred seconds.
        published_default: Often::Never,
        figures: &[
            figure("rate", "steps/s", More).full(AtLeast(5_000.0)).normal(AtLeast(8_000.0)),
            figure("last_over_first", "last 100 / first 100", Less).both(AtMost(1.1)),
        ],
        ..CASE
    },
    Case {
        name: "W3 one activity, start to result",
        workload: "w3",
        ours: Some("time_ms=1000"),
        published: Some("time_ms=1500"),
        figures: &[Figure { targets: [Flushes(3.0, 0.35), AtMost(0.35)], ..P50 }, P99],
        ..CASE
    },
    Case {
        name: "W4 event raised to done",
        workload: "w4",
        ours: Some("time_ms=1000"),
        published: Some("time_ms=1500"),
        figures: &[Figure { targets: [Flushes(2.0, 0.3), AtMost(0.3)], ..P50 }, P99],
        ..CASE
    },
    Case {
        name: "W5 10,000 timers of 1 to 2 s",
        workload: "w5",
        in_flight: 10_000,
        ours: Some("count=10000"),
        // It fires few of them in a minute; what is read is how many.
        published: Some("count=10000 limit_ms=5000"),
        ours_default: Often::Once,
        published_best: Often::Once,
        published_default: Often::Never,
        figures: &[
            figure("p50_ms", "ms late p50", Less).alone(),
            figure("p99_ms", "ms late p99", Less).both(AtMost(5.0)).alone(),
            figure("rss_mb", "MB", Less).both(AtMost(50.0)).alone(),
            figure("fired", "fired (published: within 5 s after the starts)", More).alone(),
        ],
        ..CASE
    },
    Case {
        name: "W6 10,000 suspended (published: 1,000)",
        workload: "w6",
        in_flight: 10_000,
        ours: Some("count=10000"),
        published: Some("count=1000"),
        ours_default: Often::Once,
        published_best: Often::Once,
        published_default: Often::Once,
        figures: &[
            figure("rss_mb", "MB", Less).alone(),
            figure("cpu_percent", "% of a core at rest", Less).both(AtMost(0.5)),
            figure("first_ms", "ms from exec to first resumed", Less),
            figure("all_ms", "ms from exec to all resumed", Less).both(AtMost(2_000.0)).alone(),
            figure("rate", "resumed/s", More),
        ],
        ..CASE
    },
    Case {
        name: "W6 100,000 suspended",
        workload: "w6",
        in_flight: 100_000,
        ours: Some("count=100000"),
        ours_default: Often::Never,
        once: true,
        long: true,
        figures: &[
            figure("rss_mb", "MB", Less).both(AtMost(200.0)),
            figure("bytes_each", "bytes each", Less),
            figure("cpu_percent", "% of a core at rest", Less).both(AtMost(0.5)),
            figure("first_ms", "ms from exec to first resumed", Less),
            figure("all_ms", "ms from exec to all resumed", Less),
        ],
        ..CASE
    },
    Case {
        name: "W7 kill -9 and restart",
        workload: "w7",
        in_flight: 1_000,
        ours: Some("count=1000"),
        published: Some("count=300"),
        ours_default: Often::Once,
        published_best: Often::Once,
        published_default: Often::Once,
        figures: &[
            figure("first_ms", "ms from exec to first done", Less).both(AtMost(1_000.0)),
            figure("all_ms", "ms from exec to all done", Less),
        ],
        ..CASE
    },
    turn("W8 cold turn, 202 events", "count=202 time_ms=300", Target::None),
    turn("W8 cold turn, 2,002 events", "count=2002 time_ms=300", Target::None),
    turn("W8 cold turn, 6,002 events", "count=6002 time_ms=300", AtMost(1.5)),
    turn("W8 batch of 100", "phase=batch count=100 time_ms=300", Target::None),
    turn("W8 batch of 1,000", "phase=batch count=1000 time_ms=300", Target::None),
    turn("W8 batch of 3,000", "phase=batch count=3000 time_ms=300", AtMost(3.0)),
    Case {
        name: "waiting: 10,000 and 1,000 clients (published: 200 and 20)",
        workload: "waiting",
        in_flight: 10_000,
        ours: Some("count=10000 in_flight=50 time_ms=1000"),
        published: Some("count=200 in_flight=50 time_ms=500"),
        ours_default: Often::Never,
        published_best: Often::Once,
        published_default: Often::Never,
        figures: &[
            figure("cpu_percent", "% of a core at rest", Less).both(AtMost(0.5)).alone(),
            figure("neighbour_ratio", "of a neighbour's throughput is left", More).both(AtLeast(0.95)).alone(),
            Figure { targets: [Flushes(2.0, 1.0), AtMost(1.0)], ..P50 },
        ],
        ..CASE
    },
    Case {
        name: "weight: 20 results of 20 MB",
        workload: "weight",
        in_flight: 20,
        ours: Some("count=20"),
        published: Some("count=20"),
        ours_default: Often::Once,
        published_default: Often::Never,
        once: true,
        // 4 payloads for each of 12 slots.
        figures: &[
            figure("peak_payloads", "payloads at the peak", Less).both(AtMost(48.0)),
            figure("seconds", "s until all are read", Less),
        ],
        ..CASE
    },
];

/// What is measured by `cargo xtask bench postgres`, and only when it is named: it starts a server.
pub(super) const POSTGRES: &[Case] = &[
    Case {
        name: "W1 on PostgreSQL, 1 in flight",
        workload: "w1",
        store: Store::Postgres,
        ours: Some("in_flight=1 time_ms=1500"),
        ours_default: Often::Never,
        figures: &[figure("rate", "orchestrations/s", More), P50, P99],
        ..CASE
    },
    Case {
        name: "W1 on PostgreSQL, 50 in flight",
        workload: "w1",
        store: Store::Postgres,
        in_flight: 50,
        ours: Some("in_flight=50 time_ms=2000"),
        ours_default: Often::Never,
        figures: &[figure("rate", "orchestrations/s", More), P50, P99],
        ..CASE
    },
    Case {
        name: "W1 on PostgreSQL, 500 in flight",
        workload: "w1",
        store: Store::Postgres,
        in_flight: 500,
        ours: Some("in_flight=500 time_ms=4000"),
        figures: &[figure("rate", "orchestrations/s", More).both(OfInserts(0.1)), P50, P99],
        ..CASE
    },
    Case {
        name: "W3 on PostgreSQL, one activity, start to result",
        workload: "w3",
        store: Store::Postgres,
        ours: Some("time_ms=1500"),
        figures: &[Figure { targets: [Commits(3.0), Commits(3.0)], ..P50 }, P99],
        ..CASE
    },
];

/// The engine alone has no options.
const fn turn(name: &'static str, sizes: &'static str, target: Target) -> Case {
    const OPEN: &[Figure] = &[figure("ms", "ms", Less)];
    const COLD: &[Figure] = &[figure("ms", "ms", Less).both(AtMost(1.5))];
    const BATCH: &[Figure] = &[figure("ms", "ms", Less).both(AtMost(3.0))];
    let figures = match target {
        AtMost(most) if most < 2.0 => COLD,
        AtMost(_) => BATCH,
        Target::None | Times(_) | AtLeast(_) | Flushes(..) | OfInserts(_) | Commits(_) => OPEN,
    };
    Case {
        name,
        workload: "w8",
        ours: Some(sizes),
        published: Some(sizes),
        ours_default: Often::Never,
        published_default: Often::Never,
        figures,
        ..CASE
    }
}
