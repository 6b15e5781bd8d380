//! Makes a recording: three nodes under `strace`.

use crate::drive::{NODES, folder_of};
use crate::talk::{Claim, Told, claims};
use crate::trace::{self, CALLS, Event};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How much of one call is recorded, in bytes. Beyond it a call is unreadable, and the recording is refused: the store
/// writes half a MiB at most, a connection less.
const CALL_BYTES: u32 = 4 * 1024 * 1024;

/// Each `fdatasync` returns this much later than it would, in microseconds: who does not wait for it is overtaken by it no
/// more.
const DELAY_US: u32 = 2_000;

/// What three nodes did and said.
pub(crate) struct Recording {
    pub events: Vec<Event>,
    pub claims: Vec<Claim>,
    pub told: Vec<Told>,
    /// The nodes' folders.
    pub folders: BTreeMap<u64, PathBuf>,
}

impl Recording {
    /// Runs three nodes below `home`, which is empty, through so many rounds.
    ///
    /// # Errors
    /// There is no `strace`, or the nodes did not come through, or the trace can't be read.
    pub fn make(home: &Path, rounds: u64) -> anyhow::Result<Self> {
        let out = home.join("trace");
        let own = std::env::current_exe().context("this program doesn't know where it is")?;
        let status = Command::new("strace")
            .args(["-f", "-yy", "-xx", "--seccomp-bpf", "-e", CALLS])
            .args(["-s", &CALL_BYTES.to_string()])
            .args(["-e", &format!("inject=fdatasync:delay_exit={DELAY_US}")])
            .arg("-o")
            .arg(&out)
            .arg(own)
            .arg("drive")
            .arg(home)
            .args(["--rounds", &rounds.to_string()])
            .stdin(Stdio::null())
            .status()
            .context("strace can't be started: scripts/lab packages installs it")?;
        anyhow::ensure!(status.success(), "the nodes did not come through ({status})");
        let text = std::fs::read_to_string(&out).context("the trace can't be read")?;
        let folders = (1..=NODES).map(|node| (node, folder_of(home, node))).collect();
        Self::of(trace::read(&text)?, folders)
    }

    /// Reads what was done.
    ///
    /// # Errors
    /// Nobody said anything.
    pub fn of(events: Vec<Event>, folders: BTreeMap<u64, PathBuf>) -> anyhow::Result<Self> {
        let (claims, told) = claims(&events);
        anyhow::ensure!(!claims.is_empty(), "nobody acknowledged anything: the recording shows nothing");
        Ok(Self { events, claims, told, folders })
    }
}
