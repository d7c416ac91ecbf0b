//! The W3C context of a trace: which span a piece of work is a child of, over processes and restarts.

use std::fmt;

/// Characters of a `tracestate` at most: what the recommendation asks everybody to pass on.
pub const TRACESTATE_MAX: usize = 512;

/// Where in a trace something was asked for, as the two headers of the
/// [W3C recommendation](https://www.w3.org/TR/trace-context/): what whoever does it is a child of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

/// Why a text is no trace context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceContextError {
    /// The first header is not one.
    #[error("expected a traceparent like `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`, found `{found}`")]
    Traceparent {
        /// What stood there, cut at 80 characters.
        found: String,
    },
    /// The second header is not one.
    #[error("expected a tracestate of at most {TRACESTATE_MAX} printable ASCII characters, found {found}")]
    Tracestate {
        /// What is wrong with it.
        found: String,
    },
}

impl TraceContext {
    /// From the values of the two headers. An empty `tracestate` is none.
    ///
    /// # Errors
    /// When one of them is not what the recommendation has. A `tracestate` may be left away then: the trace goes on
    /// without it.
    ///
    /// ```
    /// use duroxide::trace::TraceContext;
    ///
    /// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let context = TraceContext::new(parent, Some("vendor=abc"))?;
    /// assert_eq!((context.traceparent(), context.tracestate()), (parent, Some("vendor=abc")));
    /// # Ok::<(), duroxide::trace::TraceContextError>(())
    /// ```
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Result<Self, TraceContextError> {
        if !is_traceparent(traceparent) {
            return Err(TraceContextError::Traceparent { found: traceparent.chars().take(80).collect() });
        }
        let tracestate = tracestate.filter(|state| !state.is_empty());
        if let Some(state) = tracestate {
            check_state(state)?;
        }
        Ok(TraceContext { traceparent: traceparent.to_owned(), tracestate: tracestate.map(str::to_owned) })
    }

    /// The header `traceparent`: version, trace, span and flags.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`, if there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The trace, as 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// The span, as 16 hexadecimal digits.
    pub fn span_id(&self) -> &str {
        &self.traceparent[36..52]
    }

    /// Whether the caller's trace is recorded.
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.traceparent[53..55], 16).is_ok_and(|flags| flags & 1 == 1)
    }
}

/// The value of the header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent)
    }
}

/// `VERSION-TRACE-SPAN-FLAGS` in lower-case hexadecimal digits; later versions may have more behind a dash.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let mut parts = text.splitn(5, '-');
    let (Some(version), Some(trace), Some(span), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let more = parts.next();
    hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && !is_zero(trace)
        && hex(span, 16)
        && !is_zero(span)
        && hex(flags, 2)
        && (more.is_none() || version != "00")
        && text.len() <= TRACESTATE_MAX
        && text.is_ascii()
}

fn check_state(state: &str) -> Result<(), TraceContextError> {
    let found = if state.len() > TRACESTATE_MAX {
        format!("{} of them", state.len())
    } else if let Some(odd) = state.chars().find(|next| !matches!(next, ' '..='~')) {
        format!("{odd:?}")
    } else {
        return Ok(());
    };
    Err(TraceContextError::Tracestate { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_taken_apart() {
        let context = TraceContext::new(&format!("00-{TRACE}-{SPAN}-01"), Some("")).unwrap();
        assert_eq!((context.trace_id(), context.span_id(), context.is_sampled()), (TRACE, SPAN, true));
        assert_eq!(context.tracestate(), None);
        assert!(!TraceContext::new(&format!("00-{TRACE}-{SPAN}-00"), None).unwrap().is_sampled());
        assert!(TraceContext::new(&format!("01-{TRACE}-{SPAN}-01-later"), None).is_ok());
    }

    #[test]
    fn what_is_no_context_is_told_from_one() {
        let zeros = "0".repeat(32);
        for text in [
            "",
            "00",
            &format!("00-{TRACE}-{SPAN}"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}-01-more"),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{zeros}-{SPAN}-01"),
            &format!("00-{TRACE}-{}-01", &zeros[..16]),
            &format!("00-{TRACE}-{SPAN}-é"),
            &format!("01-{TRACE}-{SPAN}-01-{}", "x".repeat(600)),
        ] {
            let refused = TraceContext::new(text, None);
            assert!(matches!(refused, Err(TraceContextError::Traceparent { .. })), "{text}: {refused:?}");
        }
        let parent = format!("00-{TRACE}-{SPAN}-01");
        for state in ["a\nb", "ü", &"x".repeat(TRACESTATE_MAX + 1)] {
            assert!(matches!(TraceContext::new(&parent, Some(state)), Err(TraceContextError::Tracestate { .. })));
        }
    }
}
