//! Errors in which the engine quotes inputs, told without them.

use std::borrow::Cow;

/// Where the engine's sentence about nondeterminism begins to quote what the code asked for and what history holds.
const QUOTES: &str = "mismatch: action=";

/// The text of an error without the inputs that stand in it when code has changed: the engine then quotes what the code
/// asked for and what history holds. It is found in the error of a parent, too, whose child failed so.
///
/// ```
/// let told = "child: schedule mismatch: action=CallActivity { name: \"a\", input: \"secret\" } vs event=KeyValuesCleared";
/// let shown = "child: schedule mismatch: action=CallActivity {…} vs event=KeyValuesCleared";
/// assert_eq!(duroxide::insight::without_inputs(told), shown);
/// ```
pub fn without_inputs(text: &str) -> Cow<'_, str> {
    match text.find(QUOTES) {
        None => Cow::Borrowed(text),
        Some(place) => Cow::Owned(format!("{}{}", &text[..place], without_fields(&text[place..]))),
    }
}

/// The text without what is in its outermost braces. Braces in quoted texts do not count; where quotes are escaped, as
/// in an error that is JSON, the text ends with the first brace.
fn without_fields(text: &str) -> String {
    let (mut kept, mut depth, mut is_quoted, mut is_escaped) = (String::new(), 0_u32, false, false);
    for c in text.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '\\' if depth > 0 => break,
            '"' if depth > 0 => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    kept.push_str("{…}");
                }
            }
            plain if depth == 0 => kept.push(plain),
            _ => {}
        }
    }
    if depth > 0 {
        kept.push_str("{…");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_inputs;

    #[test]
    fn fields_are_left_out_whatever_is_in_them() {
        let told =
            r#"mismatch: action=CallActivity { name: "a}\"{", input: "{}" } vs event=TimerCreated { fire_at_ms: 1 }"#;
        assert_eq!(without_inputs(told), "mismatch: action=CallActivity {…} vs event=TimerCreated {…}");
        assert_eq!(without_inputs("cut mismatch: action=A { input: \"secret"), "cut mismatch: action=A {…");
        let other = "no \"quotes\" of the engine: {\"kept\": {2}}";
        assert_eq!(without_inputs(other), other);
    }

    #[test]
    fn an_error_that_is_json_leaks_nothing_either() {
        let told = r#"mismatch: action=CallActivity { name: "a", input: "x} secret } \" secret" } vs event=Y {}"#;
        let mut json = told.to_owned();
        for depth in 1..4 {
            json = serde_json::to_string(&json).unwrap();
            let shown = without_inputs(&json);
            assert!(shown.contains("action=CallActivity {…") && !shown.contains("secret"), "{depth}: {shown}");
        }
    }
}
