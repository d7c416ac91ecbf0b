//! A client of one orchestration: starts it, sends it what it needs, cancels it. It repeats what was not answered.

use std::sync::Arc;
use std::time::Duration;

use duroxide::{Client, ClientError, EventKind};

use crate::program::{ORCHESTRATION, Root};
use crate::random::Random;
use crate::truth::{CLIENTS, Truth};
use crate::world::REASON;

/// Everything that is asked for one orchestration.
pub(crate) struct Customer {
    truth: Arc<Truth>,
    client: Client,
    root: Root,
    random: Random,
}

impl Customer {
    pub(crate) fn new(truth: Arc<Truth>, client: Client, root: Root, random: Random) -> Self {
        Customer { truth, client, root, random }
    }

    pub(crate) async fn serve(self) {
        tokio::time::sleep(Duration::from_millis(self.root.start_at_ms)).await;
        self.start().await;
        tokio::join!(self.raise(), self.send("in"), self.send("out"), self.cancel(), self.doom());
    }

    /// Repeats a call until it is acknowledged.
    async fn insist<F>(&self, mut call: impl FnMut(u64) -> F)
    where
        F: Future<Output = Result<(), ClientError>>,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.truth.enter(CLIENTS);
            match call(attempt).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() => tokio::time::sleep(Duration::from_millis(700)).await,
                Err(error) => return self.truth.violated(format!("a client call was refused: {error}")),
            }
        }
    }

    async fn start(&self) {
        let input = serde_json::to_string(&self.root.program).expect("a program is plain data");
        let id = &self.root.id;
        self.insist(|_| {
            let (client, input) = (self.client.clone(), input.clone());
            async move {
                match self.root.version {
                    None => client.start_orchestration(id, ORCHESTRATION, input).await,
                    Some(version) => client.start_orchestration_versioned(id, ORCHESTRATION, version, input).await,
                }
            }
        })
        .await;
        self.truth.note(|| format!("start of {id} was acknowledged"));
    }

    /// Raises each event when it is waited for: earlier it would be skipped.
    async fn raise(&self) {
        let id = &self.root.id;
        for name in self.root.program.events() {
            while !self.waits_for(&name) {
                if self.has_ended() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            self.insist(|_| self.client.raise_event(id, &name, &name)).await;
        }
    }

    fn waits_for(&self, name: &str) -> bool {
        let book = self.truth.book();
        let executions = book.histories.instances().find(|(instance, _)| **instance == self.root.id);
        executions.into_iter().flat_map(|(_, ids)| ids).any(|id| {
            let mut events = book.histories.events(&self.root.id, id).iter();
            events.any(|event| matches!(&event.kind, EventKind::ExternalSubscribed { name: waited } if waited == name))
        })
    }

    fn has_ended(&self) -> bool {
        self.truth.violation().is_some() || self.truth.book().histories.ended(&self.root.id).is_some()
    }

    /// As many messages as the program reads, at any time, also before anybody reads.
    async fn send(&self, queue: &str) {
        let mut random = self.random.fork(queue);
        for number in 0..self.root.program.messages(queue) {
            tokio::time::sleep(Duration::from_millis(random.pick(&[0, 10, 2_000, 9_000]))).await;
            // Each attempt has a payload of its own, so that it can be told which of them arrived.
            self.insist(|attempt| {
                self.client.enqueue_event(&self.root.id, queue, format!("{queue}{number}.{attempt}"))
            })
            .await;
        }
    }

    /// Cancels children once they have begun: a cancel for one that never does would wait for a day.
    async fn doom(&self) {
        let mut random = self.random.fork("doom");
        for id in self.root.program.doomed() {
            while self.truth.book().histories.events(&id, 1).is_empty() {
                if self.has_ended() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            tokio::time::sleep(Duration::from_millis(random.pick(&[0, 100, 5_000]))).await;
            self.insist(|_| self.client.cancel_instance(&id, REASON)).await;
        }
    }

    async fn cancel(&self) {
        let Some(at_ms) = self.root.cancel_at_ms else { return };
        tokio::time::sleep(Duration::from_millis(at_ms)).await;
        for _ in 0..self.root.cancels {
            self.insist(|_| self.client.cancel_instance(&self.root.id, REASON)).await;
        }
        self.truth.note(|| format!("cancel of {} was acknowledged", self.root.id));
    }
}
