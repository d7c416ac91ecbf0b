//! Take activities: in one statement, or in turn where sessions are concerned.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::lane::{Reply, Serve};
use super::ready;
use super::returns::{Delivery, Returns};
use super::row::{ActivityKey, Identity, int, number, stored};
use super::session::{self, Candidate};
use super::spoilt::{self, Spoilt};
use super::writer::{Db, Durability, Query, Tx, database_ms, with_repeats};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;
use crate::{clock, seams};

/// Looks for work of one fetch that found some it could not give to anybody.
const ROUNDS: usize = 16;

/// One worker that asks for an activity.
#[derive(Debug)]
pub(super) struct Asking {
    /// At most this many, one of them in a session at most.
    pub(super) max: usize,
    pub(super) lock_timeout: Duration,
    pub(super) session: Option<SessionFetchConfig>,
    pub(super) tags: TagFilter,
    pub(super) reply: Reply<Vec<Delivery<TakenActivity>>>,
}

/// A leased activity.
#[derive(Debug)]
pub(super) struct TakenActivity {
    pub(super) item: WorkItem,
    pub(super) token: String,
    pub(super) attempts: u32,
}

/// Leases activities to those who ask.
pub(super) struct Fetch {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) owner: Arc<str>,
    pub(super) returns: Returns,
}

impl Serve for Fetch {
    type Request = Asking;

    async fn serve(&self, mut batch: Vec<Asking>) {
        batch.retain(|ask| ask.reply.is_wanted());
        // Those who ask for the same are served together.
        while let Some(first) = batch.first() {
            let (timeout, tags) = (first.lock_timeout, first.tags.clone());
            let (same, others) = batch.into_iter().partition(|ask| ask.lock_timeout == timeout && ask.tags == tags);
            batch = others;
            self.serve_alike(same, timeout, &tags).await;
        }
    }
}

/// What one look for activities brought.
enum Look {
    /// These were taken, and these could not be read.
    Taken(Vec<TakenActivity>, Vec<Spoilt>),
    /// Some fell due, or belong to sessions: that takes more than one statement.
    NotSimple,
}

/// A row of the queue as it was taken.
enum Found {
    Activity(TakenActivity),
    Spoilt(Spoilt),
}

impl Fetch {
    async fn serve_alike(&self, asking: Vec<Asking>, timeout: Duration, tags: &TagFilter) {
        let taken = match tags {
            TagFilter::None => Ok(asking.iter().map(|_| Vec::new()).collect()),
            _ => with_repeats(|| self.take_readable(&asking, timeout, tags)).await,
        };
        match taken {
            Ok(taken) => {
                for (ask, share) in asking.into_iter().zip(taken) {
                    let share = share.into_iter();
                    let share =
                        share.map(|next| self.returns.deliver_activities(vec![next.token.clone()], next)).collect();
                    ask.reply.send(Ok(share));
                }
            }
            Err(error) => asking.into_iter().for_each(|ask| ask.reply.send(Err(error.clone()))),
        }
    }

    /// Looks until something can be read, or nothing is left. What cannot be read is set aside on the way.
    async fn take_readable(
        &self,
        asking: &[Asking],
        timeout: Duration,
        tags: &TagFilter,
    ) -> Result<Vec<Vec<TakenActivity>>, StoreError> {
        let wanted: usize = asking.iter().map(|ask| ask.max).sum();
        for _ in 0..ROUNDS {
            let (taken, spoilt) = match self.take_simple(wanted, timeout, tags).await? {
                Look::Taken(taken, spoilt) => (taken, spoilt),
                Look::NotSimple => return self.take_in_turn(asking, timeout, tags).await,
            };
            if !spoilt.is_empty()
                && let Err(error) = spoilt::set_aside(&self.db, &self.hints, &spoilt).await
            {
                // They come back when their leases end.
                tracing::warn!("activities that cannot be read could not be set aside: {error:?}");
            }
            if !taken.is_empty() || spoilt.is_empty() {
                let mut taken = taken.into_iter();
                return Ok(asking.iter().map(|ask| taken.by_ref().take(ask.max).collect()).collect());
            }
        }
        Ok(asking.iter().map(|_| Vec::new()).collect())
    }

    /// One statement, as long as no session is concerned and nothing fell due.
    async fn take_simple(&self, wanted: usize, timeout: Duration, tags: &TagFilter) -> Result<Look, StoreError> {
        let secrets: Vec<String> = (0..wanted).map(|_| seams::lock_token()).collect();
        let take = || {
            let query = self
                .db
                .query(&TAKE.replace("{tags}", tag_condition(tags, "$4")))
                .bind(secrets.clone())
                .bind(int(clock::as_ms(timeout)))
                .bind(self.owner.to_string());
            with_tags(query, tags)
        };
        let asked_ms = clock::now_ms();
        let rows = match self.db.quick_once(take()).await {
            Ok(rows) => rows,
            Err(error) => {
                if error.kind() == Kind::Connection {
                    self.returns.unknown(secrets);
                }
                return Err(error);
            }
        };
        database_ms(&self.db, asked_ms, &rows[0], 0)?;
        if rows[0].try_get(1)? {
            return Ok(Look::NotSimple);
        }
        let (mut taken, mut spoilt) = (Vec::new(), Vec::new());
        for row in &rows {
            match taken_from(row)? {
                Some(Found::Activity(activity)) => taken.push(activity),
                Some(Found::Spoilt(row)) => spoilt.push(row),
                None => {}
            }
        }
        Ok(Look::Taken(taken, spoilt))
    }
}

/// Leases the earliest activities without a session.
///
/// $1 secrets, $2 lease in milliseconds, $3 owner.
const TAKE: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true)),
    other AS MATERIALIZED (SELECT
        EXISTS (SELECT 1 FROM @.worker_queue WHERE state = 0 AND visible_at <= (SELECT ms FROM clock))
        OR EXISTS (SELECT 1 FROM @.worker_queue WHERE state = 1 AND session_id IS NOT NULL
            AND locked_until <= (SELECT ms FROM clock)) AS found),
    picked AS MATERIALIZED (
        SELECT instance_id, execution_id, activity_id, id FROM @.worker_queue
        WHERE state = 1 AND session_id IS NULL AND {tags} AND visible_at <= (SELECT ms FROM clock)
            AND locked_until <= (SELECT ms FROM clock) AND NOT (SELECT found FROM other)
        ORDER BY id LIMIT cardinality($1) FOR UPDATE SKIP LOCKED),
    taken AS (
        UPDATE @.worker_queue w SET lock_token = $1[p.n], locked_until = ms + LEAST($2, 9223372036854775807 - ms),
            owner = $3, fence = nextval('@.fence'), attempt_count = attempt_count + 1
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM picked) p, clock
        WHERE w.instance_id = p.instance_id AND w.execution_id = p.execution_id AND w.activity_id = p.activity_id
            AND w.id = p.id
        RETURNING w.id, w.instance_id, w.execution_id, w.activity_id, w.lock_token, w.work_item, w.attempt_count)
    SELECT clock.ms, other.found, taken.* FROM clock CROSS JOIN other LEFT JOIN taken ON true ORDER BY taken.id";

/// Which tags pass; `place` is where they are bound, if they are.
fn tag_condition(tags: &TagFilter, place: &'static str) -> &'static str {
    match (tags, place) {
        (TagFilter::Any, _) => "true",
        (TagFilter::None, _) => "false",
        (TagFilter::DefaultOnly, _) => "tag IS NULL",
        (TagFilter::Tags(_), "$4") => "tag = ANY($4)",
        (TagFilter::Tags(_), _) => "tag = ANY($3)",
        (TagFilter::DefaultAnd(_), "$4") => "(tag IS NULL OR tag = ANY($4))",
        (TagFilter::DefaultAnd(_), _) => "(tag IS NULL OR tag = ANY($3))",
    }
}

fn with_tags(query: Query, tags: &TagFilter) -> Query {
    match tags {
        TagFilter::Any | TagFilter::None | TagFilter::DefaultOnly => query,
        TagFilter::Tags(tags) | TagFilter::DefaultAnd(tags) => {
            query.bind(tags.iter().map(|tag| stored(tag).into_owned()).collect::<Vec<_>>())
        }
    }
}

/// The row whose columns begin with its key at place 2, if there is one.
fn taken_from(row: &PgRow) -> Result<Option<Found>, StoreError> {
    let Some(id) = row.try_get::<Option<i64>, _>(2)? else {
        return Ok(None);
    };
    let identity = Identity { instance: row.try_get(3)?, execution_id: row.try_get(4)?, activity_id: row.try_get(5)? };
    let key = ActivityKey { secret: row.try_get(6)?, id, identity };
    let attempts = u32::try_from(number(row, 8)?).unwrap_or(u32::MAX);
    let json: &str = row.try_get(7)?;
    Ok(Some(match spoilt::read(json) {
        Ok(item) => Found::Activity(TakenActivity { item, token: key.token(), attempts }),
        Err(wrong) => Found::Spoilt(Spoilt {
            identity: key.identity,
            id: key.id,
            secret: Some(key.secret),
            json: json.to_owned(),
            wrong,
        }),
    }))
}

impl Fetch {
    /// The slow way, for sessions and for what fell due: looks, decides who gets what, and takes that.
    async fn take_in_turn(
        &self,
        asking: &[Asking],
        timeout: Duration,
        tags: &TagFilter,
    ) -> Result<Vec<Vec<TakenActivity>>, StoreError> {
        let places = places(asking);
        let mut taken: Vec<Option<(i64, TakenActivity)>> = places.iter().map(|_| None).collect();
        let mut tx = self.db.begin(Durability::Lease).await?;
        let spoilt = match self.fill(&mut tx, &places, &mut taken, timeout, tags).await {
            Ok(spoilt) => spoilt,
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        };
        let mut found: Vec<_> = places.iter().zip(taken).filter_map(|(place, taken)| Some((place.0, taken?))).collect();
        found.sort_by_key(|(_, (id, _))| *id);
        match tx.commit().await {
            Ok(()) => {
                if spoilt {
                    self.hints.tell(WorkQueue::Orchestrator);
                }
                let mut shares: Vec<Vec<TakenActivity>> = asking.iter().map(|_| Vec::new()).collect();
                found.into_iter().for_each(|(who, (_, taken))| shares[who].push(taken));
                Ok(shares)
            }
            Err(error) => {
                // Perhaps committed all the same: then nobody may wait for these leases to end.
                let secret = |token: String| token.split(':').next().map(str::to_owned);
                self.returns.unknown(found.into_iter().filter_map(|(_, (_, taken))| secret(taken.token)).collect());
                Err(error)
            }
        }
    }

    /// Takes something for each place that is open, in rounds. Says whether anything was set aside.
    async fn fill(
        &self,
        tx: &mut Tx<'_>,
        places: &[(usize, Option<&SessionFetchConfig>)],
        taken: &mut [Option<(i64, TakenActivity)>],
        timeout: Duration,
        tags: &TagFilter,
    ) -> Result<bool, StoreError> {
        let mut any_spoilt = false;
        ready::promote_activities(&self.db, tx).await?;
        for _ in 0..ROUNDS {
            let open: Vec<usize> = (0..places.len()).filter(|at| taken[*at].is_none()).collect();
            let sessions: Vec<Option<&SessionFetchConfig>> = open.iter().map(|at| places[*at].1).collect();
            let candidates = self.candidates(tx, &sessions, tags).await?;
            if open.is_empty() || candidates.is_empty() {
                break;
            }
            let (candidates, spoilt) = self.readable(tx, candidates).await?;
            any_spoilt |= spoilt;
            let mut shares = session::share(&candidates, &sessions);
            session::claim(&self.db, tx, &candidates, &sessions, &mut shares, &self.owner).await?;
            if shares.is_empty() && !spoilt {
                break;
            }
            for (candidate, who) in shares {
                let candidate = &candidates[candidate];
                taken[open[who]] = Some((candidate.id, self.take(tx, candidate, timeout).await?));
            }
        }
        Ok(any_spoilt)
    }

    async fn candidates(
        &self,
        tx: &mut Tx<'_>,
        sessions: &[Option<&SessionFetchConfig>],
        tags: &TagFilter,
    ) -> Result<Vec<Candidate>, StoreError> {
        let owners: Option<Vec<String>> = sessions
            .iter()
            .any(Option::is_some)
            .then(|| sessions.iter().flatten().map(|session| stored(&session.owner_id).into_owned()).collect());
        let look = self
            .db
            .query(&LOOK.replace("{tags}", tag_condition(tags, "$3")))
            .bind(sessions.len() as i64 * 2 + 8)
            .bind(owners);
        let rows = tx.all(with_tags(look, tags)).await?;
        rows.iter().map(Candidate::from_row).collect()
    }

    /// Sets aside what cannot be read; says whether there was any.
    async fn readable(
        &self,
        tx: &mut Tx<'_>,
        candidates: Vec<Candidate>,
    ) -> Result<(Vec<Candidate>, bool), StoreError> {
        let mut readable = Vec::with_capacity(candidates.len());
        let mut any_spoilt = false;
        for candidate in candidates {
            let Err(wrong) = spoilt::read(&candidate.json) else {
                readable.push(candidate);
                continue;
            };
            any_spoilt = true;
            let Candidate { identity, id, json, .. } = candidate;
            let spoilt = Spoilt { identity, id, secret: None, json, wrong };
            spoilt::set_aside_in(&self.db, tx, &spoilt).await?;
        }
        Ok((readable, any_spoilt))
    }

    async fn take(
        &self,
        tx: &mut Tx<'_>,
        candidate: &Candidate,
        timeout: Duration,
    ) -> Result<TakenActivity, StoreError> {
        let key = ActivityKey { secret: seams::lock_token(), id: candidate.id, identity: candidate.identity.clone() };
        let take = self.db.query(
            "UPDATE @.worker_queue SET lock_token = $5, locked_until = @now + LEAST($6, 9223372036854775807 - @now),
                     owner = $7, fence = nextval('@.fence'), attempt_count = attempt_count + 1
                 WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 RETURNING attempt_count",
        );
        let take =
            at(take, candidate).bind(key.secret.clone()).bind(int(clock::as_ms(timeout))).bind(self.owner.to_string());
        let rows = tx.all(take).await?;
        let item = serde_json::from_str(&candidate.json)
            .map_err(|error| StoreError::Unreadable(format!("an activity that was readable is not: {error}")))?;
        let attempts = u32::try_from(number(&rows[0], 0)?).unwrap_or(u32::MAX);
        Ok(TakenActivity { item, token: key.token(), attempts })
    }
}

/// One place for each activity that is asked for: whose it is, and the sessions that count. The first place of each who
/// asks may take an activity of a session; one is enough for whoever runs them one after the other.
fn places(asking: &[Asking]) -> Vec<(usize, Option<&SessionFetchConfig>)> {
    let places = asking
        .iter()
        .enumerate()
        .flat_map(|(who, ask)| (0..ask.max).map(move |at| (who, if at == 0 { ask.session.as_ref() } else { None })));
    places.collect()
}

/// The earliest activities that somebody of those who ask may take. $1 how many, $2 their session owners; null when
/// none takes part in sessions.
const LOOK: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms)
    SELECT w.id, w.instance_id, w.execution_id, w.activity_id, w.work_item, w.session_id, s.worker_id
    FROM @.worker_queue w LEFT JOIN @.sessions s
        ON s.session_id = w.session_id AND s.locked_until > (SELECT ms FROM clock)
    WHERE w.state = 1 AND {tags} AND w.visible_at <= (SELECT ms FROM clock)
        AND w.locked_until <= (SELECT ms FROM clock) AND (w.session_id IS NULL
            OR ($2::text[] IS NOT NULL AND (s.worker_id IS NULL OR s.worker_id = ANY($2::text[]))))
    ORDER BY w.id LIMIT $1 FOR UPDATE OF w SKIP LOCKED";

/// Binds the key of a row as $1 to $4.
fn at(query: Query, candidate: &Candidate) -> Query {
    query
        .bind(candidate.identity.instance.clone())
        .bind(candidate.identity.execution_id)
        .bind(candidate.identity.activity_id)
        .bind(candidate.id)
}
