//! The workloads, written once against what both crates have in common, and compiled into one program for each.
//!
//! A program runs one trial of one workload and writes its figures to a file as one JSON object; see
//! `xtask/src/bench`, which calls the two programs in turn. What must be true of the work is asserted here, how fast
//! it was is not.

mod flows;
mod meter;
mod stage;
mod trial;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;
mod waiting;
mod weight;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use duroxide::RuntimeOptions;
use duroxide::providers::Provider;

use meter::Figures;
pub(crate) use trial::Sync;
use trial::{Setting, Trial};

/// What stops a trial.
pub(crate) type Fault = Box<dyn std::error::Error + Send + std::marker::Sync>;

/// A future whose type nobody has to write.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A store, and what its commits survive.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Provider>,
    pub(crate) durability: String,
}

/// What differs between the two crates.
pub(crate) struct Subject {
    /// The crate's version.
    pub(crate) version: &'static str,
    /// Opens the store at this path, and says what a commit survives.
    pub(crate) open: fn(String, Sync) -> Boxed<Result<Opened, Fault>>,
    /// The options under which it is at its best in these workloads.
    pub(crate) best: fn() -> RuntimeOptions,
}

impl Subject {
    fn options(&self, setting: Setting) -> RuntimeOptions {
        match setting {
            Setting::Default => RuntimeOptions::default(),
            Setting::Best => (self.best)(),
        }
    }
}

type Run = fn(Trial, &'static Subject) -> Boxed<Result<Figures, Fault>>;

/// Every workload.
const WORKLOADS: &[(&str, Run)] = &[
    ("w1", |trial, subject| Box::pin(w1::run(trial, subject))),
    ("w2", |trial, subject| Box::pin(w2::run(trial, subject))),
    ("w3", |trial, subject| Box::pin(w3::run(trial, subject))),
    ("w4", |trial, subject| Box::pin(w4::run(trial, subject))),
    ("w5", |trial, subject| Box::pin(w5::run(trial, subject))),
    ("w6", |trial, subject| Box::pin(w6::run(trial, subject))),
    ("w7", |trial, subject| Box::pin(w7::run(trial, subject))),
    ("w8", |trial, _| Box::pin(async move { w8::run(&trial) })),
    ("waiting", |trial, subject| Box::pin(waiting::run(trial, subject))),
    ("weight", |trial, subject| Box::pin(weight::run(trial, subject))),
];

/// The whole program.
pub(crate) fn main(subject: &'static Subject) -> ExitCode {
    match measure(subject) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(subject: &'static Subject) -> Result<(), Fault> {
    let trial = Trial::parse(std::env::args().skip(1))?;
    let names = || WORKLOADS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, run) = WORKLOADS
        .iter()
        .find(|(name, _)| *name == trial.workload)
        .ok_or_else(|| format!("workload: expected one of {}, found `{}`", names(), trial.workload))?;
    let out = trial.out.clone();
    let flush_ms = meter::fdatasync_ms(Path::new(&trial.folder))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = runtime.block_on(run(trial, subject))?;
    // Whatever still runs in the background must not hold up the end.
    runtime.shutdown_background();
    figures.set("fdatasync_ms", flush_ms);
    figures.say("version", subject.version);
    match out {
        Some(path) => std::fs::write(path, figures.to_json().to_string())?,
        None => println!("{:#}", figures.to_json()),
    }
    Ok(())
}
