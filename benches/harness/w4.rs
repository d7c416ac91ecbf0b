//! W4: an orchestration waits for an event; from raising it until the orchestration is done.

use std::time::Duration;

use tokio::time::Instant;

use super::flows::WAITING;
use super::meter::Figures;
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject};

/// After the code has reached its wait: time for the turn to be stored and for the process to come to rest.
const REST: Duration = Duration::from_millis(10);

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    let mut times = Vec::new();
    let until = Instant::now() + trial.time;
    for n in 0.. {
        let instance = format!("wait-{n}");
        stage.client.start_orchestration(instance.as_str(), "wait", n.to_string()).await?;
        if !WAITING.reach(n + 1, trial.limit).await {
            return Err(format!("{instance} does not come to its wait").into());
        }
        tokio::time::sleep(REST).await;
        let begun = Instant::now();
        stage.client.raise_event(instance.as_str(), "go", instance.as_str()).await?;
        expect(&stage.client, &instance, &instance, trial.limit).await?;
        if n > 0 {
            times.push(begun.elapsed());
        }
        if n >= 2 && Instant::now() > until {
            break;
        }
    }
    let mut figures = Figures::default();
    figures.set("completed", times.len() as f64);
    figures.set_quantiles(&mut times);
    stage.close(&mut figures).await;
    Ok(figures)
}
