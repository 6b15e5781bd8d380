//! What the figures were measured on. No names of hosts, no paths: those say nothing and tell too much.

use rustix::fs::{major, minor, stat};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The facts of a machine that matter to the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    pub kernel: String,
    /// Of the disk that was written to.
    pub file_system: String,
    pub disk: String,
    /// How the programs were built: `release` or `debug`.
    pub build: String,
    /// How probes were sent.
    pub probes: String,
    /// The kernel's load average over a minute, before the run: what else went on.
    pub load_before: f64,
    /// The same after it, the run itself included.
    pub load_after: f64,
}

impl Machine {
    /// Looks at this machine, and at the disk that `folder` is on.
    pub fn look(folder: &Path, build: &str, probes: &str) -> Self {
        let load = load();
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: field("/proc/meminfo", "MemTotal").map_or_else(unknown, |kib| in_gib(&kib)),
            kernel: read("/proc/sys/kernel/osrelease").map_or_else(unknown, |release| kernel(&release)),
            file_system: file_system(folder).unwrap_or_else(unknown),
            disk: disk(folder).unwrap_or_else(unknown),
            build: build.to_owned(),
            probes: probes.to_owned(),
            load_before: load,
            load_after: load,
        }
    }

    /// The run is over.
    pub fn look_again(&mut self) {
        self.load_after = load();
    }

    /// As pairs for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("processor", format!("{}, {} cores", self.processor, self.cores)),
            ("memory", self.memory.clone()),
            ("kernel", self.kernel.clone()),
            ("disk", format!("{}, {}", self.file_system, self.disk)),
            ("build", self.build.clone()),
            ("probes", self.probes.clone()),
            ("load", format!("{:.2} before the run, {:.2} after it", self.load_before, self.load_after)),
        ]
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The first value under a name, in the form `name : value` of files below /proc.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?.1;
    Some(value.trim().to_owned())
}

/// `4012345 kB` in GiB.
fn in_gib(kib: &str) -> String {
    let number = kib.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    number.map_or_else(unknown, |kib| format!("{:.1} GiB", kib / 1_048_576.0))
}

/// The version without what a distribution or a cloud hangs on.
fn kernel(release: &str) -> String {
    format!("Linux {}", release.split('-').next().unwrap_or(release))
}

fn load() -> f64 {
    let text = read("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// The type of the file system of the longest mount point above the folder.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = read("/proc/self/mounts")?;
    let mount = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (point, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&point).then_some((point.len(), kind))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

/// What the kernel says of the disk: its driver's kind, whether it rotates, whether it has a cache.
fn disk(folder: &Path) -> Option<String> {
    let device = stat(folder).ok()?.st_dev;
    let device = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    let device = Path::new(&device).canonicalize().ok()?;
    // A partition's queue is its disk's.
    let disk = if device.join("queue").is_dir() { device } else { device.parent()?.to_owned() };
    let name = disk.file_name()?.to_string_lossy().into_owned();
    let kind = match name.get(..2) {
        Some("vd") => "virtio disk",
        Some("xv") => "Xen disk",
        Some("nv") => "NVMe disk",
        Some("dm") => "device mapper",
        _ => "disk",
    };
    let cache = read(disk.join("queue/write_cache")).unwrap_or_else(unknown);
    // A virtual disk calls itself rotating because nobody told it otherwise.
    let turns = read(disk.join("queue/rotational"))? == "1" && kind == "disk";
    Some(format!("{kind}{}, {cache} cache", if turns { " that rotates" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_matters_and_no_names() {
        let machine = Machine::look(Path::new("/"), "debug", "ICMP");
        assert!(machine.cores > 0);
        assert!(machine.kernel.starts_with("Linux ") && machine.memory.ends_with("GiB"), "{machine:?}");
        let of_disk = [&machine.file_system, &machine.disk, &machine.kernel];
        assert!(of_disk.iter().all(|fact| !fact.contains('/')), "no path: {machine:?}");
        assert_eq!(kernel("6.18.44-cloud-amd64"), "Linux 6.18.44");
    }
}
