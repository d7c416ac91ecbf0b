//! SQLite: options, pool, and one-line delegations.
