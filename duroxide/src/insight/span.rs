//! Lengths of time as people say them: `420 ms`, `3 min 5 s`, `21 h`.

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// From here on two units are said, the larger and the one below it.
const UNITS: [(u64, &str, u64, &str); 3] =
    [(DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", SECOND, "s")];

/// `ms` as people say it, with two or three figures that matter.
pub(crate) fn span(ms: u64) -> String {
    if ms < SECOND {
        return format!("{ms} ms");
    }
    if ms < MINUTE {
        let decimals = if ms < 10 * SECOND { ms / 10 % 100 } else { ms / 100 % 10 * 10 };
        let fraction = format!("{decimals:02}");
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        return format!("{}{point}{fraction} s", ms / SECOND);
    }
    let (large, large_name, small, small_name) =
        UNITS.into_iter().find(|(large, ..)| ms >= *large).expect("a minute is the smallest of them");
    match ms % large / small {
        0 => format!("{} {large_name}", ms / large),
        rest => format!("{} {large_name} {rest} {small_name}", ms / large),
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_the_figures_that_matter() {
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (1_250, "1.25 s"),
            (1_205, "1.2 s"),
            (1_050, "1.05 s"),
            (12_340, "12.3 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min"),
            (185_000, "3 min 5 s"),
            (3_600_000, "1 h"),
            (75_840_000, "21 h 4 min"),
            (86_400_000, "1 d"),
            (266_400_000, "3 d 2 h"),
        ];
        for (ms, said) in table {
            assert_eq!(span(ms), said);
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 4_990, 1_234_567].map(count), ["0", "999", "1,000", "4,990", "1,234,567"]);
    }
}
