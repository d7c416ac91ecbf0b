//! Who owns which session.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::row::{Identity, int, loaded, stored};
use super::writer::{Db, Tx};
use crate::clock;
use crate::model::filter::SessionFetchConfig;

/// An activity that somebody of those who ask may take.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: i64,
    pub(super) identity: Identity,
    pub(super) json: String,
    /// As it is stored.
    session_id: Option<String>,
    /// Who owns the session at the moment.
    session_owner: Option<String>,
}

impl Candidate {
    pub(super) fn from_row(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Candidate {
            id: row.try_get(0)?,
            identity: Identity {
                instance: row.try_get(1)?,
                execution_id: row.try_get(2)?,
                activity_id: row.try_get(3)?,
            },
            json: row.try_get(4)?,
            session_id: row.try_get(5)?,
            session_owner: row.try_get::<Option<String>, _>(6)?.map(loaded),
        })
    }
}

/// Who gets what: pairs of candidate and asker. Candidates come in their order; each asker gets at most one, and all
/// activities of a session go to one owner.
pub(super) fn share(candidates: &[Candidate], asking: &[Option<&SessionFetchConfig>]) -> Vec<(usize, usize)> {
    let mut shares = Vec::new();
    let mut is_open = vec![true; asking.len()];
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let may_take = |session: Option<&SessionFetchConfig>| match (&candidate.session_id, session) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(id), Some(session)) => {
                let owner = owners.get(id.as_str()).copied().or(candidate.session_owner.as_deref());
                owner.is_none_or(|owner| owner == session.owner_id)
            }
        };
        let able = || (0..asking.len()).filter(|who| is_open[*who] && may_take(asking[*who]));
        // Whoever takes part in sessions is kept for what is in one, if somebody else can do the rest.
        let taker = match candidate.session_id {
            None => able().find(|who| asking[*who].is_none()).or_else(|| able().next()),
            Some(_) => able().next(),
        };
        if let Some(who) = taker {
            is_open[who] = false;
            shares.push((at, who));
            if let (Some(id), Some(session)) = (&candidate.session_id, asking[who]) {
                owners.insert(id, &session.owner_id);
            }
        }
    }
    shares
}

/// Takes or refreshes the sessions of these shares, in the order of their ids; drops shares whose session somebody else
/// took meanwhile.
pub(super) async fn claim(
    db: &Db,
    tx: &mut Tx<'_>,
    candidates: &[Candidate],
    asking: &[Option<&SessionFetchConfig>],
    shares: &mut Vec<(usize, usize)>,
    owner: &str,
) -> Result<(), StoreError> {
    let mut kept = Vec::with_capacity(shares.len());
    shares.sort_by_key(|(candidate, _)| &candidates[*candidate].session_id);
    for (candidate, who) in shares.drain(..) {
        let session = candidates[candidate].session_id.as_deref().zip(asking[who]);
        let is_ours = match session {
            Some((session_id, config)) => claim_one(db, tx, session_id, config, owner).await?,
            None => true,
        };
        if is_ours {
            kept.push((candidate, who));
        }
    }
    *shares = kept;
    Ok(())
}

async fn claim_one(
    db: &Db,
    tx: &mut Tx<'_>,
    session_id: &str,
    session: &SessionFetchConfig,
    owner: &str,
) -> Result<bool, StoreError> {
    let claim = db
        .query(
            "INSERT INTO @.sessions AS s (session_id, worker_id, locked_until, last_activity_at, owner)
             SELECT $1, $2, ms + LEAST($3, 9223372036854775807 - ms), ms, $4 FROM (SELECT @now AS ms OFFSET 0) clock
             ON CONFLICT (session_id) DO UPDATE SET worker_id = excluded.worker_id,
                 locked_until = excluded.locked_until, last_activity_at = excluded.last_activity_at,
                 owner = excluded.owner
             WHERE s.worker_id = excluded.worker_id OR s.locked_until <= excluded.last_activity_at
             RETURNING 1",
        )
        .bind(session_id.to_owned())
        .bind(stored(&session.owner_id).into_owned())
        .bind(int(clock::as_ms(session.lock_timeout)))
        .bind(owner.to_owned());
    Ok(!tx.all(claim).await?.is_empty())
}

/// Extends the live sessions of these owners that were active of late; returns how many.
pub(super) async fn renew(
    db: &Db,
    owner_ids: &[&str],
    extend_for: Duration,
    idle_timeout: Duration,
) -> Result<usize, StoreError> {
    if owner_ids.is_empty() {
        return Ok(0);
    }
    let owners: Vec<String> = owner_ids.iter().map(|owner_id| stored(owner_id).into_owned()).collect();
    let renewed = db
        .all(|| {
            db.query(
                "WITH clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true)),
                 own AS MATERIALIZED (
                     SELECT session_id FROM @.sessions WHERE worker_id = ANY($1)
                         AND locked_until > (SELECT ms FROM clock) AND last_activity_at > (SELECT ms FROM clock) - $3
                     ORDER BY session_id FOR UPDATE)
                 UPDATE @.sessions s SET locked_until = ms + LEAST($2, 9223372036854775807 - ms) FROM own, clock
                 WHERE s.session_id = own.session_id RETURNING 1",
            )
            .bind(owners.clone())
            .bind(int(clock::as_ms(extend_for)))
            .bind(int(clock::as_ms(idle_timeout)))
        })
        .await?;
    Ok(renewed.len())
}

/// Deletes sessions whose lease ended and that no activity refers to; returns how many.
pub(super) async fn cleanup(db: &Db) -> Result<usize, StoreError> {
    let deleted = db
        .all(|| {
            db.query(
                "DELETE FROM @.sessions s WHERE locked_until <= @now AND NOT EXISTS
                     (SELECT 1 FROM @.worker_queue w WHERE w.session_id = s.session_id) RETURNING 1",
            )
        })
        .await?;
    // Here, because every fleet calls this once in a while.
    db.forget_commits().await?;
    Ok(deleted.len())
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Duration, Identity, SessionFetchConfig, share};

    fn candidate(session: Option<&str>, owner: Option<&str>) -> Candidate {
        Candidate {
            id: 1,
            identity: Identity::default(),
            json: String::new(),
            session_id: session.map(Into::into),
            session_owner: owner.map(Into::into),
        }
    }

    fn config(owner: &str) -> SessionFetchConfig {
        SessionFetchConfig { owner_id: owner.into(), lock_timeout: Duration::from_secs(1) }
    }

    #[test]
    fn what_is_in_no_session_goes_to_anybody() {
        let (plain, x) = (candidate(None, None), config("x"));
        assert_eq!(share(&[plain], &[None, Some(&x)]), [(0, 0)]);
    }

    #[test]
    fn what_is_in_a_session_goes_to_its_owner_only() {
        let (x, y) = (config("x"), config("y"));
        let candidates = [candidate(Some("s"), Some("y")), candidate(Some("s"), Some("y"))];
        assert_eq!(share(&candidates, &[None, Some(&x), Some(&y)]), [(0, 2)]);
    }

    #[test]
    fn a_free_session_goes_whole_to_one_owner() {
        let (x, y, again) = (config("x"), config("y"), config("x"));
        let candidates = [candidate(Some("s"), None), candidate(Some("s"), None), candidate(Some("t"), None)];
        assert_eq!(share(&candidates, &[Some(&x), Some(&y), Some(&again)]), [(0, 0), (1, 2), (2, 1)]);
    }
}
