//! How the program ends when it is not well, as a table of exit codes that scripts can rely on.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use duroxide::ClientError;
use duroxide::providers::ProviderError;
use duroxide::transfer::TransferError;

use crate::output::text;

/// Why the program ends with something else than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What was asked for is not so.
    NotSo,
    /// Wrong use, or the store cannot be opened.
    Usage,
    /// The store cannot be opened because its tables are older.
    Older,
    /// The time given to a wait has passed.
    TimedOut,
    /// The store failed, or cannot do it.
    Store,
    /// Nobody reads any more.
    Pipe,
}

/// The codes, with what `--help` says of them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  what was asked for is not so: no such instance, it failed, a check found something
  2  wrong use, or the store cannot be opened
  3  the time given to `wait` has passed
  4  the store failed, or cannot do this";

impl Failure {
    pub(crate) fn not_so(message: impl Into<String>) -> Self {
        Failure { kind: Kind::NotSo, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Usage, message: message.into() }
    }

    /// Only stores are older.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn older(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Older, message: message.into() }
    }

    /// Whether `db migrate` would mend it.
    pub(crate) fn is_older(&self) -> bool {
        self.kind == Kind::Older
    }

    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Failure { kind: Kind::TimedOut, message: message.into() }
    }

    pub(crate) fn store(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Store, message: message.into() }
    }

    /// There is no such instance.
    pub(crate) fn unknown(instance: &str) -> Self {
        Failure::not_so(format!("there is no instance `{instance}` in this store"))
    }

    /// It is in what was printed already.
    pub(crate) fn told_already() -> Self {
        Failure::not_so("")
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            // As a pipe that is closed by `head` should end: nothing is wrong.
            Kind::Pipe => 0,
            Kind::NotSo => 1,
            Kind::Usage | Kind::Older => 2,
            Kind::TimedOut => 3,
            Kind::Store => 4,
        })
    }

    /// One line on standard error, unless there is nothing to say.
    pub(crate) fn tell(&self) {
        if self.kind != Kind::Pipe && !self.message.is_empty() {
            // Where nobody listens, the exit code says it.
            let _ = writeln!(io::stderr(), "duroxide: {}", text::safe(&self.message));
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure { kind: Kind::Pipe, message: String::new() },
            _ => Failure::store(format!("cannot write: {error}")),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = sentence(&error);
        match error {
            ClientError::InstanceNotFound { instance_id } => Failure::unknown(&instance_id),
            ClientError::InstanceStillRunning { instance_id } => Failure::not_so(format!(
                "instance `{instance_id}` still runs; cancel it first, or delete it with --force"
            )),
            ClientError::CannotDeleteSubOrchestration { .. } => Failure::not_so(message),
            ClientError::InvalidInput { message } => Failure::usage(message),
            ClientError::Timeout => Failure::timed_out(message),
            ClientError::ManagementNotAvailable | ClientError::Provider(_) => Failure::store(message),
        }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Failure::from(ClientError::Provider(error))
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let message = sentence(&error);
        match error {
            TransferError::Store(_) => Failure::store(message),
            _ => Failure::not_so(message),
        }
    }
}

fn sentence(error: &dyn Display) -> String {
    error.to_string()
}
