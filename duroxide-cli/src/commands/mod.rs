//! The commands, a file for each, and what they have in common.

pub(crate) mod cancel;
pub(crate) mod careful;
pub(crate) mod completions;
#[cfg(feature = "dashboard")]
pub(crate) mod dashboard;
pub(crate) mod db;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod enqueue;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod handlers;
pub(crate) mod history;
pub(crate) mod import;
mod instance;
pub(crate) mod kv;
pub(crate) mod ls;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
pub(crate) mod payload;
pub(crate) mod prune;
pub(crate) mod queue;
pub(crate) mod raise;
pub(crate) mod replay;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod tail;
pub(crate) mod tree;
pub(crate) mod wait;
pub(crate) mod workers;

use crate::args::{Cli, Command, Globals};
use crate::failure::Failure;
use crate::output::Out;
use crate::store::{Access, Place, Store};

/// How a command ends.
pub(crate) type Ended = Result<(), Failure>;

/// What a command works with.
pub(crate) struct Desk {
    pub(crate) globals: Globals,
    pub(crate) out: Out,
}

impl Desk {
    /// The store that was named.
    pub(crate) async fn open(&self, access: Access) -> Result<Store, Failure> {
        Place::of(&self.globals)?.open(access).await
    }
}

/// Does what was asked for.
pub(crate) async fn run(cli: Cli, out: Out) -> Ended {
    let mut desk = Desk { globals: cli.globals, out };
    let ended = dispatch(cli.command, &mut desk).await;
    // What was found before something went wrong is told first.
    let flushed = desk.out.flush().map_err(Failure::from);
    ended.and(flushed)
}

async fn dispatch(command: Command, desk: &mut Desk) -> Ended {
    match command {
        Command::Ls(command) => command.run(desk).await,
        Command::Get(command) => command.run(desk).await,
        Command::Explain(command) => command.run(desk).await,
        Command::History(command) => command.run(desk).await,
        Command::Tail(command) => command.run(desk).await,
        Command::Tree(command) => command.run(desk).await,
        Command::Graph(command) => command.run(desk).await,
        Command::Wait(command) => command.run(desk).await,
        Command::Start(command) => command.run(desk).await,
        Command::Raise(command) => command.run(desk).await,
        Command::Enqueue(command) => command.run(desk).await,
        Command::Cancel(command) => command.run(desk).await,
        Command::Delete(command) => command.run(desk).await,
        Command::Prune(command) => command.run(desk).await,
        Command::Kv(command) => command.run(desk).await,
        Command::Queue(command) => command.run(desk).await,
        Command::Workers(command) => command.run(desk).await,
        Command::Handlers(command) => command.run(desk).await,
        Command::Db(command) => command.run(desk).await,
        Command::Export(command) => command.run(desk).await,
        Command::Import(command) => command.run(desk).await,
        Command::Replay(command) => command.run(desk).await,
        Command::Stats(command) => command.run(desk).await,
        Command::Doctor(command) => command.run(desk).await,
        #[cfg(feature = "dashboard")]
        Command::Dashboard(command) => command.run(desk).await,
        #[cfg(feature = "mcp")]
        Command::Mcp(command) => command.run(desk).await,
        Command::Completions(command) => command.run(desk),
    }
}

/// What was done.
#[derive(serde::Serialize)]
struct Done<'a> {
    done: &'a str,
}

/// Tells what was done.
fn done(desk: &mut Desk, what: &str) -> Ended {
    match desk.out.json {
        true => Ok(desk.out.document(&Done { done: what })?),
        false => Ok(desk.out.line(what)?),
    }
}
