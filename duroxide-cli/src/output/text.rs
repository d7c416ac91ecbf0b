//! Text of others, made harmless: a name may hold what a terminal obeys, or what makes a line read otherwise.

use std::borrow::Cow;

pub(crate) use duroxide::insight::is_hidden;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The same text with everything visible that is not: control characters, and marks that change the direction of
/// reading or have no width.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

/// Columns that it takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, or its beginning and `…` when it is wider.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    // One column is for the mark.
    let mut taken = 1;
    let mut short = String::new();
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            break;
        }
        short.push(c);
    }
    short.push('…');
    Cow::Owned(short)
}

/// `12 B`, `4.0 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while let Some(larger) = units.as_slice().first().filter(|_| size >= 1024.0) {
        size /= 1024.0;
        unit = larger;
        units.next();
    }
    format!("{size:.1} {unit}")
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, cut, safe, width};

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(safe("order-1 ü 注"), "order-1 ü 注");
        assert_eq!(safe("a\u{1b}[2Jb\u{9b}c\u{7f}"), "a\\u{1b}[2Jb\\u{9b}c\\u{7f}");
        assert_eq!(safe("a\nb\tc\r\0"), "a\\nb\\tc\\r\\u{0}");
        assert_eq!(safe("\u{202e}gnp.exe\u{200b}"), "\\u{202e}gnp.exe\\u{200b}");
    }

    #[test]
    fn cut_text_fits() {
        assert_eq!(cut("order-1", 7), "order-1");
        assert_eq!(cut("order-12", 7), "order-…");
        assert_eq!(cut("注文注文", 5), "注文…");
        assert!(width(&cut("注文注文", 4)) <= 4);
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [0, 1023, 1024, 1_048_576, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "16384.0 PiB"]
        );
    }
}
