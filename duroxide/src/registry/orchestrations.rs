//! Registering orchestrations: by string, typed, versioned.

use std::future::Future;
use std::sync::Arc;

use semver::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{OrchestrationRegistry, OrchestrationRegistryBuilder, VersionPolicy};
use crate::codec;
use crate::context::handler::{FnOrchestration, OrchestrationHandler};
use crate::context::orchestration::OrchestrationContext;

const DUPLICATE: &str = "duplicate orchestration registration";

/// What a handler gets when nobody names a version.
const DEFAULT_VERSION: Version = Version::new(1, 0, 0);

impl OrchestrationRegistryBuilder {
    /// Registers version 1.0.0.
    #[must_use]
    pub fn register<F, Fut>(mut self, name: impl Into<String>, f: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add(DUPLICATE, name.into(), DEFAULT_VERSION, Arc::new(FnOrchestration(f)));
        self
    }

    /// Registers version 1.0.0 with values instead of strings.
    #[must_use]
    pub fn register_typed<In, Out, F, Fut>(mut self, name: impl Into<String>, f: F) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + Clone + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        self.add(DUPLICATE, name.into(), DEFAULT_VERSION, typed_handler(f));
        self
    }

    /// Registers a version, which must be later than those registered before.
    ///
    /// # Panics
    /// When `version` is not a semver version, or not later than the latest registered.
    #[must_use]
    pub fn register_versioned<F, Fut>(mut self, name: impl Into<String>, version: impl AsRef<str>, f: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add_later(name.into(), version.as_ref(), Arc::new(FnOrchestration(f)));
        self
    }

    /// Registers a version with values instead of strings.
    ///
    /// # Panics
    /// When `version` is not a semver version, or not later than the latest registered.
    #[must_use]
    pub fn register_versioned_typed<In, Out, F, Fut>(
        mut self,
        name: impl Into<String>,
        version: impl AsRef<str>,
        f: F,
    ) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + Clone + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        self.add_later(name.into(), version.as_ref(), typed_handler(f));
        self
    }

    /// Adds the orchestrations of `other`, not its policies.
    #[must_use]
    pub fn merge(self, other: OrchestrationRegistry) -> Self {
        self.merge_registry(other, "duplicate orchestration in merge")
    }

    /// Registers all at version 1.0.0.
    #[must_use]
    pub fn register_all<F, Fut>(self, items: Vec<(&str, F)>) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + Clone + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.register_all_handlers(items, |builder, name, f| builder.register(name, f))
    }

    /// What `name` without a version resolves to.
    #[must_use]
    pub fn set_policy(mut self, name: impl Into<String>, policy: VersionPolicy) -> Self {
        self.policy(name.into(), policy);
        self
    }

    fn add_later(&mut self, name: String, version: &str, handler: Arc<dyn OrchestrationHandler>) {
        let version = Version::parse(version)
            .unwrap_or_else(|error| panic!("Version should be valid semver, got {version:?}: {error}"));
        let latest = self.latest(&name).cloned();
        if !self.add(DUPLICATE, name.clone(), version.clone(), handler) {
            return;
        }
        if let Some(latest) = latest.filter(|latest| version <= *latest) {
            panic!(
                "non-monotonic orchestration version for {name}: {version} is not later than existing latest {latest}"
            );
        }
    }
}

/// A function of values as a handler of strings.
fn typed_handler<In, Out, F, Fut>(f: F) -> Arc<dyn OrchestrationHandler>
where
    In: DeserializeOwned + Send + 'static,
    Out: Serialize + Send + 'static,
    F: Fn(OrchestrationContext, In) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = Result<Out, String>> + Send + 'static,
{
    Arc::new(FnOrchestration(move |ctx, input: String| {
        let f = f.clone();
        async move {
            let input = codec::decode(&input).map_err(|error| error.to_string())?;
            let output = f(ctx, input).await?;
            codec::encode(&output).map_err(|error| error.to_string())
        }
    }))
}
