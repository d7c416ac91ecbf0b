//! What keeps a dashboard from being served.

use std::net::SocketAddr;

/// Why a dashboard is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// Other machines reach the address.
    #[error(
        "expected an address of this machine alone, such as 127.0.0.1, found {0}; \
         `allow_remote` permits it, and TLS before it is up to you"
    )]
    NotLoopback(SocketAddr),
    /// Nobody could reach it, as no name is answered but those of this machine.
    #[error("expected the name under which others reach the dashboard, found none; say it with `host`")]
    HostMissing,
    /// The token is too easy to guess, or does not fit into a cookie.
    #[error("expected a token of 16 to 256 letters, digits, `-`, `_`, `.` or `~`, found one of {0} bytes that is not")]
    WeakToken(usize),
    /// The address cannot be had, or is lost.
    #[error("cannot serve the dashboard: {0}")]
    Io(#[from] std::io::Error),
}
