//! The command line.

use crate::recover::RecoverOptions;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// One node of Route Arbiter: shares what it probes, agrees with the others by Raft, and, as leader, moves
/// routes.
#[derive(Debug, Clone, Parser)]
#[command(version, about, subcommand_negates_reqs = true)]
pub struct Options {
    /// The configuration. The same file may serve all nodes.
    #[arg(long, env = "ARBITER_CONFIG", default_value = "/etc/arbiter/cluster.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Which of the file's nodes this is.
    // Not needed by what asks about no node.
    #[arg(long, env = "ARBITER_NODE", value_name = "NAME", required = true)]
    pub node: Option<String>,
    /// Take all of this program's kernel routes from this host, say which, and end. For a host of a cluster on premises,
    /// while its node does not run.
    #[arg(long)]
    pub withdraw_routes: bool,
    /// The form of log lines; the file's `[log] format` otherwise.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What to do instead of running the node.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,
}

/// What can be done to a node that does not run.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Subcommand {
    /// When the majority of the nodes is lost FOR GOOD: make this survivor a new cluster of one node.
    ///
    /// Shows what it found and what follows. Goes on only if EC2 shows the others' instances stopped, or if somebody
    /// answers for those that it doesn't, with a phrase. The node must not run. Exit codes: 0 done (or shown), 1 it can't be
    /// done and nothing was changed, 3 not confirmed and nothing was changed, 5 the disk failed while it was changed.
    Recover(RecoverOptions),
    /// Print the IAM policy that the instance role of every node needs: each action of EC2 that this program calls, and no
    /// other. Needs neither `--node` nor a configuration.
    IamPolicy(IamPolicyOptions),
}

/// How much the policy allows.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct IamPolicyOptions {
    /// Only to look: for nodes in observe mode, which move no route and restart no gateway.
    #[arg(long)]
    pub observe: bool,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
