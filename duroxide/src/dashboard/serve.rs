//! The dashboard on an address of its own.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;

use super::Dashboard;
use super::error::DashboardError;

/// A dashboard that has its address and serves it once it [runs](Bound::run).
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    url: String,
    router: Router,
}

impl Bound {
    /// The address, with the port that was free.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where to point a browser, with the token: whoever sees it has access.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// `Io` when the address is lost.
    pub async fn run(self) -> Result<(), DashboardError> {
        Ok(axum::serve(self.listener, self.router).await?)
    }
}

/// Takes the address, unless others reach it and that was not asked for.
pub(super) async fn bind(mut dashboard: Dashboard, address: SocketAddr) -> Result<Bound, DashboardError> {
    if !address.ip().is_loopback() {
        if !dashboard.is_remote_allowed {
            return Err(DashboardError::NotLoopback(address));
        }
        if dashboard.hosts.is_empty() {
            return Err(DashboardError::HostMissing);
        }
    }
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let shown = match dashboard.hosts.first() {
        Some(host) if !address.ip().is_loopback() => with_port(host, address.port()),
        Some(_) | None => address.to_string(),
    };
    if address.ip().is_loopback() {
        // 127.0.0.2 is this machine's as well; it is a name of it when that was asked for.
        dashboard.hosts.push(name_of(address.ip()));
    }
    let query = dashboard.access_token().map(|token| format!("?token={token}")).unwrap_or_default();
    let url = format!("http://{shown}/overview{query}");
    Ok(Bound { listener, address, url, router: dashboard.router() })
}

/// As it stands in the `Host` of a request.
fn name_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { host.to_owned() } else { format!("{host}:{port}") }
}
