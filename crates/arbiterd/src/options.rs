//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// One node of Route Arbiter: shares what it probes, agrees with the others by Raft, and, as leader, moves
/// routes.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Options {
    /// The configuration. The same file may serve all nodes.
    #[arg(long, env = "ARBITER_CONFIG", default_value = "/etc/arbiter/cluster.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Which of the file's nodes this is.
    #[arg(long, env = "ARBITER_NODE", value_name = "NAME")]
    pub node: String,
    /// Take all of this program's kernel routes from this host, say which, and end. For a host of a cluster on premises,
    /// while its node does not run.
    #[arg(long)]
    pub withdraw_routes: bool,
    /// The form of log lines; the file's `[log] format` otherwise.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
