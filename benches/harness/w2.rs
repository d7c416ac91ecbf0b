//! W2: a chain of so many sequential trivial activities, and whether its end is slower than its beginning.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::flows::STEPS;
use super::meter::Figures;
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject};

/// The steps that are compared: the first so many with the last so many.
const SAMPLE: usize = 100;

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    stage.client.start_orchestration("warm", "one", "warm").await?;
    expect(&stage.client, "warm", "warm", trial.limit).await?;
    let length = trial.count.to_string();
    let begun = Instant::now();
    stage.client.start_orchestration("chain", "chain", length.as_str()).await?;
    expect(&stage.client, "chain", &length, trial.limit).await?;
    let took = begun.elapsed();
    let mut figures = Figures::default();
    figures.set("rate", trial.count as f64 / took.as_secs_f64());
    let steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if steps.len() < trial.count {
        return Err(format!("expected {} steps, found {}", trial.count, steps.len()).into());
    }
    let sample = SAMPLE.min(steps.len() / 2);
    if sample > 1 {
        let span = |from: usize, to: usize| steps[to].duration_since(steps[from]).as_secs_f64();
        let last = steps.len() - 1;
        figures.set("last_over_first", span(last - sample, last) / span(0, sample));
    }
    stage.close(&mut figures).await;
    Ok(figures)
}
