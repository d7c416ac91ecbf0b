//! Every workload at a size of seconds: that it runs and that what it asserts holds. How fast it was is not looked at.

use std::process::Command;

use serde_json::Value;

/// Sizes, and the figures that must be there.
const TRIALS: &[(&str, &[&str])] = &[
    ("w1 in_flight=4 time_ms=50", &["rate", "p50_ms", "p99_ms", "completed", "failed", "fdatasync_ms"]),
    ("w1 in_flight=4 time_ms=50 options=default sync=normal", &["rate"]),
    ("w2 count=10", &["rate", "last_over_first"]),
    ("w3 time_ms=50", &["p50_ms", "p99_ms"]),
    ("w4 time_ms=50", &["p50_ms", "p99_ms"]),
    ("w5 count=20", &["p50_ms", "p99_ms", "rss_mb", "fired"]),
    ("w6 count=20 time_ms=50", &["rss_mb", "cpu_percent", "bytes_each", "first_ms", "all_ms", "rate"]),
    ("w7 count=200", &["left", "first_ms", "all_ms"]),
    ("w8 count=202 time_ms=10", &["ms", "turns"]),
    ("w8 phase=batch count=100 time_ms=10", &["ms", "turns"]),
    ("waiting count=20 in_flight=2 time_ms=50", &["cpu_percent", "neighbour_ratio", "p50_ms"]),
    ("weight count=3 bytes=100000", &["peak_mb", "peak_payloads", "seconds"]),
];

#[test]
fn every_workload_runs_and_finds_its_results_right() {
    for (line, expected) in TRIALS {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("figures.json");
        let output = Command::new(env!("CARGO_BIN_EXE_bench-ours"))
            .args(line.split_whitespace())
            .arg(format!("folder={}", folder.path().display()))
            .arg(format!("out={}", out.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let figures: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
        for key in *expected {
            assert!(figures[*key].is_f64(), "{line}: no {key} in {figures}");
        }
        assert_eq!(figures["failed"].as_f64().unwrap_or_default(), 0.0, "{line}");
    }
}

#[test]
fn a_mistake_on_the_command_line_is_named() {
    for (line, text) in [
        ("w9", "workload: expected one of w1, w2, w3, w4, w5, w6, w7, w8, waiting, weight, found `w9`"),
        ("w1 speed=9", "speed=9: unknown key"),
        ("w1 sync=off", "sync=off: expected full or normal"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_bench-ours")).args(line.split_whitespace()).output().unwrap();
        assert!(!output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), format!("error: {text}"));
    }
}

#[test]
fn a_call_comes_to_the_same_however_it_is_written() {
    for case in ["none", "one", "two"] {
        for way in ["nothing", "typed", "by_name", "strings"] {
            let output = Command::new(env!("CARGO_BIN_EXE_bench-typed")).args([case, way, "3"]).output().unwrap();
            assert!(output.status.success(), "{case} {way}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
