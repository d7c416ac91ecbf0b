//! Who owns which session.

use std::time::Duration;

use super::tables::{SessionRow, Tables};
use crate::lease;
use crate::model::filter::SessionFetchConfig;

impl Tables {
    /// Whether an activity of this session may go to the caller.
    pub(super) fn may_take_session(
        &self,
        session_id: Option<&str>,
        caller: Option<&SessionFetchConfig>,
        now_ms: u64,
    ) -> bool {
        match (session_id, caller) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(id), Some(caller)) => {
                let session = self.sessions.get(id);
                session.is_none_or(|session| session.lease.is_open_to(&caller.owner_id, now_ms))
            }
        }
    }

    /// The caller owns the session from now on.
    pub(super) fn claim_session(&mut self, id: &str, caller: &SessionFetchConfig, now_ms: u64) {
        let held = self.sessions.remove(id).map(|session| session.lease);
        let lease = self
            .reclaim(held.as_ref(), &caller.owner_id, now_ms, caller.lock_timeout)
            .expect("only activities of sessions open to the caller are chosen");
        let session = SessionRow { lease, last_activity_at_ms: now_ms };
        self.sessions.insert(id.to_owned(), session);
    }

    /// Something happened in a session, if it still lives.
    pub(super) fn touch_session(&mut self, id: Option<&str>, now_ms: u64) {
        if let Some(session) = id.and_then(|id| self.sessions.get_mut(id))
            && session.lease.is_live(now_ms)
        {
            session.last_activity_at_ms = now_ms;
        }
    }

    /// `renew_session_lock`.
    pub(super) fn renew_sessions(
        &mut self,
        owners: &[&str],
        extend_for: Duration,
        idle: Duration,
        now_ms: u64,
    ) -> usize {
        let renewable = |session: &&mut SessionRow| {
            owners.contains(&session.lease.owner.as_str())
                && session.lease.is_live(now_ms)
                && lease::is_live(lease::until(session.last_activity_at_ms, idle), now_ms)
        };
        let mut renewed = 0;
        for session in self.sessions.values_mut().filter(renewable) {
            session.lease.until_ms = lease::until(now_ms, extend_for);
            renewed += 1;
        }
        renewed
    }

    /// `cleanup_orphaned_sessions`.
    pub(super) fn cleanup_sessions(&mut self, now_ms: u64) -> usize {
        let used: std::collections::BTreeSet<&str> =
            self.activities.values().filter_map(|row| row.session_id.as_deref()).collect();
        let before = self.sessions.len();
        self.sessions.retain(|id, session| session.lease.is_live(now_ms) || used.contains(id.as_str()));
        before - self.sessions.len()
    }
}
