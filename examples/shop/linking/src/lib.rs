//! Nothing: this package exists for its tests, each of which is a program that mentions other crates.
