//! The floors of the library as a table: who stands where, and what is banned from which room.

/// Modules of `duroxide/src` from the ground up. A module uses floors strictly below its own.
pub(super) const FLOORS: &[&[&str]] = &[
    &["model", "mutants"],
    &["clock", "seams", "codec", "lease"],
    &["ledger"],
    &["context"],
    &["replay", "registry"],
    &["observe", "trace"],
    &["providers"],
    &["insight"],
    &["client", "transfer"],
    &["activity", "dashboard"],
    &["typed"],
    &["dispatch"],
    &["compat"],
    &["runtime"],
    &["testing", "conformance"],
    &["provider_validation", "provider_stress_test"],
];

/// Files that stand outside the floors because all they do is hand things out: to users, and to generated code.
pub(super) const OUTSIDE: &[&str] = &["lib", "macros", "private"];

/// Modules that only `lib.rs` and the facade may name: adapters for programs outside. The house does not bend for them.
pub(super) const FOR_OTHERS: &[&str] = &["compat"];

/// The module whose public paths programs outside know; it hands the adapters out.
pub(super) const FACADE: &str = "runtime";

/// The pure core: plain functions of what they are given.
pub(super) const CORE: &[&str] = &["model", "ledger", "context", "replay", "registry", "codec", "lease"];

/// Paths that some modules may not name, nor anything below them.
pub(super) struct Ban {
    pub(super) whom: Whom,
    pub(super) paths: &'static [&'static [&'static str]],
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

/// Whom a ban concerns.
pub(super) enum Whom {
    /// The modules of [`CORE`].
    Core,
    /// Every module but one.
    AllBut(&'static str),
}

pub(super) const BANS: &[Ban] = &[
    Ban {
        whom: Whom::Core,
        paths: &[&["tokio"], &["tokio_util"], &["std", "thread"]],
        why: "the core is driven, it drives nothing",
        instead: "decide here and act in `dispatch`",
    },
    Ban {
        whom: Whom::Core,
        paths: &[&["sqlx"], &["rusqlite"], &["libsqlite3_sys"]],
        why: "the core knows no store",
        instead: "return a value and let `providers` write it",
    },
    Ban {
        whom: Whom::Core,
        // A `SystemTime` may be a value that was recorded; an `Instant` can only come from a clock.
        paths: &[&["std", "time", "Instant"]],
        why: "the core knows no clock",
        instead: "take `now_ms` as an argument",
    },
    Ban {
        whom: Whom::AllBut("clock"),
        paths: &[
            &["std", "time", "SystemTime", "now"],
            &["std", "time", "SystemTime", "elapsed"],
            &["std", "time", "Instant", "now"],
        ],
        why: "only `clock` reads the clock",
        instead: "take `now_ms` as an argument, or call `crate::clock` from the shell",
    },
    Ban {
        whom: Whom::AllBut("seams"),
        paths: &[&["uuid"], &["rand"], &["fastrand"], &["getrandom"], &["std", "hash", "RandomState"]],
        why: "only `seams` draws randomness",
        instead: "take the id or token as an argument, or call `crate::seams` from the shell",
    },
];
