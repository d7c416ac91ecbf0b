//! The patterns that users know, each through the macros, on every store.

mod approval;
mod cancellation;
mod chain;
mod children;
mod eternal;
mod fan_out;
mod saga;
mod starts;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use duroxide::Client;
use duroxide::providers::Provider;
use duroxide::runtime::Runtime;

use crate::stores::Kept;

/// Longer than anything here takes; past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime with all handlers of this binary, on one store, until the test is over.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn Provider>,
    runtime: Arc<Runtime>,
    _kept: Kept,
}

impl World {
    pub(crate) async fn on((store, kept): (Arc<dyn Provider>, Kept)) -> World {
        let runtime = Runtime::builder(store.clone()).discover().expect("the handlers of this binary fit together");
        let runtime = runtime.start().await.expect("the runtime starts");
        World { client: Client::new(store.clone()), store, runtime, _kept: kept }
    }

    pub(crate) async fn end(self) {
        self.runtime.shutdown(None).await;
    }
}

/// Runs each scenario on each store: `chain::in_memory`, `chain::on_sqlite_in_memory`, `chain::on_a_sqlite_file`,
/// `chain::on_postgres`.
macro_rules! on_every_store {
    ($($scenario:ident),* $(,)?) => {
        $(
            mod $scenario {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn in_memory() {
                    super::$scenario(&$crate::scenarios::World::on($crate::stores::memory()).await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite_in_memory() {
                    super::$scenario(&$crate::scenarios::World::on($crate::stores::sqlite_in_memory().await).await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    let world = $crate::scenarios::World::on($crate::stores::postgres().await).await;
                    super::$scenario(&world).await;
                    world.end().await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_an_encoded_store() {
                    super::$scenario(&$crate::scenarios::World::on($crate::stores::encoded()).await).await;
                }

                /// On one thread, as small programs run.
                #[tokio::test]
                async fn on_a_sqlite_file() {
                    let world = $crate::scenarios::World::on($crate::stores::sqlite_file().await).await;
                    super::$scenario(&world).await;
                    world.end().await;
                }
            }
        )*
    };
}
pub(crate) use on_every_store;
