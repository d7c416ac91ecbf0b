//! Spans that `tracing-opentelemetry` exports.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Propagator, TraceContext};

/// The propagator for programs whose subscriber has a `tracing_opentelemetry` layer. It reads and sets the contexts of
/// spans itself: no global propagator need be installed.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenTelemetry;

impl Propagator for OpenTelemetry {
    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        let context = span.context();
        let span = context.span();
        let found = span.span_context();
        if !found.is_valid() {
            return None;
        }
        let (trace, span, flags) = (found.trace_id(), found.span_id(), found.trace_flags() & TraceFlags::SAMPLED);
        let parent = format!("00-{trace}-{span}-{:02x}", flags.to_u8());
        let state = found.trace_state().header();
        // A state that is too long is left away, as the recommendation has it.
        TraceContext::new(&parent, Some(&state)).or_else(|_| TraceContext::new(&parent, None)).ok()
    }

    fn set_parent(&self, span: &Span, parent: &TraceContext) {
        if let Some(parent) = remote(parent) {
            // Refused when no layer of OpenTelemetry is there, or the span is disabled: then nobody sees the span.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
    }
}

fn remote(context: &TraceContext) -> Option<SpanContext> {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let state = context.tracestate().and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    let (trace, span) = (TraceId::from_hex(context.trace_id()).ok()?, SpanId::from_hex(context.span_id()).ok()?);
    Some(SpanContext::new(trace, span, flags, true, state))
}
