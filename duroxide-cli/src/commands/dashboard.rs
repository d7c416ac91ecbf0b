//! `dashboard`: the store in a browser.

use std::net::SocketAddr;

use clap::Args;
use duroxide::dashboard::DashboardError;

use super::{Desk, Ended};
use crate::failure::Failure;
use crate::store::Access;

/// Show the store in a browser, until it is interrupted
///
/// Looks only, unless changes are allowed, and serves this machine only, unless others are. Whoever has the address it
/// prints has access: there is a token in it.
#[derive(Debug, Args)]
pub(crate) struct Dashboard {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, default_value = "127.0.0.1:8181", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Let whoever has access start, signal, cancel and delete instances
    #[arg(long)]
    allow_changes: bool,

    /// Listen where other machines reach it; it speaks plain HTTP, so put something with TLS before it
    #[arg(long, requires = "host")]
    allow_remote: bool,

    /// Answer under this name as well
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// The token that lets in, instead of a random one; the variable keeps it out of the list of processes
    #[arg(long, env = "DUROXIDE_DASHBOARD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

impl Dashboard {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let access = if self.allow_changes { Access::Change } else { Access::Look };
        let store = desk.open(access).await?;
        let refused = |error: DashboardError| Failure::usage(error.to_string());
        let mut dashboard = duroxide::dashboard::dashboard(store.client.clone()).read_only(!self.allow_changes);
        for name in self.host {
            dashboard = dashboard.host(name);
        }
        if self.allow_remote {
            dashboard = dashboard.allow_remote();
        }
        if let Some(token) = self.token {
            dashboard = dashboard.token(token).map_err(refused)?;
        }
        let bound = dashboard.bind(self.listen).await.map_err(refused)?;
        super::done(desk, &format!("open {}", bound.url()))?;
        desk.out.flush()?;
        bound.run().await.map_err(|error| Failure::store(error.to_string()))
    }
}
