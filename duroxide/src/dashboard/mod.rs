//! A store in the browser: what runs, what waits, what failed and why; and, when allowed, a hand to help.
//!
//! ```no_run
//! # async fn run(client: duroxide::Client) -> Result<(), duroxide::dashboard::DashboardError> {
//! // Prints an address with a token in it, and serves this machine alone.
//! duroxide::dashboard::dashboard(client).serve(([127, 0, 0, 1], 8181).into()).await
//! # }
//! ```
//!
//! It is an axum [`Router`] as well, to nest into a program's own: see [`Dashboard::router`]. What protects it is told in
//! `docs/dashboard.md` of the repository.

mod actions;
mod assets;
mod checkup;
mod error;
mod guard;
mod live;
mod pages;
mod payload;
mod pulse;
mod secret;
mod serve;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;
use axum::routing::{get, post};

use crate::client::Client;

pub use error::DashboardError;
pub use serve::Bound;

use checkup::Checkup;
use guard::{Access, Guard};
use live::Live;
use pulse::Pulse;
use secret::Secret;

/// Bytes of the largest request, its form included: a person types or pastes no more. Larger payloads go through a client.
const BODY_BYTES_MAX: usize = 1_200_000;

/// A dashboard of the client's store that may only look. Begin here.
pub fn dashboard(client: Client) -> Dashboard {
    Dashboard {
        client,
        is_read_only: true,
        access: Access::Token(Secret::random()),
        hosts: Vec::new(),
        is_remote_allowed: false,
    }
}

/// A dashboard that is being set up; made by [`dashboard`].
#[must_use = "a dashboard does nothing until it is served or nested"]
pub struct Dashboard {
    client: Client,
    is_read_only: bool,
    access: Access,
    hosts: Vec<String>,
    is_remote_allowed: bool,
}

/// What a visitor may do, as the hook of [`Dashboard::authenticate`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing.
    Refused,
    /// Look.
    Look,
    /// Look and, unless the dashboard is read-only, start, signal, cancel and delete.
    Act,
}

/// The hook of [`Dashboard::authenticate`].
type Hook = Arc<dyn Fn(Parts) -> Pin<Box<dyn Future<Output = Permission> + Send>> + Send + Sync>;

impl Dashboard {
    /// Whether it may only look, which is the default. Otherwise whoever has access may start, signal, cancel and delete
    /// instances, and put back or drop messages that could not be read.
    pub fn read_only(mut self, is_read_only: bool) -> Self {
        self.is_read_only = is_read_only;
        self
    }

    /// Lets in whoever has this token, in the place of a random one.
    ///
    /// # Errors
    /// `WeakToken` unless it has 16 to 256 letters, digits, `-`, `_`, `.` or `~`.
    pub fn token(mut self, token: impl Into<String>) -> Result<Self, DashboardError> {
        self.access = Access::Token(Secret::chosen(token.into())?);
        Ok(self)
    }

    /// Asks `hook` about each request, in the place of the token. It sees the request with all that layers around the
    /// dashboard have put into it.
    ///
    /// Requests that act still need what the pages hold: a page of somebody else cannot make a signed-in browser act.
    pub fn authenticate<H, F>(mut self, hook: H) -> Self
    where
        H: Fn(Parts) -> F + Send + Sync + 'static,
        F: Future<Output = Permission> + Send + 'static,
    {
        self.access = Access::Hook(Arc::new(move |parts| Box::pin(hook(parts))));
        self
    }

    /// Answers under this name as well, with or without a port: `ops.example.com`. Without it only the names of this
    /// machine are answered, so that no foreign name that leads here can be used to read along.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into().to_ascii_lowercase());
        self
    }

    /// Lets [`serve`](Self::serve) and [`bind`](Self::bind) listen on an address that other machines reach. It speaks
    /// plain HTTP: put something with TLS before it.
    pub fn allow_remote(mut self) -> Self {
        self.is_remote_allowed = true;
        self
    }

    /// The token that lets in; nothing when a hook decides.
    pub fn access_token(&self) -> Option<&str> {
        match &self.access {
            Access::Token(token) => Some(token.text()),
            Access::Hook(_) => None,
        }
    }

    /// The dashboard as a router, to nest anywhere: all its links are relative. Its guard is in it.
    pub fn router(self) -> Router {
        let sight = Sight { client: self.client.clone(), checkup: Checkup::new(), pulse: Pulse::default() };
        let shared = Arc::new(Shared {
            client: self.client,
            guard: Guard::new(self.access, self.hosts, self.is_read_only),
            live: Live::new(sight.clone()),
            sight,
        });
        let mut router = Router::new()
            .route("/", get(pages::to_overview))
            .route("/live", get(live::stream))
            .route("/payload", get(payload::payload))
            .route("/timeline.svg", get(pages::picture))
            .route("/raise", post(actions::raise))
            .route("/enqueue", post(actions::enqueue))
            .route("/cancel", post(actions::cancel))
            .route("/delete", post(actions::delete))
            .route("/start-instance", post(actions::start))
            .route("/retry", post(actions::retry))
            .route("/drop", post(actions::drop_row))
            .route("/drop-parked", post(actions::drop_parked));
        for name in pages::NAMES {
            router = router.route(&format!("/{name}"), get(pages::page));
        }
        for asset in assets::ASSETS {
            router = router.route(&format!("/{}", asset.name), get(|| async { asset.response() }));
        }
        router
            .fallback(pages::not_found)
            .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), guard::guard))
            .with_state(shared)
    }

    /// Binds an address of this machine; port 0 stands for any that is free.
    ///
    /// # Errors
    /// `NotLoopback` for an address that other machines reach, unless [`allow_remote`](Self::allow_remote) was called;
    /// `HostMissing` when it was, and no [`host`](Self::host) is named; `Io` when the address cannot be had.
    pub async fn bind(self, address: std::net::SocketAddr) -> Result<Bound, DashboardError> {
        serve::bind(self, address).await
    }

    /// Binds an address, prints where the dashboard is, with its token, and serves until it is dropped.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn serve(self, address: std::net::SocketAddr) -> Result<(), DashboardError> {
        let bound = self.bind(address).await?;
        println!("dashboard at {}", bound.url());
        bound.run().await
    }
}

/// What all requests share.
struct Shared {
    client: Client,
    guard: Guard,
    live: Live,
    sight: Sight,
}

/// What pages are made from.
#[derive(Clone)]
struct Sight {
    client: Client,
    checkup: Checkup,
    pulse: Pulse,
}
