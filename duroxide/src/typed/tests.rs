//! The typed layer without a runtime.
