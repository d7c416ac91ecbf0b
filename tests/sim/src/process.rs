//! A process that runs work: it starts, dies, is restarted, and dies again.

use std::sync::Arc;
use std::time::Duration;

use duroxide::RuntimeOptions;
use duroxide::providers::TagFilter;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::{Runtime, UnregisteredBackoffConfig, Warmth};
use tokio_util::sync::CancellationToken;

use crate::code;
use crate::faults::Climate;
use crate::program::VERSIONS;
use crate::random::Random;
use crate::store::Line;
use crate::truth::Truth;

/// So little that executions push each other out all the time.
const SOME: Warmth = Warmth::Bytes(12_000);

/// One process over all its lives.
pub(crate) struct Process {
    truth: Arc<Truth>,
    store: Arc<MemoryProvider>,
    node: usize,
    is_told: bool,
    is_express: bool,
    random: Random,
    options: RuntimeOptions,
    warmth: Warmth,
    /// How many versions it knows; an old one knows fewer.
    versions: usize,
}

impl Process {
    pub(crate) fn new(
        truth: Arc<Truth>,
        store: Arc<MemoryProvider>,
        node: usize,
        (is_told, is_express): (bool, bool),
        mut random: Random,
    ) -> Self {
        let is_stormy = truth.book().weather.climate == Climate::Stormy;
        // The last process knows everything, or nobody could run what is new.
        let is_old = node > 1 && is_stormy && random.per_mille(150);
        Process {
            versions: if is_old { 1 } else { VERSIONS.len() },
            options: options(&mut random, is_told),
            // All, some, none, and none but with all that goes with it.
            warmth: random.pick(&[Warmth::default(), Warmth::default(), SOME, Warmth::Off, Warmth::EvictEachTurn]),
            truth,
            store,
            node,
            is_told,
            is_express,
            random,
        }
    }

    /// Lives until `stop`.
    pub(crate) async fn live(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let line = Arc::new(self.line());
            let runtime = Runtime::builder(line.clone())
                .activities(code::activities(&self.truth, self.node))
                .orchestrations(code::orchestrations(self.versions))
                .options(self.options.clone())
                .warmth(self.warmth);
            let runtime = runtime.start().await.expect("the registries are sound");
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.truth.death_of(self.node) => {}
                // A deployment comes to its end: until then whoever does not know a version may take it again and again.
                () = self.truth.healed(), if self.versions < VERSIONS.len() => self.versions = VERSIONS.len(),
            }
            // Its calls hang by now, and dropping its tasks is all that is left of it.
            runtime.shutdown(Some(0)).await;
            let holders = Arc::strong_count(&line);
            if holders > 1 {
                self.truth.violated(format!("n{} was shut down and {} still hold the store", self.node, holders - 1));
            }
            if !stop.is_cancelled() {
                let down = self.random.pick(&[0, 1, 500, 5_000, 40_000]);
                let down = if self.truth.is_healed() { 0 } else { down };
                tokio::time::sleep(Duration::from_millis(down)).await;
            }
        }
    }

    fn line(&self) -> Line {
        Line {
            incarnation: self.truth.begins(self.node),
            truth: Arc::clone(&self.truth),
            store: Arc::clone(&self.store),
            node: self.node,
            is_told: self.is_told,
            is_express: self.is_express,
        }
    }
}

fn options(random: &mut Random, is_told: bool) -> RuntimeOptions {
    let secs = |seconds| Duration::from_secs(seconds);
    let turn = random.pick(&[2, 5, 10, 20]);
    let activity = random.pick(&[3, 10, 30]);
    let session = random.pick(&[3, 10, 30]);
    RuntimeOptions {
        // Without anybody to tell it, a process looks often.
        dispatcher_min_poll_interval: Duration::from_millis(if is_told { random.pick(&[500, 5_000]) } else { 300 }),
        orchestration_concurrency: random.between(1, 3) as usize,
        worker_concurrency: random.between(1, 4) as usize,
        orchestrator_lock_timeout: secs(turn),
        worker_lock_timeout: secs(activity),
        session_lock_timeout: secs(session),
        session_idle_timeout: secs(random.pick(&[40, 300])),
        session_cleanup_interval: secs(random.pick(&[20, 300])),
        max_sessions_per_runtime: random.between(1, 3) as usize,
        unregistered_backoff: UnregisteredBackoffConfig { base_delay: secs(1), max_delay: secs(8) },
        // Bad luck is no poison here; poison has tests of its own.
        max_attempts: 1_000_000,
        activity_cancellation_grace_period: Duration::from_millis(random.pick(&[10, 2_000])),
        worker_node_id: None,
        worker_tag_filter: TagFilter::Any,
        ..RuntimeOptions::default()
    }
}
