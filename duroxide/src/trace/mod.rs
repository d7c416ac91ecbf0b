//! Traces: how a caller's context gets into the store and from there into spans, whoever collects them.
//!
//! The runtime opens a [`tracing`] span of target [`TARGET`] for each turn of an orchestration and for each run of an
//! activity; a client opens one for each start. With a [`Propagator`] these become one trace: the context of the start is
//! stored beside the instance, in the same transaction, and every turn, activity and child of it is a descendant of
//! it, in whichever process it runs. Without one nothing is stored and nothing is read.
//!
//! With the feature `opentelemetry` there is a propagator for spans that `tracing-opentelemetry` exports,
//! `duroxide::trace::OpenTelemetry`:
//!
//! ```
//! # #[cfg(feature = "opentelemetry")] {
//! # use std::sync::Arc;
//! # use duroxide::Client;
//! # use duroxide::providers::memory::MemoryProvider;
//! # use duroxide::runtime::Runtime;
//! # use duroxide::trace::OpenTelemetry;
//! let store = Arc::new(MemoryProvider::new());
//! let client = Client::new(store.clone()).with_propagator(Arc::new(OpenTelemetry));
//! let runtime = Runtime::builder(store).propagator(Arc::new(OpenTelemetry));
//! # }
//! ```

#[cfg(feature = "opentelemetry")]
mod opentelemetry;
pub(crate) mod spans;

use std::fmt;
use std::sync::Arc;

use tracing::Span;

pub use crate::model::trace::{TRACESTATE_MAX, TraceContext, TraceContextError};
#[cfg(feature = "opentelemetry")]
pub use opentelemetry::OpenTelemetry;

/// The target of the library's spans, for filters: `duroxide::trace=info` lets them through. A filter that does not, as that
/// of [`init_logging`](crate::runtime::observability::init_logging), shows log lines without them.
pub const TARGET: &str = "duroxide::trace";

/// Knows how `tracing` spans and W3C contexts belong together. Called often, by many threads, and never while a lock
/// is held; it should not block.
pub trait Propagator: Send + Sync + 'static {
    /// What children of `span` are to be given, in this process or another one. `None` when it is not part of a trace,
    /// as a disabled span is.
    fn context_of(&self, span: &Span) -> Option<TraceContext>;

    /// Makes `span`, which was just created and not entered yet, a child of what `parent` names.
    fn set_parent(&self, span: &Span, parent: &TraceContext);
}

/// The propagator of a client or a runtime, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Propagation(pub(crate) Option<Arc<dyn Propagator>>);

impl fmt::Debug for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Propagation").field(&self.0.is_some()).finish()
    }
}

impl Propagation {
    /// Puts a span under its parent, and says what its own children are to be given: its context, or what it was given
    /// itself when nobody records it.
    pub(crate) fn adopt(&self, span: &Span, parent: Option<&TraceContext>) -> Option<TraceContext> {
        let propagator = self.0.as_ref()?;
        if let Some(parent) = parent {
            propagator.set_parent(span, parent);
        }
        propagator.context_of(span).or_else(|| parent.cloned())
    }

    /// The same for a span whose parent is the caller's span.
    pub(crate) fn called(&self, span: &Span) -> Option<TraceContext> {
        let propagator = self.0.as_ref()?;
        propagator.context_of(span).or_else(|| propagator.context_of(&Span::current()))
    }
}
