//! The attributes of duroxide: parse, lint, expand.
