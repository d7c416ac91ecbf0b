//! Large payloads: so many orchestrations at once whose activity and output are megabytes, and the peak of memory.

use super::meter::{Figures, memory_mb};
use super::stage::{Stage, output_of};
use super::trial::Trial;
use super::{Fault, Subject};

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    let begun = tokio::time::Instant::now();
    for n in 0..trial.count {
        stage.client.start_orchestration(format!("heavy-{n}"), "heavy", trial.bytes.to_string()).await?;
    }
    // One after another: the client holds one output at a time.
    for n in 0..trial.count {
        let output = output_of(&stage.client, &format!("heavy-{n}"), trial.limit).await?;
        if output.len() != trial.bytes || output.bytes().any(|byte| byte != b'x') {
            return Err(format!("heavy-{n}: expected {} bytes, found {}", trial.bytes, output.len()).into());
        }
    }
    let mut figures = Figures::default();
    let peak = memory_mb("VmHWM");
    figures.set("peak_mb", peak);
    figures.set("peak_payloads", peak * 1e6 / trial.bytes as f64);
    figures.set("seconds", begun.elapsed().as_secs_f64());
    stage.close(&mut figures).await;
    Ok(figures)
}
