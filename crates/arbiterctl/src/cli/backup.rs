//! `backup` and `restore`.

use clap::Args;
use std::path::PathBuf;

pub(super) const RESTORE: &str = "\
What the file has and the cluster has not is put in force, one step after the other: first what keeps the \
cluster from acting (observe only, a pause that has not ended meanwhile), then the policy as the next \
version, then drains, pins and switchovers. What is in force already is left out: after a failure in the \
middle the same command goes on. What is in force and not in the file stays, and is named. The history is \
not put back into the log: `arbiterctl history --backup FILE` shows it.";

/// Where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file, which must not be there yet. Whoever reads it knows the whole policy: it is readable by you alone
    pub file: PathBuf,
}

/// What, and how.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that `backup` wrote
    pub file: PathBuf,
    /// Also if it is of a cluster of another name
    #[arg(long)]
    pub other_cluster: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the steps, and what the policy would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
