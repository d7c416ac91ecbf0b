//! Nothing: this package exists for its examples.
