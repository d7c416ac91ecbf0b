//! Times for people, and times that people write.

use std::time::{Duration, SystemTime};

/// `2026-11-27 18:43:22Z`.
pub(crate) fn at(at_ms: u64) -> String {
    format(at_ms, |at| humantime::format_rfc3339_seconds(at).to_string())
}

/// `2026-11-27 18:43:22.123Z`.
pub(crate) fn exactly(at_ms: u64) -> String {
    format(at_ms, |at| humantime::format_rfc3339_millis(at).to_string())
}

/// The year 9999 is the last that has such a form; what is behind it is a mistake or means never.
fn format(at_ms: u64, written: impl Fn(SystemTime) -> String) -> String {
    const LAST_MS: u64 = 253_402_300_799_999;
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at_ms)) {
        Some(at) if at_ms <= LAST_MS => written(at).replacen('T', " ", 1),
        _ => format!("{at_ms} ms"),
    }
}

/// `3h 2m ago`, `in 8s`, `now`.
pub(crate) fn relative(now_ms: u64, at_ms: u64) -> String {
    match at_ms.cmp(&now_ms) {
        std::cmp::Ordering::Less => format!("{} ago", span(now_ms - at_ms)),
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", span(at_ms - now_ms)),
    }
}

/// `3h 2m`: its two largest units.
pub(crate) fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let Some(largest) = UNITS.iter().position(|(unit, _)| ms >= *unit) else {
        return "0ms".to_owned();
    };
    let (unit, name) = UNITS[largest];
    let whole = format!("{}{name}", ms / unit);
    match UNITS.get(largest + 1) {
        Some((smaller, name)) if *smaller > 1 && (ms % unit) / smaller > 0 => {
            format!("{whole} {}{name}", (ms % unit) / smaller)
        }
        _ => whole,
    }
}

/// A time that somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// So long ago.
    Ago(Duration),
    /// Milliseconds since the Unix epoch.
    At(u64),
}

impl When {
    /// In milliseconds since the Unix epoch.
    pub(crate) fn ms(self, now_ms: u64) -> u64 {
        match self {
            When::Ago(ago) => now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            When::At(at_ms) => at_ms,
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(When::Ago(ago));
        }
        let midnight = || humantime::parse_rfc3339_weak(&format!("{text} 00:00:00"));
        let at = humantime::parse_rfc3339_weak(text.trim_end_matches('Z')).or_else(|_| midnight());
        let at = at.ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let at_ms = at.and_then(|at| u64::try_from(at.as_millis()).ok());
        at_ms.map(When::At).ok_or_else(|| {
            format!(
                "expected how long ago (`90m`, `2d`) or a time (`2026-11-27`, `2026-11-27T18:43:22Z`), found `{text}`"
            )
        })
    }
}

/// How long something may take, as people write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("expected a duration (`500ms`, `30s`, `2h`), found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::{When, at, exactly, relative, span};

    #[test]
    fn spans_have_two_units_at_most() {
        let spans = [0, 450, 8_000, 61_000, 3_600_000, 10_920_000, 187_200_000].map(span);
        assert_eq!(spans, ["0ms", "450ms", "8s", "1m 1s", "1h", "3h 2m", "2d 4h"]);
        assert_eq!([relative(9, 9), relative(9_000, 1_000), relative(0, 8_000)], ["now", "8s ago", "in 8s"]);
    }

    #[test]
    fn times_are_written_and_read_in_utc() {
        assert_eq!(at(1_795_805_002_123), "2026-11-27 18:43:22Z");
        assert_eq!(exactly(1_795_805_002_123), "2026-11-27 18:43:22.123Z");
        assert_eq!(at(u64::MAX), "18446744073709551615 ms");
        for text in ["2026-11-27T18:43:22Z", "2026-11-27 18:43:22", "2026-11-27 18:43:22Z"] {
            assert_eq!(text.parse::<When>(), Ok(When::At(1_795_805_002_000)), "{text}");
        }
        assert_eq!("2026-11-27".parse::<When>(), Ok(When::At(1_795_737_600_000)));
        assert_eq!("2h".parse::<When>().map(|when| when.ms(10_000_000)), Ok(2_800_000));
        assert!("yesterday".parse::<When>().is_err());
    }
}
