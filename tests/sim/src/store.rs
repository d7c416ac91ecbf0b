//! The store as one process sees it: over a bad line, and with a flaw if one is planted.
//!
//! Only the required methods are forwarded, as wrappers of users do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::express::{
    ActivityRequest, Commit, Committed, ExpressProvider, FetchedActivity, FetchedTurn, Handover, Head, TurnRequest,
};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    DispatcherCapabilityFilter, Event, ExecutionMetadata, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, SystemStats, TagFilter, WorkItem, WorkSignal,
};

use crate::faults::Fault;
use crate::flaws::Flaw;
use crate::leases::Thing;
use crate::truth::{CLIENTS, Truth};

/// The longest that a message is hidden.
const HIDDEN_MS_MAX: u64 = 20_000;

/// The store seen from one process, in one of its lives.
pub(crate) struct Line {
    pub(crate) truth: Arc<Truth>,
    pub(crate) store: Arc<MemoryProvider>,
    pub(crate) node: usize,
    pub(crate) incarnation: u64,
    /// Whether processes tell each other of work.
    pub(crate) is_told: bool,
    /// Whether the store has its quick half.
    pub(crate) is_express: bool,
}

/// One call, for the plan and for the notes.
struct Call<'a> {
    operation: &'static str,
    about: &'a str,
    /// How long what it takes is held.
    lease: Option<Duration>,
    token: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn new(operation: &'static str, about: &'a str) -> Self {
        Call { operation, about, lease: None, token: None }
    }

    fn fetch(operation: &'static str, lease: Duration) -> Self {
        Call { operation, about: "", lease: Some(lease), token: None }
    }

    fn held(operation: &'static str, token: &'a str) -> Self {
        Call { operation, about: token, lease: None, token: Some(token) }
    }
}

impl Line {
    /// One call through the bad line. `settle` sees what the store really answered, in the same moment.
    async fn through<T>(
        &self,
        call: Call<'_>,
        act: impl Future<Output = Result<T, ProviderError>> + Send,
        settle: impl FnOnce(&Result<T, ProviderError>) -> String + Send,
    ) -> Result<T, ProviderError> {
        let Call { operation, about, lease, token } = call;
        self.truth.alive(self.node, self.incarnation).await;
        let plan = self.truth.plan(self.node, operation, lease, token);
        if let Some((fault, delay)) = plan.before {
            self.late(fault, delay).await;
        }
        let node = self.node;
        let instead = plan.instead.filter(|fault| self.is_possible(*fault, operation));
        if let Some(fault) = instead {
            self.truth.note(|| format!("n{node} {operation} {about}: {fault:?}"));
            match fault {
                Fault::CrashBefore => self.die(fault).await,
                Fault::StorePanic => {
                    self.truth.count(fault);
                    self.truth.enter(node);
                    panic!("planned");
                }
                Fault::LostRequest | Fault::Outage => {
                    self.truth.count(fault);
                    self.truth.enter(node);
                    return Err(ProviderError::retryable(operation, "planned: it was not asked"));
                }
                _ => {}
            }
        }
        let result = act.await;
        let outcome = settle(&result);
        self.truth.note(|| match &result {
            Ok(_) => format!("n{node} {operation} {about} -> {outcome}"),
            Err(error) => format!("n{node} {operation} {about} -> refused: {}", error.message),
        });
        if instead == Some(Fault::CrashAfter) {
            self.die(Fault::CrashAfter).await;
        }
        if let Some((fault, delay)) = plan.after {
            self.late(fault, delay).await;
        }
        self.truth.alive(self.node, self.incarnation).await;
        self.truth.enter(self.node);
        if instead == Some(Fault::LostAnswer) {
            self.truth.count(Fault::LostAnswer);
            return Err(ProviderError::retryable(operation, "planned: the answer was lost"));
        }
        result
    }

    /// Housekeeping runs in tasks of its own, which no store may panic in.
    fn is_possible(&self, fault: Fault, operation: &str) -> bool {
        fault != Fault::StorePanic || !operation.contains("session")
    }

    async fn late(&self, fault: Fault, delay: Duration) {
        self.truth.count(fault);
        tokio::time::sleep(delay).await;
        self.truth.alive(self.node, self.incarnation).await;
    }

    async fn die(&self, fault: Fault) {
        self.truth.dies(self.node, fault);
        std::future::pending().await
    }

    /// A fetch that sees nothing.
    async fn is_blind(&self) -> bool {
        self.truth.alive(self.node, self.incarnation).await;
        let blind = self.truth.strikes(Fault::BlindFetch);
        if blind {
            self.truth.count(Fault::BlindFetch);
            self.truth.enter(self.node);
        }
        blind
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.truth.book().flaw == Some(flaw)
    }

    /// Now and then, when the flaw is planted.
    fn sometimes(&self, flaw: Flaw) -> bool {
        let mut book = self.truth.book();
        book.flaw == Some(flaw) && book.random.per_mille(100)
    }

    fn random_ms(&self, bound: u64) -> u64 {
        self.truth.book().random.below(bound)
    }

    async fn enqueue_later(&self, item: WorkItem, hidden_ms: u64) {
        let due_ms = match &item {
            WorkItem::TimerFired { fire_at_ms, .. } => fire_at_ms.saturating_sub(self.truth.store_ms()),
            _ => 0,
        };
        let delay = Duration::from_millis(hidden_ms + due_ms);
        self.truth.judge(self.store.enqueue_for_orchestrator(item, Some(delay)).await.map_err(|error| error.message));
    }

    fn granted_turn(&self, item: &OrchestrationItem, token: &str, attempt: u32, lease: Duration) -> String {
        let now_ms = self.truth.store_ms();
        let until_ms = now_ms + lease.as_millis() as u64;
        let thing = Thing::Instance(item.instance.clone());
        let judgement = self.truth.book().leases.granted(thing, token, now_ms, until_ms);
        self.truth.judge(judgement);
        for message in &item.messages {
            if let WorkItem::TimerFired { fire_at_ms, execution_id, id, .. } = message
                // One that was due may come again after the clock was set back.
                && self.truth.book().due_timers.insert((item.instance.clone(), *execution_id, *id))
                && *fire_at_ms > now_ms
            {
                self.truth.violated(format!(
                    "timer {id} of {} is due at {fire_at_ms} and was delivered at {now_ms}",
                    item.instance
                ));
            }
        }
        self.judge_order(item);
        let kinds: Vec<&str> = item.messages.iter().map(duroxide::runtime::kind_of).collect();
        format!("{} x{} attempt {attempt} {kinds:?} {token}", item.instance, item.execution_id)
    }

    /// Messages of one queue come in the order in which they were sent, those of one batch at least.
    fn judge_order(&self, item: &OrchestrationItem) {
        let mut last = BTreeMap::new();
        for message in &item.messages {
            let WorkItem::QueueMessage { instance, name, data } = message else { continue };
            let at = {
                let book = self.truth.book();
                let sent = book.sent.get(&(instance.clone(), name.clone()));
                sent.and_then(|sent| sent.iter().position(|sent| sent == data))
            };
            if last.insert(name, at).is_some_and(|before| before > at) {
                self.truth.violated(format!("{data} of {name} comes after newer messages of {instance}"));
            }
        }
    }

    fn granted_activity(
        &self,
        item: &WorkItem,
        token: &str,
        attempt: u32,
        lease: Duration,
        session: Option<&SessionFetchConfig>,
    ) -> String {
        let WorkItem::ActivityExecute { instance, execution_id, id, session_id, .. } = item else {
            self.truth.violated(format!("the worker queue holds {item:?}"));
            return String::new();
        };
        let now_ms = self.truth.store_ms();
        let thing = Thing::Activity(instance.clone(), *execution_id, *id);
        let mut book = self.truth.book();
        let mut judgement = book.leases.granted(thing.clone(), token, now_ms, now_ms + lease.as_millis() as u64);
        if let (Some(id), Some(config)) = (session_id, session) {
            let until_ms = now_ms + config.lock_timeout.as_millis() as u64;
            judgement = judgement.and(book.leases.session_granted(thing, id, &config.owner_id, now_ms, until_ms));
        }
        drop(book);
        self.truth.judge(judgement);
        format!("{instance}/{execution_id}/{id} attempt {attempt} {token}")
    }

    /// A turn was committed under a lease.
    fn committed(&self, token: &str, commit: &Commit) -> String {
        let now_ms = self.truth.store_ms();
        let judgement = self.truth.book().leases.wrote(token, now_ms);
        self.truth.judge(judgement);
        self.appended(&self.instance_of(token), commit)
    }

    /// A turn was committed, by whoever may.
    fn appended(&self, instance: &str, commit: &Commit) -> String {
        let Commit { execution_id, delta, cancelled_activities, .. } = commit;
        let mut book = self.truth.book();
        let mut judgement = book.histories.committed(instance, *execution_id, delta);
        for answer in delta.iter().filter(|event| is_answer_of_activity(event)) {
            let thing = Thing::Activity(instance.to_owned(), *execution_id, answer.source_event_id.unwrap_or_default());
            if !book.completed.contains(&thing) && !is_system_call(&book.histories, &thing) {
                judgement = judgement.and(Err(format!("{thing:?} has a result that no worker was allowed to store")));
            }
        }
        cancelled_activities.iter().for_each(|identity| book.leases.removed(&Thing::activity(identity)));
        drop(book);
        self.truth.judge(judgement);
        format!("{instance} x{execution_id} {} events", delta.len())
    }

    /// An activity was acknowledged.
    fn completed(&self, token: &str) {
        let now_ms = self.truth.store_ms();
        let mut book = self.truth.book();
        let done = book.leases.thing(token);
        book.completed.extend(done);
        let judgement = book.leases.wrote(token, now_ms);
        drop(book);
        self.truth.judge(judgement);
    }

    /// What of a turn's messages the store gets at once, and what arrives later or once more.
    fn post(&self, items: Vec<WorkItem>) -> (Vec<WorkItem>, Vec<WorkItem>, Vec<WorkItem>) {
        let (hidden, seen): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.is_hidden(item) || self.is_early(item));
        let again = seen.iter().filter(|item| self.is_doubled(item)).cloned().collect();
        (seen, hidden, again)
    }

    async fn post_later(&self, hidden: Vec<WorkItem>, again: Vec<WorkItem>) -> Result<(), ProviderError> {
        for item in hidden {
            if self.has(Flaw::TimerIsEarly) {
                self.store.enqueue_for_orchestrator(item, None).await?;
            } else {
                self.truth.count(Fault::DelayedVisibility);
                self.enqueue_later(item, self.random_ms(HIDDEN_MS_MAX)).await;
            }
        }
        for item in again {
            self.truth.count(Fault::DuplicateDelivery);
            self.enqueue_later(item, self.random_ms(HIDDEN_MS_MAX)).await;
        }
        Ok(())
    }

    fn instance_of(&self, token: &str) -> String {
        match self.truth.book().leases.thing(token) {
            Some(Thing::Instance(instance)) => instance,
            _ => String::new(),
        }
    }
}

fn is_answer_of_activity(event: &Event) -> bool {
    use duroxide::EventKind;
    matches!(event.kind, EventKind::ActivityCompleted { .. } | EventKind::ActivityFailed { .. })
}

/// The runtime answers these itself, within the turn.
fn is_system_call(histories: &crate::histories::Histories, thing: &Thing) -> bool {
    let Thing::Activity(instance, execution_id, id) = thing else { return false };
    histories.events(instance, *execution_id).iter().any(|event| match &event.kind {
        duroxide::EventKind::ActivityScheduled { name, .. } => {
            event.event_id == *id && name.starts_with("__duroxide_syscall:")
        }
        _ => false,
    })
}

fn may_arrive_twice(item: &WorkItem) -> bool {
    match item {
        WorkItem::ActivityCompleted { .. }
        | WorkItem::ActivityFailed { .. }
        | WorkItem::TimerFired { .. }
        | WorkItem::SubOrchCompleted { .. }
        | WorkItem::SubOrchFailed { .. }
        | WorkItem::CancelInstance { .. } => true,
        // A start is consumed once, and equal events may be raised on purpose.
        WorkItem::StartOrchestration { .. }
        | WorkItem::ContinueAsNew { .. }
        | WorkItem::ActivityExecute { .. }
        | WorkItem::ExternalRaised { .. }
        | WorkItem::QueueMessage { .. } => false,
    }
}

#[async_trait]
impl Provider for Line {
    fn name(&self) -> &str {
        "simulated"
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        self.store.work_signal().filter(|_| self.is_told)
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        self.is_express.then_some(self)
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        if self.is_blind().await {
            return Ok(None);
        }
        let act = async {
            let mut fetched = self.store.fetch_orchestration_item(lock_timeout, poll_timeout, filter).await?;
            if let Some((item, ..)) = &mut fetched {
                self.spoil(item);
            }
            Ok(fetched)
        };
        self.through(Call::fetch("fetch_orchestration_item", lock_timeout), act, |result| match result {
            Ok(Some((item, token, attempt))) => self.granted_turn(item, token, *attempt, lock_timeout),
            _ => "nothing".to_owned(),
        })
        .await
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        let commit = Commit {
            execution_id,
            delta: history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        };
        let noted = commit.clone();
        let act = async {
            let workers = if self.sometimes(Flaw::ActivitiesAreLost) { Vec::new() } else { commit.worker_items };
            let (seen, hidden, again) = self.post(commit.orchestrator_items);
            let acked = self
                .store
                .ack_orchestration_item(
                    lock_token,
                    execution_id,
                    commit.delta.clone(),
                    workers,
                    seen,
                    commit.metadata,
                    commit.cancelled_activities,
                )
                .await;
            if acked.is_err() && self.has(Flaw::AppendBeforeClaim) {
                let instance = self.instance_of(lock_token);
                self.store.append_with_execution(&instance, execution_id, commit.delta).await?;
            }
            acked?;
            self.post_later(hidden, again).await
        };
        self.through(Call::held("ack_orchestration_item", lock_token), act, |result| match result {
            Ok(()) => self.committed(lock_token, &noted),
            Err(_) => String::new(),
        })
        .await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let act = self.store.abandon_orchestration_item(lock_token, delay, ignore_attempt);
        self.through(Call::held("abandon_orchestration_item", lock_token), act, |result| {
            self.released(lock_token, result)
        })
        .await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.through(Call::new("read", instance), self.store.read(instance), |_| String::new()).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        let act = self.store.read_with_execution(instance, execution_id);
        self.through(Call::new("read_with_execution", instance), act, |_| String::new()).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        self.store.append_with_execution(instance, execution_id, new_events).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.store.enqueue_for_worker(item).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        if self.is_blind().await {
            return Ok(None);
        }
        let everybody = session.map(|session| SessionFetchConfig { owner_id: "all".to_owned(), ..session.clone() });
        let asked = if self.has(Flaw::SessionForAll) { everybody.as_ref() } else { session };
        let act = self.store.fetch_work_item(lock_timeout, poll_timeout, asked, tag_filter);
        self.through(Call::fetch("fetch_work_item", lock_timeout), act, |result| match result {
            Ok(Some((item, token, attempt))) => self.granted_activity(item, token, *attempt, lock_timeout, session),
            _ => "nothing".to_owned(),
        })
        .await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        let act = async {
            let mut completion = completion;
            if self.has(Flaw::CompletionBeforeClaim)
                && let Some(item) = completion.take()
            {
                self.store.enqueue_for_orchestrator(item, None).await?;
            }
            let again = completion.clone().filter(|item| self.is_doubled(item));
            self.store.ack_work_item(token, completion).await?;
            if let Some(item) = again {
                self.truth.count(Fault::DuplicateDelivery);
                self.enqueue_later(item, self.random_ms(HIDDEN_MS_MAX)).await;
            }
            Ok(())
        };
        self.through(Call::held("ack_work_item", token), act, |result| {
            if result.is_ok() {
                self.completed(token);
            }
            String::new()
        })
        .await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let act = self.store.renew_work_item_lock(token, extend_for);
        self.through(Call::held("renew_work_item_lock", token), act, |result| self.renewed(token, extend_for, result))
            .await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let act = self.store.renew_session_lock(owner_ids, extend_for, idle_timeout);
        self.through(Call::new("renew_session_lock", ""), act, |result| {
            if result.is_ok() {
                let now_ms = self.truth.store_ms();
                let (until_ms, idle_ms) = (now_ms + extend_for.as_millis() as u64, idle_timeout.as_millis() as u64);
                self.truth.book().leases.sessions_renewed(owner_ids, now_ms, until_ms, idle_ms);
            }
            format!("{result:?}")
        })
        .await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        let act = self.store.cleanup_orphaned_sessions(idle_timeout);
        self.through(Call::new("cleanup_orphaned_sessions", ""), act, |result| {
            if result.is_ok() {
                let now_ms = self.truth.store_ms();
                self.truth.book().leases.sessions_cleaned(now_ms);
            }
            String::new()
        })
        .await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let act = self.store.abandon_work_item(token, delay, ignore_attempt);
        self.through(Call::held("abandon_work_item", token), act, |result| self.released(token, result)).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let act = self.store.renew_orchestration_item_lock(token, extend_for);
        self.through(Call::held("renew_orchestration_item_lock", token), act, |result| {
            self.renewed(token, extend_for, result)
        })
        .await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let about = duroxide::runtime::kind_of(&item);
        let sent = match &item {
            WorkItem::QueueMessage { instance, name, data } => Some(((instance.clone(), name.clone()), data.clone())),
            _ => None,
        };
        let act = async {
            if self.sometimes(Flaw::AckBeforeSync) {
                return Ok(());
            }
            let is_hidden = self.truth.strikes(Fault::DelayedVisibility);
            let twice =
                (self.has(Flaw::MessageTwice) && sent.is_some()) || (self.is_doubled(&item) && self.node == CLIENTS);
            if twice {
                self.enqueue_later(item.clone(), self.random_ms(HIDDEN_MS_MAX)).await;
            }
            if is_hidden {
                self.truth.count(Fault::DelayedVisibility);
                self.enqueue_later(item, self.random_ms(HIDDEN_MS_MAX)).await;
                return Ok(());
            }
            self.store.enqueue_for_orchestrator(item, delay).await
        };
        self.through(Call::new("enqueue_for_orchestrator", about), act, |result| {
            if let (Ok(()), Some((queue, data))) = (result, &sent) {
                self.truth.book().sent.entry(queue.clone()).or_default().push(data.clone());
            }
            format!("{sent:?}")
        })
        .await
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        let act = self.store.get_custom_status(instance, last_seen_version);
        self.through(Call::new("get_custom_status", instance), act, |_| String::new()).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        self.store.get_kv_value(instance, key).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.store.get_kv_all_values(instance).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.store.get_instance_stats(instance).await
    }
}

#[async_trait]
impl ExpressProvider for Line {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        if self.is_blind().await {
            return Ok(Vec::new());
        }
        let lease = request.lock_timeout;
        let act = async {
            let mut turns = self.store.fetch_turns(request).await?;
            turns.iter_mut().for_each(|turn| self.spoil(&mut turn.item));
            Ok(turns)
        };
        self.through(Call::fetch("fetch_turns", lease), act, |result| {
            let turns = result.iter().flatten();
            let noted: Vec<String> = turns
                .map(|FetchedTurn { item, token, attempt, known, .. }| {
                    let line = self.granted_turn(item, token, *attempt, lease);
                    if *known { format!("{line} known") } else { line }
                })
                .collect();
            noted.join("; ")
        })
        .await
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        if self.is_blind().await {
            return Ok(Vec::new());
        }
        let (lease, session) = (request.lock_timeout, request.session.clone());
        let everybody = session.clone().map(|session| SessionFetchConfig { owner_id: "all".to_owned(), ..session });
        let asked = if self.has(Flaw::SessionForAll) { everybody } else { session.clone() };
        let act = self.store.fetch_activities(ActivityRequest { session: asked, ..request });
        self.through(Call::fetch("fetch_activities", lease), act, |result| {
            let noted: Vec<String> = result
                .iter()
                .flatten()
                .map(|FetchedActivity { item, token, attempt }| {
                    self.granted_activity(item, token, *attempt, lease, session.as_ref())
                })
                .collect();
            noted.join("; ")
        })
        .await
    }

    async fn commit_turn(
        &self,
        lock_token: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError> {
        let (noted, lease) = (commit.clone(), handover.lock_timeout);
        let act = async {
            let (seen, hidden, again) = self.post(commit.orchestrator_items);
            let lost = self.sometimes(Flaw::ActivitiesAreLost);
            let worker_items = if lost { Vec::new() } else { commit.worker_items };
            let delta = commit.delta.clone();
            let commit = Commit { orchestrator_items: seen, worker_items, ..commit };
            let execution_id = commit.execution_id;
            let committed = self.store.commit_turn(lock_token, base, commit, handover).await;
            if committed.is_err() && self.has(Flaw::AppendBeforeClaim) {
                let instance = self.instance_of(lock_token);
                self.store.append_with_execution(&instance, execution_id, delta).await?;
            }
            let committed = committed?;
            self.post_later(hidden, again).await?;
            Ok(committed)
        };
        self.through(Call::held("commit_turn", lock_token), act, |result| match result {
            Ok(committed) => {
                let line = self.committed(lock_token, &noted);
                format!("{line}{}", self.handed_over(committed, &noted, lease))
            }
            Err(_) => String::new(),
        })
        .await
    }

    async fn complete_with_turn(
        &self,
        activity_tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Option<Committed>, ProviderError> {
        let (noted, lease) = (commit.clone(), handover.lock_timeout);
        let act = async {
            let (seen, hidden, again) = self.post(commit.orchestrator_items);
            let lost = self.sometimes(Flaw::ActivitiesAreLost);
            let worker_items = if lost { Vec::new() } else { commit.worker_items };
            let commit = Commit { orchestrator_items: seen, worker_items, ..commit };
            let committed = self.store.complete_with_turn(activity_tokens, instance, base, commit, handover).await?;
            if committed.is_some() {
                self.post_later(hidden, again).await?;
            }
            Ok(committed)
        };
        self.through(Call::new("complete_with_turn", instance), act, |result| match result {
            Ok(Some(committed)) => {
                let now_ms = self.truth.store_ms();
                let is_held =
                    self.truth.book().leases.live(now_ms).any(|thing| *thing == Thing::Instance(instance.to_owned()));
                if is_held {
                    self.truth.violated(format!("a turn of {instance} was committed while somebody else holds it"));
                }
                activity_tokens.iter().for_each(|token| self.completed(token));
                let line = self.appended(instance, &noted);
                format!("{line}{}", self.handed_over(committed, &noted, lease))
            }
            Ok(None) => "somebody may go first".to_owned(),
            Err(_) => String::new(),
        })
        .await
    }
}

impl Line {
    /// Activities that came back leased.
    fn handed_over(&self, committed: &Committed, commit: &Commit, lease: Duration) -> String {
        let noted = committed.leased.iter().map(|leased| {
            let item = commit.worker_items.get(leased.index);
            let granted = item.map(|item| self.granted_activity(item, &leased.token, 1, lease, None));
            format!("; handed over {granted:?}")
        });
        noted.collect()
    }

    fn renewed(&self, token: &str, extend_for: Duration, result: &Result<(), ProviderError>) -> String {
        if result.is_ok() {
            let now_ms = self.truth.store_ms();
            let judgement = self.truth.book().leases.renewed(token, now_ms, now_ms + extend_for.as_millis() as u64);
            self.truth.judge(judgement);
        }
        String::new()
    }

    fn released(&self, token: &str, result: &Result<(), ProviderError>) -> String {
        if result.is_ok() {
            self.truth.book().leases.released(token);
        }
        String::new()
    }

    fn is_doubled(&self, item: &WorkItem) -> bool {
        may_arrive_twice(item) && self.truth.strikes(Fault::DuplicateDelivery)
    }

    /// The start of a next execution is hidden more often: what arrives before it is seen must wait for it.
    fn is_hidden(&self, item: &WorkItem) -> bool {
        let is_next = matches!(item, WorkItem::ContinueAsNew { .. });
        let is_likely = is_next && !self.truth.is_healed() && {
            let mut book = self.truth.book();
            book.weather.has(Fault::DelayedVisibility) && book.random.per_mille(200)
        };
        is_likely || self.truth.strikes(Fault::DelayedVisibility)
    }

    fn is_early(&self, item: &WorkItem) -> bool {
        matches!(item, WorkItem::TimerFired { .. }) && self.has(Flaw::TimerIsEarly)
    }

    /// Flaws of a fetch.
    fn spoil(&self, item: &mut OrchestrationItem) {
        let flaw = self.truth.book().flaw;
        match flaw {
            Some(Flaw::FetchLosesAMessage) if item.messages.len() > 1 => drop(item.messages.pop()),
            Some(Flaw::FetchReorders) => item.messages.reverse(),
            Some(Flaw::FetchForgetsAnEvent) => drop(item.history.pop()),
            Some(Flaw::FetchForgetsKeyValues) => item.kv_snapshot.clear(),
            _ => {}
        }
    }
}
