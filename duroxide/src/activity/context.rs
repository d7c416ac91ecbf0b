//! `ActivityContext`: identity, attempt, lease, cancellation, tracing, client.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::heartbeat::HeartbeatError;
use crate::client::Client;
use crate::model::limits::Limits;
use crate::model::trace::TraceContext;
use crate::observe::target;
use crate::providers::{Provider, ProviderError};
use crate::trace::Propagation;

/// What an activity knows of itself and may ask for.
///
/// An activity runs at least once: after a crash, or when its result could not be stored, it runs again. Make its
/// effects idempotent with [`idempotency_key`](Self::idempotency_key).
#[derive(Clone)]
pub struct ActivityContext {
    inner: Arc<Inner>,
}

/// What the worker knows when it begins an activity.
pub(crate) struct Identity {
    pub(crate) instance_id: String,
    pub(crate) execution_id: u64,
    pub(crate) orchestration_name: Arc<str>,
    pub(crate) orchestration_version: Arc<str>,
    pub(crate) activity_name: String,
    pub(crate) activity_id: u64,
    pub(crate) worker_id: Arc<str>,
    pub(crate) session_id: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) attempt: u32,
}

/// What the activity may use while it runs.
pub(crate) struct Backing {
    pub(crate) store: Arc<dyn Provider>,
    /// Of the lease on the activity.
    pub(crate) token: Arc<str>,
    pub(crate) limits: Limits,
    /// Fires when the lease is lost.
    pub(crate) cancellation: CancellationToken,
    /// What the work of this run is a part of.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) propagation: Propagation,
}

struct Inner {
    identity: Identity,
    backing: Backing,
    fence: OnceCell<Option<u64>>,
}

/// One log line with the fields every activity line has; the level is part of the call, since `tracing` wants it
/// constant.
macro_rules! trace_line {
    ($level:ident, $context:expr, $message:expr) => {{
        let identity = &$context.inner.identity;
        let message: String = $message.into();
        tracing::$level!(
            target: target::ACTIVITY,
            instance_id = %identity.instance_id,
            execution_id = %identity.execution_id,
            orchestration_name = %identity.orchestration_name,
            orchestration_version = %identity.orchestration_version,
            activity_name = %identity.activity_name,
            activity_id = %identity.activity_id,
            worker_id = %identity.worker_id,
            "{message}"
        );
    }};
}

impl ActivityContext {
    pub(crate) fn new(identity: Identity, backing: Backing) -> Self {
        ActivityContext { inner: Arc::new(Inner { identity, backing, fence: OnceCell::new() }) }
    }

    /// The instance that asked for this activity.
    pub fn instance_id(&self) -> &str {
        &self.inner.identity.instance_id
    }

    /// The execution that asked for it.
    pub fn execution_id(&self) -> u64 {
        self.inner.identity.execution_id
    }

    /// The orchestration that asked for it; `unknown` when its history is gone.
    pub fn orchestration_name(&self) -> &str {
        &self.inner.identity.orchestration_name
    }

    /// Its version; `unknown` when its history is gone.
    pub fn orchestration_version(&self) -> &str {
        &self.inner.identity.orchestration_version
    }

    /// The name this activity is registered under.
    pub fn activity_name(&self) -> &str {
        &self.inner.identity.activity_name
    }

    /// The worker slot that runs it.
    pub fn worker_id(&self) -> &str {
        &self.inner.identity.worker_id
    }

    /// The session it belongs to.
    pub fn session_id(&self) -> Option<&str> {
        self.inner.identity.session_id.as_deref()
    }

    /// Its tag.
    pub fn tag(&self) -> Option<&str> {
        self.inner.identity.tag.as_deref()
    }

    /// Which delivery of this activity this is, from 1. A retry policy does not count here: each of its attempts is
    /// an activity of its own.
    pub fn attempt(&self) -> u32 {
        self.inner.identity.attempt
    }

    /// The same for every delivery of this activity and for no other: hand it to services that can tell a repeated
    /// request from a new one.
    pub fn idempotency_key(&self) -> String {
        let identity = &self.inner.identity;
        format!("{}/{}/{}", identity.instance_id, identity.execution_id, identity.activity_id)
    }

    /// The fencing token of this delivery's lease: greater than that of every delivery of this activity before. A
    /// system that remembers the greatest it has seen, and refuses what comes with a smaller one, is safe from a
    /// delivery that was thought dead.
    ///
    /// The store is asked once, when this is called first. `None` when it cannot tell.
    ///
    /// # Errors
    /// As the store answers; permanent when the lease is lost.
    pub async fn fencing_token(&self) -> Result<Option<u64>, ProviderError> {
        let Backing { store, token, .. } = &self.inner.backing;
        self.inner.fence.get_or_try_init(|| store.activity_fence(token)).await.copied()
    }

    /// Says how far the activity is, for clients to read with
    /// [`get_activity_progress`](crate::Client::get_activity_progress), and for the next delivery should this one fail;
    /// what was said before is forgotten. The runtime extends the lease by itself: a heartbeat does not, but it finds
    /// out at once that the lease is lost, also when another process cancelled the activity.
    ///
    /// # Errors
    /// [`HeartbeatError::Cancelled`] when nobody waits for the result any more; the context is cancelled from then on.
    /// The others do not keep the activity from going on.
    pub async fn heartbeat(&self, progress: impl Into<String>) -> Result<(), HeartbeatError> {
        let Backing { store, token, limits, cancellation, .. } = &self.inner.backing;
        let progress = progress.into();
        limits.progress(&progress)?;
        if cancellation.is_cancelled() {
            return Err(HeartbeatError::Cancelled);
        }
        match store.heartbeat_work_item(token, &progress).await {
            // A store without a place for it has forgotten it, which is no reason to stop.
            Ok(_kept) => Ok(()),
            Err(error) if error.is_retryable() => Err(HeartbeatError::Store(error)),
            Err(_) => {
                cancellation.cancel();
                Err(HeartbeatError::Cancelled)
            }
        }
    }

    /// What this activity last said of its progress: by an earlier delivery, until this one says something itself.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn last_progress(&self) -> Result<Option<String>, ProviderError> {
        let identity = &self.inner.identity;
        let said = self.inner.backing.store.read_progress(&identity.instance_id).await?;
        let own = said
            .into_iter()
            .find(|said| said.execution_id == identity.execution_id && said.activity_id == identity.activity_id);
        Ok(own.map(|said| said.progress))
    }

    /// Logs at level INFO.
    pub fn trace_info(&self, message: impl Into<String>) {
        trace_line!(info, self, message);
    }

    /// Logs at level WARN.
    pub fn trace_warn(&self, message: impl Into<String>) {
        trace_line!(warn, self, message);
    }

    /// Logs at level ERROR.
    pub fn trace_error(&self, message: impl Into<String>) {
        trace_line!(error, self, message);
    }

    /// Logs at level DEBUG.
    pub fn trace_debug(&self, message: impl Into<String>) {
        trace_line!(debug, self, message);
    }

    /// Whether nobody waits for the result any more.
    pub fn is_cancelled(&self) -> bool {
        self.inner.backing.cancellation.is_cancelled()
    }

    /// Returns when nobody waits for the result any more.
    pub async fn cancelled(&self) {
        self.inner.backing.cancellation.cancelled().await;
    }

    /// Fires when nobody waits for the result any more; to be passed on to what the activity calls.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.inner.backing.cancellation.clone()
    }

    /// A client of the store this activity came from.
    pub fn get_client(&self) -> Client {
        let Backing { store, limits, propagation, .. } = &self.inner.backing;
        Client::new(Arc::clone(store)).with_limits(*limits).propagating(propagation.clone())
    }

    /// The trace that this run is a part of, to be passed on in the headers of what it asks of other services: the
    /// context of its own span, or of the start of its instance when nobody records spans here. `None` when the
    /// instance was started in no trace, or the runtime has no [propagator](crate::trace::Propagator).
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.inner.backing.trace.as_ref()
    }
}

impl std::fmt::Debug for ActivityContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let identity = &self.inner.identity;
        f.debug_struct("ActivityContext")
            .field("instance_id", &identity.instance_id)
            .field("execution_id", &identity.execution_id)
            .field("orchestration_name", &identity.orchestration_name)
            .field("orchestration_version", &identity.orchestration_version)
            .field("activity_name", &identity.activity_name)
            .field("activity_id", &identity.activity_id)
            .field("worker_id", &identity.worker_id)
            .field("session_id", &identity.session_id)
            .field("tag", &identity.tag)
            .field("attempt", &identity.attempt)
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
