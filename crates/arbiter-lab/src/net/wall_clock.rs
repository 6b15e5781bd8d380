//! Wall clocks of nodes that can be set: libfaketime stands between a node and its C library. BOOTTIME, by which the node
//! decides, it has from the kernel, and nothing sets that.

use anyhow::Context;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// In a host's folder: by how much its node's clock is off. libfaketime reads it anew at every look at the clock.
const FILE: &str = "clock";
/// Where Debian's package `libfaketime` has it, below the folder of the machine's architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The library.
///
/// # Errors
/// It is not installed.
pub(super) fn library() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").context("/usr/lib can't be read")?;
    let found =
        folders.filter_map(|entry| Some(entry.ok()?.path().join(LIBRARY))).find(|path| path.is_file());
    found.with_context(|| {
        format!("/usr/lib/*/{LIBRARY} is not there; `scripts/lab packages --clocks` installs it")
    })
}

/// Sets the clock of the node whose host has this folder: so much ahead of the right time, or behind it.
pub(super) fn set(home: &Path, ahead_ms: i64) -> anyhow::Result<()> {
    let (file, new) = (home.join(FILE), home.join("clock.new"));
    std::fs::write(&new, offset(ahead_ms))
        .and_then(|()| std::fs::rename(&new, &file))
        .with_context(|| format!("{} can't be written", file.display()))
}

/// As libfaketime wants to have it: seconds with a sign.
fn offset(ahead_ms: i64) -> String {
    let sign = if ahead_ms < 0 { '-' } else { '+' };
    let ms = ahead_ms.unsigned_abs();
    format!("{sign}{}.{:03}\n", ms / 1_000, ms % 1_000)
}

/// A node that is started like this has a clock that can be set.
pub(super) fn wear(command: &mut Command, library: &Path, home: &Path) {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", home.join(FILE))
        .env("FAKETIME_NO_CACHE", "1")
        // Waiting goes by the monotonic clock, which people can't set; nor are the times of files touched.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_has_a_sign_and_three_digits() {
        let written = [0, 5, -5, 3_600_000, -61_020].map(offset);
        assert_eq!(written, ["+0.000\n", "+0.005\n", "-0.005\n", "+3600.000\n", "-61.020\n"]);
    }

    #[test]
    fn a_clock_is_set_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        set(home.path(), 1_500).unwrap();
        set(home.path(), -1_500).unwrap();
        assert_eq!(std::fs::read_to_string(home.path().join(FILE)).unwrap(), "-1.500\n");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
    }
}
