//! `policy …`: what is in force, what would change, and changing it.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// About the policy, which is replicated: the file only seeds it at the cluster's first start.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// The policy in force, in the form of cluster.toml, every value spelled out
    Show,
    /// What would change if the file's policy came into force
    #[command(after_help = DIFF_CODES)]
    Diff(DiffArgs),
    /// Put the file's policy in force
    Apply(ApplyArgs),
    /// When policies came into force, and by whom. A `gateway replace` raises the version too: see `history`
    History(PolicyHistoryArgs),
}

const DIFF_CODES: &str = "\
Exit codes, as of diff(1):
  0  no difference
  1  they differ
  2  and more: it could not be told. 2 also where no node could be reached; 4 and 5 as for all commands";

/// Which file.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A cluster.toml; what is local to nodes is left out of account
    pub file: PathBuf,
}

/// Which file, and as what.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A cluster.toml; what is local to nodes is left out of account
    pub file: PathBuf,
    /// The version that it becomes: exactly the next, so that nobody's change in between is overwritten
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub version: u64,
    /// Show what would change, what the cluster would answer and what would follow, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait until every node has applied it
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
}

/// How many.
#[derive(Debug, Args)]
pub struct PolicyHistoryArgs {
    /// The newest so many, at most 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}
