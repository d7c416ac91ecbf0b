//! Words and small pieces that all pages have: times, statuses, links.

use std::time::{Duration, UNIX_EPOCH};

use maud::{Markup, html};

use crate::insight::span::span;

/// The address of an instance's page.
pub(in crate::dashboard) fn address_of(instance: &str) -> String {
    format!("instance?id={}", encoded(instance))
}

/// Text inside an address.
pub(super) fn encoded(text: &str) -> String {
    const PLAIN: &[u8] = b"-_.~";
    let mut address = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

/// An address with the parts of a query that say something.
pub(super) fn address(page: &str, query: &[(&str, &str)]) -> String {
    let said: Vec<String> = query
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    if said.is_empty() { page.to_owned() } else { format!("{page}?{}", said.join("&")) }
}

pub(super) fn link(instance: &str) -> Markup {
    html! { a.id href=(address_of(instance)) { (instance) } }
}

/// The time as machines and people in all places read it.
pub(super) fn stamp(ms: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        // The year 10,000 is where this form ends.
        Some(time) if ms < 253_402_300_800_000 => humantime::format_rfc3339_seconds(time).to_string(),
        Some(_) | None => format!("{ms} ms since 1970"),
    }
}

/// `3 min ago`, with the exact time behind it.
pub(super) fn ago(ms: u64, now_ms: u64) -> Markup {
    let said = match now_ms.checked_sub(ms) {
        Some(past) if past < 1_000 => "just now".to_owned(),
        Some(past) => format!("{} ago", coarse(past)),
        None => format!("in {}", coarse(ms - now_ms)),
    };
    let stamp = stamp(ms);
    html! { time datetime=(stamp) title=(stamp) { (said) } }
}

/// A length of time in whole seconds, so that pages that are live do not flicker.
pub(super) fn coarse(ms: u64) -> String {
    span(if ms < 1_000 { ms } else { ms / 1_000 * 1_000 })
}

/// A status as a badge: a word, with a sign for those who see no colours.
pub(super) fn badge(status: &str) -> Markup {
    let (class, sign) = match status {
        "Running" => ("running", "●"),
        "Completed" => ("completed", "✓"),
        "Failed" => ("failed", "✗"),
        "ContinuedAsNew" => ("continued", "↻"),
        _ => ("unknown", "?"),
    };
    html! { span class={ "badge " (class) } { span aria-hidden="true" { (sign) } " " (status_word(status)) } }
}

fn status_word(status: &str) -> &str {
    match status {
        "ContinuedAsNew" => "Continued as new",
        other => other,
    }
}

/// A payload that is fetched when it is asked for; without scripts it is a link.
pub(super) fn reveal(label: &str, address: &str) -> Markup {
    html! {
        details.reveal data-payload=(address) {
            summary { (label) }
            a href=(address) { "open as text" }
        }
    }
}

/// A sentence in which names stand between backticks.
pub(super) fn prose(sentence: &str) -> Markup {
    html! { @for (at, part) in sentence.split('`').enumerate() {
        @if at % 2 == 1 { code { (part) } } @else { (part) }
    } }
}

/// What stands where a list would be empty.
pub(super) fn nothing(said: &str) -> Markup {
    html! { p.nothing { (said) } }
}
