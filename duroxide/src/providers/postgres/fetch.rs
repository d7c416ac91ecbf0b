//! Take the next orchestration items under leases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;

use super::claim::{HISTORIES, LOAD, Loaded};
use super::error::StoreError;
use super::express;
use super::hints::Hints;
use super::history::{self, StoredEvent};
use super::lane::{Reply, Serve};
use super::ready::{self, Wakes};
use super::returns::{Delivery, Returns};
use super::row::{self, int, parse_turn_token, quarantine, turn_token};
use super::writer::{Db, Durability, Failures, Tx, database_ms, pause};
use crate::lease::Refusal;
use crate::model::event::{Event, EventKind};
use crate::model::filter::Capability;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::item::{KvEntry, OrchestrationItem};
use crate::model::work_item::WorkItem;
use crate::providers::express::{Head, KnownHeads};
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, Reading};
use crate::{clock, seams};

/// What stands in for a version that is not recorded.
const UNKNOWN_VERSION: &str = "unknown";

/// Looks for work of one fetch that found some, but in competition with others or unfit: then it is told that there is
/// none, and comes again.
const ROUNDS: usize = 32;

/// One dispatcher that asks for work.
#[derive(Debug)]
pub(super) struct Asking {
    /// At most this many instances.
    pub(super) max: usize,
    pub(super) lock_timeout: Duration,
    pub(super) capability: Capability,
    /// Whose histories need not be sent.
    pub(super) known: Option<Arc<dyn KnownHeads>>,
    pub(super) reply: Reply<Vec<Delivery<Fetched>>>,
}

impl Asking {
    fn is_like(&self, other: &AskedFor) -> bool {
        let same_known = match (&self.known, &other.known) {
            (Some(own), Some(known)) => std::ptr::addr_eq(Arc::as_ptr(own), Arc::as_ptr(known)),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_known && self.lock_timeout == other.lock_timeout && self.capability == other.capability
    }
}

/// What those who are served together ask for.
struct AskedFor {
    lock_timeout: Duration,
    capability: Capability,
    known: Option<Arc<dyn KnownHeads>>,
}

/// Leases instances to those who ask.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) owner: Arc<str>,
    pub(super) returns: Returns,
}

/// A leased batch as it is stored; history is read by whoever asked.
#[derive(Debug)]
pub(super) struct Fetched {
    token: String,
    instance: String,
    identity: Identity,
    messages: Vec<WorkItem>,
    history: Vec<StoredEvent>,
    kv_snapshot: HashMap<String, KvEntry>,
    attempts: u32,
    /// Whether the caller knows its history, which then did not come along.
    is_known: bool,
    head: Head,
}

#[derive(Debug)]
struct Identity {
    name: String,
    version: Option<String>,
    /// What the item says.
    execution_id: u64,
    /// Whether its history comes along.
    has_history: bool,
}

impl Fetched {
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether it is a batch of this instance, as that is stored.
    pub(super) fn is_of(&self, instance: &str) -> bool {
        row::stored(&self.instance) == instance
    }

    /// Whether the caller knows its history, and where that ends.
    pub(super) fn extent(&self) -> (bool, Head) {
        (self.is_known, self.head)
    }

    /// The item, its token and its attempt count. A history that cannot be read is reported, not lost.
    pub(super) fn into_item(self) -> (OrchestrationItem, String, u32) {
        let (history, history_error, kv_snapshot) = match history::parse(&self.history) {
            Ok(history) => (history, None, self.kv_snapshot),
            Err(error) => (Vec::new(), Some(error), HashMap::new()),
        };
        let item = OrchestrationItem {
            instance: self.instance,
            orchestration_name: self.identity.name,
            execution_id: self.identity.execution_id,
            version: self.identity.version.unwrap_or_else(|| UNKNOWN_VERSION.to_owned()),
            history,
            messages: self.messages,
            history_error,
            kv_snapshot,
        };
        (item, self.token, self.attempts)
    }
}

impl Serve for Fetch {
    type Request = Asking;

    async fn serve(&self, mut batch: Vec<Asking>) {
        batch.retain(|ask| ask.reply.is_wanted());
        // Those who ask for the same are served together.
        while let Some(Asking { lock_timeout, capability, known, .. }) = batch.first() {
            let asked = AskedFor { lock_timeout: *lock_timeout, capability: *capability, known: known.clone() };
            let (same, others) = batch.into_iter().partition(|ask| ask.is_like(&asked));
            batch = others;
            self.serve_alike(same, &asked).await;
        }
    }
}

impl Fetch {
    async fn serve_alike(&self, asking: Vec<Asking>, asked: &AskedFor) {
        let wanted: usize = asking.iter().map(|ask| ask.max).sum();
        let secrets: Vec<String> = (0..wanted).map(|_| seams::lock_token()).collect();
        let fetched = match asked.capability {
            Capability::Nothing => Ok(Vec::new()),
            Capability::Any | Capability::Range(..) => self.lease(&secrets, asked).await,
        };
        match fetched {
            Ok(fetched) => {
                let mut fetched = fetched.into_iter();
                for ask in asking {
                    let share = fetched.by_ref().take(ask.max);
                    let share = share.map(|next| self.returns.deliver_turn(next.token.clone(), next)).collect();
                    ask.reply.send(Ok(share));
                }
            }
            Err(error) => asking.into_iter().for_each(|ask| ask.reply.send(Err(error.clone()))),
        }
    }

    /// Looks again and again, each time in a transaction of its own: whoever holds leases waits for nobody else's.
    async fn lease(&self, secrets: &[String], asked: &AskedFor) -> Result<Vec<Fetched>, StoreError> {
        let mut fetched: Vec<Fetched> = Vec::new();
        let mut failures = Failures::default();
        let mut at_once = secrets.len();
        for _ in 0..ROUNDS {
            let unused = &secrets[fetched.len()..];
            let unused = &unused[..unused.len().min(at_once)];
            if unused.is_empty() {
                break;
            }
            let look = match self.look(unused, asked).await {
                // Too much for the way here, perhaps: all their histories come in one answer.
                Err(error @ StoreError::NoAnswer) => {
                    at_once = (at_once / 2).max(1);
                    pause(&mut failures, error).await.map(|()| Look::default())
                }
                Err(error) if error.can_repeat() => pause(&mut failures, error).await.map(|()| Look::default()),
                look => look,
            };
            match look {
                Ok(look) => {
                    fetched.extend(look.fetched);
                    if look.some_left {
                        // Whoever of those who asked gets nothing comes again.
                        self.hints.tell(WorkQueue::Orchestrator);
                    }
                    if look.is_all {
                        break;
                    }
                }
                // What was leased before is committed: it goes to those who asked, and whoever asks next hears why.
                Err(_) if !fetched.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(fetched)
    }

    async fn look(&self, secrets: &[String], asked: &AskedFor) -> Result<Look, StoreError> {
        let mut tx = self.db.begin(Durability::Lease).await?;
        let look = match self.look_in(&mut tx, secrets, asked).await {
            Ok(look) => look,
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        };
        match tx.commit().await {
            Ok(()) => Ok(look),
            Err(error) => {
                // Perhaps committed all the same: then nobody may wait for these leases to end.
                look.fetched.into_iter().for_each(|fetched| self.returns.doubtful_turn(fetched.token));
                Err(error)
            }
        }
    }

    async fn look_in(&self, tx: &mut Tx<'_>, secrets: &[String], asked: &AskedFor) -> Result<Look, StoreError> {
        let mut claims = self.claim(tx, secrets, asked.lock_timeout, asked.capability, false).await?;
        if claims.due {
            ready::promote_messages(&self.db, tx).await?;
            claims = self.claim(tx, secrets, asked.lock_timeout, asked.capability, true).await?;
        }
        if claims.seen == 0 {
            return Ok(Look { is_all: true, ..Look::default() });
        }
        let (wanted, held) = (secrets.len(), claims.held.len());
        let (fetched, some_left) = self.load(tx, claims.held, asked.known.as_deref(), Wanted::All).await?;
        let is_all = some_left || (!claims.more && held < wanted && fetched.len() == held);
        Ok(Look { fetched, is_all, some_left })
    }
}

/// Which of the instances that are leased are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// Those that are new, or whose history the caller knows.
    Light,
}

/// What one look for work brought.
#[derive(Default)]
struct Look {
    fetched: Vec<Fetched>,
    /// Whatever is ready was seen, and there were not as many instances as were asked for; or enough was taken.
    is_all: bool,
    /// Some are left to whoever looks next: what was taken is as long as it may be.
    some_left: bool,
}

impl Fetch {
    /// What the leases just taken bring; those that bring nothing are let go. Says whether some were left to others.
    pub(super) async fn load(
        &self,
        tx: &mut Tx<'_>,
        held: Vec<(String, String)>,
        known: Option<&dyn KnownHeads>,
        wanted: Wanted,
    ) -> Result<(Vec<Fetched>, bool), StoreError> {
        let instances: Vec<String> = held.iter().map(|(_, instance)| instance.clone()).collect();
        let secrets: Vec<String> = held.iter().map(|(secret, _)| secret.clone()).collect();
        let heads: Vec<(String, [i64; 3])> = instances
            .iter()
            .filter_map(|instance| {
                let head = known?.head_of(&row::loaded(instance.clone()))?;
                Some((instance.clone(), express::parts(head)))
            })
            .collect();
        let part = |at: usize| heads.iter().map(|(_, parts)| parts[at]).collect::<Vec<_>>();
        let load = self.db.query(LOAD).bind(instances);
        let load = load.bind(heads.iter().map(|(instance, _)| instance.clone()).collect::<Vec<_>>());
        let rows = tx.all(load.bind(part(0)).bind(part(1)).bind(part(2)).bind(HISTORIES).bind(secrets)).await?;
        let mut loaded: HashMap<String, Loaded> = HashMap::new();
        for row in &rows {
            loaded.entry(row.try_get(1)?).or_default().add(row)?;
        }
        let mut fetched = Vec::with_capacity(held.len());
        let mut some_left = false;
        for (secret, instance) in held {
            let loaded = loaded.remove(&instance).unwrap_or_default();
            // Somebody else holds it, or it takes too much.
            if !loaded.is_leased || loaded.is_left {
                some_left |= loaded.is_left;
                continue;
            }
            if wanted == Wanted::Light && loaded.known.is_some() && !loaded.is_known {
                self.let_go(tx, &instance).await?;
                continue;
            }
            match self.read(tx, &secret, &instance, loaded).await? {
                Some(next) => fetched.push(next),
                None => self.let_go(tx, &instance).await?,
            }
        }
        Ok((fetched, some_left))
    }

    async fn read(
        &self,
        tx: &mut Tx<'_>,
        secret: &str,
        instance: &str,
        loaded: Loaded,
    ) -> Result<Option<Fetched>, StoreError> {
        let mut messages = Vec::with_capacity(loaded.messages.len());
        let mut attempts = 0;
        for (id, attempts_of_message, json) in loaded.messages {
            let reason = match unreadable::read(&json) {
                Reading::Item(message) => {
                    messages.push(message);
                    attempts = attempts.max(attempts_of_message);
                    continue;
                }
                Reading::LaterKind(kind) => format!("a kind that this version does not know: {kind}"),
                Reading::Unreadable(reason) => reason,
            };
            self.set_aside(tx, instance, id, &json, &reason).await?;
        }
        if messages.is_empty() {
            return Ok(None);
        }
        let Some(identity) = identify(loaded.known, &loaded.history, &messages) else {
            self.set_orphans_aside(tx, instance, &messages).await?;
            return Ok(None);
        };
        let plain = row::loaded(instance.to_owned());
        Ok(Some(Fetched {
            token: turn_token(secret, &plain),
            is_known: loaded.is_known,
            head: Head {
                last_event_id: if identity.has_history { loaded.last_event_id } else { 0 },
                digest: loaded.row_id,
                ..Head::of_new(identity.execution_id, 0)
            },
            instance: plain,
            history: if identity.has_history { loaded.history } else { Vec::new() },
            identity,
            messages,
            kv_snapshot: loaded.values,
            attempts,
        }))
    }

    async fn set_aside(
        &self,
        tx: &mut Tx<'_>,
        instance: &str,
        id: i64,
        json: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        // Whoever else looks at it waits for this lease, and is not waited for: it stays until the next look.
        let delete = self.db.query(
            "WITH own AS MATERIALIZED (SELECT id FROM @.orchestrator_queue WHERE instance_id = $1 AND id = $2
                 FOR UPDATE SKIP LOCKED)
             DELETE FROM @.orchestrator_queue q USING own WHERE q.instance_id = $1 AND q.id = own.id RETURNING 1",
        );
        if !tx.all(delete.bind(instance.to_owned()).bind(id)).await?.is_empty() {
            quarantine(tx.conn(), self.db.schema(), "orchestrator", instance, json, reason).await?;
        }
        Ok(())
    }

    /// Messages for an instance that does not exist. Queue messages alone are dropped, as the contract has it;
    /// anything else may be ahead of its start and waits for it, and so does everything while a start is queued but
    /// delayed.
    async fn set_orphans_aside(
        &self,
        tx: &mut Tx<'_>,
        instance: &str,
        messages: &[WorkItem],
    ) -> Result<(), StoreError> {
        let only_queue_messages = messages.iter().all(|message| matches!(message, WorkItem::QueueMessage { .. }));
        if !only_queue_messages || self.start_is_delayed(tx, instance).await? {
            return ready::park(&self.db, tx, instance).await;
        }
        let drop_batch = self.db.query(
            "WITH own AS MATERIALIZED (
                 SELECT q.id FROM @.instance_locks l JOIN @.orchestrator_queue q
                     ON q.instance_id = l.instance_id AND q.id = ANY(l.batch)
                 WHERE l.instance_id = $1 FOR UPDATE OF q SKIP LOCKED)
             DELETE FROM @.orchestrator_queue q USING own WHERE q.instance_id = $1 AND q.id = own.id",
        );
        tx.all(drop_batch.bind(instance.to_owned())).await?;
        Ok(())
    }

    /// Whether a start of the instance is queued, but not visible: given back for a while, say.
    async fn start_is_delayed(&self, tx: &mut Tx<'_>, instance: &str) -> Result<bool, StoreError> {
        let delayed = self.db.query("SELECT work_item FROM @.orchestrator_queue WHERE instance_id = $1 AND state = 0");
        for row in tx.all(delayed.bind(instance.to_owned())).await? {
            let message = serde_json::from_str(&row.try_get::<String, _>(0)?).ok();
            if message.as_ref().and_then(starts_as).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn let_go(&self, tx: &mut Tx<'_>, instance: &str) -> Result<(), StoreError> {
        let delete = self.db.query("DELETE FROM @.instance_locks WHERE instance_id = $1");
        tx.all(delete.bind(instance.to_owned())).await?;
        Ok(())
    }
}

/// Who the instance is: by its row, by what its history began with, or by the message that starts it.
fn identify(
    known: Option<(String, Option<String>, u64)>,
    history: &[StoredEvent],
    messages: &[WorkItem],
) -> Option<Identity> {
    if let Some((name, version, execution_id)) = known {
        return Some(Identity { name, version, execution_id, has_history: true });
    }
    // A history that cannot be read says nothing here; a start message may.
    let past = history::parse(history).unwrap_or_default();
    started_as(&past).or_else(|| messages.iter().find_map(starts_as))
}

fn started_as(history: &[Event]) -> Option<Identity> {
    history.iter().find_map(|event| match &event.kind {
        EventKind::OrchestrationStarted { name, version, .. } => Some(Identity {
            name: name.clone(),
            version: Some(version.clone()),
            execution_id: INITIAL_EXECUTION_ID,
            has_history: true,
        }),
        _ => None,
    })
}

fn starts_as(message: &WorkItem) -> Option<Identity> {
    match message {
        WorkItem::StartOrchestration { orchestration, version, .. }
        | WorkItem::ContinueAsNew { orchestration, version, .. } => Some(Identity {
            name: orchestration.clone(),
            version: version.clone(),
            execution_id: INITIAL_EXECUTION_ID,
            has_history: false,
        }),
        _ => None,
    }
}

/// Gives a batch back. A lease that ended is accepted as long as nobody else took the instance.
pub(super) async fn abandon(
    db: &Db,
    hints: &Hints,
    token: &str,
    delay: Option<Duration>,
    ignore_attempt: bool,
) -> Result<(), StoreError> {
    let (secret, instance) = parse_turn_token(token)?;
    let delay_ms = int(clock::as_ms(delay.unwrap_or_default()));
    let asked_ms = clock::now_ms();
    let row = db
        .optional(|| {
            db.query(
                "WITH clock AS MATERIALIZED (SELECT @now AS ms,
                     set_config('synchronous_commit', 'off', true)),
                 held AS (DELETE FROM @.instance_locks WHERE instance_id = $1 AND lock_token = $2
                     RETURNING instance_id, batch, lapsed),
                 given AS (
                     UPDATE @.orchestrator_queue q
                     SET attempt_count = attempt_count + $4 + cardinality(array_positions(held.lapsed, q.id)),
                         visible_at = ms + LEAST($3, 9223372036854775807 - ms),
                         state = CASE WHEN $3 > 0 THEN 0 ELSE 1 END
                     FROM held, clock WHERE q.instance_id = held.instance_id AND q.id = ANY(held.batch))
                 SELECT ms FROM held, clock",
            )
            .bind(instance.as_ref().to_owned())
            .bind(secret.to_owned())
            .bind(delay_ms)
            .bind(i64::from(!ignore_attempt))
        })
        .await?;
    let now_ms = database_ms(db, asked_ms, &row.ok_or(Refusal::Unknown)?, 0)?;
    let mut wakes = Wakes::default();
    // Beside the batch there may be what arrived meanwhile.
    wakes.ready(WorkQueue::Orchestrator);
    wakes.visible(WorkQueue::Orchestrator, now_ms.saturating_add(row::uint(delay_ms)), now_ms);
    wakes.ring(db, hints);
    Ok(())
}

/// Extends a live lease.
pub(super) async fn renew(db: &Db, token: &str, extend_for: Duration) -> Result<(), StoreError> {
    let (secret, instance) = parse_turn_token(token)?;
    let renewed = db
        .optional(|| {
            db.query(
                // The clock is read when the row is held: whoever waited for somebody who gave up may come too late.
                "WITH held AS MATERIALIZED (SELECT locked_until FROM @.instance_locks
                     WHERE instance_id = $1 AND lock_token = $2 FOR UPDATE),
                 clock AS MATERIALIZED (SELECT @now AS ms, locked_until,
                     set_config('synchronous_commit', 'off', true) FROM held)
                 UPDATE @.instance_locks l SET locked_until = ms + LEAST($3, 9223372036854775807 - ms) FROM clock
                 WHERE instance_id = $1 AND lock_token = $2 AND clock.locked_until > ms RETURNING 1",
            )
            .bind(instance.as_ref().to_owned())
            .bind(secret.to_owned())
            .bind(int(clock::as_ms(extend_for)))
        })
        .await?;
    match renewed {
        Some(_) => Ok(()),
        None => Err(refusal(db, secret, &instance).await?.into()),
    }
}

/// Why the bearer of this secret was refused.
pub(super) async fn refusal(db: &Db, secret: &str, instance: &str) -> Result<Refusal, StoreError> {
    let lapsed = db
        .optional(|| {
            db.query("SELECT 1 FROM @.instance_locks WHERE instance_id = $1 AND lock_token = $2")
                .bind(instance.to_owned())
                .bind(secret.to_owned())
        })
        .await?;
    Ok(if lapsed.is_some() { Refusal::Expired } else { Refusal::Unknown })
}
