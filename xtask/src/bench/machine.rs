//! Where and when a run was made: without that its figures mean nothing.

use std::fs;
use std::time::SystemTime;

/// Date, processor, kernel, memory, and how busy the machine was.
#[expect(clippy::disallowed_methods, reason = "a developer's tool tells when it was run")]
pub(super) fn describe() -> String {
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    format!("{date} · {cores} cores, {processor} · {memory} · Linux {} · load before {load}", kernel.trim())
}

/// The value of the first line `key : value`.
fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
