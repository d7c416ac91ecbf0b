//! Database errors, classified, with the operation's name.

use std::sync::Arc;

use super::open::PostgresOpenError;
use crate::lease::Refusal;
use crate::providers::error::ProviderError;

/// Why a request to the store failed, as it is known where it happens.
#[derive(Debug, Clone)]
pub(super) enum StoreError {
    /// PostgreSQL said no, or could not be reached. Nothing was committed.
    Sql(Arc<sqlx::Error>),
    /// No answer in time. Nothing was committed.
    NoAnswer,
    /// The connection was lost at the commit, and what became of it could not be found out.
    Ambiguous,
    /// The lease is gone: unknown, superseded, expired or already acknowledged.
    Fenced(&'static str),
    /// What is stored cannot be read.
    Unreadable(String),
    /// The request itself is wrong.
    Refused(String),
    /// Too many messages wait for an instance.
    Full { instance: String, waiting_max: usize },
}

/// What a failure of PostgreSQL is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is gone; a new one may work.
    Connection,
    /// Two transactions were in each other's way; the same one may work now.
    Contention,
    /// The server refuses for a reason that an operator may mend: a full disk, a missing grant, too many connections.
    Operator,
    /// The same call never works.
    Permanent,
}

impl StoreError {
    /// What an unknown id is told.
    pub(super) fn not_found(what: &str) -> Self {
        StoreError::Refused(format!("{what} not found"))
    }

    /// What the failure is good for.
    pub(super) fn kind(&self) -> Kind {
        match self {
            StoreError::Sql(error) => kind_of(error),
            StoreError::NoAnswer | StoreError::Ambiguous => Kind::Connection,
            StoreError::Full { .. } => Kind::Operator,
            StoreError::Fenced(_) | StoreError::Unreadable(_) | StoreError::Refused(_) => Kind::Permanent,
        }
    }

    /// Whether the request may be repeated here and now without a risk of doing it twice.
    pub(super) fn can_repeat(&self) -> bool {
        match self {
            StoreError::Sql(error) => matches!(kind_of(error), Kind::Connection | Kind::Contention),
            StoreError::NoAnswer => true,
            StoreError::Ambiguous
            | StoreError::Fenced(_)
            | StoreError::Unreadable(_)
            | StoreError::Refused(_)
            | StoreError::Full { .. } => false,
        }
    }

    /// Whether a connection was dead that may have been so for long; another one need not be.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            // No connection was to be had at all, which took its time.
            StoreError::Sql(error) if matches!(**error, sqlx::Error::PoolTimedOut) => false,
            StoreError::Sql(error) => kind_of(error) == Kind::Connection,
            StoreError::NoAnswer
            | StoreError::Ambiguous
            | StoreError::Fenced(_)
            | StoreError::Unreadable(_)
            | StoreError::Refused(_)
            | StoreError::Full { .. } => false,
        }
    }

    /// The same error as whoever opens a store sees it.
    pub(super) fn into_open(self) -> PostgresOpenError {
        match self {
            StoreError::Sql(error) => PostgresOpenError::Database(Box::new(error)),
            other => PostgresOpenError::Database(Box::new(other.during("open"))),
        }
    }

    /// The same error as callers of the contract see it.
    pub(super) fn during(self, operation: &str) -> ProviderError {
        match self {
            StoreError::Sql(error) => match kind_of(&error) {
                Kind::Permanent => ProviderError::permanent(operation, error.to_string()),
                Kind::Connection | Kind::Contention | Kind::Operator => {
                    ProviderError::retryable(operation, error.to_string())
                }
            },
            StoreError::NoAnswer => {
                ProviderError::retryable(operation, "connection: no answer from the database in time")
            }
            StoreError::Ambiguous => ProviderError::retryable(
                operation,
                "connection lost at the commit: the operation may have happened, and its outcome could not be found out",
            ),
            StoreError::Fenced(text) => ProviderError::permanent(operation, text),
            StoreError::Full { instance, waiting_max } => ProviderError::queue_full(&instance, waiting_max),
            StoreError::Unreadable(text) | StoreError::Refused(text) => ProviderError::permanent(operation, text),
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        StoreError::Fenced(match refusal {
            Refusal::Unknown => "Invalid lock token or already acked",
            Refusal::Expired => "Instance lock expired: the lease ended before the call",
        })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::Sql(Arc::new(error))
    }
}

/// By SQLSTATE, the longest prefix first; what is not here is a mistake of the request or of this crate.
const KINDS: &[(&str, Kind)] = &[
    // A transaction that failed before, and that somebody left open: this session is of no use.
    ("25P02", Kind::Connection),
    // `idle_in_transaction_session_timeout` and `idle_session_timeout` end the session.
    ("25P03", Kind::Connection),
    // Read-only: a standby that was promoted over, or a disk in trouble.
    ("25006", Kind::Operator),
    ("42501", Kind::Operator),
    // Cancelled by an operator or by `statement_timeout`: the session lives.
    ("57014", Kind::Contention),
    ("55P03", Kind::Contention),
    ("08", Kind::Connection),
    ("28", Kind::Operator),
    ("3D", Kind::Operator),
    ("40", Kind::Contention),
    ("53", Kind::Operator),
    ("57", Kind::Connection),
    ("58", Kind::Operator),
];

fn kind_of(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Database(error) => error.code().map_or(Kind::Permanent, |code| kind_of_state(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Connection,
        // The rest are mistakes of this crate, or of data that it does not understand.
        _ => Kind::Permanent,
    }
}

fn kind_of_state(state: &str) -> Kind {
    KINDS.iter().find(|(prefix, _)| state.starts_with(prefix)).map_or(Kind::Permanent, |(_, kind)| *kind)
}

/// Whether a statement before this one failed, and its transaction with it.
pub(super) fn is_aborted(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "25P02")
}

/// Whether a row with this key exists already.
pub(super) fn is_duplicate(error: &StoreError) -> bool {
    matches!(error, StoreError::Sql(error)
        if error.as_database_error().is_some_and(|error| error.is_unique_violation()))
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind_of_state};

    #[test]
    fn states_say_whether_to_try_again() {
        for (state, kind) in [
            ("08006", Kind::Connection),
            ("57P01", Kind::Connection),
            ("25P02", Kind::Connection),
            ("57P03", Kind::Connection),
            ("57014", Kind::Contention),
            ("40001", Kind::Contention),
            ("40P01", Kind::Contention),
            ("53100", Kind::Operator),
            ("53300", Kind::Operator),
            ("42501", Kind::Operator),
            ("25006", Kind::Operator),
            ("23505", Kind::Permanent),
            ("22021", Kind::Permanent),
            ("42P01", Kind::Permanent),
        ] {
            assert_eq!(kind_of_state(state), kind, "{state}");
        }
    }
}
