//! One look through the whole store at a time, however many ask for it; nobody waits long for its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::client::Client;
use crate::clock;

/// How long a page waits for the end before it says that the look goes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// The look through the store that was asked for last.
#[derive(Clone)]
pub(super) struct Checkup(Arc<watch::Sender<Stand>>);

/// How far it is. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stand {
    /// Nobody has asked for it.
    Never,
    Running {
        since_ms: u64,
    },
    /// What was found, or why nothing could be.
    Ended {
        at_ms: u64,
        found: Result<Vec<String>, String>,
    },
}

impl Checkup {
    pub(super) fn new() -> Self {
        Checkup(Arc::new(watch::Sender::new(Stand::Never)))
    }

    /// How far it is now.
    pub(super) fn stand(&self) -> Stand {
        self.0.borrow().clone()
    }

    /// Begins, unless one is under way, and waits a little for its end. Whoever goes away meanwhile ends nothing.
    pub(super) async fn ask(&self, client: &Client) -> Stand {
        let since_ms = clock::now_ms();
        let begins = self.0.send_if_modified(|stand| {
            let rests = !matches!(stand, Stand::Running { .. });
            if rests {
                *stand = Stand::Running { since_ms };
            }
            rests
        });
        if begins {
            tokio::spawn(look(self.0.clone(), client.clone()));
        }
        let mut seen = self.0.subscribe();
        let ended = seen.wait_for(|stand| !matches!(stand, Stand::Running { .. }));
        // Whichever comes first, the stand is told as it is then.
        let _ = tokio::time::timeout(PATIENCE, ended).await;
        self.stand()
    }
}

async fn look(stand: Arc<watch::Sender<Stand>>, client: Client) {
    // In a task of its own: a store of others may panic.
    let looked = tokio::spawn(async move { client.check_integrity().await }).await;
    let found = match looked {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(error.to_string()),
        Err(gone) => Err(format!("the look through the store was not finished: {gone}")),
    };
    stand.send_replace(Stand::Ended { at_ms: clock::now_ms(), found });
}
