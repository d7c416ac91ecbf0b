//! The validation functions of the published crate: each holds a store to the laws that say the same.
//!
//! Stores that test themselves function by function go on doing so. A new store calls [`crate::conformance::exercise`],
//! which holds it to all laws and says what it found. A factory whose stores share rows should offer
//! [`ProviderFactory::corrupt_instance_history`] only to functions that need it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::conformance::{self, StoreFactory};
use crate::providers::Provider;

pub use crate::model::commit::ExecutionMetadata;
pub use crate::model::event::{Event, EventKind};

/// One published function a row, with the laws that say what it says. Some take any factory, some take `dyn`.
macro_rules! validations {
    ($(#[$doc:meta])* $module:ident takes $kind:ident: $($name:ident => $($law:ident),+;)+) => {
        $(#[$doc])*
        pub mod $module {
            use crate::provider_validation::{ProviderFactory, hold};

            $(validations!(@function $kind $name $($law)+);)+

            #[cfg(test)]
            pub(in crate::provider_validation) const LAWS: &[&str] = &[$($(stringify!($law),)+)+];
        }
    };
    (@function any $name:ident $($law:ident)+) => {
        #[doc = concat!("Laws:", $(" `", stringify!($law), "`",)+ ".\n\n# Panics\nWhen the store breaks one.")]
        pub async fn $name<F: ProviderFactory + ?Sized>(factory: &F) {
            hold(factory, &[$(stringify!($law)),+]).await;
        }
    };
    (@function dyn_factory $name:ident $($law:ident)+) => {
        #[doc = concat!("Laws:", $(" `", stringify!($law), "`",)+ ".\n\n# Panics\nWhen the store breaks one.")]
        pub async fn $name(factory: &dyn ProviderFactory) {
            hold(factory, &[$(stringify!($law)),+]).await;
        }
    };
}

mod administration;
pub mod long_polling;
pub mod race_replay;
mod state;
mod turns;
mod work;

#[cfg(test)]
mod tests;

pub use administration::{bulk_deletion, deletion, management, prune};
pub use state::{capability_filtering, custom_status, kv_store};
pub use turns::{
    atomicity, error_handling, instance_creation, instance_locking, lock_expiration, multi_execution, poison_message,
};
pub use work::{cancellation, queue_semantics, sessions, tag_filtering};

/// Makes the stores under validation.
#[async_trait]
pub trait ProviderFactory: Sync + Send {
    /// An empty store that shares nothing with any other.
    async fn create_provider(&self) -> Arc<dyn Provider>;

    /// How long leases of the store last at least; the laws choose their own.
    fn lock_timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// How long a fetch that does not wait may take.
    fn short_poll_threshold(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// Makes every event of an instance unreadable, in the store made last. Needed by two functions of
    /// [`error_handling`] and by five of [`capability_filtering`].
    async fn corrupt_instance_history(&self, instance: &str) {
        panic!("this function needs ProviderFactory::corrupt_instance_history(), for {instance}");
    }

    /// The highest attempt count among the messages of an instance, in the store made last.
    async fn get_max_attempt_count(&self, instance: &str) -> u32 {
        panic!("this function needs ProviderFactory::get_max_attempt_count(), for {instance}");
    }
}

/// A published factory as the laws want it.
struct Adapter<'a, F: ?Sized>(&'a F);

#[async_trait]
impl<F: ProviderFactory + ?Sized> StoreFactory for Adapter<'_, F> {
    async fn create(&self) -> Arc<dyn Provider> {
        self.0.create_provider().await
    }

    fn has_hooks(&self) -> bool {
        true
    }

    async fn corrupt_history(&self, _store: &dyn Provider, instance: &str) {
        self.0.corrupt_instance_history(instance).await;
    }

    async fn max_attempt_count(&self, _store: &dyn Provider, instance: &str) -> u32 {
        self.0.get_max_attempt_count(instance).await
    }
}

async fn hold<F: ProviderFactory + ?Sized>(factory: &F, names: &[&str]) {
    for law in conformance::laws().into_iter().filter(|law| names.contains(&law.name)) {
        if let Err(breach) = law.hold(&Adapter(factory)).await {
            panic!("{law:?}: {}", breach.found);
        }
    }
}
