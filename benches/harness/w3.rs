//! W3: one orchestration with one activity, from start to result, one at a time.

use tokio::time::Instant;

use super::meter::Figures;
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject};

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    let mut times = Vec::new();
    let until = Instant::now() + trial.time;
    for n in 0.. {
        let instance = format!("one-{n}");
        let begun = Instant::now();
        stage.client.start_orchestration(instance.as_str(), "one", instance.as_str()).await?;
        expect(&stage.client, &instance, &instance, trial.limit).await?;
        // The first opens connections.
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
