//! Runs targets on inputs, and bounds what they may take.
//!
//! Each target runs in a process of its own ([`child`]). Before each input the child writes down the round; so whatever an
//! input does to it, a panic, a full stack or memory without end, the parent ([`watch`]) knows which one it was, and can
//! make it again.

pub mod child;
pub mod watch;

pub use child::{Budget, run};
pub use watch::{Crash, Watched};

use crate::{Target, seeds_of};
use anyhow::Context;
use std::path::PathBuf;

/// The seeds of a target, in the order of their names.
///
/// # Errors
/// Its folder can't be read.
pub fn seeds(target: &Target) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = seeds_of(target.name);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("the seeds in {} can't be read", folder.display());
    let entries = std::fs::read_dir(&folder).with_context(unreadable)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.sort();
    files.iter().map(|file| std::fs::read(file).with_context(unreadable)).collect()
}
