//! Requests to a router, without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt as _;

use crate::scene::TOKEN;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain letters"))
    }

    /// The token that requests which act must bring, as the page has it.
    pub(crate) fn action_token(&self) -> Option<&str> {
        self.text.split_once(r#"<meta name="duroxide-token" content=""#)?.1.split('"').next()
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("routers do not fail");
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 8_000_000).await.expect("a body");
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).expect("text") }
}

/// A request by whoever has the token, from this machine.
pub(crate) fn with(method: &str, address: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(address);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "127.0.0.1:8181");
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::from(body.to_owned())).expect("a request")
}

pub(crate) async fn get(router: &Router, address: &str) -> Answer {
    send(router, with("GET", address, &[("authorization", &format!("Bearer {TOKEN}"))], "")).await
}

/// Acts with the token of the pages.
pub(crate) async fn act(router: &Router, address: &str, body: &str) -> Answer {
    let page = get(router, "/overview").await;
    let token = page.action_token().unwrap_or_default().to_owned();
    let headers = [
        ("authorization", &*format!("Bearer {TOKEN}")),
        ("x-duroxide-token", &token),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "http://127.0.0.1:8181"),
    ];
    send(router, with("POST", address, &headers, body)).await
}
