//! Registering activities: by string or typed.

use std::sync::Arc;

use semver::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ActivityContext, ActivityHandler, FnActivity};
use crate::codec;
use crate::model::ids::SYSCALL_PREFIX;
use crate::registry::{Registry, RegistryBuilder};

/// Activities by name.
pub type ActivityRegistry = Registry<dyn ActivityHandler>;
/// Collects activities.
pub type ActivityRegistryBuilder = RegistryBuilder<dyn ActivityHandler>;

/// Activities have one version: their inputs and results are recorded, their code never replayed.
const ONLY_VERSION: Version = Version::new(1, 0, 0);

impl ActivityRegistryBuilder {
    /// A builder that begins with the activities of `reg`.
    pub fn from_registry(reg: &ActivityRegistry) -> Self {
        Registry::builder_from(reg)
    }

    /// Registers an activity.
    #[must_use]
    pub fn register<F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.add_activity(name.into(), Arc::new(FnActivity(f)))
    }

    /// Registers an activity with values instead of strings.
    #[must_use]
    pub fn register_typed<In, Out, F, Fut>(self, name: impl Into<String>, f: F) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        F: Fn(ActivityContext, In) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Out, String>> + Send + 'static,
    {
        let f = Arc::new(f);
        let handler = FnActivity(move |ctx, input: String| {
            let f = Arc::clone(&f);
            async move {
                let input = codec::decode(&input).map_err(|error| error.to_string())?;
                let output = f(ctx, input).await?;
                codec::encode(&output).map_err(|error| error.to_string())
            }
        });
        self.add_activity(name.into(), Arc::new(handler))
    }

    /// Adds the activities of `other`.
    #[must_use]
    pub fn merge(self, other: ActivityRegistry) -> Self {
        self.merge_registry(other, "duplicate activity in merge")
    }

    /// Registers all.
    #[must_use]
    pub fn register_all<F, Fut>(self, items: Vec<(&str, F)>) -> Self
    where
        F: Fn(ActivityContext, String) -> Fut + Send + Sync + Clone + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        self.register_all_handlers(items, |builder, name, f| builder.register(name, f))
    }

    fn add_activity(mut self, name: String, handler: Arc<dyn ActivityHandler>) -> Self {
        if name.starts_with(SYSCALL_PREFIX) {
            self.record_error(format!("activity name '{name}' uses reserved prefix '{SYSCALL_PREFIX}'"));
        } else {
            self.add("duplicate activity registration", name, ONLY_VERSION, handler);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(_ctx: ActivityContext, input: String) -> Result<String, String> {
        Ok(input)
    }

    #[test]
    fn mistakes_are_told_by_build_result_and_the_first_registration_stays() {
        let twice = || {
            ActivityRegistry::builder()
                .register("Charge", echo)
                .register("Charge", echo)
                .register("__duroxide_syscall:mine", echo)
        };
        assert_eq!(twice().build().list_names(), ["Charge"]);
        assert_eq!(
            twice().build_result().err().as_deref(),
            Some(
                "duplicate activity registration: Charge@1.0.0; \
                 activity name '__duroxide_syscall:mine' uses reserved prefix '__duroxide_syscall:'"
            )
        );
    }
}
