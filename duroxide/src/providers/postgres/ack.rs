//! One transaction for the turns that end together.

use std::collections::HashMap;
use std::sync::Arc;

use super::commit::{self, Answer, CommittedTurn, Unsound, bind, statement};
use super::error::{Kind, StoreError};
use super::fetch;
use super::hints::Hints;
use super::history::{self, EventRow};
use super::kv::{self, KvChanges};
use super::lane::{Reply, Serve};
use super::ready::Wakes;
use super::returns::{Delivery, Returns};
use super::row::{ActivityKey, ActivityRow, Identity, MessageRow, int, parse_turn_token, stored_opt};
use super::writer::{Db, Durability, Tx, database_ms, with_repeats};
use crate::lease::Refusal;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::status::Stand;
use crate::model::work_item::WorkItem;
use crate::providers::express::{Handover, Head, Leased};
use crate::providers::signal::{WorkQueue, WorkSignal};
use crate::{clock, seams};

/// A commit as rows, serialized by the caller, so that the lane does not have to.
#[derive(Debug)]
pub(super) struct Ack {
    pub(super) secret: String,
    pub(super) instance: String,
    pub(super) execution_id: i64,
    pub(super) events: Vec<EventRow>,
    pub(super) kv: KvChanges,
    /// The last change of the custom status, if any.
    pub(super) custom_status: Option<Option<String>>,
    pub(super) activities: Vec<AskedActivity>,
    pub(super) messages: Vec<MessageRow>,
    pub(super) metadata: ExecutionMetadata,
    pub(super) cancelled: Vec<Identity>,
    /// Leased activities that end with this turn, because it is what they led to.
    pub(super) done: Vec<ActivityKey>,
    /// The instance as others name it.
    name: String,
    /// Whether clients that wait for the instance see a difference.
    is_news: bool,
    /// How it ended the instance, if somebody of this process waits for that.
    end: Option<Stand>,
}

/// An activity that a turn asks for.
#[derive(Debug)]
pub(super) struct AskedActivity {
    /// Which of the turn's activities, counted from 0.
    index: usize,
    pub(super) row: ActivityRow,
    /// The lease under which it may be handed to whoever commits the turn.
    pub(super) offered: Option<Offer>,
}

/// A lease that is made if the store hands an activity over.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) secret: String,
    pub(super) lease_ms: i64,
}

impl Ack {
    /// Of a turn that was fetched. Refuses event id 0 and tokens that nobody gave out.
    pub(super) fn new(token: &str, commit: Commit, signal: &WorkSignal) -> Result<Self, StoreError> {
        let (secret, instance) = parse_turn_token(token)?;
        Ack::of(secret.to_owned(), instance.into_owned(), commit, signal)
    }

    /// Of a turn whose instance this secret will lease.
    pub(super) fn of(
        secret: String,
        instance: String,
        commit: Commit,
        signal: &WorkSignal,
    ) -> Result<Self, StoreError> {
        let ended = commit.delta.iter().find(|event| event.is_terminal());
        let name = super::row::loaded(instance.clone());
        let watched = ended.filter(|_| signal.is_watched(&name));
        let cancelled = commit.cancelled_activities.iter();
        let cancelled: Vec<Identity> =
            cancelled.map(|it| Identity::new(&it.instance, it.execution_id, it.activity_id)).collect();
        Ok(Ack {
            secret,
            execution_id: int(commit.execution_id),
            events: history::to_rows(&commit.delta)?,
            kv: KvChanges::of(&commit.delta).fitting(&instance)?,
            custom_status: last_custom_status(&commit.delta),
            activities: asked_for(&commit.worker_items, &cancelled)?,
            messages: commit
                .orchestrator_items
                .iter()
                .filter(|item| !matches!(item, WorkItem::ActivityExecute { .. }))
                .map(MessageRow::new)
                .collect::<Result<_, _>>()?,
            is_news: commit.delta.iter().any(is_news),
            end: watched.and_then(|event| Stand::ended_by(&event.kind)),
            metadata: commit.metadata,
            cancelled,
            done: Vec::new(),
            name,
            instance,
        })
    }

    /// The same, some of whose activities the caller would run at once.
    pub(super) fn offering(mut self, handover: &Handover) -> Self {
        for asked in self.activities.iter_mut().filter(|asked| asked.index < handover.max) {
            let tag = asked.row.tag.clone().map(super::row::loaded);
            if asked.row.session_id.is_none() && handover.tags.matches(tag.as_deref()) {
                let lease_ms = int(clock::as_ms(handover.lock_timeout));
                asked.offered = Some(Offer { secret: seams::lock_token(), lease_ms });
            }
        }
        self
    }

    /// The same, which ends these activities.
    pub(super) fn finishing(mut self, done: Vec<ActivityKey>) -> Self {
        self.done = done;
        self
    }

    /// Whether its key-values are what the next execution finds. Changes of this very turn are applied and folded after
    /// the statement.
    pub(super) fn folds(&self) -> bool {
        self.ends() && self.kv.is_empty()
    }

    /// Whether the execution ends with this turn.
    pub(super) fn ends(&self) -> bool {
        matches!(self.metadata.status.as_deref(), Some("Completed" | "Failed" | "ContinuedAsNew"))
    }
}

/// What is both asked for and cancelled comes to nothing; one statement could not delete what it inserts.
fn asked_for(items: &[WorkItem], cancelled: &[Identity]) -> Result<Vec<AskedActivity>, StoreError> {
    let mut asked = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let row = ActivityRow::new(item)?;
        if !cancelled.contains(&row.identity) {
            asked.push(AskedActivity { index, row, offered: None });
        }
    }
    Ok(asked)
}

fn last_custom_status(delta: &[Event]) -> Option<Option<String>> {
    delta.iter().rev().find_map(|event| match &event.kind {
        EventKind::CustomStatusUpdated { status } => Some(stored_opt(status.as_deref())),
        _ => None,
    })
}

/// Whether a waiting client sees a difference.
fn is_news(event: &Event) -> bool {
    event.is_terminal() || matches!(event.kind, EventKind::CustomStatusUpdated { .. } | EventKind::KeyValueSet { .. })
}

/// One turn that is to be committed.
#[derive(Debug)]
pub(super) struct Acking {
    pub(super) ack: Ack,
    pub(super) reply: Reply<Delivery<Acked>>,
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Acked {
    /// What is new with every life of the instance.
    pub(super) row_id: i64,
    /// Activities that were handed over.
    pub(super) leased: Vec<Leased>,
}

impl Acked {
    /// On its way to whoever committed: activities that do not arrive there are given back.
    pub(super) fn delivered(self, returns: &Returns) -> Delivery<Acked> {
        let tokens = self.leased.iter().map(|leased| leased.token.clone()).collect();
        returns.deliver_activities(tokens, self)
    }
}

/// Commits turns.
pub(super) struct Acks {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) owner: Arc<str>,
    pub(super) returns: Returns,
}

/// What the database said of a batch: each turn that was committed, and whom to wake.
pub(super) struct Batch {
    pub(super) acked: Vec<Option<Acked>>,
    /// Each that was not what a holder of the lease would commit.
    pub(super) unsound: HashMap<usize, Unsound>,
    pub(super) wakes: Wakes,
}

impl Serve for Acks {
    type Request = Acking;

    async fn serve(&self, batch: Vec<Acking>) {
        match self.commit(&batch).await {
            Ok(acked) => {
                for (acking, acked) in batch.into_iter().zip(acked) {
                    let outcome = match acked {
                        Some(acked) => Ok(acked.delivered(&self.returns)),
                        None => Err(self.refusal(&acking.ack).await),
                    };
                    acking.reply.send(outcome);
                }
            }
            // One of them is to blame; the others go on.
            Err(error) if error.kind() == Kind::Permanent => {
                for acking in batch {
                    self.serve_alone(acking).await;
                }
            }
            Err(error) => batch.into_iter().for_each(|acking| acking.reply.send(Err(error.clone()))),
        }
    }
}

impl Acks {
    async fn serve_alone(&self, acking: Acking) {
        let batch = [acking];
        let committed = self.commit(&batch).await.map(|acked| acked.into_iter().next().flatten());
        let [acking] = batch;
        let ack = &acking.ack;
        let outcome = match committed {
            Ok(Some(acked)) => Ok(acked.delivered(&self.returns)),
            Ok(None) => Err(self.refusal(ack).await),
            Err(error) => Err(history::explain(&self.db, error, &ack.instance, ack.execution_id, &ack.events).await),
        };
        acking.reply.send(outcome);
    }

    /// Why a turn was not committed.
    async fn refusal(&self, ack: &Ack) -> StoreError {
        // Refused it was all the same, whatever the reason.
        fetch::refusal(&self.db, &ack.secret, &ack.instance).await.unwrap_or(Refusal::Unknown).into()
    }

    async fn commit(&self, batch: &[Acking]) -> Result<Vec<Option<Acked>>, StoreError> {
        let acks: Vec<&Ack> = batch.iter().map(|acking| &acking.ack).collect();
        let committed = with_repeats(|| self.try_commit(&acks)).await;
        let committed = committed.inspect_err(|error| give_up(&self.returns, error, &acks))?;
        committed.wakes.ring(&self.db, &self.hints);
        Ok(committed.acked)
    }

    async fn try_commit(&self, acks: &[&Ack]) -> Result<Batch, StoreError> {
        let mut tx = self.db.begin(Durability::Flushed).await?;
        match write(&self.db, &mut tx, acks, None, &self.owner).await {
            Ok(batch) => {
                tx.commit_surely().await?;
                Ok(batch)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }
}

/// Activities that were handed over by a commit whose outcome could not be found out are held by nobody.
pub(super) fn give_up(returns: &Returns, error: &StoreError, acks: &[&Ack]) {
    if matches!(error, StoreError::Ambiguous) {
        let offers = acks.iter().flat_map(|ack| &ack.activities).filter_map(|asked| asked.offered.as_ref());
        returns.unknown(offers.map(|offer| offer.secret.clone()).collect());
    }
}

/// Writes what these turns change, as far as their leases hold. With `bases`, the transaction took the leases itself, and
/// turns follow on these heads or are not written.
pub(super) async fn write(
    db: &Db,
    tx: &mut Tx<'_>,
    acks: &[&Ack],
    bases: Option<&[Head]>,
    owner: &str,
) -> Result<Batch, StoreError> {
    let shift_ms = db.shift_ms();
    let lease = if bases.is_some() { commit::Lease::OfCommit } else { commit::Lease::OfFetch };
    let query = db.query(&statement(acks, lease));
    let asked_ms = clock::now_ms();
    let rows = tx.all(bind(query, acks, bases.unwrap_or_default(), owner, shift_ms)).await?;
    let now_ms = database_ms(db, asked_ms, &rows[0], 0)?;
    let mut batch = Batch { acked: vec![None; acks.len()], unsound: HashMap::new(), wakes: Wakes::default() };
    let mut handed = HashMap::new();
    for row in &rows {
        match Answer::from_row(row)? {
            Answer::Turn(turn) => {
                let ack = acks[turn.index];
                wake(ack, &turn, (now_ms, shift_ms), &mut batch.wakes);
                batch.acked[turn.index] = Some(Acked { row_id: turn.row_id, leased: Vec::new() });
                materialize_kv(db, tx, ack).await?;
            }
            Answer::Unsound { index, why } => drop(batch.unsound.insert(index, why)),
            Answer::Handed { secret, id } => drop(handed.insert(secret, id)),
            Answer::Nothing => {}
        }
    }
    for (ack, acked) in acks.iter().zip(&mut batch.acked) {
        if let Some(acked) = acked {
            acked.leased = leased(ack, &handed);
            // Whoever committed has the others in his hands.
            if acked.leased.len() < ack.activities.len() {
                batch.wakes.ready(WorkQueue::Worker);
            }
        }
    }
    Ok(batch)
}

/// When the execution ends, its changes become what the next one finds.
async fn materialize_kv(db: &Db, tx: &mut Tx<'_>, ack: &Ack) -> Result<(), StoreError> {
    if ack.kv.is_empty() {
        return Ok(());
    }
    kv::apply(db, tx, &ack.instance, &ack.kv).await?;
    if ack.ends() { kv::fold(db, tx, &ack.instance).await } else { Ok(()) }
}

/// The activities of a turn that were handed over.
fn leased(ack: &Ack, handed: &HashMap<String, i64>) -> Vec<Leased> {
    let leased = ack.activities.iter().filter_map(|asked| {
        let offer = asked.offered.as_ref()?;
        let id = *handed.get(&offer.secret)?;
        let key = ActivityKey { secret: offer.secret.clone(), id, identity: asked.row.identity.clone() };
        Some(Leased { index: asked.index, token: key.token() })
    });
    leased.collect()
}

fn wake(ack: &Ack, turn: &CommittedTurn, (now_ms, shift_ms): (u64, i64), wakes: &mut Wakes) {
    if turn.has_more {
        wakes.ready(WorkQueue::Orchestrator);
    }
    for message in &ack.messages {
        wakes.visible(WorkQueue::Orchestrator, message.due_ms(shift_ms).unwrap_or(now_ms), now_ms);
    }
    if ack.is_news {
        let custom_status = || (turn.custom_status.clone(), turn.custom_status_version);
        let end = ack.end.clone().map(|stand| {
            let (status, version) = custom_status();
            stand.with_custom_status(status, version)
        });
        wakes.news(ack.name.clone(), end);
    }
}
