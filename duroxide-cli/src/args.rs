//! What the command line understands: the options that all commands share, and the commands.

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "dashboard")]
use crate::commands::dashboard;
#[cfg(feature = "mcp")]
use crate::commands::mcp;
use crate::commands::{
    cancel, completions, db, delete, doctor, enqueue, explain, export, get, graph, handlers, history, import, kv, ls,
    prune, queue, raise, replay, start, stats, tail, tree, wait, workers,
};
use crate::failure::EXIT_CODES;

/// See and steer durable orchestrations.
///
/// Works on the store alone, beside whatever runs there: no server to install, nothing to enable. Looking disturbs
/// nobody; payloads are shown only where they are asked for.
#[derive(Debug, Parser)]
#[command(name = "duroxide", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The store: the path of a SQLite file, or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, global = true, env = "DUROXIDE_STORE", hide_env_values = true, value_name = "PATH|URL")]
    #[arg(help_heading = "Everywhere")]
    pub(crate) store: Option<String>,

    /// The PostgreSQL schema that holds the tables, `duroxide` unless named
    #[arg(long, global = true, env = "DUROXIDE_SCHEMA", hide_env_values = true, value_name = "NAME")]
    #[arg(help_heading = "Everywhere")]
    pub(crate) schema: Option<String>,

    /// JSON for programs
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// Colours; NO_COLOR is respected
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Everywhere")]
    pub(crate) color: ColorWhen,

    /// Tell ages as of this time instead of now, in milliseconds since the Unix epoch
    #[arg(long, global = true, hide = true)]
    pub(crate) as_of_ms: Option<u64>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(ls::Ls),
    Get(get::Get),
    Explain(explain::Explain),
    History(history::History),
    Tail(tail::Tail),
    Tree(tree::Tree),
    Graph(graph::Graph),
    Wait(wait::Wait),
    Start(start::Start),
    Raise(raise::Raise),
    Enqueue(enqueue::Enqueue),
    Cancel(cancel::Cancel),
    Delete(delete::Delete),
    Prune(prune::Prune),
    Kv(kv::Kv),
    Queue(queue::Queue),
    Workers(workers::Workers),
    Handlers(handlers::Handlers),
    Db(db::Db),
    Export(export::Export),
    Import(import::Import),
    Replay(replay::Replay),
    Stats(stats::Stats),
    Doctor(doctor::Doctor),
    #[cfg(feature = "dashboard")]
    Dashboard(dashboard::Dashboard),
    #[cfg(feature = "mcp")]
    Mcp(mcp::Mcp),
    Completions(completions::Completions),
}
