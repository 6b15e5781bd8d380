//! Makes a recording: three nodes under `strace`.

use crate::disk::Disk;
use crate::drive::Recorded;
use crate::talk::{Claim, Told, claims};
use crate::trace::{self, CALLS, Event};
use anyhow::Context;
use arbiter_lab::bound::bound;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

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
    pub disks: Vec<Disk>,
}

impl Recording {
    /// Runs three nodes below `home`, which is empty, through so many rounds. They end with this process, and when nobody
    /// waits for the recording any more.
    ///
    /// # Errors
    /// There is no `strace`, or the nodes did not come through, or the trace can't be read.
    pub async fn make(recorded: Recorded, home: &Path, rounds: u64) -> anyhow::Result<Self> {
        let out = home.join("trace");
        let own = std::env::current_exe().context("this program doesn't know where it is")?;
        let status = bound("strace")
            .args(["-f", "-yy", "-xx", "--seccomp-bpf", "-e", CALLS])
            .args(["-s", &CALL_BYTES.to_string()])
            .args(["-e", &format!("inject=fdatasync:delay_exit={DELAY_US}")])
            .arg("-o")
            .arg(&out)
            .arg(own)
            .arg("drive")
            .arg(recorded.name())
            .arg(home)
            .args(["--rounds", &rounds.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .context("strace can't be started: scripts/lab packages installs it")?;
        anyhow::ensure!(status.success(), "the nodes did not come through ({}, {status})", recorded.name());
        let folders = recorded.folders(home);
        // It takes seconds, in which a signal is to be heard.
        let read = move || {
            let text = std::fs::read_to_string(&out).context("the trace can't be read")?;
            Self::of(trace::read(&text)?, &folders)
        };
        tokio::task::spawn_blocking(read).await?
    }

    /// Reads what was done.
    ///
    /// # Errors
    /// Nobody said anything.
    pub fn of(events: Vec<Event>, folders: &BTreeMap<u64, PathBuf>) -> anyhow::Result<Self> {
        let (claims, told) = claims(&events);
        anyhow::ensure!(!claims.is_empty(), "nobody acknowledged anything: the recording shows nothing");
        let disks = Disk::all(&events, folders);
        Ok(Self { events, claims, told, folders: folders.clone(), disks })
    }
}
