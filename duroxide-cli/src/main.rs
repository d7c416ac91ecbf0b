//! `duroxide`: see and steer durable orchestrations from a shell, with nothing but access to their store.

mod args;
mod clock;
mod commands;
mod failure;
mod output;
mod store;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use failure::Failure;
use output::Out;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version are no mistakes. Where nobody reads, nobody misses it.
            let _ = told.print();
            return if told.use_stderr() { Failure::usage("").code() } else { ExitCode::SUCCESS };
        }
    };
    let out = Out::new(&cli.globals);
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(commands::run(cli, out));
            // A thread of the store that is still reading must not keep the program.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::store(format!("no runtime: {error}"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.code()
        }
    }
}
