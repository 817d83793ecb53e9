//! CPU time of processes and threads, as the system counts it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// CPU time of this process so far.
pub(super) fn own() -> Duration {
    of_process(std::process::id())
}

/// CPU time of a process with all its threads, and of its children that have ended.
pub(super) fn of_process(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // utime, stime, cutime, cstime
    ticks(&stat, 11..=14)
}

/// CPU time of a PostgreSQL server: its first process, those that it has now, and those that have ended.
pub(super) fn of_server(postmaster: u32) -> Duration {
    backends(postmaster).into_iter().map(of_process).sum::<Duration>() + of_process(postmaster)
}

/// CPU time of the threads of this process that have not ended, by name; threads of one name together.
pub(super) fn of_threads() -> BTreeMap<String, Duration> {
    let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    for path in entries.map(|entry| entry.path()) {
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default().trim().to_owned();
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        *threads.entry(name).or_default() += ticks(&stat, 11..=12);
    }
    threads
}

/// Measures a stretch of work: time, and CPU time here and in a server.
#[derive(Debug)]
pub(super) struct Watch {
    begun: Instant,
    client: Duration,
    postmaster: Option<u32>,
    server: Duration,
}

/// What a stretch of work took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) time: Duration,
    /// CPU time of this process.
    pub(super) client: Duration,
    /// CPU time of the server, where it is ours to look at.
    pub(super) server: Option<Duration>,
}

impl Watch {
    /// Begins. A server on this machine is known by its first process.
    pub(super) fn start(postmaster: Option<u32>) -> Self {
        let server = postmaster.map(of_server).unwrap_or_default();
        Self { begun: Instant::now(), client: own(), postmaster, server }
    }

    pub(super) fn stop(&self) -> Took {
        Took {
            time: self.begun.elapsed(),
            client: own().saturating_sub(self.client),
            server: self.postmaster.map(|postmaster| of_server(postmaster).saturating_sub(self.server)),
        }
    }
}

fn backends(postmaster: u32) -> Vec<u32> {
    let path = format!("/proc/{postmaster}/task/{postmaster}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The sum of these fields after the name of the program, which may have blanks in it.
fn ticks(stat: &str, fields: std::ops::RangeInclusive<usize>) -> Duration {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let chosen = rest.split_whitespace().skip(*fields.start()).take(fields.count());
    let ticks: u64 = chosen.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Watch, own, ticks};

    #[test]
    fn the_name_of_a_program_may_have_anything_in_it() {
        let stat = "7 (a) b 1 2) S 1 7 7 0 -1 4 5 6 7 8 900 100 30 20 20 0 1 0";
        assert_eq!(ticks(stat, 11..=12), Duration::from_secs(10));
        assert_eq!(ticks(stat, 11..=14), Duration::from_millis(10_500));
        assert_eq!(ticks("", 11..=14), Duration::ZERO);
    }

    #[test]
    fn work_is_counted() {
        let (before, watch, begun) = (own(), Watch::start(Some(std::process::id())), Instant::now());
        while own() == before {
            assert!(begun.elapsed() < Duration::from_secs(30), "no CPU time is counted");
        }
        let took = watch.stop();
        assert!(took.client > Duration::ZERO && took.server > Some(Duration::ZERO), "{took:?}");
    }
}
