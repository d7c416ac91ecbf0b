//! How a command ends when it does not succeed.

/// Why a command stopped. The text is a whole message for the person at the terminal.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was wrong: exit code 2.
    Usage(String),
    /// The work was done and the answer is no, or it could not be done: exit code 1.
    Failed(String),
}

impl Failure {
    /// A failure of the world: what was tried, and what came back.
    pub(crate) fn because(tried: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{}: {error}", tried.into()))
    }
}
