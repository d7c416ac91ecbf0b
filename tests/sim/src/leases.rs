//! Who holds what, as the calls alone tell: independent of the store's own book.

use std::collections::BTreeMap;

use duroxide::providers::ScheduledActivityIdentifier;

/// What a lease is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Instance(String),
    Activity(String, u64, u64),
}

impl Thing {
    pub(crate) fn activity(identity: &ScheduledActivityIdentifier) -> Self {
        Thing::Activity(identity.instance.clone(), identity.execution_id, identity.activity_id)
    }

    /// Whether it belongs to this instance.
    pub(crate) fn is_of(&self, instance: &str) -> bool {
        match self {
            Thing::Instance(id) | Thing::Activity(id, ..) => id == instance,
        }
    }
}

struct Grant {
    token: String,
    until_ms: u64,
}

struct Session {
    owner: String,
    until_ms: u64,
    active_ms: u64,
}

/// The leases that were granted and not given back.
#[derive(Default)]
pub(crate) struct Leases {
    newest: BTreeMap<Thing, Grant>,
    /// Every token ever, and what it was for.
    tokens: BTreeMap<String, Thing>,
    sessions: BTreeMap<String, Session>,
    /// The session of an activity that was taken.
    session_of: BTreeMap<Thing, String>,
}

/// What is wrong, or nothing.
pub(crate) type Judgement = Result<(), String>;

impl Leases {
    pub(crate) fn granted(&mut self, thing: Thing, token: &str, now_ms: u64, until_ms: u64) -> Judgement {
        if self.tokens.insert(token.to_owned(), thing.clone()).is_some() {
            return Err(format!("the token {token} was given out twice"));
        }
        let before = self.newest.insert(thing.clone(), Grant { token: token.to_owned(), until_ms });
        match before {
            Some(before) if now_ms < before.until_ms => Err(format!(
                "{thing:?} was given out at {now_ms}, while its lease {} counts until {}",
                before.token, before.until_ms
            )),
            _ => Ok(()),
        }
    }

    /// A write under `token` was accepted.
    pub(crate) fn wrote(&mut self, token: &str, now_ms: u64) -> Judgement {
        self.holds(token, now_ms, "a write was accepted")?;
        self.released(token);
        Ok(())
    }

    pub(crate) fn renewed(&mut self, token: &str, now_ms: u64, until_ms: u64) -> Judgement {
        let thing = self.holds(token, now_ms, "a renewal was accepted")?;
        if let Some(grant) = self.newest.get_mut(&thing) {
            grant.until_ms = until_ms;
        }
        self.touched(&thing, now_ms);
        Ok(())
    }

    /// The holder gave it back, or the row is gone.
    pub(crate) fn released(&mut self, token: &str) {
        if let Some(thing) = self.tokens.get(token)
            && self.newest.get(thing).is_some_and(|grant| grant.token == token)
        {
            self.newest.remove(thing);
        }
    }

    /// The row is gone: whoever holds it may write no more.
    pub(crate) fn removed(&mut self, thing: &Thing) {
        self.newest.remove(thing);
    }

    /// What the token was given out for.
    pub(crate) fn thing(&self, token: &str) -> Option<Thing> {
        self.tokens.get(token).cloned()
    }

    /// What is held at this time.
    pub(crate) fn live(&self, now_ms: u64) -> impl Iterator<Item = &Thing> {
        self.newest.iter().filter(move |(_, grant)| now_ms < grant.until_ms).map(|(thing, _)| thing)
    }

    fn holds(&self, token: &str, now_ms: u64, what: &str) -> Result<Thing, String> {
        let Some(thing) = self.tokens.get(token) else {
            return Err(format!("{what} for a token that was never given out: {token}"));
        };
        match self.newest.get(thing) {
            Some(grant) if grant.token != token => {
                Err(format!("{what} of a superseded holder of {thing:?}; the newest is {}", grant.token))
            }
            Some(grant) if grant.until_ms <= now_ms => {
                Err(format!("{what} at {now_ms} from a holder of {thing:?} whose time was over at {}", grant.until_ms))
            }
            Some(_) => Ok(thing.clone()),
            None => Err(format!("{what} for {thing:?}, which was released or removed")),
        }
    }

    /// An activity of a session went to `owner`.
    pub(crate) fn session_granted(
        &mut self,
        thing: Thing,
        session: &str,
        owner: &str,
        now_ms: u64,
        until_ms: u64,
    ) -> Judgement {
        let new = Session { owner: owner.to_owned(), until_ms, active_ms: now_ms };
        self.session_of.insert(thing, session.to_owned());
        match self.sessions.insert(session.to_owned(), new) {
            Some(before) if before.owner != owner && now_ms < before.until_ms => Err(format!(
                "session {session} went to {owner} at {now_ms}, while {} owns it until {}",
                before.owner, before.until_ms
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn sessions_renewed(&mut self, owners: &[&str], now_ms: u64, until_ms: u64, idle_ms: u64) {
        for session in self.sessions.values_mut() {
            let is_live = now_ms < session.until_ms && now_ms < session.active_ms + idle_ms;
            if is_live && owners.contains(&session.owner.as_str()) {
                session.until_ms = until_ms;
            }
        }
    }

    /// Sessions that are over are forgotten: a clock that is set back does not revive them.
    pub(crate) fn sessions_cleaned(&mut self, now_ms: u64) {
        self.sessions.retain(|_, session| now_ms < session.until_ms);
    }

    fn touched(&mut self, thing: &Thing, now_ms: u64) {
        let session = self.session_of.get(thing).and_then(|id| self.sessions.get_mut(id));
        if let Some(session) = session.filter(|session| now_ms < session.until_ms) {
            session.active_ms = now_ms;
        }
    }
}
