//! The floor rules on small sources: each thing forbidden beside its allowed twin.

use super::check;
use crate::tidy::source::Source;

/// What tidy says of `text` at `duroxide/src/{file}`: one `line: what` for each finding.
fn told(file: &str, text: &str) -> Vec<String> {
    let source = Source::parse(&format!("duroxide/src/{file}"), text.to_owned()).expect("the sample parses");
    check(&source).iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
}

#[track_caller]
fn allowed(file: &str, text: &str) {
    assert_eq!(told(file, text), Vec::<String>::new(), "{file}: {text}");
}

#[track_caller]
fn forbidden(file: &str, text: &str, expected: &str) {
    let found = told(file, text);
    assert_eq!(found.len(), 1, "{file}: {text}\nfound {found:#?}");
    assert!(found[0].contains(expected), "expected `{expected}` in `{}`", found[0]);
}

#[test]
fn a_module_uses_lower_floors_only() {
    allowed("ledger/kv.rs", "use crate::model::Event;");
    forbidden(
        "ledger/kv.rs",
        "use crate::replay::Turn;",
        "`ledger` (floor 2) uses `crate::replay` (floor 4), which is above it",
    );
    forbidden("clock.rs", "use crate::lease::Lease;", "beside it");
    allowed("context/typed.rs", "use crate::context::schedule; use crate::codec;");
}

#[test]
fn what_only_hands_things_out_stands_outside() {
    allowed("private.rs", "pub use crate::typed::Call; pub use crate::context::Join2;");
    forbidden("typed/call.rs", "use crate::private::encode;", "goes through the root");
    allowed("lib.rs", "pub use crate::runtime::Runtime; mod model;");
}

#[test]
fn a_path_in_an_expression_counts_like_a_use() {
    allowed("dispatch/keeper.rs", "fn f() { crate::clock::now_ms(); }");
    forbidden("providers/memory.rs", "fn f() -> u64 {\n crate::dispatch::depth()\n}", "2: `providers`");
    forbidden("model/event.rs", "struct S(Vec<crate::ledger::Ledger>);", "above");
}

#[test]
fn grouped_and_renamed_uses_are_read() {
    allowed("replay/turn.rs", "use crate::{model::{Event, EventKind}, ledger::{self, kv as keys}};");
    forbidden("replay/turn.rs", "use crate::{\n model::Event,\n dispatch::{self as shell, triage},\n};", "3: `replay`");
}

#[test]
fn super_is_followed_out_of_the_module() {
    allowed("replay/turn.rs", "use super::history::Cursor;");
    allowed("replay/turn.rs", "use super::super::model::Event;");
    forbidden("replay/turn.rs", "use super::super::runtime::Runtime;", "`crate::runtime` (floor ");
    forbidden("lease.rs", "use super::replay::Turn;", "above");
    allowed("lease.rs", "mod inner { use super::Lease; }");
    forbidden("lease.rs", "mod inner { use super::super::replay::Turn; }", "above");
}

#[test]
fn the_root_hides_floors_and_is_not_used() {
    forbidden("dispatch/mod.rs", "use crate::Event;", "goes through the root");
    forbidden("dispatch/mod.rs", "use crate::*;", "goes through the root");
    forbidden("lease.rs", "use super::*;", "goes through the root");
}

#[test]
fn a_module_without_a_floor_is_told_where_to_get_one() {
    forbidden("helpers.rs", "", "module `helpers` has no floor");
}

#[test]
fn nothing_inside_uses_the_adapters() {
    allowed("compat/replay_engine.rs", "use crate::replay::Turn;");
    allowed("runtime/mod.rs", "pub use crate::compat::ReplayEngine;");
    forbidden("conformance/mod.rs", "use crate::compat::ReplayEngine;", "only serves programs outside");
}

#[test]
fn test_code_is_exempt() {
    allowed("replay/tests.rs", "use crate::runtime::Runtime; use tokio::time::sleep;");
    allowed("replay/turn.rs", "#[cfg(test)] mod tests { use crate::runtime::Runtime; }");
    allowed("replay/turn.rs", "#[cfg(all(test, unix))] use crate::runtime::Runtime;");
    allowed("replay/turn.rs", "impl T { #[cfg(test)] fn f() { crate::runtime::start() } }");
    forbidden("replay/turn.rs", "#[cfg(not(test))] use crate::runtime::Runtime;", "above");
    forbidden("replay/turn.rs", r#"#[cfg(any(test, feature = "x"))] use crate::runtime::Runtime;"#, "above");
}

#[test]
fn macros_are_read_too() {
    allowed("replay/turn.rs", "fn f() { tracing::debug!(at = crate::model::at(), super::history::len()); }");
    forbidden("replay/turn.rs", "fn f() { println!(\"{}\", crate::dispatch::depth()); }", "above");
    forbidden("replay/turn.rs", "m! { use crate::{model::Event, runtime::Runtime}; }", "`crate::runtime`");
    forbidden("model/event.rs", "struct S { #[serde(default = \"crate::clock::now_ms\")] at: u64 }", "`crate::clock`");
}

#[test]
fn an_exported_macro_may_name_the_root() {
    allowed("typed/mod.rs", "macro_rules! link { () => { $crate::__private::submit!() } }");
    forbidden("typed/mod.rs", "macro_rules! link { () => { $crate::runtime::start() } }", "above");
}

#[test]
fn visibility_is_not_a_use() {
    allowed("model/event.rs", "pub(in crate::replay) struct S; pub(super) struct T; pub(crate) struct U;");
}

#[test]
fn the_core_knows_no_runtime_and_no_store() {
    allowed("dispatch/mod.rs", "use tokio::sync::Notify;");
    forbidden("context/future.rs", "use tokio::sync::Notify;", "the core is driven");
    forbidden("ledger/mod.rs", "fn f() { tokio::spawn(g()); }", "the core is driven");
    forbidden("ledger/mod.rs", "fn f() { ::tokio::spawn(g()); }", "the core is driven");
    forbidden("codec.rs", "use rusqlite::Row;", "the core knows no store");
    allowed("providers/sqlite/row.rs", "use rusqlite::Row;");
}

#[test]
fn the_core_knows_no_clock() {
    allowed("lease.rs", "use std::time::Duration;");
    allowed("context/schedule.rs", "use std::time::SystemTime; fn f() -> SystemTime { SystemTime::UNIX_EPOCH }");
    forbidden("context/schedule.rs", "use std::time::SystemTime;\nfn f() { SystemTime::now(); }", "2: ");
    forbidden("lease.rs", "use std::time::{Duration, Instant};", "the core knows no clock");
    forbidden("replay/turn.rs", "use std::time::Instant;\nfn f() { Instant::now(); Instant::now(); }", "1: ");
    forbidden("replay/turn.rs", "use std::time;\nfn f() { time::SystemTime::now(); }", "2: ");
}

#[test]
fn only_clock_reads_the_clock() {
    allowed("clock.rs", "fn f() { std::time::SystemTime::now(); }");
    allowed("dispatch/keeper.rs", "use tokio::time::Instant; fn f() { Instant::now(); }");
    allowed("observe/metrics.rs", "use std::time::Instant; struct S(Instant);");
    forbidden("dispatch/keeper.rs", "use std::time::Instant;\nfn f() { Instant::now(); }", "2: ");
    forbidden("runtime/mod.rs", "use std::time as t;\nfn f() { t::SystemTime::now(); }", "only `clock`");
}

#[test]
fn only_seams_draws_randomness() {
    allowed("seams.rs", "use uuid::Uuid;");
    forbidden("providers/memory.rs", "fn f() { uuid::Uuid::new_v4(); }", "only `seams` draws randomness");
    forbidden("dispatch/mod.rs", "use std::collections::hash_map::RandomState;", "only `seams`");
    allowed("dispatch/mod.rs", "use std::collections::HashMap;");
}
