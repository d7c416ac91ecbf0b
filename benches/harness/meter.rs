//! Figures: quantiles, memory, processor time, and the flush time of the disk.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Fault;

/// Named results of one trial.
#[derive(Debug, Default)]
pub(crate) struct Figures(Map<String, Value>);

impl Figures {
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), Value::from(value));
    }

    pub(crate) fn say(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), Value::from(text));
    }

    /// Median and 99th percentile, in milliseconds.
    pub(crate) fn set_quantiles(&mut self, times: &mut [Duration]) {
        times.sort_unstable();
        self.set("p50_ms", quantile_ms(times, 0.50));
        self.set("p99_ms", quantile_ms(times, 0.99));
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// A quantile of sorted times.
pub(crate) fn quantile_ms(sorted: &[Duration], q: f64) -> f64 {
    let at = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// The median time to write 4 KiB in place and flush it.
pub(crate) fn fdatasync_ms(folder: &Path) -> Result<f64, Fault> {
    const TIMES: usize = 60;
    let path = folder.join("flush-probe");
    let mut file = fs::File::create(&path)?;
    let block = [0x5a; 4096];
    file.write_all(&block)?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(quantile_ms(&times, 0.5))
}

/// A line of `/proc/self/status` in megabytes, such as `VmRSS` or `VmHWM` (the peak).
pub(crate) fn memory_mb(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|row| row.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}

/// Processor time of all threads so far. To the nanosecond where the kernel keeps account of it.
pub(crate) fn cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Processor time at rest, in percent of one core, looked at for `time`.
pub(crate) async fn cpu_percent(time: Duration) -> f64 {
    let (before, begun) = (cpu(), Instant::now());
    tokio::time::sleep(time).await;
    (cpu().saturating_sub(before)).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0
}
