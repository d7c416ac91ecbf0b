//! What is particular to this store: text, errors, connections.
