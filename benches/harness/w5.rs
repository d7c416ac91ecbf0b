//! W5: so many orchestrations asleep on timers of 1 to 2 s: how late they wake.

use super::flows::{PASSED, WAITING, nap};
use super::meter::{Figures, memory_mb};
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject};

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    let count = trial.count;
    stage
        .each(count, |client, n| async move {
            Ok(client.start_orchestration(format!("sleep-{n}"), "sleep", n.to_string()).await?)
        })
        .await?;
    let all = PASSED.reach(count, trial.limit).await;
    let mut figures = Figures::default();
    figures.set("rss_mb", memory_mb("VmRSS"));
    // Due when its code said so first, plus its nap: what the engine adds to that is lateness.
    let late = |n| Some(PASSED.at(n)?.saturating_duration_since(WAITING.at(n)? + nap(n)));
    let mut lateness: Vec<_> = (0..count).filter_map(late).collect();
    figures.set("fired", lateness.len() as f64);
    figures.set_quantiles(&mut lateness);
    if all {
        let limit = trial.limit;
        let check = move |client: duroxide::Client, n: usize| async move {
            expect(&client, &format!("sleep-{n}"), &n.to_string(), limit).await
        };
        stage.each(count, check).await?;
    }
    stage.close(&mut figures).await;
    Ok(figures)
}
