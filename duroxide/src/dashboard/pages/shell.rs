//! The frame around every page: head, navigation, and a place for messages.

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

use super::{Page, View};
use crate::dashboard::guard::Visitor;

/// Pages that the navigation leads to.
const TABS: [(&str, &str); 5] = [
    ("overview", "Overview"),
    ("instances", "Instances"),
    ("queues", "Queues"),
    ("workers", "Workers"),
    ("health", "Health"),
];

pub(super) fn html(view: &View, page: Option<&Page>, visitor: &Visitor) -> Html<String> {
    let tab = page.map(tab_of).unwrap_or_default();
    let has_live = view.parts.iter().any(|part| part.is_live);
    let body = html! {
        a.skip href="#content" { "Skip to the content" }
        header.top {
            a.brand href="overview" { img src="icon.svg" alt="" width="22" height="22"; span { "duroxide" } }
            nav aria-label="Pages" {
                @for (name, label) in TABS {
                    a href=(name) aria-current=[(name == tab).then_some("page")] { (label) }
                }
            }
            div.right {
                @if visitor.action_token.is_none() { span.quiet { "read-only" } }
                @if has_live {
                    button #live type="button" hidden aria-pressed="true" title="Follow the store, or stop" { "Live" }
                }
            }
        }
        main #content tabindex="-1" {
            h1 { (view.title) }
            p #said role="status" aria-live="polite" {}
            @for part in &view.parts {
                @if part.is_live {
                    section id=(part.id) data-live {(part.html)}
                } @else {
                    section id=(part.id) {(part.html)}
                }
            }
        }
    };
    Html(document(&view.title, visitor.action_token.as_deref(), body).into_string())
}

fn tab_of(page: &Page) -> &'static str {
    match page {
        Page::Overview => "overview",
        Page::Instances(_) | Page::Instance(_) => "instances",
        Page::Queues(_) => "queues",
        Page::Workers | Page::Start(_) => "workers",
        Page::Health(_) => "health",
    }
}

fn document(title: &str, action_token: Option<&str>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(token) = action_token { meta name="duroxide-token" content=(token); }
                title { (title) " · duroxide" }
                link rel="icon" href="icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="style.css";
                script src="app.js" defer {}
            }
            body { (body) }
        }
    }
}

/// For those who have no access. It needs no style sheet, as they may not have that either.
pub(super) fn sign_in(form: Option<&str>) -> Markup {
    let body = html! {
        main {
            h1 { "No access" }
            @if let Some(action) = form {
                p { "Open the address that was printed when the dashboard began, or paste its token here." }
                form method="get" action=(action) {
                    label { "Token " input type="password" name="token" required autocomplete="off"; }
                    " " button { "Open" }
                }
            } @else {
                p { "The program that serves this dashboard does not let you in." }
            }
        }
    };
    document("No access", None, body)
}
