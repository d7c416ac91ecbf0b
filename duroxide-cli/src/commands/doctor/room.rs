//! How much room the disk of a file has.

use super::Chart;
use crate::store::Place;

/// With less, the next checkpoint of a busy store may fail.
const SCARCE: u64 = 100 * 1024 * 1024;

/// With less, somebody should look.
const LITTLE: u64 = 1024 * 1024 * 1024;

pub(super) fn look(place: &Place, chart: &mut Chart) {
    let Place::Sqlite(path) = place else {
        // The server's disk cannot be seen from here.
        return;
    };
    let path = std::path::Path::new(path);
    if let Some(bytes) = free_beside(path) {
        let log = std::fs::metadata(format!("{}-wal", path.display())).map_or(0, |log| log.len());
        judge(bytes, std::fs::metadata(path).map_or(0, |file| file.len()), log, chart);
    }
}

fn judge(free: u64, file: u64, log: u64, chart: &mut Chart) {
    use crate::output::text::bytes;

    let found = format!("{} free; the file has {}, its log {}", bytes(free), bytes(file), bytes(log));
    match free {
        free if free < SCARCE => {
            chart.fail("disk", found, "make room: a full disk stops all work, though it loses none")
        }
        free if free < LITTLE => chart.warn("disk", found, "make room, or delete and prune what has ended"),
        _ => chart.ok("disk", found),
    }
}

#[cfg(unix)]
fn free_beside(path: &std::path::Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(folder.unwrap_or(std::path::Path::new("."))).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_beside(_path: &std::path::Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::{Chart, LITTLE, SCARCE, judge};
    use crate::commands::doctor::Verdict;

    #[test]
    fn a_full_disk_is_a_failure_and_a_tight_one_a_warning() {
        for (free, verdict) in [(SCARCE - 1, Verdict::Fail), (LITTLE - 1, Verdict::Warn), (LITTLE, Verdict::Ok)] {
            let mut chart = Chart::default();
            judge(free, 0, 0, &mut chart);
            assert_eq!(chart.lines[0].verdict, verdict, "{free}");
        }
    }
}
