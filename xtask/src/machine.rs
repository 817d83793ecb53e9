//! The machine a figure was measured on.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// What a reader needs to judge a figure.
#[derive(Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    ram_mib: u64,
    kernel: String,
    disk: String,
}

impl Machine {
    /// This machine, with the file system that `data` is on.
    pub(crate) fn of(data: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cpu: cpu(&read("/proc/cpuinfo")),
            cores,
            ram_mib: ram_mib(&read("/proc/meminfo")),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: disk(&read("/proc/mounts"), &existing(data)),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "ram_mib": self.ram_mib,
            "kernel": self.kernel,
            "disk": self.disk,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>8}  {}", "cpu", self.cpu)?;
        writeln!(f, "{:>8}  {}", "cores", self.cores)?;
        writeln!(f, "{:>8}  {} MiB", "ram", self.ram_mib)?;
        writeln!(f, "{:>8}  {}", "kernel", self.kernel)?;
        write!(f, "{:>8}  {}", "disk", self.disk)
    }
}

fn cpu(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned())
}

fn ram_mib(meminfo: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024)
}

/// Type and device of the mount that holds `path`: the longest mount point it begins with; of equal ones the latest.
fn disk(mounts: &str, path: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            path.starts_with(point).then(|| (Path::new(point).components().count(), format!("{kind} ({device})")))
        })
        .max_by_key(|&(depth, _)| depth)
        .map_or_else(|| "unknown".to_owned(), |(_, disk)| disk)
}

/// The path without links, or the nearest directory above it that exists.
fn existing(path: &Path) -> std::path::PathBuf {
    path.ancestors().find_map(|path| path.canonicalize().ok()).unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{cpu, disk, ram_mib};

    #[test]
    fn the_kernel_s_files_are_read() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: Example CPU @ 3 GHz\nmodel name\t: x\n"), "Example CPU @ 3 GHz");
        assert_eq!(cpu(""), std::env::consts::ARCH);
        assert_eq!(ram_mib("MemTotal:       24576 kB\nMemFree: 1 kB\n"), 24);
        assert_eq!(ram_mib(""), 0);
    }

    #[test]
    fn the_disk_is_that_of_the_nearest_mount() {
        let mounts =
            "overlay / overlay rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/a /tmp ext4 rw 0 0\n/dev/b /tm xfs rw 0 0\n";
        assert_eq!(disk(mounts, Path::new("/tmp/x")), "ext4 (/dev/a)");
        assert_eq!(disk(mounts, Path::new("/home")), "overlay (overlay)");
        assert_eq!(disk("", Path::new("/home")), "unknown");
    }
}
