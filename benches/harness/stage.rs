//! A store, a runtime and a client: what a trial plays on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::{OrchestrationStatus, Runtime};
use duroxide::{Client, OrchestrationRegistry};
use tokio::task::JoinSet;

use super::meter::Figures;
use super::trial::Trial;
use super::{Fault, Opened, Subject, flows};

/// Clients that start and raise at the same time.
const HANDS: usize = 64;

pub(crate) struct Stage {
    pub(crate) client: Client,
    runtime: Option<Arc<Runtime>>,
    subject: &'static Subject,
    trial: Trial,
    store: Arc<dyn Provider>,
    durability: String,
}

impl Stage {
    /// The store alone: what is sent waits in the queue.
    pub(crate) async fn dark(trial: &Trial, subject: &'static Subject) -> Result<Self, Fault> {
        let path = Path::new(&trial.folder).join("bench.db").display().to_string();
        let Opened { store, durability } = (subject.open)(path, trial.sync).await?;
        let client = Client::new(Arc::clone(&store));
        Ok(Stage { client, runtime: None, subject, trial: trial.clone(), store, durability })
    }

    /// With a runtime.
    pub(crate) async fn lit(trial: &Trial, subject: &'static Subject) -> Result<Self, Fault> {
        let mut stage = Stage::dark(trial, subject).await?;
        stage.light().await;
        Ok(stage)
    }

    /// Starts the runtime.
    pub(crate) async fn light(&mut self) {
        let orchestrations: OrchestrationRegistry = flows::orchestrations();
        let options = self.subject.options(self.trial.setting);
        let store = Arc::clone(&self.store);
        self.runtime = Some(Runtime::start_with_options(store, flows::activities(), orchestrations, options).await);
    }

    /// Stops the runtime, and says what a commit survived.
    pub(crate) async fn close(self, figures: &mut Figures) {
        figures.say("durability", &self.durability);
        if let Some(runtime) = self.runtime {
            runtime.shutdown(Some(1_000)).await;
        }
    }

    /// Does `act` for 0..count, many at a time.
    pub(crate) async fn each<F, A>(&self, count: usize, act: A) -> Result<(), Fault>
    where
        A: Fn(Client, usize) -> F + Clone + Send + 'static,
        F: Future<Output = Result<(), Fault>> + Send,
    {
        let mut hands = JoinSet::new();
        for hand in 0..HANDS.min(count) {
            let (client, act) = (self.client.clone(), act.clone());
            hands.spawn(async move {
                for n in (hand..count).step_by(HANDS) {
                    act(client.clone(), n).await?;
                }
                Ok::<(), Fault>(())
            });
        }
        while let Some(done) = hands.join_next().await {
            done??;
        }
        Ok(())
    }
}

/// Waits until it has completed, and returns its output. Anything else is a fault.
pub(crate) async fn output_of(client: &Client, instance: &str, limit: Duration) -> Result<String, Fault> {
    match client.wait_for_orchestration(instance, limit).await? {
        OrchestrationStatus::Completed { output, .. } => Ok(output),
        other => Err(format!("{instance}: expected to be completed, found {other:?}").into()),
    }
}

/// Waits until it has completed with this output.
pub(crate) async fn expect(client: &Client, instance: &str, output: &str, limit: Duration) -> Result<(), Fault> {
    let found = output_of(client, instance, limit).await?;
    if found == output {
        return Ok(());
    }
    Err(format!("{instance}: expected output {output}, found {found}").into())
}
