//! Which row of the table a written name falls under.

use super::rules::{Level, RULES, Rule, STATE, STATIC_METHODS};

/// The codes that an `allow` may name.
pub(crate) fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
    codes.dedup();
    codes
}

pub(crate) fn is_known(code: &str) -> bool {
    codes().contains(&code)
}

/// The rule that forbids a call of the path with these segments.
pub(crate) fn for_path(segments: &[String]) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.paths.iter().any(|pattern| !pattern.ends_with('!') && matches(pattern, segments)))
}

/// The rule that forbids the macro with this path.
pub(crate) fn for_macro(segments: &[String]) -> Option<&'static Rule> {
    let is_macro = |pattern: &str| pattern.strip_suffix('!').is_some_and(|pattern| matches(pattern, segments));
    RULES.iter().find(|rule| rule.paths.iter().copied().any(is_macro))
}

/// The rule that forbids the method.
pub(crate) fn for_method(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.methods.contains(&name))
}

/// The rule that a type name falls under.
pub(crate) fn for_type(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.types.contains(&name))
}

/// The rule for what is found by its shape and not by a name.
pub(crate) fn by_code(code: &str, level: Level) -> &'static Rule {
    let found = RULES.iter().find(|rule| rule.code == code && rule.level == level);
    found.expect("the codes of shapes have their rows")
}

/// The rule for a method that is called on a static, known by its capitals.
pub(crate) fn for_static(receiver: &str, method: &str) -> Option<&'static Rule> {
    let capitals =
        receiver.len() > 1 && receiver.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    (capitals && STATIC_METHODS.contains(&method)).then(|| by_code(STATE, Level::Warn))
}

/// Whether a written path is the one the pattern names.
fn matches(pattern: &str, written: &[String]) -> bool {
    let (optional, required) = pattern.split_once('/').expect("every path in the table has its `/`");
    let (required, open) = match required.strip_suffix("::*") {
        Some(required) => (required, true),
        None => (required, false),
    };
    let optional: Vec<&str> = optional.split("::").filter(|segment| !segment.is_empty()).collect();
    let required: Vec<&str> = required.split("::").collect();
    // The user may start anywhere in the optional part, `std::time::Instant::now` or `time::Instant::now`.
    (0..=optional.len()).any(|start| {
        let full: Vec<&str> = optional[start..].iter().chain(&required).copied().collect();
        if open {
            written.len() > full.len() && full.iter().zip(written).all(|(a, b)| *a == b.as_str())
        } else {
            written.len() == full.len() && full.iter().zip(written).all(|(a, b)| *a == b.as_str())
        }
    })
}
