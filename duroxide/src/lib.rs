//! Durable orchestrations that survive crashes.
