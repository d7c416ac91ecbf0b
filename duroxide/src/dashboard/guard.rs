//! Who is let in, and for what: host, origin, access, method, token; and what browsers are told to refuse.
//!
//! Each rule is a plain function of the request, and refuses with a sentence.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::secret::Secret;
use super::{Hook, Permission, Shared, pages};

/// Where requests that act have their token.
const TOKEN_HEADER: &str = "x-duroxide-token";
/// The names of this machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Said with every answer. Scripts, styles and requests come from here alone, and nobody may put a page into a frame.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who may come in.
pub(super) enum Access {
    /// Whoever has it.
    Token(Secret),
    /// Whom the program lets in.
    Hook(Hook),
}

/// The rules of one dashboard.
pub(super) struct Guard {
    access: Access,
    hosts: Vec<String>,
    is_read_only: bool,
    /// What pages hold and requests that act bring back: no page of another origin can read it.
    action: Secret,
    /// Cookies know no ports: two dashboards on one machine must not take each other's.
    cookie: String,
}

/// A visitor who was let in.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The token that requests that act must bring; nothing when the visitor may only look.
    pub(super) action_token: Option<String>,
}

/// A request that is not served, and why.
type Refusal = (StatusCode, String);

impl Guard {
    pub(super) fn new(access: Access, hosts: Vec<String>, is_read_only: bool) -> Self {
        let action = Secret::random();
        let cookie = format!("duroxide_{}", &Secret::random().text()[..8]);
        Guard { access, hosts, is_read_only, action, cookie }
    }

    /// The host is one that was meant: a foreign name that leads to this machine is not.
    fn host(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        let found = host_of(headers, uri);
        let name = without_port(&found);
        if LOCAL.contains(&name) || self.hosts.iter().any(|host| *host == found || host == name) {
            return Ok(());
        }
        let text = format!("expected a name of this machine or one allowed with `host`, found the host `{found}`");
        Err((StatusCode::MISDIRECTED_REQUEST, text))
    }

    /// A request that says where it comes from comes from here.
    fn origin(headers: &HeaderMap, uri: &Uri, method: &Method) -> Result<(), Refusal> {
        let refused =
            |found: &str| (StatusCode::FORBIDDEN, format!("expected a page of this dashboard, found {found}"));
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase();
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            if authority != Some(host_of(headers, uri).as_str()) {
                return Err(refused(&format!("the origin `{origin}`")));
            }
        }
        // A link from elsewhere may lead here; what another page loads by itself may not, whoever is signed in.
        let is_followed = method == Method::GET && text(headers, "sec-fetch-mode") == Some("navigate");
        let site = text(headers, "sec-fetch-site");
        if !is_followed && !matches!(site, None | Some("same-origin" | "none")) {
            return Err(refused(&format!("a request from `{}`", site.unwrap_or_default())));
        }
        Ok(())
    }

    /// What the visitor may do, by the token or by the hook.
    async fn permission(&self, request: &Parts) -> Permission {
        match &self.access {
            Access::Token(token) if self.brings(token, &request.headers) => Permission::Act,
            Access::Token(_) => Permission::Refused,
            Access::Hook(hook) => hook(request.clone()).await,
        }
    }

    /// A token in the cookie or as `Authorization: Bearer`.
    fn brings(&self, token: &Secret, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE);
        let cookies = cookies.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        let mut values = cookies.filter_map(|pair| pair.trim().split_once('='));
        let bearer = text(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        values.any(|(name, value)| name == self.cookie && token.is(value))
            || bearer.is_some_and(|value| token.is(value))
    }

    /// The first visit has the token in its address: it goes into a cookie, and out of the address.
    fn first_visit(&self, request: &Parts) -> Option<Response> {
        let Access::Token(token) = &self.access else {
            return None;
        };
        let query = request.uri.query().unwrap_or_default();
        let given = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        if request.method != Method::GET || !token.is(given) {
            return None;
        }
        let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
        let page = match request.uri.path().rsplit('/').next() {
            Some(page) if !page.is_empty() => page.to_owned(),
            Some(_) | None => pages::overview_from(original(request)),
        };
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        let cookie = format!("{}={}; HttpOnly; SameSite=Strict", self.cookie, token.text());
        Some((StatusCode::SEE_OTHER, [(LOCATION, format!("{page}{query}")), (SET_COOKIE, cookie)]).into_response())
    }

    /// What acts is a POST, brings the token of the pages, and is allowed at all.
    fn action(&self, request: &Parts, permission: Permission) -> Result<(), Refusal> {
        if request.method == Method::GET || request.method == Method::HEAD {
            return Ok(());
        }
        if request.method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "expected GET or POST".to_owned()));
        }
        if self.is_read_only || permission != Permission::Act {
            return Err((StatusCode::FORBIDDEN, "this dashboard is read-only".to_owned()));
        }
        let brought = text(&request.headers, TOKEN_HEADER).unwrap_or_default();
        let is_token = self.action.is(brought) || matches!(&self.access, Access::Token(token) if token.is(brought));
        if !is_token {
            return Err((StatusCode::FORBIDDEN, format!("expected a token in the header `{TOKEN_HEADER}`")));
        }
        Ok(())
    }

    /// Where the form of a visitor without access leads, seen from the page that he asked for.
    fn form_of(&self, request: &Parts) -> String {
        if request.uri.path() == "/" { pages::overview_from(original(request)) } else { "overview".to_owned() }
    }

    async fn admit(&self, request: &Parts) -> Result<Visitor, Response> {
        let (headers, uri) = (&request.headers, &request.uri);
        self.host(headers, uri).map_err(said)?;
        Guard::origin(headers, uri, &request.method).map_err(said)?;
        let permission = self.permission(request).await;
        if let Some(response) = self.first_visit(request) {
            return Err(response);
        }
        if permission == Permission::Refused {
            let form = matches!(self.access, Access::Token(_)).then(|| self.form_of(request));
            return Err(pages::sign_in(form.as_deref()));
        }
        self.action(request, permission).map_err(said)?;
        let may_act = !self.is_read_only && permission == Permission::Act;
        Ok(Visitor { action_token: may_act.then(|| self.action.text().to_owned()) })
    }
}

/// Lets a request through, or answers it.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match shared.guard.admit(&parts).await {
        Ok(visitor) => {
            parts.extensions.insert(visitor);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(response) => response,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The address as the browser has it, wherever this is nested.
fn original(request: &Parts) -> &Uri {
    request.extensions.get::<OriginalUri>().map_or(&request.uri, |OriginalUri(uri)| uri)
}

fn said((status, text): Refusal) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn host_of(headers: &HeaderMap, uri: &Uri) -> String {
    let host = text(headers, HOST.as_str()).or_else(|| uri.authority().map(|authority| authority.as_str()));
    host.unwrap_or_default().to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
