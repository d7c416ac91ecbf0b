//! Key-values with a type: a name and its type, written once and used on both sides.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, CodecError};
use crate::context::future::DurableFuture;
use crate::context::orchestration::OrchestrationContext;

/// The name of a key-value and the type of what is kept under it, for orchestrations and for their clients.
///
/// Values are plain JSON, so that programs which use strings read and write the same ones.
///
/// ```
/// use duroxide::typed::Key;
/// use duroxide::{OrchestrationContext, orchestration};
///
/// const DONE: Key<Vec<String>> = Key::new("done");
///
/// #[orchestration]
/// async fn pack(ctx: OrchestrationContext, item: String) -> Result<usize, String> {
///     let mut done = DONE.get(&ctx)?.unwrap_or_default();
///     done.push(item);
///     DONE.set(&ctx, &done);
///     Ok(done.len())
/// }
///
/// # let mut harness = duroxide::testing::Harness::new();
/// # assert_eq!(harness.run::<pack>("tea".to_owned()).unwrap(), 1);
/// // From outside: `pack::attach(&client, "p-1").get(&DONE).await?`
/// ```
pub struct Key<T> {
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key `name` for values of type `T`.
    pub const fn new(name: &'static str) -> Self {
        Key { name, of: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}

impl<T: Serialize + DeserializeOwned> Key<T> {
    /// The value as this orchestration, or an execution before it, left it.
    ///
    /// # Errors
    /// When what is kept does not fit the type, with the key and the path inside the value.
    pub fn get(&self, ctx: &OrchestrationContext) -> Result<Option<T>, CodecError> {
        ctx.get_kv_value(self.name).map(|text| self.read(&text)).transpose()
    }

    /// Keeps a value; clients see it after the turn is committed.
    ///
    /// # Panics
    /// When the value has no JSON form, which fails the orchestration with a text that names the key.
    pub fn set(&self, ctx: &OrchestrationContext, value: &T) {
        let text = codec::to_json(value)
            .unwrap_or_else(|error| panic!("the value for key `{}` has no JSON form: {error}", self.name));
        ctx.set_kv_value(self.name, text);
    }

    /// Forgets the value.
    pub fn clear(&self, ctx: &OrchestrationContext) {
        ctx.clear_kv_value(self.name);
    }

    /// The value of another instance as of its last commit, recorded: a replay gets the same. The error says what does
    /// not fit, or that the store could not be asked.
    pub fn get_from(
        &self,
        ctx: &OrchestrationContext,
        instance: impl Into<String>,
    ) -> DurableFuture<Result<Option<T>, String>>
    where
        T: Send + 'static,
    {
        let key = Key::<T>::new(self.name);
        ctx.get_kv_value_from_instance(instance, self.name)
            .map(move |text| Ok(text?.map(|text| key.read(&text)).transpose()?))
    }

    pub(super) fn read(&self, text: &str) -> Result<T, CodecError> {
        codec::from_json(text).map_err(|error| CodecError::at(&format!("key `{}`", self.name), error))
    }
}

impl OrchestrationContext {
    /// Tells clients where the orchestration stands, with a value; visible after the turn is committed. A string is
    /// kept as it is, everything else as JSON.
    ///
    /// # Panics
    /// When the value has no JSON form, which fails the orchestration with a text that says so.
    pub fn set_status<T: Serialize>(&self, status: &T) {
        let text = codec::encode(status).unwrap_or_else(|error| panic!("the custom status has no JSON form: {error}"));
        self.set_custom_status(text);
    }

    /// The custom status as set so far, by this execution or the one before.
    ///
    /// # Errors
    /// When it does not fit the type.
    pub fn status<T: DeserializeOwned>(&self) -> Result<Option<T>, CodecError> {
        self.get_custom_status().map(|text| read_status(&text)).transpose()
    }
}

pub(super) fn read_status<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    codec::decode(text).map_err(|error| CodecError::at("custom status", error))
}

/// Orchestrations whose error is a `String` may use `?`.
impl From<CodecError> for String {
    fn from(error: CodecError) -> Self {
        error.to_string()
    }
}
