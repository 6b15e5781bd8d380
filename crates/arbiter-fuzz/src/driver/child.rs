//! The process in which one target runs.

use super::seeds;
use crate::mutator::input;
use crate::{Seen, Target};
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Address space that the process may take. Inputs have at most 64 KiB; a decoder that wants a thousand times that is one
/// that an input can kill a node with.
const ADDRESS_SPACE_BYTES: u64 = 1024 * 1024 * 1024;

/// For how long inputs are made.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    /// So many rounds.
    Rounds(u64),
    /// As many as fit.
    Time(Duration),
}

/// What came of it, if nothing broke.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Inputs.
    pub rounds: u64,
    /// How many of them were taken, at least in part.
    pub taken: u64,
}

/// Runs a target. A panic goes through; the round that it happened in stands in the file `progress`.
///
/// # Errors
/// The seeds can't be read, or the progress can't be written.
pub fn run(target: &Target, seed: u64, budget: Budget, progress: &Path) -> anyhow::Result<Done> {
    bound()?;
    let seeds = seeds(target)?;
    let unwritable = || format!("{} can't be written", progress.display());
    let progress = File::create(progress).with_context(unwritable)?;
    let begun = Instant::now();
    let mut done = Done::default();
    loop {
        let goes_on = match budget {
            Budget::Rounds(rounds) => done.rounds < rounds,
            Budget::Time(time) => begun.elapsed() < time,
        };
        if !goes_on {
            return Ok(done);
        }
        progress.write_all_at(&done.rounds.to_le_bytes(), 0).with_context(unwritable)?;
        let bytes = input(seed, done.rounds, &seeds, target.shape, target.words);
        if (target.run)(&bytes) == Seen::Taken {
            done.taken += 1;
        }
        done.rounds += 1;
    }
}

/// Runs a target once.
///
/// # Errors
/// The bounds can't be set.
pub fn run_once(target: &Target, bytes: &[u8]) -> anyhow::Result<Seen> {
    bound()?;
    Ok((target.run)(bytes))
}

/// Memory ends, and a process that dies leaves no picture of itself on the disk.
fn bound() -> anyhow::Result<()> {
    for (resource, most) in [(Resource::As, ADDRESS_SPACE_BYTES), (Resource::Core, 0)] {
        let maximum = getrlimit(resource).maximum;
        let most = maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum })
            .context("the process can't be bounded")?;
    }
    Ok(())
}
