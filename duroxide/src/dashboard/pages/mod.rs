//! The pages: an address becomes a page, a page becomes a view of the store, a view becomes HTML.

mod health;
mod history;
mod instance;
mod instances;
mod overview;
mod queues;
mod shell;
mod start;
mod words;
mod workers;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{OriginalUri, Query, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::guard::Visitor;
use super::{Shared, Sight};
use crate::client::ClientError;

pub(super) use words::address_of;

/// The pages by the last word of their address. All stand side by side, so that relative links lead from each to each.
pub(super) const NAMES: [&str; 7] = ["overview", "instances", "instance", "queues", "workers", "start", "health"];

/// A page and what its address says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Page {
    Overview,
    Instances(instances::Asked),
    Instance(instance::Asked),
    Queues(queues::Asked),
    Workers,
    Start(start::Asked),
    Health(health::Asked),
}

/// What a page shows: parts one below the other.
pub(super) struct View {
    title: String,
    parts: Vec<Part>,
}

struct Part {
    id: &'static str,
    html: Markup,
    /// Whether it follows the store while it is looked at.
    is_live: bool,
}

impl View {
    fn new(title: impl Into<String>) -> Self {
        View { title: title.into(), parts: Vec::new() }
    }

    /// A part that follows the store.
    fn live(mut self, id: &'static str, html: Markup) -> Self {
        self.parts.push(Part { id, html, is_live: true });
        self
    }

    /// A part that stays as it is: people type in it.
    fn still(mut self, id: &'static str, html: Markup) -> Self {
        self.parts.push(Part { id, html, is_live: false });
        self
    }

    /// The parts that follow the store.
    pub(super) fn into_live(self) -> impl Iterator<Item = (&'static str, Markup)> {
        self.parts.into_iter().filter(|part| part.is_live).map(|part| (part.id, part.html))
    }
}

/// Why there is no view.
#[derive(Debug)]
pub(super) enum NoView {
    /// Nothing has this id.
    NotFound(String),
    Store(ClientError),
}

impl From<ClientError> for NoView {
    fn from(error: ClientError) -> Self {
        NoView::Store(error)
    }
}

impl Page {
    /// The page of an address, if it is one.
    pub(super) fn of(uri: &Uri) -> Option<Page> {
        let page = match uri.path().rsplit('/').next()? {
            "overview" => Page::Overview,
            "instances" => Page::Instances(Query::try_from_uri(uri).ok()?.0),
            "instance" => Page::Instance(Query::try_from_uri(uri).ok()?.0),
            "queues" => Page::Queues(Query::try_from_uri(uri).ok()?.0),
            "workers" => Page::Workers,
            "start" => Page::Start(Query::try_from_uri(uri).ok()?.0),
            "health" => Page::Health(Query::try_from_uri(uri).ok()?.0),
            _ => return None,
        };
        Some(page)
    }

    /// The same page as it is watched: what takes long is not done again and again.
    pub(super) fn watched(self) -> Page {
        match self {
            Page::Health(_) => Page::Health(health::Asked::default()),
            other => other,
        }
    }

    /// What the store says now.
    pub(super) async fn view(&self, sight: &Sight, may_act: bool) -> Result<View, NoView> {
        let Sight { client, checkup, pulse } = sight;
        match self {
            Page::Overview => Ok(overview::view(client, pulse).await?),
            Page::Instances(asked) => Ok(instances::view(client, asked).await?),
            Page::Instance(asked) => instance::view(client, asked, may_act).await,
            Page::Queues(asked) => Ok(queues::view(client, asked, may_act).await?),
            Page::Workers => Ok(workers::view(client, may_act).await?),
            Page::Start(asked) => start::view(client, asked, may_act).await,
            Page::Health(asked) => Ok(health::view(client, checkup, asked).await?),
        }
    }
}

/// Any page.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Response {
    let Some(page) = Page::of(&uri) else {
        let view = View::new("Not an address").still(
            "said",
            html! {
                p { "The address of this page says something that it cannot say." }
            },
        );
        return (StatusCode::BAD_REQUEST, shell::html(&view, None, &visitor)).into_response();
    };
    match page.view(&shared.sight, visitor.action_token.is_some()).await {
        Ok(view) => shell::html(&view, Some(&page), &visitor).into_response(),
        Err(NoView::NotFound(what)) => {
            let view = View::new("Not found").still("said", html! { p { "There is no " (what) "." } });
            (StatusCode::NOT_FOUND, shell::html(&view, Some(&page), &visitor)).into_response()
        }
        Err(NoView::Store(error)) => {
            let view = View::new("The store does not answer").still("said", html! { p.alarm { (error) } });
            (status_of(&error), shell::html(&view, Some(&page), &visitor)).into_response()
        }
    }
}

/// From where it is nested to the first page; relative, as nobody here knows the address in the browser.
pub(super) async fn to_overview(OriginalUri(uri): OriginalUri) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, overview_from(&uri))]).into_response()
}

/// The first page, seen from the address where this is nested, with or without a slash at its end.
pub(super) fn overview_from(nested_at: &Uri) -> String {
    match nested_at.path().rsplit('/').next() {
        Some(last) if !last.is_empty() => format!("{last}/overview"),
        Some(_) | None => "overview".to_owned(),
    }
}

pub(super) async fn not_found(Extension(visitor): Extension<Visitor>) -> Response {
    let view = View::new("Not found").still("said", html! { p { "There is no such page." } });
    (StatusCode::NOT_FOUND, shell::html(&view, None, &visitor)).into_response()
}

/// The timeline of an execution alone.
pub(super) async fn picture(State(shared): State<Arc<Shared>>, Query(asked): Query<instance::Asked>) -> Response {
    match instance::alone(&shared.client, &asked).await {
        Ok(svg) => ([(CONTENT_TYPE, "image/svg+xml")], svg).into_response(),
        Err(NoView::NotFound(what)) => (StatusCode::NOT_FOUND, format!("there is no {what}")).into_response(),
        Err(NoView::Store(error)) => store_failed(&error),
    }
}

/// For those who have no access.
pub(super) fn sign_in(form: Option<&str>) -> Response {
    (StatusCode::UNAUTHORIZED, Html(shell::sign_in(form).into_string())).into_response()
}

/// The store's refusal, as text.
pub(super) fn store_failed(error: &ClientError) -> Response {
    (status_of(error), error.to_string()).into_response()
}

fn status_of(error: &ClientError) -> StatusCode {
    match error {
        ClientError::InstanceNotFound { .. } => StatusCode::NOT_FOUND,
        ClientError::InvalidInput { .. } => StatusCode::BAD_REQUEST,
        ClientError::InstanceStillRunning { .. } | ClientError::CannotDeleteSubOrchestration { .. } => {
            StatusCode::CONFLICT
        }
        ClientError::ManagementNotAvailable => StatusCode::NOT_IMPLEMENTED,
        ClientError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ClientError::Provider(error) if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        ClientError::Provider(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
