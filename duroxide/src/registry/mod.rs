//! Names and versions to handlers.

mod orchestrations;
#[cfg(test)]
mod tests;
pub(crate) mod version;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use semver::Version;

use crate::context::handler::OrchestrationHandler;

pub use version::VersionPolicy;

/// Orchestrations by name and version.
pub type OrchestrationRegistry = Registry<dyn OrchestrationHandler>;
/// Collects orchestrations.
pub type OrchestrationRegistryBuilder = RegistryBuilder<dyn OrchestrationHandler>;

type Handlers<H> = HashMap<String, BTreeMap<Version, Arc<H>>>;
type Policies = HashMap<String, VersionPolicy>;

/// Handlers by name and version; clones share handlers and policies.
pub struct Registry<H: ?Sized> {
    handlers: Arc<Handlers<H>>,
    policies: Arc<RwLock<Policies>>,
}

/// Collects handlers; mistakes are kept until [`build_result`](Self::build_result).
pub struct RegistryBuilder<H: ?Sized> {
    handlers: Handlers<H>,
    policies: Policies,
    errors: Vec<String>,
}

impl<H: ?Sized> Clone for Registry<H> {
    fn clone(&self) -> Self {
        Registry { handlers: self.handlers.clone(), policies: self.policies.clone() }
    }
}

impl<H: ?Sized> Default for Registry<H> {
    fn default() -> Self {
        Registry::builder().build()
    }
}

impl<H: ?Sized> Registry<H> {
    /// An empty builder.
    pub fn builder() -> RegistryBuilder<H> {
        RegistryBuilder { handlers: HashMap::new(), policies: HashMap::new(), errors: Vec::new() }
    }

    /// A builder that begins with the handlers and policies of `reg`.
    pub fn builder_from(reg: &Registry<H>) -> RegistryBuilder<H> {
        RegistryBuilder {
            handlers: reg.handlers.as_ref().clone(),
            policies: reg.policies().clone(),
            errors: Vec::new(),
        }
    }

    /// The version and handler that a name resolves to by its policy, the highest version by default.
    pub fn resolve_handler(&self, name: &str) -> Option<(Version, Arc<H>)> {
        let version = self.resolve_version(name)?;
        let handler = self.resolve_handler_exact(name, &version)?;
        Some((version, handler))
    }

    /// The version that a name resolves to by its policy.
    pub fn resolve_version(&self, name: &str) -> Option<Version> {
        let versions = self.handlers.get(name)?;
        version::resolve(self.policies().get(name), versions.keys())
    }

    /// The handler of exactly this version.
    pub fn resolve_handler_exact(&self, name: &str, v: &Version) -> Option<Arc<H>> {
        self.handlers.get(name)?.get(v).cloned()
    }

    /// Changes what a name without version resolves to, here and in all clones.
    pub fn set_version_policy(&self, name: &str, policy: VersionPolicy) {
        self.policies.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), policy);
    }

    /// All names, in any order.
    pub fn list_names(&self) -> Vec<String> {
        self.handlers.keys().cloned().collect()
    }

    /// All versions of a name, ascending.
    pub fn list_versions(&self, name: &str) -> Vec<Version> {
        self.handlers.get(name).map(|versions| versions.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether the name is known in any version.
    pub fn has(&self, name: &str) -> bool {
        self.handlers.contains_key(name)
    }

    /// How many names there are.
    pub fn count(&self) -> usize {
        self.handlers.len()
    }

    fn policies(&self) -> RwLockReadGuard<'_, Policies> {
        // A map insert does not leave the map half-written.
        self.policies.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: ?Sized> RegistryBuilder<H> {
    /// The registry. Mistakes are ignored: of two equal registrations the first stays.
    pub fn build(self) -> Registry<H> {
        Registry { handlers: Arc::new(self.handlers), policies: Arc::new(RwLock::new(self.policies)) }
    }

    /// The registry, or all mistakes joined with `; `.
    ///
    /// # Errors
    /// When a handler was registered twice or under a reserved name.
    pub fn build_result(self) -> Result<Registry<H>, String> {
        if self.errors.is_empty() { Ok(self.build()) } else { Err(self.errors.join("; ")) }
    }

    /// Adds the handlers of `other`, not its policies. A duplicate is recorded as `{error_prefix}: {name}@{version}`.
    #[must_use]
    pub fn merge_registry(mut self, other: Registry<H>, error_prefix: &str) -> Self {
        for (name, versions) in other.handlers.iter() {
            for (version, handler) in versions {
                self.add(error_prefix, name.clone(), version.clone(), handler.clone());
            }
        }
        self
    }

    /// Calls `register_fn` for each item.
    #[must_use]
    pub fn register_all_handlers<F: Clone>(
        self,
        items: Vec<(&str, F)>,
        register_fn: impl Fn(Self, &str, F) -> Self,
    ) -> Self {
        items.into_iter().fold(self, |builder, (name, handler)| register_fn(builder, name, handler))
    }

    /// Adds one handler; what generated code calls.
    #[doc(hidden)]
    #[must_use]
    pub fn register_handler(mut self, name: impl Into<String>, version: Version, handler: Arc<H>) -> Self {
        self.add("duplicate registration", name.into(), version, handler);
        self
    }

    /// Adds a handler unless its name and version are taken; then the mistake is recorded and `false` returned.
    pub(crate) fn add(&mut self, mistake: &str, name: String, version: Version, handler: Arc<H>) -> bool {
        let versions = self.handlers.entry(name.clone()).or_default();
        let is_new = !versions.contains_key(&version);
        if is_new {
            versions.insert(version, handler);
        } else {
            self.errors.push(format!("{mistake}: {name}@{version}"));
        }
        is_new
    }

    /// Adds a handler in the place of one that has its name and version.
    #[cfg(feature = "macros")]
    pub(crate) fn replace(mut self, name: &str, version: Version, handler: Arc<H>) -> Self {
        self.handlers.entry(name.to_owned()).or_default().insert(version, handler);
        self
    }

    pub(crate) fn record_error(&mut self, error: String) {
        self.errors.push(error);
    }

    pub(crate) fn latest(&self, name: &str) -> Option<&Version> {
        self.handlers.get(name)?.keys().next_back()
    }

    pub(crate) fn policy(&mut self, name: String, policy: VersionPolicy) {
        self.policies.insert(name, policy);
    }
}
