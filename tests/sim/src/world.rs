//! One run: processes, clients and bad luck on virtual time, then calm, then judgement.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use duroxide::Client;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Provider, WorkItem};
use duroxide::runtime::test_hooks::{self, Bug};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::customer::Customer;
use crate::faults::{Climate, Fault, Weather};
use crate::flaws::Flaw;
use crate::judgement;
use crate::process::Process;
use crate::program::{End, Generator, ORCHESTRATION, Program, Root};
use crate::random::Random;
use crate::store::Line;
use crate::truth::{CLIENTS, Truth};

/// How long bad luck lasts, at most, in virtual time.
const STORM_MS_MAX: u64 = 90_000;
/// After this long without faults everything must have ended.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// The reason of every cancellation from outside.
pub(crate) const REASON: &str = "stop";
/// An orchestration that is there before anything goes wrong: its id is taken.
pub(crate) const TAKEN: &str = "taken";
/// An orchestration whose history is destroyed.
pub(crate) const RUINED: &str = "ruined";

/// What is wrong with the product, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Bug(Bug),
    Flaw(Flaw),
}

impl Sabotage {
    /// All of them.
    pub(crate) fn all() -> Vec<Sabotage> {
        let bugs = Bug::ALL.iter().copied().map(Sabotage::Bug);
        bugs.chain(Flaw::ALL.iter().copied().map(Sabotage::Flaw)).collect()
    }

    pub(crate) fn name(self) -> String {
        match self {
            Sabotage::Bug(bug) => format!("{bug:?}"),
            Sabotage::Flaw(flaw) => format!("{flaw:?}"),
        }
    }

    pub(crate) fn what(self) -> &'static str {
        match self {
            Sabotage::Bug(bug) => bug.what(),
            Sabotage::Flaw(flaw) => flaw.what(),
        }
    }
}

/// What came of a run.
pub(crate) struct Report {
    pub(crate) violation: Option<String>,
    pub(crate) counts: Vec<(Fault, u64)>,
    pub(crate) calls: u64,
    pub(crate) instances: usize,
    /// Of everything that happened, in order.
    pub(crate) hash: u64,
    pub(crate) lines: Vec<String>,
}

/// Runs one seed; twice the same.
pub(crate) fn run(seed: u64, sabotage: Option<Sabotage>, with_lines: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing from outside");
    let (bug, flaw) = match sabotage {
        None => (None, None),
        Some(Sabotage::Bug(bug)) => (Some(bug), None),
        Some(Sabotage::Flaw(flaw)) => (None, Some(flaw)),
    };
    test_hooks::set_seed(Some(seed));
    test_hooks::plant(bug);
    let report = runtime.block_on(async { World::new(seed, flaw, with_lines).run().await });
    // What is left of the run is dropped under its own clock.
    drop(runtime);
    test_hooks::plant(None);
    test_hooks::set_clock(None);
    test_hooks::set_seed(None);
    report
}

struct World {
    random: Random,
    truth: Arc<Truth>,
    store: Arc<MemoryProvider>,
    nodes: usize,
    is_told: bool,
    is_express: bool,
    roots: Vec<Root>,
    taken: Program,
}

impl World {
    fn new(seed: u64, flaw: Option<Flaw>, with_lines: bool) -> Self {
        let all = Random::new(seed);
        let mut random = all.fork("world");
        let weather = Weather::new(&mut all.fork("weather"));
        let nodes = random.between(1, 3) as usize;
        let truth = Truth::new(all.fork("faults"), weather, flaw, nodes, with_lines);
        let (for_store, for_nodes) = (Arc::clone(&truth), Arc::clone(&truth));
        test_hooks::set_clock(Some(Rc::new(move || for_nodes.node_ms())));
        let roots = random.between(1, 6);
        let end = random.pick(&[End::Return, End::Never]);
        World {
            store: Arc::new(MemoryProvider::with_clock(Arc::new(move || for_store.store_ms()))),
            is_told: random.per_mille(600),
            is_express: random.per_mille(600),
            roots: Generator::new(all.fork("programs")).roots(roots),
            taken: Program { generations: vec![Vec::new()], end, said: Vec::new() },
            random,
            truth,
            nodes,
        }
    }

    async fn run(mut self) -> Report {
        let stop = CancellationToken::new();
        self.put("StartTaken", start(TAKEN, &self.taken)).await;
        let mut processes = self.processes(&stop);
        self.prepare().await;
        let mut customers = JoinSet::new();
        for root in &self.roots {
            let random = self.random.fork(&root.id);
            customers.spawn(Customer::new(Arc::clone(&self.truth), self.client(), root.clone(), random).serve());
        }
        self.storm().await;
        self.truth.heal();
        self.truth.note(|| "healed".to_owned());
        if tokio::time::timeout(PATIENCE, self.settle(&mut customers)).await.is_err() {
            let left = judgement::left(&self.truth, &self.store, &self.roots).await;
            self.truth.violated(format!("without faults it does not come to its end: {left}"));
        }
        stop.cancel();
        while processes.join_next().await.is_some() {}
        if self.truth.violation().is_none() {
            judgement::judge(&self.truth, &self.store, &self.roots, &self.taken).await;
        }
        let (hash, lines) = self.truth.take_trace();
        let book = self.truth.book();
        Report {
            counts: book.counts.iter().map(|(fault, count)| (*fault, *count)).collect(),
            calls: book.calls,
            instances: book.histories.instances().count(),
            violation: book.violation(),
            hash,
            lines,
        }
    }

    fn processes(&self, stop: &CancellationToken) -> JoinSet<()> {
        let mut processes = JoinSet::new();
        for node in 1..=self.nodes {
            let random = self.random.fork(&format!("node {node}"));
            let process = Process::new(
                Arc::clone(&self.truth),
                Arc::clone(&self.store),
                node,
                (self.is_told, self.is_express),
                random,
            );
            processes.spawn(process.live(stop.clone()));
        }
        processes
    }

    fn client(&self) -> Client {
        Client::new(Arc::new(Line {
            truth: Arc::clone(&self.truth),
            store: Arc::clone(&self.store),
            node: CLIENTS,
            incarnation: 0,
            is_told: true,
            is_express: false,
        }))
    }

    async fn put(&self, what: &str, item: WorkItem) {
        self.truth.note(|| format!("the world sends {what}"));
        let put = self.store.enqueue_for_orchestrator(item, None).await;
        self.truth.judge(put.map_err(|error| error.message));
    }

    /// What has to be there before anything goes wrong.
    async fn prepare(&mut self) {
        let is_ruined = self.truth.book().weather.has(Fault::CorruptHistory);
        if is_ruined {
            let never = Program { end: End::Never, ..self.taken.clone() };
            self.put("StartRuined", start(RUINED, &never)).await;
        }
        let begun = |id: &str| !self.truth.book().histories.events(id, 1).is_empty();
        while !begun(TAKEN) || (is_ruined && !begun(RUINED)) {
            if self.truth.violation().is_some() || self.truth.elapsed() > PATIENCE {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if is_ruined {
            self.truth.count(Fault::CorruptHistory);
            self.store.corrupt_history(RUINED);
            let event = |data: &str| WorkItem::ExternalRaised {
                instance: RUINED.to_owned(),
                name: "never".to_owned(),
                data: data.to_owned(),
            };
            self.put("AnEventForRuined", event("1")).await;
        }
    }

    /// Bad luck that is not of one call.
    async fn storm(&mut self) {
        let climate = self.truth.book().weather.climate;
        let lasts = self.random.between(5_000, STORM_MS_MAX);
        let until = self.truth.elapsed() + Duration::from_millis(lasts);
        while self.truth.elapsed() < until && self.truth.violation().is_none() {
            tokio::time::sleep(Duration::from_millis(self.random.between(1, 4_000))).await;
            if climate != Climate::Stormy {
                continue;
            }
            let node = self.random.between(1, self.nodes as u64) as usize;
            let (moment, jump) = (self.random.between(10, 40_000), self.random.between(1, 600_000) as i64);
            let signed = if self.random.per_mille(500) { jump } else { -jump };
            let lasts = Duration::from_millis(moment);
            // Some are as short as the tries of one commit, others longer than any lease.
            let outage = Duration::from_millis(self.random.pick(&[320, 400, 500, 600, 3_000, 20_000]));
            match self.random.below(9) {
                0 if self.has(Fault::CrashAnywhere) => self.truth.dies(node, Fault::CrashAnywhere),
                1 if self.has(Fault::Restart) => self.truth.dies(node, Fault::Restart),
                2 if self.has(Fault::Freeze) => self.truth.freeze(node, lasts),
                3 | 7 if self.has(Fault::Outage) => self.truth.outage(outage),
                4 if self.has(Fault::ClockJump) => self.truth.jump(node, signed),
                // A clock that is set back too far would keep leases for longer than anybody waits.
                5 if self.has(Fault::StoreClockJump) => self.truth.jump_store(signed / 20),
                6 if self.has(Fault::Garbage) => self.garbage(),
                _ => {}
            }
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.truth.book().weather.has(fault)
    }

    /// A row that is no message, in the way of one that is.
    fn garbage(&mut self) {
        let ids: Vec<String> = self.roots.iter().map(|root| root.id.clone()).collect();
        let instance = self.random.pick(&ids);
        self.truth.count(Fault::Garbage);
        self.truth.note(|| format!("garbage for {instance}"));
        self.store.enqueue_text(&instance, r#"{"ItemOfTomorrow":{"instance":"#);
    }

    /// Returns when nothing is left to do, or something is wrong.
    async fn settle(&mut self, customers: &mut JoinSet<()>) {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.truth.violation().is_some() {
                customers.shutdown().await;
                return;
            }
            while let Some(served) = customers.try_join_next() {
                self.truth.judge(served.map_err(|error| format!("a client failed: {error}")));
            }
            if customers.is_empty() && judgement::left(&self.truth, &self.store, &self.roots).await.is_empty() {
                return self.end_taken().await;
            }
        }
    }

    /// The one that never ends by itself is cancelled last.
    async fn end_taken(&self) {
        if self.taken.end == End::Never {
            self.put("CancelTaken", WorkItem::CancelInstance { instance: TAKEN.to_owned(), reason: REASON.to_owned() })
                .await;
        }
        while self.truth.book().histories.ended(TAKEN).is_none() && self.truth.violation().is_none() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn start(instance: &str, program: &Program) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.to_owned(),
        orchestration: ORCHESTRATION.to_owned(),
        input: serde_json::to_string(program).expect("a program is plain data"),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}
