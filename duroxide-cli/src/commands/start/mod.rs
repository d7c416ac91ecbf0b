//! `start`: an orchestration, after a look at what workers say of it.

mod fit;

use std::time::Duration;

use clap::Args;
use duroxide::insight::Standing;
use duroxide::providers::insight::{HandlerInfo, HandlerSort};

use super::handlers::{self, Handler};
use super::payload::{self, Payloads};
use super::{Desk, Ended, done, wait};
use crate::failure::Failure;
use crate::output::time;
use crate::store::{Access, Store};

/// Start an orchestration under an id of your choice
///
/// The input is checked against what workers have announced: the name, the version, and the JSON type of each argument.
/// A handler with one argument takes its value, one with several takes an object with a field for each.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The orchestration
    name: String,

    /// The id of the instance
    id: String,

    /// Its input, as JSON: itself, @FILE, or - for standard input
    #[arg(default_value = "null")]
    input: String,

    /// Exactly this version
    #[arg(long, value_name = "VERSION")]
    of_version: Option<String>,

    /// Whatever workers say
    #[arg(long)]
    unchecked: bool,

    /// Wait until it has ended, as `wait` does
    #[arg(long)]
    wait: bool,

    /// With --wait: give up after this time
    #[arg(long, value_parser = time::duration, value_name = "TIME", requires = "wait")]
    timeout: Option<Duration>,

    #[command(flatten)]
    payloads: Payloads,
}

impl Start {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let input = payload::given(&self.input)?;
        let store = desk.open(Access::Change).await?;
        if store.client.standing(&self.id).await? != Standing::Unknown {
            return Err(Failure::not_so(format!(
                "instance `{}` exists already; a second start has no effect",
                self.id
            )));
        }
        if !self.unchecked {
            self.check(&store, &input).await?;
        }
        match &self.of_version {
            Some(version) => {
                store.client.start_orchestration_versioned(&self.id, &self.name, version, input).await?;
            }
            None => store.client.start_orchestration(&self.id, &self.name, input).await?,
        }
        if self.wait {
            return wait::until_ended(&store.client, &mut desk.out, &self.id, self.timeout, self.payloads).await;
        }
        done(desk, &format!("asked for {} as {}", self.name, self.id))
    }

    /// Nothing is known where no worker has ever said what it has: then nothing is refused.
    async fn check(&self, store: &Store, input: &str) -> Ended {
        if !store.client.has_insight_capability() {
            return Ok(());
        }
        let handlers = handlers::of(&store.client.list_workers().await?);
        let known: Vec<&Handler> =
            handlers.iter().filter(|handler| handler.info.kind == HandlerSort::Orchestration).collect();
        if known.is_empty() {
            return Ok(());
        }
        let named: Vec<&Handler> = known.iter().copied().filter(|handler| handler.info.name == self.name).collect();
        if named.is_empty() {
            let names: Vec<&str> = known.iter().map(|handler| handler.info.name.as_str()).collect();
            return Err(refusal(format!("no worker has registered `{}`; known are {}", self.name, list(names))));
        }
        let wanted =
            |handler: &&Handler| self.of_version.as_ref().is_none_or(|version| handler.info.version == *version);
        let Some(handler) = named.iter().copied().filter(wanted).max_by_key(|handler| handler.live_workers) else {
            let versions = named.iter().map(|handler| handler.info.version.as_str()).collect();
            let version = self.of_version.as_deref().unwrap_or_default();
            return Err(refusal(format!(
                "no worker has `{}` in version {version}; known are {}",
                self.name,
                list(versions)
            )));
        };
        check_input(&handler.info, input)
    }
}

fn check_input(handler: &HandlerInfo, input: &str) -> Ended {
    let Some(source) = &handler.source else {
        return Ok(());
    };
    fit::input(&source.arguments, input).map_err(|found| {
        let place = format!("{}:{}", source.file, source.line);
        let signature = handlers::signature(handler);
        refusal(format!("`{}{signature}` ({place}): {found}", handler.name))
    })
}

fn refusal(what: String) -> Failure {
    Failure::usage(format!("{what}; --unchecked starts it all the same"))
}

fn list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
