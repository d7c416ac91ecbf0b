//! What the pages are dressed in: built in, nothing from elsewhere.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::insight::picture;

/// A file that is built in.
pub(super) struct Asset {
    pub(super) name: &'static str,
    content_type: &'static str,
    parts: &'static [&'static str],
}

pub(super) const ASSETS: &[Asset] = &[
    Asset {
        name: "style.css",
        content_type: "text/css; charset=utf-8",
        parts: &[include_str!("assets/style.css"), picture::STYLE_SHEET],
    },
    Asset { name: "app.js", content_type: "text/javascript; charset=utf-8", parts: &[include_str!("assets/app.js")] },
    Asset { name: "icon.svg", content_type: "image/svg+xml", parts: &[include_str!("assets/icon.svg")] },
];

impl Asset {
    pub(super) fn response(&self) -> Response {
        ([(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, "no-cache")], self.parts.concat()).into_response()
    }
}
